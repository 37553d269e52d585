"""Grade one submission: read it, call its functions in a box, judge what comes back.

Three outcomes. "graded": each part has its verdict. "fault": the submission as a whole cannot be graded, and
the reason is its own. "retry": the grader or the machine was at fault; that is never a 0.
"""

import dataclasses
import time
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse.grading import shelf, submission
from rnncourse.grading.boxes import Box
from rnncourse.grading.judge import StudentFault, Verdict, examine
from rnncourse.grading.sandboxed import CellFault, SandboxPlayer
from rnncourse.grading.session import Trouble
from rnncourse.grading.spec import Exercise, Failure, Part
from rnncourse.grading.submission import Submission, SubmissionFault

TRIES = 3
DEFINE_SECONDS = 2.0


class Outcome(NamedTuple):
    """What came of one submission; plain data. `reason` is one sentence and may hold text of its author."""

    status: str  # "graded", "fault", "retry"
    reason: str = ""
    verdicts: tuple[Verdict, ...] = ()
    seconds: float = 0.0
    unsafe: bool = False

    @property
    def earned(self) -> int:
        return sum(verdict.earned for verdict in self.verdicts)


def grade(
    path: Path, root: Path, *, expected: str | None = None, specs: Path | None = None, seed: int, box: Box
) -> Outcome:
    """The outcome of the notebook `path` below the folder of submissions `root`; see `grade_bytes`."""
    try:
        data = submission.read_bytes(path, root)
    except SubmissionFault as error:
        return Outcome("fault", str(error), unsafe=box.unsafe)
    return grade_bytes(data, expected=expected, specs=specs, seed=seed, box=box)


def grade_bytes(
    data: bytes, *, expected: str | None = None, specs: Path | None = None, seed: int, box: Box
) -> Outcome:
    """The outcome of the notebook in `data`. Raises nothing for what a student did.

    `expected` is the exercise it must be of; `specs` a folder of private specs; all random inputs come
    from `seed`, the exercise and the part.
    """
    started = time.perf_counter()

    def outcome(status: str, reason: str = "", verdicts: tuple[Verdict, ...] = ()) -> Outcome:
        return Outcome(status, reason, verdicts, time.perf_counter() - started, box.unsafe)

    try:
        found = submission.parse(data)
        exercise = _exercise(found, expected, specs)
    except SubmissionFault as error:
        return outcome("fault", str(error))
    reason = ""
    for _ in range(TRIES):
        try:
            return outcome("graded", "", _verdicts(exercise, found, seed, box))
        except Trouble as error:
            reason = str(error)
    return outcome("retry", reason)


def _exercise(found: Submission, expected: str | None, specs: Path | None) -> Exercise:
    if expected is not None and found.exercise != expected:
        raise SubmissionFault(f"a notebook of another exercise: expected {expected}; got {found.exercise}")
    if found.exercise not in shelf.folders():
        raise SubmissionFault(f"a notebook of an exercise that does not exist here: {found.exercise}")
    exercise = shelf.load(found.exercise, specs)
    if found.version != exercise.version:
        raise SubmissionFault(
            f"made for version {found.version} of the exercise; expected version {exercise.version}: copy "
            f"the answers into a new notebook (rnncourse exercise start {exercise.id})"
        )
    return exercise


def _verdicts(exercise: Exercise, found: Submission, seed: int, box: Box) -> tuple[Verdict, ...]:
    given = shelf.given_cells(exercise.id)
    player = SandboxPlayer(box)
    try:
        return tuple(_verdict(part, found, given, seed, player) for part in exercise.parts)
    finally:
        player.close()


def _verdict(
    part: Part, found: Submission, given: dict[str, str], seed: int, player: SandboxPlayer
) -> Verdict:
    def lost(property: str, detail: str, **more: object) -> Verdict:
        return Verdict(part.id, part.points, (Failure(property, detail),), **more)  # type: ignore[arg-type]

    for name in part.cells:
        if name not in found.cells:
            return lost("there", f"the cell {name} is missing: it was deleted, or lost its id", written=False)
        if name in found.twice:
            return lost("there once", f"the cell {name} stands twice in the notebook: delete one")
    cells = [(name, source, True) for name, source in given.items()]
    cells += [(name, found.cells[name], False) for name in part.cells]
    # A stream of its own for each part, so that grading one part does not change another's inputs.
    rng = np.random.default_rng([seed, zlib.crc32(part.id.encode())])
    try:
        player.define(cells, part.imports, DEFINE_SECONDS)
    except CellFault as error:
        return lost(error.property, error.detail)
    except StudentFault as error:
        return lost(error.reason, error.detail, fault=error.reason)
    with np.errstate(all="ignore"):  # a reference at large input may overflow on the way
        return _without_values(examine(part, player, rng))


def _without_values(verdict: Verdict) -> Verdict:
    """What may be stored and shown: hidden inputs, and what belongs to them, stay here."""
    failures = tuple(f._replace(expected=None, got=None, inputs=None) for f in verdict.failures)
    return dataclasses.replace(verdict, failures=failures)
