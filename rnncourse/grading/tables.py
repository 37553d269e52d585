"""The tables of the results' database, and what passes in and out of them as plain data.

`settings` holds the seed; `submissions` each file that was ever seen, and whether it still lies there;
`outcomes` what came of grading. An outcome belongs to (student, exercise, sha256 of the file, code), where
`code` names the version of spec and grader that gave it.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa

from rnncourse.grading.judge import Verdict
from rnncourse.grading.spec import Failure

LONGEST = 500  # characters of a text that may hold what a student wrote

metadata = sa.MetaData()


def _text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text, nullable=False)


settings = sa.Table("settings", metadata, sa.Column("name", sa.String(40), primary_key=True), _text("value"))
submissions = sa.Table(
    "submissions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    *map(_text, ("student", "place", "sha256", "exercise", "code", "name", "canvas", "moodle")),
    # Times are ISO 8601 in UTC: their order as texts is their order in time, in every database.
    _text("submitted"),
    sa.Column("late", sa.Boolean, nullable=False),
    # Why it cannot be read, and whether that is our trouble or the student's.
    _text("problem"),
    sa.Column("ours", sa.Boolean, nullable=False),
    sa.Column("present", sa.Boolean, nullable=False),
    sa.UniqueConstraint("student", "place", "sha256"),
)
outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    *map(_text, ("student", "exercise", "sha256", "code", "status", "reason", "graded")),
    sa.Column("points", sa.Integer, nullable=False),
    sa.Column("verdicts", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("unsafe", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.UniqueConstraint("student", "exercise", "sha256", "code"),
)


class Seen(NamedTuple):
    """A file that was found, as the table `submissions` holds it. `exercise` is "" where nobody knows it."""

    student: str
    place: str
    sha256: str
    exercise: str
    code: str
    name: str
    canvas: str
    moodle: str
    submitted: str
    late: bool
    problem: str = ""
    ours: bool = False


class Work(NamedTuple):
    """What an outcome belongs to, and one place where the file lies."""

    student: str
    exercise: str
    sha256: str
    code: str
    place: str


class Row(NamedTuple):
    """A submission with its outcome. `counts` marks the newest of a student and exercise that lies there."""

    seen: Seen
    present: bool
    status: str
    reason: str
    points: int
    verdicts: tuple[Verdict, ...]
    seconds: float
    unsafe: bool
    graded: str  # when
    counts: bool = False


def clean(text: str, longest: int = LONGEST) -> str:
    """A text that every database takes: no NUL, no half of a character, not too long."""
    text = text[: longest + 1].replace("\0", "\N{REPLACEMENT CHARACTER}")
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= longest else text[: longest - 1] + "…"


def pack(verdicts: tuple[Verdict, ...]) -> list[dict[str, Any]]:
    """Verdicts as JSON, without any value that a check drew or computed."""
    return [
        {
            "part": verdict.part,
            "points": verdict.points,
            "failures": [[clean(f.property), clean(f.detail), clean(f.kind)] for f in verdict.failures],
            "kinds": list(verdict.kinds),
            "written": verdict.written,
            "fault": verdict.fault,
        }
        for verdict in verdicts
    ]


def unpack(packed: list[dict[str, Any]]) -> tuple[Verdict, ...]:
    """The inverse of `pack`."""
    return tuple(
        Verdict(
            item["part"],
            item["points"],
            tuple(Failure(*failure) for failure in item["failures"]),
            tuple(item["kinds"]),
            item["written"],
            item["fault"],
        )
        for item in packed
    )
