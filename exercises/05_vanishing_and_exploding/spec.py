"""Exercise 05: Jacobians, their bound, clipping, and an orthogonal start."""

import numpy as np

from rnncourse import gradflow
from rnncourse.cells import vanilla
from rnncourse.grading import draws
from rnncourse.grading.judge import compare
from rnncourse.grading.play import Opaque
from rnncourse.grading.spec import Call, Case, Exercise, Failure, Part, Seed
from rnncourse.params import Params, init_params
from rnncourse.training import clipping

WEIGHTS = ("weight_ih", "weight_hh", "bias")


def params_of(weight_ih, weight_hh, bias):
    return Params(weight_ih, weight_hh, bias, np.zeros_like(bias))


def jacobian(params, inputs, h0, k, t):
    """dh_t/dh_k of each sequence, (B, H, H), by backward passes: no product."""
    return np.stack(
        [
            gradflow.state_jacobian(vanilla, params, inputs[:, b], k, t, state=vanilla.State(h0[b : b + 1]))
            for b in range(len(h0))
        ]
    )


def step_jacobian(x, h, weight_ih, weight_hh, bias):
    params = params_of(weight_ih, weight_hh, bias)
    return vanilla.step(params, x, vanilla.State(h))[0].h, jacobian(params, x[None], h, 0, 1)


def step_cases(rng):
    for kind, batch, inputs, hidden, small in draws.SIZES:
        yield Case(
            kind,
            draws.cell(rng, 1, inputs, hidden, x=(batch, inputs), h=(batch, hidden)),
            small=small,
        )
    yield Case("in float32", draws.cell(rng, 1, 4, 3, np.float32, x=(3, 4), h=(3, 3)))
    large = draws.cell(rng, 1, 2, 3, x=(2, 2), h=(2, 3))
    large["bias"] += np.array([1e3, -1e3, 0.0])
    yield Case("at large input", large)


def jacobians_to_end(inputs, h0, weight_ih, weight_hh, bias):
    params = params_of(weight_ih, weight_hh, bias)
    steps = len(inputs)
    return np.stack([jacobian(params, inputs, h0, t, steps) for t in range(steps + 1)])


def to_end_cases(rng):
    def case(kind, steps, batch, inputs, hidden, dtype=np.float64, small=False):
        arrays = {"inputs": (steps, batch, inputs), "h0": (batch, hidden)}
        return Case(kind, draws.cell(rng, 1, inputs, hidden, dtype, **arrays), small=small)

    yield case("at T = 1", 1, 2, 2, 3)
    yield case("at T > 1 for one unit", 3, 1, 1, 1, small=True)
    yield case("at T > 1 for a batch of one", 2, 1, 1, 2, small=True)
    yield case("at T > 1 for a batch", 4, 3, 2, 3)
    yield case("when T, B, I and H are equal", 3, 3, 3, 3)
    yield case("in float32", 3, 2, 2, 3, np.float32)


def log10_bound(outputs, weight_hh):
    zeros = np.zeros(len(weight_hh), weight_hh.dtype)
    params = params_of(weight_hh, weight_hh, zeros)
    slopes = vanilla.slope(outputs, "tanh").max(axis=-1)
    factors = np.array([[gradflow.bound_factor(params, float(s)) for s in row] for row in slopes])
    bound = np.zeros((len(outputs) + 1, outputs.shape[1]), outputs.dtype)
    for t in reversed(range(len(outputs))):
        bound[t] = bound[t + 1] + np.log10(factors[t])
    return bound


def bound_cases(rng):
    def case(kind, steps, batch, hidden, scale=1.0, dtype=np.float64, small=False):
        states = np.tanh(draws.normal(rng, (steps, batch, hidden))).astype(dtype)
        weight = (scale * draws.normal(rng, (hidden, hidden))).astype(dtype)
        return Case(kind, {"outputs": states, "weight_hh": weight}, small=small)

    yield case("at T = 1", 1, 2, 3)
    yield case("at T > 1 for a batch of one", 2, 1, 2, small=True)
    yield case("at T > 1 for a batch", 4, 3, 3)
    yield case("for one unit", 3, 2, 1)
    yield case("when T, B and H are equal", 3, 3, 3)
    yield case("in float32", 5, 2, 4, dtype=np.float32)
    yield case("where the bound overflows", 100, 1, 4, scale=1e5)
    yield case("where the bound underflows", 100, 1, 4, scale=1e-5)


def clip_judge(inputs, results):
    gradients, (clipped, norm) = inputs["gradients"], results
    case = Case("", inputs, tolerance=1e-4 if gradients[0].dtype == np.float32 else 1e-5)
    wanted, wanted_norm = clipping.clip_by_norm(gradients, inputs["threshold"])
    if type(clipped) not in (list, tuple):  # an Opaque is a tuple, too
        kind = clipped.kind if isinstance(clipped, Opaque) else type(clipped).__name__
        yield Failure("type of clipped", f"expected a list of arrays; got {kind}")
        return
    if len(clipped) != len(wanted):
        yield Failure(
            "length of clipped",
            f"expected {len(wanted)} arrays, as many as given; got {len(clipped)}",
        )
        return
    found = (compare("clipped", want, got, case) for want, got in zip(wanted, clipped, strict=True))
    first = next(filter(None, found), None)  # one line for all arrays
    yield from filter(None, (first, compare("norm", wanted_norm, norm, case)))


