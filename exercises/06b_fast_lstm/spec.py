"""Exercise 06b: an LSTM step and a whole sequence, right and fast.

No product of a plain solution reaches 2 x 262,144 multiplications at the timed sizes, from where OpenBLAS
splits it over threads: a split product waits for its second thread, on a busy machine up to 16 ms. The data
stay small, because they cross a pipe to the sandbox and back within the time that is measured: 10 ms and more
where both cores are busy, which is why the limit of the single step is so wide.
"""

import numpy as np

from rnncourse import unroll
from rnncourse.cells import lstm
from rnncourse.grading import draws
from rnncourse.grading.spec import Call, Case, Exercise, Part, Speed
from rnncourse.params import Params

WEIGHTS = ("weight_ih", "weight_hh", "bias")


def params(weight_ih, weight_hh, bias):
    """Both biases of the package from the one of the exercise."""
    return Params(weight_ih, weight_hh, bias, np.zeros_like(bias))


def step(x, h, c, weight_ih, weight_hh, bias):
    state, _ = lstm.step(params(weight_ih, weight_hh, bias), x, lstm.State(h, c))
    return state.h, state.c


def step_inputs(rng, batch, width, hidden, dtype=np.float64):
    state = {"h": (batch, hidden), "c": (batch, hidden)}
    return draws.cell(rng, 4, width, hidden, dtype, x=(batch, width), **state)


def step_cases(rng):
    for kind, batch, width, hidden, small in draws.SIZES:
        yield Case(kind, step_inputs(rng, batch, width, hidden), small=small)
    large = step_inputs(rng, 4, 3, 2)
    yield Case("at large input", large | {"x": 1e4 * large["x"]})
    yield Case("in float32", step_inputs(rng, 3, 4, 2, np.float32))


def many_small_states(rng):
    return step_inputs(rng, 8_000, 2, 2)


def sequence(inputs, h, c, weight_ih, weight_hh, bias):
    outputs, last, _ = unroll.forward(lstm, params(weight_ih, weight_hh, bias), inputs, lstm.State(h, c))
    return outputs, last.h, last.c


def sequence_inputs(rng, steps, batch, width, hidden, dtype=np.float64):
    state = {"h": (batch, hidden), "c": (batch, hidden)}
    return draws.cell(rng, 4, width, hidden, dtype, inputs=(steps, batch, width), **state)


def sequence_cases(rng):
    yield Case("at T = 1", sequence_inputs(rng, 1, 2, 3, 2))
    yield Case("at T > 1, for one input and one unit", sequence_inputs(rng, 2, 1, 1, 1), small=True)
    yield Case("at T > 1", sequence_inputs(rng, 5, 3, 4, 2))
    yield Case("for a batch of one", sequence_inputs(rng, 4, 1, 2, 3))
    yield Case("when T, B, I and H are equal", sequence_inputs(rng, 3, 3, 3, 3))
    zero = sequence_inputs(rng, 4, 3, 2, 2)
    yield Case("from a zero state", zero | {name: np.zeros_like(zero[name]) for name in ("h", "c")})
    large = sequence_inputs(rng, 4, 3, 2, 2)
    yield Case("at large input", large | {"inputs": 1e4 * large["inputs"]})
    yield Case("in float32", sequence_inputs(rng, 4, 2, 3, 2, np.float32))


def many_steps(rng):
    drawn = sequence_inputs(rng, 50, 48, 1, 50, np.float32)
    # Smaller weights: with large ones the state is chaotic, and rounding grows from step to step.
    return drawn | {name: drawn[name] / np.float32(np.sqrt(50)) for name in WEIGHTS}


EXERCISE = Exercise(
    "06b",
    "A fast LSTM",
    (
        Part(
            id="06b.1",
            title="One step, all sequences at once",
            points=2,
            cells=("lstm_step",),
            calls=(Call("lstm_step", ("x", "h", "c", *WEIGHTS)),),
            outputs=("h_new", "c_new"),
            reference=step,
            cases=step_cases,
            speed=Speed(draw=many_small_states, baseline=step, ratio=25, rounds=5),
        ),
        Part(
            id="06b.2",
            title="A whole sequence, inputs first",
            points=3,
            cells=("lstm_sequence",),
            calls=(Call("lstm_sequence", ("inputs", "h", "c", *WEIGHTS)),),
            outputs=("outputs", "h_last", "c_last"),
            reference=sequence,
            cases=sequence_cases,
            speed=Speed(draw=many_steps, baseline=sequence, ratio=3, rounds=5),
        ),
    ),
)
