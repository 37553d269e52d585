"""What an exercise asks: data, a reference, and the properties that a right answer has.

A `Part` names the functions that a student writes and how they are called; `cases` draws fresh random inputs
at each run; `reference` says what must come out. `judge.examine` compares the two. The same spec serves the
student's own check and the grader, who calls the student's functions in a sandbox.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rnncourse.grading.play import Seed

__all__ = ["Call", "Case", "Exercise", "Failure", "Part", "Result", "Seed", "Speed"]


class Result(NamedTuple):
    """An argument that is what an earlier call of the same case returned: all of it, or one entry."""

    call: int
    entry: int | None = None


class Call(NamedTuple):
    """One call: the function's name, and for each argument the name of an input, or a `Result`."""

    function: str
    arguments: tuple[str | Result, ...]


@dataclass(frozen=True)
class Case:
    """One set of inputs. `kind` completes "value of h …": "at T = 1", "at T > 1", "at large input".

    A `small` case may be shown to the student with what was expected and got. `tolerance` is the largest
    error allowed, relative to the largest entry of what is expected; by default 1e-7 in float64, 1e-4 in
    float32. `raises` names the exception that the call must end with.
    """

    kind: str
    inputs: Mapping[str, Any]
    small: bool = False
    tolerance: float | int | None = None
    raises: str | None = None


class Failure(NamedTuple):
    """A property that does not hold: which, and in words without any value of the inputs.

    `kind` is that of the case in which it showed. `expected` and `got` are values; only the student's own
    check shows them, on small cases.
    """

    property: str
    detail: str
    kind: str = ""
    expected: Any = None
    got: Any = None
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Speed:
    """The last call must take at most `ratio` times the time of `baseline(**inputs)` in `rounds` rounds.

    `draw(rng)` gives the inputs, fresh for each round.
    """

    draw: Callable[[np.random.Generator], Mapping[str, Any]]
    baseline: Callable[..., Any]
    ratio: float | int
    rounds: int = 5


Cases = Callable[[np.random.Generator], Iterator[Case]]


@dataclass(frozen=True)
class Part:
    """One task of an exercise, for which there are points or none.

    `cells` are the grade_ids of the solution cells it needs, in order. `reference(**inputs)` returns what the
    last call must return: the value, or a tuple with one entry for each name in `outputs`. Where no single
    value is right, `judge(inputs, results)` yields a `Failure` for each property that does not hold.
    `seconds` limits each call; `imports` are the modules that the cells may import.
    """

    id: str
    title: str
    points: int
    cells: tuple[str, ...]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    cases: Cases
    reference: Callable[..., Any] | None = None
    judge: Callable[[Mapping[str, Any], list[Any]], Iterator[Failure]] | None = None
    speed: Speed | None = None
    seconds: float | int = 2.0
    imports: tuple[str, ...] = ("numpy", "math")

    def __post_init__(self) -> None:
        subject = f"Part {self.id}"
        if (self.reference is None) == (self.judge is None):
            raise ValueError(f"{subject}: expected either a reference or a judge; got both or neither")
        if not (self.cells and self.calls and self.outputs):
            raise ValueError(f"{subject}: expected at least one cell, one call and one output")
        if isinstance(self.points, bool) or not isinstance(self.points, int) or self.points < 1:
            raise ValueError(f"{subject}: points must be an int of at least 1; got {self.points!r}")
        if not (math.isfinite(self.seconds) and self.seconds > 0):
            raise ValueError(f"{subject}: seconds must be positive; got {self.seconds}")


@dataclass(frozen=True)
class Exercise:
    """The parts of one exercise. `version` goes up when a submission to an older one can no longer count."""

    id: str
    title: str
    parts: tuple[Part, ...]
    version: int = 1

    def __post_init__(self) -> None:
        if len(self.by_id) < len(self.parts):
            raise ValueError(f"Exercise {self.id}: each part needs an id of its own")
        for part in self.parts:
            if part.id.rpartition(".")[0] != self.id:
                raise ValueError(f"Exercise {self.id}: part ids must begin with {self.id}.; got {part.id}")

    @cached_property
    def by_id(self) -> dict[str, Part]:
        """The parts by their ids, in order."""
        return {part.id: part for part in self.parts}

    @property
    def points(self) -> int:
        """What all parts together are worth."""
        return sum(part.points for part in self.parts)
