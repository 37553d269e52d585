"""What a student gets back: points, and for each part the properties that fail, in words.

There are no inputs on the page, no values and nothing of another student.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rnncourse.grading.checker import grouped
from rnncourse.grading.judge import Verdict
from rnncourse.grading.rendering import page
from rnncourse.grading.spec import Exercise
from rnncourse.grading.tables import Row


class PartLine(NamedTuple):
    """One part on the page."""

    id: str
    title: str
    points: int
    of: int
    state: str  # "right", "wrong", "not written"
    findings: tuple[str, ...]


class Section(NamedTuple):
    """One exercise on the page: the submission that counts, and all of them."""

    exercise: str
    title: str
    of: int | None
    row: Row | None
    parts: tuple[PartLine, ...]
    rows: tuple[Row, ...]


def file_name(student: str) -> str:
    """A name for the student's page that no file system trips over, different for each student."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", student)[:40].strip("-").lower()
    mark = hashlib.sha256(student.encode()).hexdigest()[:12]
    return f"{plain}-{mark}.html" if plain else f"{mark}.html"


def render(rows: Sequence[Row], exercises: Mapping[str, Exercise]) -> bytes:
    """The page of the student whose submissions `rows` are, in the order of the store."""
    names = sorted({row.seen.exercise for row in rows})
    sections = [
        _section(name, exercises.get(name), [r for r in rows if r.seen.exercise == name]) for name in names
    ]
    return page("feedback.html", student=rows[-1].seen.name, sections=sections)


def in_words(row: Row, exercise: Exercise) -> str:
    """The feedback of one submission in one line: for each part, which properties fail."""
    if row.status != "graded":
        return row.reason
    said = []
    for line, verdict in zip(part_lines(row.verdicts, exercise), row.verdicts, strict=True):
        names = dict.fromkeys(failure.property for failure in verdict.failures if verdict.written)
        failing = f" ({', '.join(names)})" if names else ""
        said.append(f"{line.id} {line.title}: {line.state}, {line.points} of {line.of}{failing}.")
    return " ".join(said)


def part_lines(verdicts: Sequence[Verdict], exercise: Exercise) -> tuple[PartLine, ...]:
    """One line for each verdict whose part the exercise still has."""
    lines = []
    for verdict in verdicts:
        part = exercise.by_id.get(verdict.part)
        state = "right" if verdict.right else "wrong" if verdict.written else "not written"
        title = part.title if part else ""
        lines.append(
            PartLine(verdict.part, title, verdict.earned, verdict.points, state, findings_of(verdict))
        )
    return tuple(lines)


def findings_of(verdict: Verdict) -> tuple[str, ...]:
    """Each failing property in words: what, in which cases."""
    found = []
    for (name, detail), kinds in grouped(verdict.failures).items():
        everywhere = verdict.kinds and set(kinds) >= set(verdict.kinds)
        cases = "in every case" if everywhere else "; ".join(filter(None, kinds))
        found.append(f"{name}: {detail}" + (f" ({cases})" if cases else ""))
    return tuple(found)


def _section(name: str, exercise: Exercise | None, rows: Sequence[Row]) -> Section:
    counting = next((row for row in rows if row.counts), None)
    parts = part_lines(counting.verdicts, exercise) if counting and exercise else ()
    title = exercise.title if exercise else "Files that cannot be graded"
    return Section(name, title, exercise.points if exercise else None, counting, parts, tuple(rows[::-1]))
