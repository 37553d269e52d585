"""Exercise 03: backpropagation through time, in pieces, and taken apart by distance."""

import numpy as np

from rnncourse import truncation, unroll
from rnncourse.cells import vanilla
from rnncourse.grading import draws
from rnncourse.grading.spec import Call, Case, Exercise, Part
from rnncourse.params import Params


def run_of(inputs, states, weight_ih, weight_hh):
    """The caches of the run that led to `states`; backward never reads the bias."""
    bias = np.zeros_like(weight_hh[0])
    params = Params(weight_ih, weight_hh, bias, bias)
    steps = zip(inputs, states[:-1], states[1:], strict=True)
    caches = unroll.Caches(vanilla.Cache(params, *step, "tanh") for step in steps)
    caches.cell, caches.params = vanilla, params
    caches.inputs_shape, caches.mask = inputs.shape, None
    return caches


def full(doutputs, dlast, inputs, states, weight_ih, weight_hh):
    caches = run_of(inputs, states, weight_ih, weight_hh)
    trace = unroll.backward(vanilla, doutputs, caches, dfinal=vanilla.State(dlast))
    dweight_ih, dweight_hh, dbias, _ = trace.dparams
    return trace.dinputs, trace.dstates[0].h, dweight_ih, dweight_hh, dbias


def in_pieces(doutputs, inputs, states, weight_ih, weight_hh, n):
    caches = run_of(inputs, states, weight_ih, weight_hh)
    dparams, _ = truncation.backward(vanilla, doutputs, caches, reach=n, every=n)
    return dparams.weight_ih, dparams.weight_hh, dparams.bias_ih


def by_distance(doutputs, states, weight_hh):
    """Sums over diagonals of the single terms, and the error of each sliding window."""
    steps = len(doutputs)
    no_inputs = np.zeros((steps, states.shape[1], 1), states.dtype)
    caches = run_of(no_inputs, states, np.zeros_like(weight_hh[:, :1]), weight_hh)
    terms = truncation.terms(vanilla, doutputs, caches)
    matrix = terms.weight_hh  # (T, T, H, H)
    distances = [sum(matrix[t, t - d] for t in range(d, steps)) for d in range(steps)]
    gradient = truncation.total(terms).weight_hh
    kept = (truncation.kept(steps, n) for n in range(1, steps + 1))
    windows = (truncation.total(terms, those).weight_hh for those in kept)
    errors = [np.linalg.norm(window - gradient) for window in windows]
    bias = np.array(errors, states.dtype) / np.linalg.norm(gradient)
    return np.stack(distances), bias


def network(rng, steps, batch, inputs, hidden, dtype=np.float64):
    """A run from a random initial state: what all parts need of it."""
    arrays = {"inputs": (steps, batch, inputs), "h": (batch, hidden)}
    drawn = draws.cell(rng, 1, inputs, hidden, dtype, **arrays)
    h, bias = np.tanh(drawn.pop("h")), drawn.pop("bias")
    params = Params(drawn["weight_ih"], drawn["weight_hh"], bias, np.zeros_like(bias))
    outputs, _, _ = unroll.forward(vanilla, params, drawn["inputs"], vanilla.State(h))
    doutputs = draws.normal(rng, (steps, batch, hidden), dtype)
    return drawn | {"states": np.concatenate([h[None], outputs]), "doutputs": doutputs}


def with_last(rng, *sizes):
    drawn = network(rng, *sizes)
    states = drawn["states"]
    return drawn | {"dlast": draws.normal(rng, states.shape[1:], states.dtype)}


def full_cases(rng):
    yield Case("at T = 1", with_last(rng, 1, 1, 2, 1), small=True)
    yield Case("at T > 1", with_last(rng, 2, 1, 1, 2), small=True)
    yield Case("for a batch of one", with_last(rng, 5, 1, 3, 2))
    yield Case("for a batch", with_last(rng, 4, 3, 2, 4))
    yield Case("when T, B, I and H are equal", with_last(rng, 3, 3, 3, 3))
    only_last = with_last(rng, 4, 2, 2, 3)
    only_last["doutputs"][:] = 0
    yield Case("when only the last state has a gradient", only_last)
    yield Case("in float32", with_last(rng, 4, 3, 2, 3, np.float32))


def pieces_cases(rng):
    yield Case("at n = 1", network(rng, 3, 1, 1, 2) | {"n": 1}, small=True)
    yield Case("at n = 2, T = 3", network(rng, 3, 1, 2, 1) | {"n": 2}, small=True)
    yield Case("when n divides T", network(rng, 6, 2, 2, 3) | {"n": 3})
    yield Case("when n does not divide T", network(rng, 8, 3, 2, 4) | {"n": 3})
    yield Case("at n = T", network(rng, 4, 2, 3, 2) | {"n": 4})
    yield Case("when n is larger than T", network(rng, 3, 2, 3, 2) | {"n": 5})
    yield Case("when T, B, I and H are equal", network(rng, 3, 3, 3, 3) | {"n": 2})
    yield Case("in float32", network(rng, 5, 3, 2, 3, np.float32) | {"n": 2})


def without_inputs(drawn):
    return {name: drawn[name] for name in ("doutputs", "states", "weight_hh")}


def distance_cases(rng):
    yield Case("at T = 1", without_inputs(network(rng, 1, 1, 1, 2)), small=True)
    yield Case("at T > 1", without_inputs(network(rng, 3, 1, 1, 1)), small=True)
    yield Case("for a batch of one", without_inputs(network(rng, 5, 1, 1, 3)))
    yield Case("for a batch", without_inputs(network(rng, 6, 4, 1, 2)))
    yield Case("when T, B and H are equal", without_inputs(network(rng, 3, 3, 1, 3)))
    asked_at_the_end = without_inputs(network(rng, 4, 2, 1, 3))
    asked_at_the_end["doutputs"][:-1] = 0
    yield Case("when the only loss is at the last step", asked_at_the_end)
    yield Case("in float32", without_inputs(network(rng, 4, 3, 1, 3, np.float32)))


EXERCISE = Exercise(
    "03",
    "Backpropagation through time",
    (
        Part(
            id="03.1",
            title="One pass back",
            points=4,
            cells=("rnn_backward",),
            calls=(
                Call(
                    "rnn_backward",
                    ("doutputs", "dlast", "inputs", "states", "weight_ih", "weight_hh"),
                ),
            ),
            outputs=("dinputs", "dh_0", "dweight_ih", "dweight_hh", "dbias"),
            reference=full,
            cases=full_cases,
        ),
        Part(
            id="03.2",
            title="Pieces with a carried state",
            points=3,
            cells=("rnn_backward", "rnn_backward_in_pieces"),
            calls=(
                Call(
                    "rnn_backward_in_pieces",
                    ("doutputs", "inputs", "states", "weight_ih", "weight_hh", "n"),
                ),
            ),
            outputs=("dweight_ih", "dweight_hh", "dbias"),
            reference=in_pieces,
            cases=pieces_cases,
        ),
        Part(
            id="03.3",
            title="The gradient by distance, and the bias of a cut",
            points=5,
            cells=("gradient_by_distance",),
            calls=(Call("gradient_by_distance", ("doutputs", "states", "weight_hh")),),
            outputs=("by_distance", "bias"),
            reference=by_distance,
            cases=distance_cases,
        ),
    ),
)
