"""One cell on one task with one seed: the same budget and the same exam for every cell.

A trial starts a fresh model, trains it with Adam on a task of `rnncourse.data.exams`, and takes the exams on
its way.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rnncourse import _checks
from rnncourse.cells import Cell
from rnncourse.data.exams import Example, Task
from rnncourse.models.sequence import (
    LOSSES,
    SequenceModel,
    init_sequence_model,
    loss_and_gradient,
    predict,
)
from rnncourse.params.initialise import gates_of, peepholes_of
from rnncourse.training.loop import train
from rnncourse.training.optimisers import Adam

CLIP = 1.0


class Mark(NamedTuple):
    """Where a trial stands after so many updates: the score of each exam, and the model."""

    updates: int
    scores: dict[str, float]
    model: SequenceModel


def trial(
    cell: Cell,
    task: Task,
    hidden_size: int,
    *,
    seed: int,
    lr: float,
    keep: float = 0.0,
    marks: Sequence[int] = (),
    part: str = "test",
) -> Iterator[Mark]:
    """Yield a `Mark` at each number of updates in `marks`, by default at the end of the task's budget.

    `part` says which exams: those for choosing settings ("valid") or the others ("test").
    The start is `init_params`' own, with `keep` added to the gate that keeps the state (see `keeping`). The
    seed decides the start and every batch. Where the loss is no longer finite the scores are NaN.
    Raises ValueError for marks that do not rise from 1, and what `init_sequence_model` raises.
    """
    marks = _checks.marks("trial", tuple(marks) or (task.updates,))
    rng = np.random.default_rng([seed, 7])
    model = init_sequence_model(cell, task.inputs, hidden_size, task.outputs, rng=rng)
    model = model._replace(rnn=keeping(cell, model.rnn, keep))
    exams = task.exams(part)
    learnt = train(
        model,
        (task.draw(rng) for _ in range(marks[-1])),
        Adam(lr),
        loss_and_gradient=partial(loss_and_gradient, cell, loss=task.loss),
        threshold=CLIP,
    )
    done = 0
    try:
        for record, model in learnt:
            done = record.step
            if done in marks:
                scores = {name: examine(cell, model, task, exam) for name, exam in exams.items()}
                yield Mark(done, scores, model)
    except FloatingPointError:
        for mark in marks:
            if mark > done:
                yield Mark(mark, dict.fromkeys(exams, math.nan), model)


def examine(cell: Cell, model: SequenceModel, task: Task, exam: Example) -> float:
    """The task's score of a model over the places where the mask of `exam` is True."""
    inputs, targets, mask = exam
    predictions = predict(cell, model, inputs)
    if task.score == "accuracy":
        return float((predictions.argmax(axis=-1) == targets)[mask].mean())
    value, _ = LOSSES[task.loss](predictions, targets, mask)
    return value / math.log(2) if task.score == "bits per character" else value


def keeping(cell: Cell, params: Any, keep: float) -> Any:
    """`params` with `keep` added to the input bias of the gate that keeps the old state, a copy.

    This is f in the LSTM and its variants, z in the GRU; in the minimal gated unit f drops the state, so
    `keep` is subtracted. ValueError for a cell without such a gate, save for keep = 0.
    """
    gates = gates_of("keeping", cell)
    gate = next((g for g in ("z", "f") if g in gates), None)
    if gate is None:
        if keep:
            raise ValueError(
                f"keeping: keep must be 0 for a cell with the gates {', '.join(gates)}; got {keep}"
            )
        return params
    size = params.weight_hh.shape[1]
    first = gates.index(gate) * size
    bias = params.bias_ih.copy()
    bias[first : first + size] += -keep if gates == ("f", "n") else keep
    return params._replace(bias_ih=bias)


def parameters(cell: Cell, task: Task, hidden_size: int) -> int:
    """How many numbers a model of this cell has, the read-out included."""
    gates, peepholes = len(gates_of("parameters", cell)), len(peepholes_of(cell))
    layer = hidden_size * (gates * (task.inputs + hidden_size + 2) + peepholes)
    return layer + task.outputs * (hidden_size + 1)


def hidden_for(cell: Cell, task: Task, budget: int) -> int:
    """The largest hidden size with at most `budget` parameters; ValueError where even H = 1 has more."""
    if parameters(cell, task, 1) > budget:
        raise ValueError(
            f"hidden_for: budget must be at least {parameters(cell, task, 1)}, for H = 1; got {budget}"
        )
    size = 1
    while parameters(cell, task, size + 1) <= budget:
        size += 1
    return size
