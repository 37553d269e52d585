"""Depth against width: one task, one number of parameters and one budget of updates for every depth."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from rnncourse import _checks
from rnncourse.data import exams
from rnncourse.data.cascade import cascade
from rnncourse.models.labeller_torch import Labeller, bits, hidden_for, learn

NAMES = ("text", "copying", "cascade")
STEPS, BATCH, STAGES = 30, 32, 8
# Parameters at which one to five LSTM layers come closest to each other, and the learning rates to try.
BUDGETS = {"text": 36000, "copying": 8060, "cascade": 8580}
RATES = (0.003, 0.01)


class Problem(NamedTuple):
    """A task with classes at each step: ``draw(rng)`` is a training batch, ``exam(part)`` one to be scored.

    A batch is (inputs (T, B, I), targets (T, B), mask (T, B)); `part` is "valid" or "test". `guess` is the
    loss in bits of the best answer that does not look at the input.
    """

    inputs: int
    outputs: int
    guess: float
    draw: Callable[[np.random.Generator], Any]
    exam: Callable[[str], Any]


@cache
def problem(name: str) -> Problem:
    """text: the next character of English prose. copying: repeat a word. cascade: eight nested stages.

    Raises ValueError for another name.
    """
    if _checks.choice("problem", "name", name, NAMES) == "cascade":

        def draw(rng: np.random.Generator, batch: int = BATCH) -> Any:
            return cascade(STEPS, batch, stages=STAGES, rng=rng)

        return Problem(
            1, 2, 1.0, draw, lambda part: draw(np.random.default_rng([("valid", "test").index(part), 8]), 500)
        )
    task = exams.task(name)
    guess = task.guess if name == "text" else float(np.log2(task.outputs))
    return Problem(
        task.inputs, task.outputs, guess, task.draw, lambda part: next(iter(task.exams(part).values()))
    )


def depth_trial(
    name: str, layers: int, *, budget: int, seed: int, lr: float, marks: Sequence[int], cell: str = "lstm"
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield (updates so far, {"valid": bits, "test": bits}) at each of `marks`, which rise from 1.

    H is chosen so that the number of parameters is as near as can be to `budget`. The seed decides the start
    and every batch, which are the same for each depth. Raises ValueError for marks that do not rise from 1.
    """
    marks = _checks.marks("depth_trial", marks)
    task = problem(name)
    hidden = hidden_for(budget, task.inputs, task.outputs, layers=layers, cell=cell)
    torch.manual_seed(seed)
    model = Labeller(task.inputs, hidden, task.outputs, layers=layers, cell=cell)
    rng = np.random.default_rng([seed, 8])
    optimiser = torch.optim.Adam(model.parameters(), lr)
    done = 0
    for mark in marks:
        learn(model, lambda: task.draw(rng), mark - done, optimiser=optimiser)
        done = mark
        with torch.no_grad():  # not around the yield: the caller would be without gradients too
            scores = {part: float(bits(model, task.exam(part))) for part in ("valid", "test")}
        yield done, scores
