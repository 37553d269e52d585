"""Whether a part is right, and which property fails: the trusted half of a check.

It sees the student's functions only through a `Player`, which takes and returns data. What comes back is
believed in nothing: types, shapes, dtypes and sizes are looked at before a number is.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from rnncourse.grading.play import Opaque
from rnncourse.grading.spec import Call, Case, Failure, Part, Speed

Array = np.ndarray
TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-7}
# A machine may stumble; a solution that is too slow is too slow three times. One that is far too slow gets no
# second attempt: it would take from the time of the other parts.
ATTEMPTS = 3
FAR_TOO_SLOW = 3


class Fault(NamedTuple):
    """An exception in the student's code: its type, the line in its cell, its text where it may be shown."""

    type: str
    line: int | None = None
    cell: str | None = None
    text: str | None = None
    function: str | None = None


@dataclass(frozen=True)
class Played:
    """What came of the calls of one case."""

    results: list[Any] | None = None
    fault: Fault | None = None
    missing: str | None = None
    wrote: tuple[str, ...] = ()
    seconds: float = 0.0


@runtime_checkable
class Player(Protocol):
    """Calls a student's functions. The seconds that it tells are by `clock`."""

    clock: Callable[[], float]

    def play(self, calls: tuple[Call, ...], inputs: Mapping[str, Any], seconds: float | int) -> Played:
        """Run the calls, each for at most `seconds`; raises `StudentFault` where the code had to be ended."""
        ...


