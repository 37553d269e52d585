"""The LSTM made fast rung by rung: from a plain loop in float64 to `fast.lstm`, each rung a function to time.

    rung.run(params, inputs, doutputs) -> Result        forward and backward, from a zero state

Every rung computes the same values to rounding; each changes one thing in how. Chapter 16 measures them.
Equations: `cells.lstm`. Nothing is checked here: checks would be timed too.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse.fast import lstm
from rnncourse.functional import sigmoid
from rnncourse.params import Params

Array = np.ndarray


class Result(NamedTuple):
    outputs: Float[Array, "T B H"]
    dinputs: Float[Array, "T B I"]
    dparams: Params


class Rung(NamedTuple):
    """A name, what was changed since the rung before, and the function."""

    name: str
    change: str
    run: Callable[[Params, Array, Array], Result]


def masked_sigmoid(a: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """σ(a) by one formula where a ≥ 0 and another where a < 0, so that no exponential overflows.

    Often seen, and slow: a mask gathers and scatters its entries one by one.
    """
    positive, out = a >= 0, np.empty_like(a)
    out[positive] = 1 / (1 + np.exp(-a[positive]))
    small = np.exp(a[~positive])
    out[~positive] = small / (1 + small)
    return out


def forward(params: Params, inputs: Array, *, sigma: Callable, dtype: Any, ahead: bool) -> tuple:
    """(outputs, caches) by a loop that makes new arrays in each step; `ahead`: one product for all inputs."""
    steps, batch, size_in = inputs.shape
    bias = params.bias_ih + params.bias_hh
    if ahead:
        drive = (inputs.reshape(-1, size_in) @ params.weight_ih.T + bias).reshape(steps, batch, -1)
    h = c = np.zeros((batch, params.weight_hh.shape[1]), dtype)
    outputs, caches = [], []
    for t in range(steps):
        from_inputs = drive[t] if ahead else inputs[t] @ params.weight_ih.T + bias
        i, f, g, o = np.split(from_inputs + h @ params.weight_hh.T, 4, axis=1)
        i, f, g, o = sigma(i), sigma(f), np.tanh(g), sigma(o)
        new = f * c + i * g
        caches.append((h, c, i, f, g, o, np.tanh(new)))
        h, c = o * caches[-1][-1], new
        outputs.append(h)
    return np.stack(outputs), caches


def backward(params: Params, inputs: Array, doutputs: Array, caches: list, *, at_end: bool) -> tuple:
    """(dinputs, dparams) by a loop; `at_end`: one product for each weight, after the loop."""
    h_all = np.stack([cache[0] for cache in caches]) if at_end else None
    da_all, dinputs = [], []
    dw_ih, dw_hh, db = (np.zeros_like(p) for p in params[:3])
    dh = dc = np.zeros_like(caches[0][0])
    for t in reversed(range(len(inputs))):
        h, c, i, f, g, o, tanh_c = caches[t]
        dh = dh + doutputs[t]
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        slopes = (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * tanh_c * o * (1 - o))
        da = np.concatenate(slopes, axis=1)
        dh, dc = da @ params.weight_hh, dc * f
        if at_end:
            da_all.append(da)
            continue
        dinputs.append(da @ params.weight_ih)
        dw_ih += da.T @ inputs[t]
        dw_hh += da.T @ h
        db += da.sum(axis=0)
    if h_all is None:
        return np.stack(dinputs[::-1]), Params(dw_ih, dw_hh, db, db.copy())
    da = np.stack(da_all[::-1]).reshape(-1, len(db))
    dw_ih, dw_hh = da.T @ inputs.reshape(len(da), -1), da.T @ h_all.reshape(len(da), -1)
    db = da.sum(axis=0)
    return (da @ params.weight_ih).reshape(inputs.shape), Params(dw_ih, dw_hh, db, db.copy())


def loop(
    params: Params,
    inputs: Array,
    doutputs: Array,
    *,
    sigma: Callable = sigmoid,
    dtype: Any = np.float32,
    ahead: bool = False,
    at_end: bool = False,
) -> Result:
    """The rungs that make new arrays in each step."""
    outputs, caches = forward(params, inputs, sigma=sigma, dtype=dtype, ahead=ahead)
    return Result(outputs, *backward(params, inputs, doutputs, caches, at_end=at_end))


def buffers_forward(params: Params, inputs: Array, doutputs: Array) -> Result:
    """`fast.lstm` forward, which writes into buffers; backward as on the rung before."""
    outputs, _, tape = lstm.forward(params, inputs)
    size = params.weight_hh.shape[1]
    i, f, g, o = (tape.gates[..., k * size : (k + 1) * size] for k in range(4))
    caches = list(zip(tape.h, tape.c, i, f, g, o, tape.tanh_c, strict=False))  # h and c have T + 1
    return Result(outputs, *backward(params, inputs, doutputs, caches, at_end=True))


def arranged(params: Params, inputs: Array, doutputs: Array) -> Result:
    """`fast.lstm` both ways: local derivatives of many steps at once, in place."""
    outputs, _, tape = lstm.forward(params, inputs)
    trace = lstm.backward(doutputs, tape)
    return Result(outputs, trace.dinputs, trace.dparams)


RUNGS = (
    Rung("plain loop", "float64 state, masked σ", partial(loop, sigma=masked_sigmoid, dtype=np.float64)),
    Rung("float32", "the zero state is float32 too", partial(loop, sigma=masked_sigmoid)),
    Rung("σ by tanh", "one formula, no mask", loop),
    Rung("inputs ahead", "one product for all inputs", partial(loop, ahead=True)),
    Rung("weights at end", "one product for each dW", partial(loop, ahead=True, at_end=True)),
    Rung("buffers forward", "out=, one tanh for four gates", buffers_forward),
    Rung("arranged", "local derivatives in batches, in place", arranged),
)


def problem(steps: int, batch: int, size_in: int, hidden: int, *, rng: np.random.Generator) -> tuple:
    """(params, inputs, doutputs) in float32, for the rungs to run on."""
    k = hidden**-0.5
    shapes = ((4 * hidden, size_in), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,))
    params = Params(*(rng.uniform(-k, k, shape).astype(np.float32) for shape in shapes))
    inputs = rng.standard_normal((steps, batch, size_in), np.float32)
    return params, inputs, rng.standard_normal((steps, batch, hidden), np.float32)


def operations(steps: int, batch: int, size_in: int, hidden: int) -> int:
    """Floating-point operations of all products, forward and backward: 6 T B 4H (I + H).

    One product of (m, k) with (k, n) takes m n k multiplications and as many additions; for each product
    forward there are two of the same size backward, for the argument and for the weight.
    """
    return 6 * steps * batch * 4 * hidden * (size_in + hidden)


def least_bytes(steps: int, batch: int, size_in: int, hidden: int) -> int:
    """Bytes in float32 that forward and backward must move, if nothing stays in registers between steps.

    Each step reads W_hh (4H, H) once on each way. The tape (four gates, h, c and tanh c: 7 B H numbers a
    step) is written and read once; inputs, outputs and the gradients of both pass once.
    """
    weights = 2 * steps * 4 * hidden * hidden
    tape = 2 * steps * 7 * batch * hidden
    passing = 2 * steps * batch * (size_in + hidden)
    return 4 * (weights + tape + passing)