def clip_cases(rng):
    def gradients(norm, dtype=np.float64, shapes=((3, 2), (3,), (2, 2, 2))):
        arrays = [draws.normal(rng, shape) for shape in shapes]
        scale = norm / clipping.global_norm(arrays)
        return [(scale * a).astype(dtype) for a in arrays]

    def case(kind, arrays, threshold, **more):
        return Case(kind, {"gradients": arrays, "threshold": threshold}, **more)

    def spoilt(value):
        """In the last array, where a maximum that is taken in order may lose it."""
        arrays = gradients(3.0)
        arrays[-1][0, 1, 0] = value
        return arrays

    yield case("when one array is too long", gradients(5.0, shapes=((3,),)), 1.0, small=True)
    yield case(
        "when two arrays are too long together",
        gradients(3.0, shapes=((2,), (1,))),
        2.5,
        small=True,
    )
    yield case("when many arrays are too long", gradients(50.0), 0.3)
    yield case("when only one of the arrays is long", [*gradients(20.0), np.full(2, 0.01)], 4.0)
    yield case("when the norm is below the threshold", gradients(0.5), 0.8)
    yield case("when the norm is above 1 and below the threshold", gradients(3.0), 4.0)
    yield case("when the norm is 0", [np.zeros((2, 2)), np.zeros(3)], 1.0)
    yield case("in float32", gradients(7.0, np.float32), 2.0)
    yield case("in float32 below the threshold", gradients(1.0, np.float32), 2.0)
    yield case("at large input", gradients(1e200), 5.0)
    yield case("at large input in float32", gradients(1e30, np.float32), 5.0)
    for value in (np.nan, np.inf):
        yield case(f"when an entry is {value}", spoilt(value), 1.0, raises="ValueError")


class Gates:
    """A cell of so many gates, as `init_params` sees it."""

    def __init__(self, gates):
        self.GATES = tuple(f"gate {k}" for k in range(gates))


class OnlyNormal(np.random.Generator):
    """A generator whose uniform numbers, drawn for weight_ih, take nothing from it."""

    def uniform(self, low=0.0, high=1.0, size=None):
        return np.zeros(size)


def orthogonal(gates, hidden_size, gain, rng):
    only = OnlyNormal(np.random.default_rng(rng.value).bit_generator)
    return init_params(Gates(gates), 1, hidden_size, rng=only, scheme="orthogonal", gain=gain).weight_hh


def orthogonal_judge(inputs, results):
    want, got = orthogonal(**inputs), results[0]
    failure = compare("weight_hh", want, got, Case("", inputs))
    if failure is None:
        return
    if not failure.property.startswith("value"):  # type, shape, dtype, NaN
        yield failure
        return
    size, gain = inputs["hidden_size"], inputs["gain"]
    for block in got.astype(np.float64).reshape(-1, size, size):
        square, identity = block.T @ block, gain**2 * np.eye(size)
        if not np.allclose(square, identity, atol=1e-4 * gain**2):
            yield Failure(
                "each block is gain times an orthogonal matrix",
                "WᵀW is not gain² I",
                "",
                want,
                got,
            )
            return
    if np.allclose(np.abs(got), np.abs(want), atol=1e-4 * gain):
        detail = "the diagonal of R must be positive, for each column of Q"
        yield Failure("sign of each column", detail, "", want, got)
        return
    detail = "it is orthogonal, but not the Q of the numbers that rng gives"
    yield Failure("drawn from rng", detail, "", want, got)


def orthogonal_cases(rng):
    def case(kind, gates, hidden, gain, small=False):
        seed = Seed(int(rng.integers(2**31)))
        return Case(
            kind,
            {"gates": gates, "hidden_size": hidden, "gain": gain, "rng": seed},
            small=small,
        )

    yield case("for one gate", 1, 2, 1.0, small=True)
    yield case("for a larger H", 1, 6, 1.0)
    yield case("for a gain that is not 1", 1, 2, float(rng.uniform(1.3, 3.0)), small=True)
    yield case("for four gates", 4, 3, 1.0)
    yield case("for H = 1", 20, 1, 0.5)


EXERCISE = Exercise(
    "05",
    "Jacobians, the bound, clipping and a start",
    (
        Part(
            id="05.1",
            title="The Jacobian of one step",
            points=2,
            cells=("step_jacobian",),
            calls=(Call("step_jacobian", ("x", "h", *WEIGHTS)),),
            outputs=("h_new", "jacobian"),
            reference=step_jacobian,
            cases=step_cases,
        ),
        Part(
            id="05.2",
            title="From every step to the last one",
            points=3,
            cells=("step_jacobian", "jacobians_to_end"),
            calls=(Call("jacobians_to_end", ("inputs", "h0", *WEIGHTS)),),
            outputs=("products",),
            reference=jacobians_to_end,
            cases=to_end_cases,
        ),
        Part(
            id="05.3",
            title="The bound",
            points=3,
            cells=("log10_bound",),
            calls=(Call("log10_bound", ("outputs", "weight_hh")),),
            outputs=("log_bound",),
            reference=log10_bound,
            cases=bound_cases,
        ),
        Part(
            id="05.4",
            title="Clip by the global norm",
            points=3,
            cells=("clip_by_norm",),
            calls=(Call("clip_by_norm", ("gradients", "threshold")),),
            outputs=("clipped", "norm"),
            judge=clip_judge,
            cases=clip_cases,
        ),
        Part(
            id="05.5",
            title="An orthogonal start",
            points=3,
            cells=("orthogonal",),
            calls=(Call("orthogonal", ("gates", "hidden_size", "gain", "rng")),),
            outputs=("weight_hh",),
            judge=orthogonal_judge,
            cases=orthogonal_cases,
        ),
    ),
)
