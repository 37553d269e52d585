"""Write our scores into nbgrader's gradebook, so that a JupyterHub course goes on from there.

The course has made its notebooks with `nbgrader generate_assignment` from our source notebooks: the
gradebook then knows a grade cell `check-06-2` for the part 06.2, with its points. Its score becomes ours, as
if nbgrader's autograder had run. A student whom the gradebook does not know is added.
"""

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from nbgrader.api import Gradebook

from rnncourse.grading.database import sqlite_url
from rnncourse.grading.spec import Exercise
from rnncourse.grading.store import Store
from rnncourse.grading.tables import Row


def export(store: Store, exercises: Mapping[str, Exercise], path: Path, assignment: str | None = None) -> str:
    """Write the submissions that count; return a sentence on what was written.

    Raises FileNotFoundError or ValueError where there is no gradebook: this does not make one. ValueError
    where none of its assignments, or more than one, holds an exercise.
    """
    check(path)
    with Gradebook(sqlite_url(path.resolve())) as gradebook:
        places = {name: _place(gradebook, each, assignment) for name, each in exercises.items()}
        count = 0
        for row in store.rows():
            if row.counts and row.status != "retry" and row.seen.exercise in places:
                _write(gradebook, row, *places[row.seen.exercise], exercises[row.seen.exercise])
                count += 1
    return f"{count} submissions written to {path}"


def check(path: Path) -> None:
    """Look before nbgrader does, which would make a gradebook of any database; raises as `export`."""
    if not path.is_file():
        raise FileNotFoundError(f"--nbgrader: expected a gradebook; there is no file {path}")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise ValueError(f"--nbgrader: {path}: {error}") from error
    if "submitted_assignment" not in tables:
        raise ValueError(f"--nbgrader: expected a gradebook; {path} is another database")


def cell_of(part: str) -> str:
    """The grade cell of a part."""
    return "check-" + part.replace(".", "-")


def _place(gradebook: Gradebook, exercise: Exercise, assignment: str | None) -> tuple[str, str]:
    """(assignment, notebook) with a grade cell for each part of the exercise."""
    wanted = {cell_of(part) for part in exercise.by_id}
    found = [
        (each.name, notebook.name)
        for each in gradebook.assignments
        for notebook in each.notebooks
        if wanted <= {cell.name for cell in notebook.grade_cells} and assignment in (None, each.name)
    ]
    if len(found) != 1:
        names = ", ".join(name for name, _ in found) or "none"
        raise ValueError(
            f"--nbgrader: expected one assignment with grade cells of exercise {exercise.id}; got {names}. "
            + ("Choose one with --assignment" if found else "Make it with nbgrader generate_assignment")
        )
    return found[0]


def _write(gradebook: Gradebook, row: Row, assignment: str, notebook: str, exercise: Exercise) -> None:
    student = row.seen.student
    gradebook.update_or_create_student(student)
    time = row.seen.submitted.replace("T", " ")
    # Half of a submission must not be written while the other half is made.
    with gradebook.db.no_autoflush:
        gradebook.update_or_create_submission(assignment, student, timestamp=time)
    earned = {verdict.part: verdict.earned for verdict in row.verdicts}
    for part in exercise.parts:
        grade = gradebook.find_grade(cell_of(part.id), notebook, assignment, student)
        # What nobody could grade earned nothing; a teacher's own score in nbgrader stays.
        grade.auto_score = float(earned.get(part.id, 0))
        grade.needs_manual_grade = False
    gradebook.db.commit()
