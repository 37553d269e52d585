"""Exercise 06: the LSTM: one step and its gradients, both over time, and a start that remembers."""

import numpy as np

from rnncourse import unroll
from rnncourse.cells import lstm
from rnncourse.grading import draws
from rnncourse.grading.judge import compare
from rnncourse.grading.spec import Call, Case, Exercise, Failure, Part, Result, Seed
from rnncourse.params import Params

WEIGHTS = ("weight_ih", "weight_hh", "bias")
DWEIGHTS = tuple(f"d{name}" for name in WEIGHTS)


def params(weight_ih, weight_hh, bias):
    """The package's two biases add up: the exercise's one, and zeros."""
    return Params(weight_ih, weight_hh, bias, np.zeros_like(bias))


def step(x, h, c, weight_ih, weight_hh, bias):
    state, _ = lstm.step(params(weight_ih, weight_hh, bias), x, lstm.State(h, c))
    return state.h, state.c, None


def step_backward(x, h, c, weight_ih, weight_hh, bias, dh_new, dc_new):
    _, cache = lstm.step(params(weight_ih, weight_hh, bias), x, lstm.State(h, c))
    dx, dstate, dparams = lstm.step_backward(lstm.State(dh_new, dc_new), cache)
    return dx, dstate.h, dstate.c, dparams.weight_ih, dparams.weight_hh, dparams.bias_ih


def forward(inputs, h0, c0, weight_ih, weight_hh, bias):
    state = lstm.State(h0, c0)
    outputs, last, _ = unroll.forward(lstm, params(weight_ih, weight_hh, bias), inputs, state)
    return outputs, last.h, last.c, None


def backward(inputs, h0, c0, weight_ih, weight_hh, bias, doutputs, dh_last, dc_last):
    state, dfinal = lstm.State(h0, c0), lstm.State(dh_last, dc_last)
    _, _, caches = unroll.forward(lstm, params(weight_ih, weight_hh, bias), inputs, state)
    trace = unroll.backward(lstm, doutputs, caches, dfinal=dfinal)
    first, total = trace.dstates[0], trace.dparams
    return trace.dinputs, first.h, first.c, total.weight_ih, total.weight_hh, total.bias_ih


def one_step(rng, batch, inputs, hidden, dtype=np.float64):
    """Random arguments of a step, and the gradients that come back to it."""
    state = (batch, hidden)
    return draws.cell(
        rng, 4, inputs, hidden, dtype, x=(batch, inputs), h=state, c=state, dh_new=state, dc_new=state
    )


def without(arrays, *names):
    return {name: value for name, value in arrays.items() if name not in names}


def zero(arrays, *names):
    return arrays | {name: np.zeros_like(arrays[name]) for name in names}


def step_cases(rng):
    for kind, batch, inputs, hidden, small in draws.GATED_SIZES:
        yield Case(kind, without(one_step(rng, batch, inputs, hidden), "dh_new", "dc_new"), small)
    yield Case("in float32", without(one_step(rng, 3, 4, 3, np.float32), "dh_new", "dc_new"))
    large = without(one_step(rng, 3, 4, 3), "dh_new", "dc_new")
    yield Case("at large input", large | {"x": 1e4 * large["x"]})


def step_backward_cases(rng):
    for kind, batch, inputs, hidden, small in draws.GATED_SIZES:
        yield Case(kind, one_step(rng, batch, inputs, hidden), small)
    yield Case("when only dh_new is not 0", zero(one_step(rng, 3, 4, 3), "dc_new"))
    yield Case("when only dc_new is not 0", zero(one_step(rng, 3, 4, 3), "dh_new"))
    yield Case("in float32", one_step(rng, 3, 4, 3, np.float32))


def sequence(rng, steps, batch, inputs, hidden, dtype=np.float64):
    """Random arguments of a run over time, and the gradients that come back to it."""
    state, outputs = (batch, hidden), (steps, batch, hidden)
    arrays = {"inputs": (steps, batch, inputs), "h0": state, "c0": state}
    gradients = {"doutputs": outputs, "dh_last": state, "dc_last": state}
    return draws.cell(rng, 4, inputs, hidden, dtype, **arrays, **gradients)


GRADIENTS = ("doutputs", "dh_last", "dc_last")


def forward_cases(rng):
    yield Case("at T = 1", without(sequence(rng, 1, 2, 3, 2), *GRADIENTS))
    yield Case("at T > 1", without(sequence(rng, 2, 1, 1, 1), *GRADIENTS), small=True)
    yield Case("at T > 1", without(sequence(rng, 5, 3, 4, 2), *GRADIENTS))
    yield Case("for a batch of one", without(sequence(rng, 5, 1, 2, 3), *GRADIENTS))
    yield Case("from a state of zeros", without(zero(sequence(rng, 4, 3, 2, 3), "h0", "c0"), *GRADIENTS))
    yield Case("when T, B, I and H are equal", without(sequence(rng, 3, 3, 3, 3), *GRADIENTS))
    yield Case("in float32", without(sequence(rng, 4, 3, 2, 3, np.float32), *GRADIENTS))


