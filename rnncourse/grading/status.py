"""A student's progress: `rnncourse exercise status` checks the notebooks in a folder, part by part.

It grades as the instructor's machine does, with the public specs and fresh inputs, but in a plain process
with a time limit: it is the student's own code on the student's own machine.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rnncourse.grading import shelf
from rnncourse.grading.judge import Verdict
from rnncourse.grading.spec import Part


def report(folder: str | Path = ".", write: Callable[[str], object] = print) -> int:
    """Write each part of each exercise in `folder`, with its points; 1 where a notebook cannot be checked.

    Where two notebooks are of one exercise, the better counts in the total. Raises ValueError where there is
    none, OSError where the folder cannot be read, ImportError where a library is missing.
    """
    found = list(notebooks(Path(folder)))
    if not found:
        known = next(iter(shelf.folders()), "01")
        raise ValueError(
            f"{folder}: expected notebooks of exercises; found none. "
            f"Begin one with: rnncourse exercise start {known}"
        )
    try:
        from rnncourse.grading.boxes import open_box
        from rnncourse.grading.grade import grade
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("rnncourse"):
            raise
        raise ImportError(f"status needs {error.name}: pip install 'rnncourse[grade]'") from error

    best: dict[str, int] = {}
    unread = 0
    with open_box("unsafe") as box:
        for path, name in found:
            # A link is followed: it is the student's own.
            real = Path(os.path.realpath(path))
            outcome = grade(real, real.parent, seed=int.from_bytes(os.urandom(4), "little"), box=box)
            if outcome.status == "graded":
                best[name] = max(outcome.earned, best.get(name, 0))
                _write_parts(path, name, outcome.verdicts, outcome.earned, write)
            else:
                unread += 1
                write(f"! {path.name}: {outcome.reason}")
    if len(found) > 1 and best:
        points = sum(shelf.load(name).points for name in best)
        write(f"Together: {sum(best.values())} of {points} points.")
    return 1 if unread else 0


def notebooks(folder: Path) -> Iterator[tuple[Path, str]]:
    """(path, exercise) of each notebook in `folder`, in order of names; "" where the file is broken.

    Notebooks that say nothing of an exercise are left out. Raises OSError where there is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder that exists")
    for path in sorted(p for p in folder.iterdir() if p.suffix == ".ipynb" and p.name[0] != "."):
        label = _label(path)
        if label is not None:
            yield path, label


def _label(path: Path) -> str | None:
    """The exercise that a notebook says it is of; None where it names none, "" where it cannot be read."""
    try:
        label: Any = json.loads(path.read_bytes())["metadata"].get("rnncourse")
        return None if label is None else str(label["exercise"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""


def _write_parts(
    path: Path, name: str, verdicts: tuple[Verdict, ...], earned: int, write: Callable[[str], object]
) -> None:
    exercise = shelf.load(name)
    write(f"{path.name}: {exercise.title}, {earned} of {exercise.points} points")
    width = max(len(part.title) for part in exercise.parts)
    for verdict in verdicts:
        part = exercise.by_id[verdict.part]
        write(f"  {_mark(verdict)} {part.id} {part.title:<{width}} {_points(part, verdict)}")


def _mark(verdict: Verdict) -> str:
    return "✓" if verdict.right else "✗" if verdict.written else "…"


def _points(part: Part, verdict: Verdict) -> str:
    text = f"{verdict.earned} of {part.points}"
    if verdict.right:
        return text
    first = verdict.failures[0]
    if not verdict.written:
        return f"{text}  {first.detail}"
    return f"{text}  {first.property}: {first.detail}" + (f" ({first.kind})" if first.kind else "")
