"""Put a student's notebook in place, and list what there is: `rnncourse exercise start`, `list`."""

import shlex
from collections.abc import Callable
from pathlib import Path

from rnncourse._files import write_new
from rnncourse.grading import shelf, student


def start(exercise: str, folder: str | Path = ".") -> Path:
    """Write NN_topic.ipynb, without solutions, into `folder` (made if it is missing); return where it is.

    Raises ValueError for an exercise that does not exist, FileExistsError where the notebook is there
    already: it holds someone's work.
    """
    path = Path(folder) / f"{shelf.folder(exercise).name}.ipynb"
    data = student.encode(shelf.student_notebook(exercise))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(
            f"{folder}: expected a folder; it is a file. Choose another with --to"
        ) from error
    try:
        write_new(path, data)
    except FileExistsError as error:
        raise FileExistsError(
            f"{path} exists already and was left as it is. To begin afresh beside it, choose another folder "
            "with --to, or rename it first"
        ) from error
    return path


def report_start(exercise: str, folder: str | Path, write: Callable[[str], object] = print) -> None:
    """`start`, and say what to do next."""
    path = start(exercise, folder)
    found = shelf.load(exercise)
    write(f"{path}: {found.title}, {len(found.parts)} parts, {found.points} points.")
    write(f"Open it with: jupyter lab {shlex.quote(str(path))}")


def report_list(write: Callable[[str], object] = print) -> None:
    """One line for each exercise: id, parts, points, title."""
    known = shelf.folders()
    if not known:
        write("This installation holds no exercises: install rnncourse again, with pip or in the checkout.")
        return
    for name in known:
        found = shelf.load(name)
        write(f"{name:<4} {len(found.parts):>2} parts {found.points:>3} points  {found.title}")
    write("Begin one with: rnncourse exercise start " + next(iter(known)))