def backward_cases(rng):
    yield Case("at T = 1", sequence(rng, 1, 2, 3, 2))
    yield Case("at T > 1", sequence(rng, 2, 1, 1, 1), small=True)
    yield Case("at T > 1", sequence(rng, 5, 3, 4, 2))
    yield Case("for a batch of one", sequence(rng, 5, 1, 2, 3))
    outputs_only = zero(sequence(rng, 4, 3, 2, 3), "dh_last", "dc_last")
    yield Case("when the loss reads only the outputs", outputs_only)
    yield Case("when the loss reads only h_last", zero(sequence(rng, 4, 3, 2, 3), "doutputs", "dc_last"))
    yield Case("when the loss reads only c_last", zero(sequence(rng, 4, 3, 2, 3), "doutputs", "dh_last"))
    yield Case("when T, B, I and H are equal", sequence(rng, 3, 3, 3, 3))
    yield Case("in float32", sequence(rng, 4, 3, 2, 3, np.float32))


def init_cases(rng):
    for kind, inputs, hidden, small in (
        ("when I < H", 3, 8, True),
        ("when I > H", 20, 6, False),
        ("when I and H are equal", 7, 7, False),
    ):
        seed = Seed(int(rng.integers(2**32)))
        bias = round(float(rng.uniform(2, 6)), 2)
        sizes = {"rng": seed, "input_size": inputs, "hidden_size": hidden}
        yield Case(kind, sizes | {"forget_bias": bias}, small)


def judge_init(inputs, results):
    """Form, the forget quarter, the range, and that every other entry is a number which rng draws."""
    hidden, size_in = inputs["hidden_size"], inputs["input_size"]
    rows, k = 4 * hidden, 1 / np.sqrt(hidden)
    shapes = ((rows, size_in), (rows, hidden), (rows,))
    anything = Case("", {}, tolerance=np.inf)
    wrong_form = False
    for name, shape, got in zip(WEIGHTS, shapes, results, strict=True):
        failure = compare(name, np.zeros(shape, np.float32), got, anything)
        if failure:
            wrong_form = True
            yield failure._replace(expected=None, got=None)
    if wrong_form:
        return
    quarter = np.zeros(rows, bool)
    quarter[hidden : 2 * hidden] = True
    forget = np.full(hidden, inputs["forget_bias"], np.float32)
    if not np.array_equal(results[2][quarter], forget):
        yield Failure("forget quarter of bias", "it is not forget_bias", "", forget, results[2][quarter])
    drawn = (results[0].ravel(), results[1].ravel(), results[2][~quarter])
    for name, values in zip(("weight_ih", "weight_hh", "the other biases"), drawn, strict=True):
        if from_generator(values, inputs["rng"], k, 2 * rows * (size_in + hidden + 1)):
            continue
        # The bound itself may round up in float32.
        if np.abs(values).max() > k * (1 + 1e-6):
            yield Failure(f"range of {name}", "an entry lies outside ±1/sqrt(H)")
        elif values.max() < 0.8 * k or values.min() > -0.8 * k:
            yield Failure(f"range of {name}", "the entries do not fill the range ±1/sqrt(H)")
        else:
            yield Failure(f"source of {name}", "these are not numbers that rng.uniform draws in ±1/sqrt(H)")
    everything = np.concatenate(drawn)
    # In float32 two of many draws may be equal by chance.
    if len(np.unique(everything)) < 0.98 * everything.size:
        yield Failure("one draw for each entry", "the same numbers occur more than once")


def from_generator(values, seed, k, count):
    """Whether every value is one of the first `count` draws, in any order, up to float32 rounding."""
    pool = np.sort(np.random.default_rng(seed.value).uniform(-k, k, count))
    place = np.searchsorted(pool, values).clip(1, count - 1)
    nearest = np.minimum(np.abs(pool[place] - values), np.abs(pool[place - 1] - values))
    return bool(nearest.max() <= 3e-7 * k)


STEP = Call("lstm_step", ("x", "h", "c", *WEIGHTS))
FORWARD = Call("lstm_forward", ("inputs", "h0", "c0", *WEIGHTS))

EXERCISE = Exercise(
    "06",
    "Long short-term memory",
    (
        Part(
            id="06.1",
            title="One step forward",
            points=3,
            cells=("lstm_step",),
            calls=(STEP,),
            outputs=("h_new", "c_new", "_cache"),
            reference=step,
            cases=step_cases,
        ),
        Part(
            id="06.2",
            title="One step backward",
            points=5,
            cells=("lstm_step", "lstm_step_backward"),
            calls=(STEP, Call("lstm_step_backward", ("dh_new", "dc_new", Result(0, -1)))),
            outputs=("dx", "dh", "dc", *DWEIGHTS),
            reference=step_backward,
            cases=step_backward_cases,
        ),
        Part(
            id="06.3",
            title="Forward over time",
            points=2,
            cells=("lstm_step", "lstm_forward"),
            calls=(FORWARD,),
            outputs=("outputs", "h_last", "c_last", "_caches"),
            reference=forward,
            cases=forward_cases,
        ),
        Part(
            id="06.4",
            title="Backward over time",
            points=4,
            cells=("lstm_step", "lstm_step_backward", "lstm_forward", "lstm_backward"),
            calls=(FORWARD, Call("lstm_backward", ("doutputs", "dh_last", "dc_last", Result(0, -1)))),
            outputs=("dinputs", "dh0", "dc0", *DWEIGHTS),
            reference=backward,
            cases=backward_cases,
        ),
        Part(
            id="06.5",
            title="A start that remembers",
            points=2,
            cells=("lstm_init",),
            calls=(Call("lstm_init", ("rng", "input_size", "hidden_size", "forget_bias")),),
            outputs=WEIGHTS,
            judge=judge_init,
            cases=init_cases,
        ),
    ),
)
