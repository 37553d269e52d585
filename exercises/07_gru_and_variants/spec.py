"""Exercise 07: the GRU in both forms, its gradients, weights of another convention, and its highway."""

import numpy as np

from rnncourse import unroll
from rnncourse.cells import gru
from rnncourse.grading import draws
from rnncourse.grading.judge import close, compare
from rnncourse.grading.spec import Call, Case, Exercise, Failure, Part, Result
from rnncourse.params import Params

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    state, _ = gru.step(Params(weight_ih, weight_hh, bias_ih, bias_hh), x, gru.State(h))
    return state.h, None


def step_before(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    params = Params(weight_ih, weight_hh, bias_ih, bias_hh)
    return gru.step(params, x, gru.State(h), reset="before")[0].h


def step_backward(x, h, weight_ih, weight_hh, bias_ih, bias_hh, dh_new):
    _, cache = gru.step(Params(weight_ih, weight_hh, bias_ih, bias_hh), x, gru.State(h))
    dx, dstate, dparams = gru.step_backward(gru.State(dh_new), cache)
    return dx, dstate.h, *dparams


def roads(inputs, h0, weight_ih, weight_hh, bias_ih, bias_hh):
    """dh_T/dh_0 from one backward pass: copy i of the sequence starts from the i-th unit vector."""
    size, params = len(h0), Params(weight_ih, weight_hh, bias_ih, bias_hh)
    copies, states = np.repeat(inputs[:, None], size, axis=1), np.repeat(h0[None], size, axis=0)
    outputs, _, caches = unroll.forward(gru, params, copies, gru.State(states))
    unit = gru.State(np.eye(size, dtype=h0.dtype))
    trace = unroll.backward(gru, np.zeros_like(outputs), caches, dfinal=unit)
    return trace.dstates[0].h, np.prod([cache.z[0] for cache in caches], axis=0)


def arguments(rng, size_in, hidden, dtype=np.float64, **arrays):
    """Random `arrays` by name and shape, and the parameters of a GRU with its two biases."""
    rows = 3 * hidden
    shapes = ((rows, size_in), (rows, hidden), (rows,), (rows,))
    shapes = arrays | dict(zip(WEIGHTS, shapes, strict=True))
    return {name: draws.normal(rng, shape, dtype) for name, shape in shapes.items()}


def one_step(rng, batch, inputs, hidden, dtype=np.float64):
    return arguments(rng, inputs, hidden, dtype, x=(batch, inputs), h=(batch, hidden))


def step_cases(rng):
    for kind, batch, inputs, hidden, small in draws.GATED_SIZES:
        yield Case(kind, one_step(rng, batch, inputs, hidden), small)
    yield Case("in float32", one_step(rng, 3, 4, 3, np.float32))
    large = one_step(rng, 3, 4, 3)
    yield Case("at large input", large | {"x": 1e4 * large["x"]})


def step_backward_cases(rng):
    for kind, batch, inputs, hidden, small in draws.GATED_SIZES:
        given = one_step(rng, batch, inputs, hidden)
        yield Case(kind, given | {"dh_new": draws.normal(rng, (batch, hidden))}, small)
    given = one_step(rng, 3, 4, 3, np.float32)
    yield Case("in float32", given | {"dh_new": draws.normal(rng, (3, 3), np.float32)})


def load_cases(rng):
    # x and h are not handed to the student's function: at them the loaded cell is compared with theirs.
    yield Case("for one input and one unit", one_step(rng, 1, 1, 1), small=True)
    yield Case("for several units", one_step(rng, 8, 4, 3))
    yield Case("when I and H are equal", one_step(rng, 8, 3, 3))
    yield Case("in float32", one_step(rng, 8, 4, 3, np.float32))


def judge_load(inputs, results):
    """Form, and then gate by gate whether our cell computes what theirs does."""
    anything = Case("", {}, tolerance=np.inf)
    wrong_form = False
    for name, got in zip(WEIGHTS, results, strict=True):
        failure = compare(name, np.zeros_like(inputs[name]), got, anything)
        if failure:
            wrong_form = True
            yield failure._replace(expected=None, got=None)
    if wrong_form:
        return
    x, h = inputs["x"], inputs["h"]
    theirs_x = np.split(x @ inputs["weight_ih"].T + inputs["bias_ih"], 3, axis=1)
    theirs_h = np.split(h @ inputs["weight_hh"].T + inputs["bias_hh"], 3, axis=1)
    # Their blocks are z, r, n; as 1 − σ(a) = σ(−a), (1 + tanh(−a/2))/2 is what our z must be.
    z = 0.5 * (1 - np.tanh(0.5 * (theirs_x[0] + theirs_h[0])))
    r = 0.5 * (1 + np.tanh(0.5 * (theirs_x[1] + theirs_h[1])))
    n = np.tanh(theirs_x[2] + r * theirs_h[2])
    _, ours = gru.step(Params(*results), x, gru.State(h))
    for gate, want, got, detail in (
        ("reset gate r", r, ours.r, "with your arrays it differs from theirs"),
        ("update gate z", z, ours.z, "with your arrays it is not the share of the old state"),
        ("candidate n", n, ours.n, "with your arrays it differs from theirs"),
    ):
        if not close(got, want):
            yield Failure(gate, detail, "", want, got)


def one_sequence(rng, steps, inputs, hidden, dtype=np.float64):
    return arguments(rng, inputs, hidden, dtype, inputs=(steps, inputs), h0=(hidden,))


def roads_cases(rng):
    yield Case("at T = 1", one_sequence(rng, 1, 3, 2), small=True)
    yield Case("at T > 1", one_sequence(rng, 2, 1, 2), small=True)
    yield Case("at T > 1", one_sequence(rng, 6, 3, 4))
    yield Case("when T, I and H are equal", one_sequence(rng, 3, 3, 3))
    yield Case("in float32", one_sequence(rng, 4, 2, 3, np.float32))


STEP = Call("gru_step", ("x", "h", *WEIGHTS))

EXERCISE = Exercise(
    "07",
    "The GRU and other forms of it",
    (
        Part(
            id="07.1",
            title="One step forward",
            points=3,
            cells=("gru_step",),
            calls=(STEP,),
            outputs=("h_new", "_cache"),
            reference=step,
            cases=step_cases,
        ),
        Part(
            id="07.2",
            title="One step backward",
            points=5,
            cells=("gru_step", "gru_step_backward"),
            calls=(STEP, Call("gru_step_backward", ("dh_new", Result(0, -1)))),
            outputs=("dx", "dh", *(f"d{name}" for name in WEIGHTS)),
            reference=step_backward,
            cases=step_backward_cases,
        ),
        Part(
            id="07.3",
            title="The other published form",
            points=2,
            cells=("gru_step_before",),
            calls=(Call("gru_step_before", ("x", "h", *WEIGHTS)),),
            outputs=("h_new",),
            reference=step_before,
            cases=step_cases,
        ),
        Part(
            id="07.4",
            title="Weights from somewhere else",
            points=2,
            cells=("load_gru",),
            calls=(Call("load_gru", WEIGHTS),),
            outputs=WEIGHTS,
            judge=judge_load,
            cases=load_cases,
        ),
        Part(
            id="07.5",
            title="How far does a gradient get?",
            points=5,
            cells=("gru_step", "gru_step_backward", "gru_roads"),
            calls=(Call("gru_roads", ("inputs", "h0", *WEIGHTS)),),
            outputs=("jacobian", "highway"),
            reference=roads,
            cases=roads_cases,
        ),
    ),
)
