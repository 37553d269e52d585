"""Exercise 02: a step of the vanilla cell, forward, backward, over time; cross-entropy."""

import numpy as np

from rnncourse import functional, unroll
from rnncourse.cells import vanilla
from rnncourse.grading import draws
from rnncourse.grading.spec import Call, Case, Exercise, Part, Result
from rnncourse.params import Params

STEP = Call("rnn_step", ("x", "h", "weight_ih", "weight_hh", "bias"))
FORWARD = Call("rnn_forward", ("inputs", "h", "weight_ih", "weight_hh", "bias"))


def params(weight_ih, weight_hh, bias):
    """The package's parameters, which have two biases."""
    return Params(weight_ih, weight_hh, bias, np.zeros_like(bias))


def step(x, h, weight_ih, weight_hh, bias):
    state, cache = vanilla.step(params(weight_ih, weight_hh, bias), x, vanilla.State(h))
    return state.h, cache


def step_backward(dh_new, x, h, weight_ih, weight_hh, bias):
    _, cache = step(x, h, weight_ih, weight_hh, bias)
    dx, dstate, dparams = vanilla.step_backward(vanilla.State(dh_new), cache)
    return dx, dstate.h, dparams.weight_ih, dparams.weight_hh, dparams.bias_ih


def forward(inputs, h, weight_ih, weight_hh, bias):
    weights = params(weight_ih, weight_hh, bias)
    outputs, last, _ = unroll.forward(vanilla, weights, inputs, vanilla.State(h))
    return outputs, last.h


def one_step(rng, batch, inputs, hidden, dtype=np.float64, **more):
    more |= {"x": (batch, inputs), "h": (batch, hidden)}
    return draws.cell(rng, 1, inputs, hidden, dtype, **more)


def step_cases(rng):
    for kind, batch, inputs, hidden, small in draws.SIZES:
        yield Case(kind, one_step(rng, batch, inputs, hidden), small=small)
    yield Case("in float32", one_step(rng, 3, 4, 3, np.float32))
    for batch, inputs, hidden, small in ((1, 1, 2, True), (3, 4, 3, False)):
        large = one_step(rng, batch, inputs, hidden)
        yield Case("at large input", large | {"x": 1e4 * large["x"]}, small=small)


def step_backward_cases(rng):
    for kind, batch, inputs, hidden, small in draws.SIZES:
        drawn = one_step(rng, batch, inputs, hidden, dh_new=(batch, hidden))
        yield Case(kind, drawn, small=small)
    yield Case("in float32", one_step(rng, 3, 4, 3, np.float32, dh_new=(3, 3)))


def sequence(rng, steps, batch, inputs, hidden, dtype=np.float64):
    arrays = {"inputs": (steps, batch, inputs), "h": (batch, hidden)}
    return draws.cell(rng, 1, inputs, hidden, dtype, **arrays)


def forward_cases(rng):
    yield Case("at T = 1", sequence(rng, 1, 2, 2, 1), small=True)
    yield Case("at T > 1", sequence(rng, 2, 1, 1, 2), small=True)
    yield Case("for a batch of one", sequence(rng, 4, 1, 3, 2))
    yield Case("for a batch", sequence(rng, 5, 3, 2, 4))
    yield Case("when T, B, I and H are equal", sequence(rng, 3, 3, 3, 3))
    yield Case("in float32", sequence(rng, 4, 3, 2, 3, np.float32))


def cross_entropy(scores, targets):
    return functional.cross_entropy(scores, targets)


def scored(rng, steps, batch, classes, dtype=np.float64):
    scores = 2 * draws.normal(rng, (steps, batch, classes), dtype)
    return {"scores": scores, "targets": rng.integers(0, classes, (steps, batch))}


def cross_entropy_cases(rng):
    yield Case("at T = 1", scored(rng, 1, 2, 3), small=True)
    yield Case("at T > 1", scored(rng, 3, 1, 2), small=True)
    yield Case("for a batch", scored(rng, 4, 3, 5))
    yield Case("when T, B and V are equal", scored(rng, 3, 3, 3))
    # The loss may be a float32 too, but what is expected is a Python number.
    yield Case("in float32", scored(rng, 3, 2, 4, np.float32), tolerance=1e-4)
    for steps, batch, classes, small in ((1, 2, 3, True), (4, 3, 5, False)):
        large = scored(rng, steps, batch, classes)
        large["scores"] *= 1e3
        yield Case("at large scores", large, small=small)
    # The largest score of one place says nothing about the next.
    offsets = 1e3 * rng.permutation(6).reshape(3, 2, 1)
    apart = scored(rng, 3, 2, 4)
    apart["scores"] += offsets
    yield Case("when places differ in size", apart)


EXERCISE = Exercise(
    "02",
    "One step, forward and backward",
    (
        Part(
            id="02.1",
            title="One step forward",
            points=2,
            cells=("rnn_step",),
            calls=(STEP,),
            outputs=("h_new", "_cache"),
            reference=step,
            cases=step_cases,
        ),
        Part(
            id="02.2",
            title="One step backward",
            points=3,
            cells=("rnn_step", "rnn_step_backward"),
            calls=(STEP, Call("rnn_step_backward", ("dh_new", Result(0, -1)))),
            outputs=("dx", "dh", "dweight_ih", "dweight_hh", "dbias"),
            reference=step_backward,
            cases=step_backward_cases,
        ),
        Part(
            id="02.3",
            title="Forward over time",
            points=2,
            cells=("rnn_step", "rnn_forward"),
            calls=(FORWARD,),
            outputs=("outputs", "last"),
            reference=forward,
            cases=forward_cases,
        ),
        Part(
            id="02.4",
            title="Cross-entropy at every step",
            points=3,
            cells=("cross_entropy",),
            calls=(Call("cross_entropy", ("scores", "targets")),),
            outputs=("loss", "dscores"),
            reference=cross_entropy,
            cases=cross_entropy_cases,
        ),
    ),
)
