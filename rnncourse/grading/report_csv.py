"""Grades as CSV: all outcomes for the instructor, and one file an exercise for Canvas and for Moodle.

Canvas ("Import" in the gradebook; columns as in its lib/gradebook_importer.rb): Student, ID, SIS User ID, SIS
Login ID, Section, then the assignment; the second line holds the points possible. Canvas finds a student
by ID, else by SIS Login ID, else by name. An empty cell would delete a grade that is there, therefore each
exercise has a file of its own, and who has no grade yet is not in it.

Moodle ("Upload grading worksheet" of an assignment; columns as in mod/assign/feedback/offline): Identifier
("Participant 88123"), Grade and Last modified (grade) must be there. For "Import" in the grader report map
"ID number" or "Full name" instead.

A spreadsheet takes a cell that begins with = + - @ for a formula, and students choose names: such a cell gets
an apostrophe in front (OWASP, "CSV Injection"). Line breaks and tabs become spaces.
"""

import csv
import html
import io
import re
from collections.abc import Iterable, Sequence

from rnncourse.grading.feedback import in_words
from rnncourse.grading.spec import Exercise
from rnncourse.grading.tables import Row

# Also the full-width forms, which spreadsheets take for the same.
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
ALL = (
    "student", "exercise", "points", "of", "status", "reason", "submitted", "late", "counts", "in folder",
    "file", "sha256", "seconds", "unsafe", "feedback",
)  # fmt: skip
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE = (
    "Identifier", "Full name", "ID number", "Grade", "Maximum grade", "Last modified (submission)",
    "Last modified (grade)", "Feedback comments",
)  # fmt: skip


class Sheet:
    """Lines of a CSV file in memory; 10,000 of them are a few megabytes."""

    def __init__(self, *header: Sequence[object]) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        for line in header:
            self.add(line)

    def add(self, cells: Iterable[object]) -> None:
        """One more line; texts are made harmless."""
        self._writer.writerow([harmless(c) if isinstance(c, str) else c for c in cells])

    def bytes(self, encoding: str = "utf-8") -> bytes:
        """The whole file."""
        return self._text.getvalue().encode(encoding)


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet computes and no importer takes for two lines."""
    text = "".join(" " if ord(c) < 32 or c in "\x7f\x85\u2028\u2029" else c for c in text)
    return f"'{text}" if FORMULA.match(text) else text


def all_line(row: Row, points: int | None, page: str) -> list[object]:
    """One line of outcomes.csv; `points` are the exercise's, None where nobody knows the exercise."""
    seen = row.seen
    earned = "" if row.status == "retry" or points is None else row.points
    return [
        seen.student, seen.exercise, earned, points, row.status, row.reason, _moment(seen.submitted),
        _yes(seen.late), _yes(row.counts), _yes(row.present), seen.place, seen.sha256,
        round(row.seconds, 3), _yes(row.unsafe), page,
    ]  # fmt: skip


def canvas_header(exercise: Exercise) -> tuple[Sequence[object], Sequence[object]]:
    """The two lines on top: names, points possible."""
    return (*CANVAS, f"Exercise {exercise.id}: {exercise.title}"), (
        "    Points Possible", "", "", "", "", exercise.points
    )  # fmt: skip


def canvas_line(row: Row) -> list[object]:
    """One student with a final outcome."""
    seen = row.seen
    # A name with these words would be taken for the line on top.
    name = seen.name.replace("Points Possible", "Points-Possible")
    return [name, seen.canvas, "", "" if seen.canvas else seen.student, "", row.points]


def moodle_line(row: Row, exercise: Exercise) -> list[object]:
    """One student with a final outcome. Moodle shows comments as HTML."""
    seen = row.seen
    identifier = f"Participant {seen.moodle}" if seen.moodle else ""
    comment = html.escape(in_words(row, exercise))
    number = "" if seen.moodle else seen.student
    times = (_moment(seen.submitted), _moment(row.graded))
    return [identifier, seen.name, number, row.points, exercise.points, *times, comment]


def _moment(time: str) -> str:
    """A time of the store, to the second."""
    return f"{time[:19]}Z" if time else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"
