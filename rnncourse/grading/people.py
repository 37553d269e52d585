"""Who a submission is from, as the name of its file or folder says it.

nbgrader names a folder after the student. Canvas and Moodle put the student's name and number in front of
the file's name when they pack all submissions:

    Canvas  doejane_LATE_4217_90031_exercise.ipynb          name, user id, file id
    Moodle  Jane Doe_88123_assignsubmission_file_…          name, participant number

Names come from outside: they may hold line breaks, formulas or HTML, and are text until something escapes
them.
"""

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

# What follows the numbers is the student's own: only the first match counts, so that nobody can pass for
# someone else by naming a file "…_88124_assignsubmission_file_…".
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<number>[1-9]\d*)_(?P<file>[1-9]\d*)_")
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?:_|$)", re.DOTALL)


class Person(NamedTuple):
    """A student: `key` tells one from another; `canvas` and `moodle` are their numbers there, or ""."""

    key: str
    name: str
    canvas: str = ""
    moodle: str = ""


def person(name: str, from_canvas: bool = False) -> tuple[Person, bool]:
    """The student that a folder (or a file, without suffix) is named after; whether Canvas marks it late."""
    text = printable(name)
    if found := _MOODLE.match(text):
        who, number = found["name"], found["number"]
        return Person(f"{who}_{number}", who, moodle=number), False
    if from_canvas and (found := _CANVAS.match(text)):
        who, number = found["name"], found["number"]
        return Person(f"{who}_{number}", who, canvas=number), bool(found["late"])
    return Person(text, text), False


def are_from_canvas(names: Iterable[str]) -> bool:
    """Whether files with names in Canvas's form are Canvas's: each has a number of its own there.

    "cs_101_2026_ada" and "cs_101_2026_bob" only look so; taken for Canvas's they would be one student's.
    """
    found = [match["file"] for name in names if (match := _CANVAS.match(name))]
    return len(found) == len(set(found))


def printable(name: str) -> str:
    """A file's name as valid Unicode: bytes that are none show as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