class StudentFault(Exception):
    """The student's code had to be stopped, or ended by itself: "time", "memory", "ended", "reply".

    `detail` says it in a sentence, without a value of the inputs.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Verdict:
    """The outcome of one part. `failures` is empty where all properties hold."""

    part: str
    points: int
    failures: tuple[Failure, ...] = ()
    kinds: tuple[str, ...] = field(default=())
    written: bool = True
    fault: str | None = None

    @property
    def right(self) -> bool:
        return not self.failures

    @property
    def earned(self) -> int:
        return self.points if self.right else 0


def examine(part: Part, player: Player, rng: np.random.Generator) -> Verdict:
    """Draw the cases of `part` from `rng`, play each, and say which properties fail.

    Each property is named once, at the first case in which it fails. Raises what `player` raises for its own
    troubles, never for the student's.
    """
    failures: dict[str, Failure] = {}
    kinds: list[str] = []
    try:
        for case in part.cases(rng):
            if case.kind not in kinds:
                kinds.append(case.kind)
            played = player.play(part.calls, case.inputs, part.seconds)
            if played.missing:
                failure = Failure("defined", f"{played.missing} is not defined")
                return Verdict(part.id, part.points, (failure,), tuple(kinds), written=False)
            if played.fault and played.fault.type == "NotImplementedError":
                place = played.fault.function or played.fault.cell or part.calls[-1].function
                failure = Failure("written", f"{place} is not written yet")
                return Verdict(part.id, part.points, (failure,), tuple(kinds), written=False)
            for failure in _failures(part, case, played):
                failures.setdefault(f"{failure.property} {failure.kind}", failure)
        if not failures and part.speed:
            kinds.append("fast")
            failures |= {f.property: f for f in _speed(part, part.speed, player, rng)}
    except StudentFault as error:
        failures.setdefault(error.reason, Failure(error.reason, error.detail))
        return Verdict(part.id, part.points, tuple(failures.values()), tuple(kinds), fault=error.reason)
    return Verdict(part.id, part.points, tuple(failures.values()), tuple(kinds))


def _failures(part: Part, case: Case, played: Played) -> Iterator[Failure]:
    """What `_found` finds, with the kind of the case, and with its inputs where they may be shown."""
    shown = case.inputs if case.small else None
    for failure in _found(part, case, played):
        yield failure._replace(kind=case.kind, inputs=shown)


def _found(part: Part, case: Case, played: Played) -> Iterator[Failure]:
    if case.raises:
        got = played.fault.type if played.fault else "no exception"
        if got != case.raises:
            yield Failure(f"raises {case.raises}", f"got {got}")
        return
    if played.fault:
        where = f" at line {played.fault.line}" if played.fault.line else ""
        where += f" of the cell {played.fault.cell}" if played.fault.cell else ""
        if played.fault.type == "NameError":
            where += "; the grader takes only the cells to fill in and what is given"
        # The text may echo the inputs: only the student's own check has it.
        yield Failure("runs", f"{played.fault.type}{where}", got=played.fault.text)
        return
    for name in played.wrote:
        yield Failure(f"leaves {name} as it was", "the function changed its argument; work on a copy")
    results = played.results or []
    if len(results) != len(part.outputs):
        want = ", ".join(name.removeprefix("_") for name in part.outputs)
        yield Failure("number of results", f"expected {len(part.outputs)} ({want}); got {len(results)}")
        return
    if part.judge:
        try:
            yield from list(part.judge(case.inputs, results))
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            # A judge that meets something it did not expect: the student's result is of the wrong form.
            yield Failure("form of the result", f"cannot be read: {type(error).__name__}")
        return
    assert part.reference is not None
    wanted = part.reference(**case.inputs)
    wanted = list(wanted) if isinstance(wanted, tuple | list) and len(part.outputs) > 1 else [wanted]
    for name, want, got in zip(part.outputs, wanted, results, strict=True):
        if not name.startswith("_") and (failure := compare(name, want, got, case)):
            yield failure


def compare(name: str, want: Any, got: Any, case: Case) -> Failure | None:
    """The first of type, shape, dtype, finiteness and value in which `got` is not `want`, or None."""
    subject = f"gradient of {name[1:]}" if name[0] == "d" and name[1:] in case.inputs else f"value of {name}"
    want_array = np.asarray(want)
    if not isinstance(got, np.ndarray | np.generic | bool | int | float):
        kind = got.kind if isinstance(got, Opaque) else type(got).__name__
        return Failure(
            f"type of {name}", f"expected {'an array' if want_array.ndim else 'a number'}; got {kind}"
        )
    got_array = np.asarray(got)
    if got_array.shape != want_array.shape:
        # An empty array can have any numbers in its shape, those of the inputs too.
        shape = got_array.shape if got_array.size else "an empty array"
        return Failure(f"shape of {name}", f"expected {want_array.shape}; got {shape}")
    # A Python number has no dtype of its own, only a kind; an array has one, and it is part of the answer.
    exact = isinstance(want, np.ndarray)
    if got_array.dtype != want_array.dtype if exact else got_array.dtype.kind != want_array.dtype.kind:
        return Failure(f"dtype of {name}", f"expected {want_array.dtype}; got {got_array.dtype}")
    if not np.isfinite(got_array).all() and np.isfinite(want_array).all():
        return Failure(f"{subject} is finite", "it has NaN or infinite entries", "", want_array, got_array)
    tolerance = case.tolerance
    if tolerance is None and not exact and got_array.dtype in TOLERANCE:
        tolerance = TOLERANCE[got_array.dtype]  # a number computed from float32 is right as float32
    if not close(got_array, want_array, tolerance):
        return Failure(subject, "it differs", "", want_array, got_array)
    return None


def close(got: Array, want: Array, tolerance: float | None = None) -> bool:
    """|got − want| ≤ tolerance × max|want|, entry by entry; integers and booleans exactly."""
    if want.dtype.kind != "f":
        return bool(np.array_equal(got, want))
    if not np.isfinite(want).all():
        return bool(np.array_equal(got, want, equal_nan=True))
    allowed = TOLERANCE.get(want.dtype, 1e-7) if tolerance is None else tolerance
    scale = np.abs(want).max(initial=0.0)
    # What should be 0 throughout may be off by rounding of numbers near 1.
    error = np.abs(got.astype(np.float64) - want.astype(np.float64))
    return bool(np.all(error <= allowed * max(float(scale), 1e-6)))


def _speed(part: Part, speed: Speed, player: Player, rng: np.random.Generator) -> Iterator[Failure]:
    """Compare interleaved rounds, each on fresh inputs whose results are checked too.

    Both the medians and the least times are compared: on a busy machine the median of a short call is that of
    the way into a sandbox, and the least of a long one is luck. What is too slow is too slow by both.
    """
    ratio = float("inf")
    for _ in range(ATTEMPTS):
        own, base = [], []
        for _ in range(speed.rounds):
            inputs = speed.draw(rng)
            started = player.clock()
            speed.baseline(**inputs)
            base.append(player.clock() - started)
            played = player.play(part.calls, inputs, part.seconds)
            wrong = list(_failures(part, Case("at the size that is timed", inputs), played))
            if wrong:
                yield wrong[0]
                return
            own.append(played.seconds)
        ratio = min(ratio, statistics.median(own) / statistics.median(base), min(own) / min(base))
        if ratio <= speed.ratio:
            return
        if ratio > FAR_TOO_SLOW * speed.ratio:
            break
    detail = (
        f"takes {ratio:.1f} times the time of a plain version; at most {speed.ratio:g} times is asked for"
    )
    yield Failure("fast", detail)
