"""Which version of spec and grader gives a grade: a hash of all that decides it."""

import functools
import hashlib
from pathlib import Path

from rnncourse import __version__
from rnncourse.grading import shelf

# Boxes are missing on purpose: they keep a submission from doing harm, and decide no grade.
DECIDE = ("draws", "grade", "judge", "play", "sandboxed", "spec", "submission", "tidy", "wire", "worker")


@functools.cache
def code_of(exercise: str, specs: Path | None = None, unsafe: bool = False) -> str:
    """The hash of the exercise's spec and given cells, of the grader's files, and of the package's version.

    A grade that was given without a sandbox has another one: it is given again as soon as there is one.
    ValueError where there is no such exercise.
    """
    here = Path(__file__).parent
    parts = [__version__.encode(), b"unsafe" if unsafe else b""]
    # The public spec too: a private one may build on it.
    parts += [shelf.spec_path(exercise, where).read_bytes() for where in (None, specs)]
    parts += [f"{name}\0{text}".encode() for name, text in shelf.given_cells(exercise).items()]
    parts += [(here / f"{name}.py").read_bytes() for name in DECIDE]
    digest = hashlib.sha256()
    for part in parts:
        # With its length, so that no two lists of parts run together.
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
