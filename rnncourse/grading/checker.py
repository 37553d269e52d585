"""The student's check: `check("06.2")` says what is right, and which property is not."""

import dataclasses
import os
from collections.abc import MutableMapping
from typing import Any

import numpy as np

from rnncourse.grading import shelf
from rnncourse.grading.alone import strangers
from rnncourse.grading.judge import Failure, Verdict, examine
from rnncourse.grading.local import LocalPlayer
from rnncourse.grading.spec import Exercise, Part, Seed


class Report:
    """What one check found, as text. True where the part is right."""

    def __init__(self, part: Part, verdict: Verdict) -> None:
        self.part, self.verdict = part, verdict

    def __bool__(self) -> bool:
        return self.verdict.right

    def __repr__(self) -> str:
        part, verdict = self.part, self.verdict
        head = f"{part.id} {part.title}"
        points = f"{part.points} point" + "s" * (part.points > 1)
        if not verdict.written:
            return f"… {head}: {verdict.failures[0].detail} ({points})"
        if verdict.right:
            return f"✓ {head}: right, {points} ({'; '.join(verdict.kinds)})"
        lines = [f"✗ {head}: not yet"]
        for (name, detail), kinds in grouped(verdict.failures).items():
            lines.append(f"  ✗ {name}: {detail}" + (f" ({'; '.join(kinds)})" if any(kinds) else ""))
        shown = next((f for f in verdict.failures if f.inputs is not None), None)
        return "\n".join(lines + (_example(shown) if shown else []))


def grouped(failures: tuple[Failure, ...]) -> dict[tuple[str, str], list[str]]:
    """The kinds of cases in which each property fails."""
    found: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        found.setdefault((failure.property, failure.detail), []).append(failure.kind)
    return found


class Checker:
    """`check = Checker("06", globals())` in a notebook; then `check("06.2")` after each part.

    Inputs are random and fresh at each call. Raises ValueError for an exercise or a part that does not
    exist; AssertionError for a part that is not right while nbgrader runs the notebook, because nbgrader
    gives the points of every cell that raises nothing.
    """

    def __init__(self, exercise: str, namespace: MutableMapping[str, Any]) -> None:
        self.exercise: Exercise = shelf.load(exercise)
        self.namespace = namespace

    def __call__(self, part: str) -> Report:
        found = self.exercise.by_id.get(part)
        if found is None:
            known = ", ".join(self.exercise.by_id)
            raise ValueError(f"check: expected one of {known}; got {part!r}")
        rng = np.random.default_rng(int.from_bytes(os.urandom(8), "little"))
        # Overflow in a wrong solution is reported as a property, not as a warning beside it.
        with np.errstate(all="ignore"):
            verdict = examine(found, LocalPlayer(self.namespace), rng)
        if verdict.written:
            more = tuple(strangers(self.exercise.id, found, self.namespace))
            verdict = dataclasses.replace(verdict, failures=verdict.failures + more)
        report = Report(found, verdict)
        if not report and os.environ.get("NBGRADER_EXECUTION"):
            raise AssertionError(str(report))
        return report


def _example(failure: Failure) -> list[str]:
    """A small case in which a property fails: inputs, expected, got."""
    lines = [f"  for example, {failure.property}:"]
    with np.printoptions(precision=4, suppress=True, threshold=24, edgeitems=2, linewidth=88):
        for name, value in (failure.inputs or {}).items():
            lines.append(f"    {name} = {_show(value)}")
        if failure.expected is not None:
            lines.append(f"    expected {_show(failure.expected)}")
        if failure.got is not None:
            lines.append(f"    got {_show(failure.got)}")
    return lines


def _show(value: Any) -> str:
    text = str(value) if isinstance(value, np.ndarray) else repr(value)
    if isinstance(value, Seed):
        text = f"np.random.default_rng({value.value})"
    return text.replace("\n", "\n      ")
