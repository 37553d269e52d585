"""Find the submissions in a folder: who handed in which file, and when.

Three layouts are read, also mixed:

    STUDENT/ASSIGNMENT/*.ipynb   nbgrader's; a timestamp.txt beside the notebook says when
    STUDENT/*.ipynb
    *.ipynb                      as Canvas and Moodle pack them; the student is in the name, see people.py,
                                 else the file's stem is the student

Without a timestamp.txt a file's time of change counts; unpack archives so that it stays (unzip does).
Links to folders are not followed. A student's folder that cannot be read, or holds no notebook, is a
submission too: one with a `problem`, so that no student is passed over in silence.
"""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rnncourse.grading.people import Person, are_from_canvas, person, printable

SUFFIX = ".ipynb"
PASSED_OVER = ("__MACOSX",)  # archives made on a Mac


class Submission(NamedTuple):
    """One file: `place` is where it is below the folder, as text.

    `problem` says why there is nothing to grade, else "". `ours` is True where that is no fault of the
    student: it must not cost points.
    """

    person: Person
    path: Path
    place: str
    submitted: datetime
    late: bool = False
    problem: str = ""
    ours: bool = False


def find(root: Path) -> list[Submission]:
    """Every submission below `root`, in the order of their places.

    Raises NotADirectoryError, FileNotFoundError or PermissionError where `root` itself cannot be listed.
    """
    return sorted(_in_root(root), key=lambda s: s.place)


def _in_root(root: Path) -> Iterator[Submission]:
    entries = _listed(root)
    canvas = are_from_canvas(entry.name for entry in entries if _is_notebook(entry))
    for entry in entries:
        if _is_notebook(entry):
            who, late = person(Path(entry.name).stem, canvas)
            yield _submission(root, Path(entry.path), who, late)
        elif entry.is_symlink() and not os.path.isfile(entry.path):
            yield _nothing(root, entry, "the folder is a symbolic link")
        elif entry.is_dir(follow_symlinks=False):
            found = list(_in_folder(root, entry, *person(entry.name), deeper=True))
            yield from found or [_nothing(root, entry, f"the folder holds no notebook ({SUFFIX})")]


def _in_folder(
    root: Path, folder: os.DirEntry, who: Person, late: bool, *, deeper: bool
) -> Iterator[Submission]:
    """The notebooks in a folder, and with `deeper` in the folders in it."""
    try:
        entries = _listed(folder.path)
    except OSError as error:
        problem = f"the folder cannot be read ({error.strerror})"
        yield _submission(root, Path(folder.path), who, late)._replace(problem=problem, ours=True)
        return
    for entry in entries:
        if _is_notebook(entry):
            yield _submission(root, Path(entry.path), who, late)
        elif deeper and entry.is_dir(follow_symlinks=False):
            yield from _in_folder(root, entry, who, late, deeper=False)


def _nothing(root: Path, entry: os.DirEntry, problem: str) -> Submission:
    return _submission(root, Path(entry.path), *person(entry.name))._replace(problem=problem)


def _listed(folder: str | Path) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        return [e for e in entries if not e.name.startswith(".") and e.name not in PASSED_OVER]


def _is_notebook(entry: os.DirEntry) -> bool:
    """By its name: what is no file but named like one is refused later, with a reason."""
    return entry.name.lower().endswith(SUFFIX) and not entry.is_dir(follow_symlinks=False)


def _submission(root: Path, path: Path, who: Person, late: bool) -> Submission:
    place = printable(str(path.relative_to(root)))
    return Submission(who, path, place, _stamped(root, path) or _changed(path), late)


def _stamped(root: Path, path: Path) -> datetime | None:
    """What timestamp.txt says, where nbgrader puts it; anywhere else a student can have made it."""
    stamp = path.parent / "timestamp.txt"
    try:
        if path.parent.parent.parent != root or not stat.S_ISREG(
            stamp.lstat().st_mode
        ):  # a pipe would never end
            return None
        with open(stamp, encoding="utf-8") as file:
            return parse_time(file.read(100).strip())
    except (OSError, ValueError):
        return None


def _changed(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def parse_time(text: str) -> datetime:
    """A time in UTC from ISO 8601, or from nbgrader's "2026-05-01 12:00:00.5 UTC" (or +0200, Europe/Paris).

    Without a zone it is local time. Raises ValueError where it is neither.
    """
    moment, _, zone = text.rpartition(" ")
    try:
        if moment.count(":") and zone:
            return datetime.fromisoformat(moment).replace(tzinfo=_zone(zone)).astimezone(UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, KeyError, OverflowError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"time: expected one such as 2026-05-01T23:59+02:00; got {text!r}") from error


def _zone(text: str) -> timezone | ZoneInfo:
    if text[0] in "+-" and len(text) == 5 and text[1:].isdigit():
        minutes = 60 * int(text[1:3]) + int(text[3:])
        return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))
    return UTC if text == "UTC" else ZoneInfo(text)  # Windows has no zones of its own
