"""nbgrader takes the same source notebooks, makes the same student notebooks as we do, and can run them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sheet

from rnncourse.grading import shelf

pytest.importorskip("nbgrader", reason="needs the extra rnncourse[nbgrader]")

NAME, EXERCISE = next(iter(sheet.EXERCISES.items()))
LAST = EXERCISE.parts[-1]
OWN = next(c for c in reversed(LAST.cells) if all(c not in part.cells for part in EXERCISE.parts[:-1]))
# In a process of its own: its imports warn, and it sets up logging for the whole process.
SCRIPT = """
import json, sys
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

config = Config()
config.CourseDirectory.root = sys.argv[1]
config.CourseDirectory.course_id = "course"
api = NbGraderAPI(config=config)

def done(answer):
    assert answer["success"], answer["log"]

"""
GENERATE = """
for name in sys.argv[2:]:
    done(api.generate_assignment(name, create=True))
print(json.dumps({a["name"]: a["max_score"] for a in api.get_assignments()}))
"""
AUTOGRADE = """
done(api.autograde(sys.argv[2], "ada"))
with api.gradebook as gradebook:
    submission = gradebook.find_submission(sys.argv[2], "ada")
    print(json.dumps({grade.name: grade.auto_score for grade in submission.notebooks[0].grades}))
"""


def nbgrader(root, script, *arguments):
    """What a script with nbgrader's API prints last, as JSON."""
    # nbgrader starts `alembic` by its name, and reads settings from the home folder.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    home = {name: str(root) for name in ("HOME", "USERPROFILE", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + script, str(root), *arguments],
        cwd=root,
        env=os.environ | home | {"PATH": path},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def save(place, notebook):
    place.mkdir(parents=True)
    content = json.dumps(notebook, ensure_ascii=False)
    (place / "exercise.ipynb").write_text(content, encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder in which `nbgrader generate_assignment` ran over every exercise; maximal scores."""
    root = tmp_path_factory.mktemp("course")
    for name in sheet.EXERCISES:
        save(root / "source" / name, sheet.notebook(name))
    return root, nbgrader(root, GENERATE, *sheet.EXERCISES)


def shown(notebook):
    """What student and grader see of each cell."""
    cells = []
    for cell in notebook["cells"]:
        metadata = dict(cell["metadata"])
        # nbgrader adds these for its own use.
        marks = {k: v for k, v in metadata.pop("nbgrader", {}).items() if k not in ("checksum", "cell_type")}
        cells.append((cell["cell_type"], cell["id"], "".join(cell["source"]), metadata, marks))
    return cells


@pytest.mark.parametrize("name", sheet.EXERCISES)
def test_nbgrader_makes_the_same_notebook(course, name):
    release = (course[0] / "release" / name / "exercise.ipynb").read_text(encoding="utf-8")
    released, ours = json.loads(release), shelf.student_notebook(name)
    assert shown(released) == shown(ours)
    assert released["metadata"] == ours["metadata"]


def test_nbgrader_counts_the_same_points(course):
    assert course[1] == {name: exercise.points for name, exercise in sheet.EXERCISES.items()}


def test_nbgrader_gives_no_points_for_a_wrong_part(course):
    """Its autograder takes a check that raises nothing for right; ours raises, while nbgrader runs it."""
    notebook = json.loads((course[0] / "release" / NAME / "exercise.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution") and marks["grade_id"] != OWN:
            cell["source"] = sheet.code_cells(NAME)[marks["grade_id"]]
    save(course[0] / "submitted" / "ada" / NAME, notebook)
    scores = nbgrader(course[0], AUTOGRADE, NAME)
    expected = {f"check-{part.id.replace('.', '-')}": part.points for part in EXERCISE.parts}
    assert scores == expected | {f"check-{LAST.id.replace('.', '-')}": 0}
