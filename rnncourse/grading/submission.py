"""Read a submitted notebook: everything in it may be wrong, huge or hostile.

Only the sources of cells with a grade_id are taken. Read with the standard library's json and own checks:
nbformat repairs what it finds and warns through global state, while here each fault must be the
submission's own clear outcome, also with many threads at work.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

MAX_BYTES = 8 * 2**20
MAX_CELLS = 2000
MAX_SOURCE = 100_000


class SubmissionFault(Exception):
    """Why a submission cannot be graded: one sentence for its author."""


class Submission(NamedTuple):
    """The cells of a notebook by grade_id, and what it says it is."""

    exercise: str
    version: int
    cells: dict[str, str]
    twice: frozenset[str]  # grade_ids that stand at more than one cell


def read_bytes(path: Path, root: Path) -> bytes:
    """The file's bytes, if it is a regular file of moderate size that lies in the folder `root` itself.

    Raises SubmissionFault otherwise.
    """
    try:
        real = path.resolve(strict=True)
        inside = root.resolve()
        if not real.is_relative_to(inside):
            raise SubmissionFault(
                "a link that leads out of the folder of submissions: hand in the file itself"
            )
        if real != inside / os.path.relpath(os.path.abspath(path), os.path.abspath(root)):
            raise SubmissionFault("a link to another submission: hand in the file itself")
        info = real.stat()
        if not stat.S_ISREG(info.st_mode):
            raise SubmissionFault("expected a file; got something else of that name")
        if info.st_size > MAX_BYTES:
            size = info.st_size / 2**20
            raise SubmissionFault(
                f"{size:.0f} MB: expected at most {MAX_BYTES // 2**20} MB; clear the outputs and save again"
            )
        with real.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, in older Pythons
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise SubmissionFault(f"the file cannot be read: {reason}") from error


def parse(data: bytes) -> Submission:
    """The submission in these bytes. Raises SubmissionFault where they are no notebook of an exercise."""
    if len(data) > MAX_BYTES:
        raise SubmissionFault(f"expected at most {MAX_BYTES // 2**20} MB; clear the outputs and save again")
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SubmissionFault("not a notebook: its text is not UTF-8") from None
    except (ValueError, RecursionError, MemoryError):
        raise SubmissionFault(
            "not a notebook: no JSON, or only the beginning of it; save and hand in again"
        ) from None
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise SubmissionFault("not a notebook of format 4: open it in Jupyter, save it and hand it in again")
    cells = notebook.get("cells")
    if not isinstance(cells, list) or len(cells) > MAX_CELLS:
        raise SubmissionFault(f"not a notebook: expected a list of at most {MAX_CELLS} cells")
    exercise, version = _label(notebook)
    found: dict[str, str] = {}
    twice = set()
    for cell in cells:
        name, source = _graded(cell)
        if name in found:
            twice.add(name)
        elif name is not None:
            found[name] = source
    return Submission(exercise, version, found, frozenset(twice))


def _label(notebook: dict[str, Any]) -> tuple[str, int]:
    metadata = notebook.get("metadata")
    label = metadata.get("rnncourse") if isinstance(metadata, dict) else None
    exercise = label.get("exercise") if isinstance(label, dict) else None
    version = label.get("version") if isinstance(label, dict) else None
    if (
        not isinstance(exercise, str)
        or len(exercise) > 20
        or not exercise.isprintable()  # a reason may show it
        or type(version) is not int
    ):
        raise SubmissionFault(
            "not one of our exercises: its metadata names none; begin with `rnncourse exercise start`"
        )
    return exercise, version


def _graded(cell: Any) -> tuple[str | None, str]:
    """(grade_id, source) of a code cell that has one, (None, "") of any other."""
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return None, ""
    metadata = cell.get("metadata")
    ours = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = ours.get("grade_id") if isinstance(ours, dict) else None
    if not isinstance(name, str):
        return None, ""
    source = cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or len(source) > MAX_SOURCE:
        raise SubmissionFault(f"a cell holds no text, or more than {MAX_SOURCE} characters")
    # What JSON lets through and no file can hold: half a surrogate pair.
    return name, source.encode("utf-8", "replace").decode("utf-8")
