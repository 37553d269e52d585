"""Exercise 02: one step of the vanilla cell, forward and backward; cross-entropy."""

import numpy as np

from rnncourse.grading import draws
from rnncourse.grading.spec import Call, Case, Exercise, Part


def step(x, h, weight_ih, weight_hh, bias):
    h_new = np.tanh(x @ weight_ih.T + h @ weight_hh.T + bias)
    return h_new, None


def step_cases(rng):
    for kind, batch, inputs, hidden, small in draws.SIZES:
        yield Case(kind, draws.cell(rng, 1, inputs, hidden, x=(batch, inputs), h=(batch, hidden)), small=small)
    yield Case("in float32", draws.cell(rng, 1, 4, 3, np.float32, x=(3, 4), h=(3, 3)))


EXERCISE = Exercise(
    "02",
    "One step, forward and backward",
    (
        Part(
            id="02.1",
            title="One step forward",
            points=2,
            cells=("rnn_step",),
            calls=(Call("rnn_step", ("x", "h", "weight_ih", "weight_hh", "bias")),),
            outputs=("h_new", "_cache"),
            reference=step,
            cases=step_cases,
        ),
    ),
)
