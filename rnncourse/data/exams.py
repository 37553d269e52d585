"""Five tasks of different nature for comparing cells, each with exams that no training batch comes from.

adding: keep two numbers. copying: repeat a word. parity: keep one bit that flips. counting: which was more
frequent so far? text: predict the next character.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from rnncourse import _checks
from rnncourse.data import tasks, text
from rnncourse.data.vocabulary import vocabulary_of

Array = np.ndarray
Example = tuple[Array, Array, Array]  # inputs (T, B, I), targets, mask (T, B)
NAMES = ("adding", "copying", "parity", "counting", "text")
BATCH = 32


class Task(NamedTuple):
    """What a model trains on and how it is scored.

    `loss` is one of `rnncourse.models.sequence`. `score` is "mean squared error", "accuracy" or "bits per
    character", and `guess` the score of the best answer that does not look at the input. `updates` is the
    budget. draw(rng) is a training batch. exams(part) are batches to be scored, by name; `part` is "valid",
    for choosing settings, or "test". The first exam is like the training batches, others have longer
    sequences.
    """

    inputs: int
    outputs: int
    loss: str
    score: str
    guess: float
    updates: int
    draw: Callable[[np.random.Generator], Example]
    exams: Callable[[str], dict[str, Example]]


@cache
def task(name: str) -> Task:
    """One of NAMES; ValueError for another."""
    makers = {"adding": _adding, "copying": _copying, "parity": _parity, "counting": _counting, "text": _text}
    return makers[_checks.choice("task", "name", name, NAMES)]()


def _adding() -> Task:
    def draw(rng: np.random.Generator, batch: int = BATCH, steps: int = 30) -> Example:
        inputs, targets = tasks.adding(steps, batch, rng=rng)
        mask = np.zeros((steps, batch), bool)
        mask[-1] = True
        return inputs, targets, mask

    return Task(
        2, 1, "squared_error", "mean squared error", 1 / 6, 600, draw,
        lambda part: {"T = 30": draw(_rng(part), 1000)},
    )  # fmt: skip


def _copying() -> Task:
    def draw(rng: np.random.Generator, batch: int = BATCH) -> Example:
        return tasks.copying(8, batch, length=4, symbols=4, rng=rng)

    return Task(
        6, 4, "cross_entropy", "accuracy", 1 / 4, 1000, draw,
        lambda part: {"T = 16": draw(_rng(part), 500)},
    )  # fmt: skip


def _parity() -> Task:
    def draw(rng: np.random.Generator, batch: int = BATCH, steps: int = 16) -> Example:
        inputs, targets = tasks.recent_parity(steps, batch, width=steps, rng=rng)
        return inputs, (targets[..., 0] > 0).astype(int), np.ones((steps, batch), bool)

    return Task(
        1, 2, "cross_entropy", "accuracy", 1 / 2, 400, draw,
        lambda part: {"T = 16": draw(_rng(part), 500), "T = 100": draw(_rng(part), 200, 100)},
    )  # fmt: skip


def _counting() -> Task:
    def draw(rng: np.random.Generator, batch: int = BATCH, steps: int = 20) -> Example:
        return tasks.counting(steps, batch, rng=rng)

    def exams(part: str) -> dict[str, Example]:
        return {"T = 20": draw(_rng(part), 500), "T = 100": draw(_rng(part), 200, 100)}

    _, targets, _ = exams("test")["T = 20"]
    return Task(1, 3, "cross_entropy", "accuracy", float((targets == 0).mean()), 600, draw, exams)


def _text() -> Task:
    """Python's help topics in lower case; what is held out are whole documents."""
    parts = text.split(text.topics())
    learn, *held_out = ("\n".join(d.text.lower() for d in part) for part in parts)
    vocabulary = vocabulary_of([learn])
    tokens = vocabulary.encode(learn)
    kept = dict(zip(("valid", "test"), map(vocabulary.encode, held_out), strict=True))
    one_hot, steps = np.eye(len(vocabulary), dtype=np.float32), 30

    def example(windows: Int[Array, "T1 B"]) -> Example:
        return one_hot[windows[:-1]], windows[1:], np.ones(windows[1:].shape, bool)

    def draw(rng: np.random.Generator) -> Example:
        starts = rng.integers(0, len(tokens) - steps, BATCH)
        return example(tokens[starts + np.arange(steps + 1)[:, None]])

    def exams(part: str) -> dict[str, Example]:
        whole = kept[part][: len(kept[part]) // (steps + 1) * (steps + 1)]
        return {"T = 30": example(whole.reshape(-1, steps + 1).T)}

    shares = (np.bincount(tokens, minlength=len(vocabulary)) + 1) / (len(tokens) + len(vocabulary))
    guess = float(-np.log2(shares[exams("test")["T = 30"][1]]).mean())
    size = len(vocabulary)
    return Task(size, size, "cross_entropy", "bits per character", guess, 800, draw, exams)


def _rng(part: str) -> np.random.Generator:
    """Its own draws for each part; trials have seeds of another form."""
    return np.random.default_rng([("valid", "test").index(part), 1])
