"""Write what an instructor hands on: CSV files, a feedback page for each student, the class page.

One pass over the store, student by student: the memory that it takes does not grow with the pages.
"""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from rnncourse._files import write_atomically
from rnncourse.grading import class_page, feedback, report_csv
from rnncourse.grading.class_stats import ExerciseStats
from rnncourse.grading.report_csv import Sheet
from rnncourse.grading.spec import Exercise
from rnncourse.grading.store import Store
from rnncourse.grading.tables import Row


class Reports:
    """The files that grow while the class is read."""

    def __init__(self, exercises: Mapping[str, Exercise]) -> None:
        self.exercises = exercises
        self.all = Sheet(report_csv.ALL)
        self.canvas = {name: Sheet(*report_csv.canvas_header(each)) for name, each in exercises.items()}
        self.moodle = {name: Sheet(report_csv.MOODLE) for name in exercises}
        self.stats = {name: ExerciseStats.of(each) for name, each in exercises.items()}
        self.attention: list[tuple[Row, str]] = []
        self.wanting = 0
        self.ungraded = 0

    def add(self, row: Row, page: str) -> None:
        """Take in one submission, whose student has the feedback page `page`."""
        exercise = self.exercises.get(row.seen.exercise)
        self.all.add(report_csv.all_line(row, exercise.points if exercise else None, f"feedback/{page}"))
        if class_page.needs_attention(row):
            self.wanting += 1
            self.ungraded += row.status == "retry"
            if len(self.attention) < class_page.SHOWN:
                self.attention.append((row, page))
        if exercise is None:
            return
        self.stats[exercise.id].add(row)
        if row.counts and row.status != "retry":
            self.canvas[exercise.id].add(report_csv.canvas_line(row))
            self.moodle[exercise.id].add(report_csv.moodle_line(row, exercise))


def write(store: Store, exercises: Mapping[str, Exercise], out: Path) -> int:
    """Write all reports into the folder `out`; return how many submissions that count have no grade yet.

    OSError, with the path, where the folder cannot be written to.
    """
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    reports = Reports(exercises)
    for student, group in groupby(store.rows(), key=lambda row: row.seen.student):
        rows = list(group)
        page = feedback.file_name(student)
        for row in rows:
            reports.add(row, page)
        _put(out / "feedback" / page, feedback.render(rows, exercises))
    # With a mark that tells Excel it is UTF-8; the importers do without.
    _put(out / "outcomes.csv", reports.all.bytes("utf-8-sig"))
    for name in exercises:
        _put(out / f"canvas_{name}.csv", reports.canvas[name].bytes())
        _put(out / f"moodle_{name}.csv", reports.moodle[name].bytes())
    stats = [each for each in reports.stats.values() if each.status]
    _put(out / "class.html", class_page.render(stats, reports.attention, reports.wanting))
    return reports.ungraded


def _put(path: Path, data: bytes) -> None:
    """Write the file, unless it holds the same already: most pages do when a class is graded again."""
    try:
        if path.read_bytes() == data:
            return
    except FileNotFoundError:
        pass
    write_atomically(path, data)
