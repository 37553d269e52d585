"""The LSTM over a whole sequence, forward and backward: `cells.lstm`, arranged for the machine.

    forward(params, inputs, state) -> outputs, state, tape       backward(doutputs, tape) -> Trace

The recurrence allows one product a step, h_{t-1} W_hh; all else is done for many steps at once, or in
place. Values equal those of `unroll` to rounding; errors are the same too.

Source: the input product before the loop is in Appleyard, Kočiský and Blunsom (2016), "Optimizing
performance of recurrent neural networks on GPUs"; the rest was found by measuring (`fast.ladder`).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import unroll
from rnncourse.cells import lstm
from rnncourse.cells.lstm import State
from rnncourse.fast.arrange import readonly, require_tape, segments
from rnncourse.params import Params
from rnncourse.unroll import Trace

Array = np.ndarray


class Tape(NamedTuple):
    """What `backward` needs: gates after their activation (i, f, g, o), and the states from 0 to T."""

    params: Params
    inputs: Float[Array, "T B I"]
    gates: Float[Array, "T B 4H"]
    h: Float[Array, "T+1 B H"]
    c: Float[Array, "T+1 B H"]
    tanh_c: Float[Array, "T B H"]


def forward(
    params: Params, inputs: Float[Array, "T B I"], state: State | None = None
) -> tuple[Float[Array, "T B H"], State, Tape]:
    """(outputs (T, B, H), last state, tape) over `inputs` (T, B, I), from `state` or zeros.

    The outputs are part of the tape, and so read-only. Raises as `unroll.forward` does.
    """
    state = unroll.check_run("fast.lstm.forward", lstm, params, inputs, state)
    (steps, batch, size_in), hidden, dtype = inputs.shape, params.weight_hh.shape[1], inputs.dtype
    # σ(a) = (1 + tanh(a/2))/2: with the rows of i, f and o halved beforehand, one tanh serves all four gates.
    half = np.full((4 * hidden, 1), 0.5, dtype)
    half[2 * hidden : 3 * hidden] = 1
    bias = half[:, 0] * (params.bias_ih + params.bias_hh)
    weight_hh = np.ascontiguousarray((half * params.weight_hh).T)
    gates = np.empty((steps, batch, 4 * hidden), dtype)
    # One product for all inputs: large products run near the machine's peak, T small ones far below.
    flat = inputs.reshape(steps * batch, size_in)
    np.matmul(flat, (half * params.weight_ih).T, out=gates.reshape(-1, 4 * hidden))
    gates += bias
    h, c = np.empty((2, steps + 1, batch, hidden), dtype)
    tanh_c = np.empty((steps, batch, hidden), dtype)
    h[0], c[0] = state
    # Buffers are made once; every step writes to where its result stays (out=), so that nothing is copied.
    product, new = np.empty((batch, 4 * hidden), dtype), np.empty((batch, hidden), dtype)
    for t in range(steps):
        a = gates[t]
        h[t].dot(weight_hh, out=product)  # begins a µs sooner than matmul, which counts at B = 1
        a += product
        np.tanh(a, out=a)
        for part in (a[:, : 2 * hidden], a[:, 3 * hidden :]):
            part *= 0.5
            part += 0.5
        i, f, g, o = (a[:, k * hidden : (k + 1) * hidden] for k in range(4))
        cell, squashed = c[t + 1], tanh_c[t]  # names, because c[t + 1] += … would write twice
        np.multiply(f, c[t], out=cell)
        np.multiply(i, g, out=new)
        cell += new
        np.tanh(cell, out=squashed)
        np.multiply(o, squashed, out=h[t + 1])
    return readonly(h[1:]), State(h[-1].copy(), c[-1].copy()), Tape(params, inputs, gates, h, c, tanh_c)


def backward(doutputs: Float[Array, "T B H"], tape: Tape, *, dfinal: State | None = None) -> Trace:
    """The `unroll.Trace` of a loss with ∂L/∂outputs = `doutputs` (T, B, H); `dfinal` from the last state.

    Raises as `unroll.backward` does.
    """
    require_tape("fast.lstm.backward", tape, Tape)
    params, inputs, gates, h, c, tanh_c = tape
    steps, batch, size_in = inputs.shape
    hidden, dtype = params.weight_hh.shape[1], inputs.dtype
    dfinal = unroll.check_gradients("fast.lstm.backward", lstm, params, steps, batch, doutputs, dfinal)
    dparams = [np.zeros_like(p) for p in params[:3]]
    dinputs = np.empty(inputs.shape, dtype)
    dh, dc = np.empty((2, steps + 1, batch, hidden), dtype)
    dh[steps], dc[steps] = dfinal
    path = np.empty((batch, hidden), dtype)
    # A segment at a time, so that what is made for it is still in the cache when the loop uses it.
    for s in segments(steps, batch * 4 * hidden):
        slopes, out = _slopes(gates[s], c[s], tanh_c[s])
        forget = gates[s, :, hidden : 2 * hidden]
        for k in reversed(range(len(slopes))):
            t, da = s.start + k, slopes[k]
            d, output = dh[t + 1], da[:, 3 * hidden :]
            d += doutputs[t]
            np.multiply(d, out[k], out=path)
            path += dc[t + 1]
            three = da[:, : 3 * hidden].reshape(batch, 3, hidden)
            three *= path[:, None]
            output *= d
            np.multiply(path, forget[k], out=dc[t])
            da.dot(params.weight_hh, out=dh[t])
        # One product for each weight's gradient in the segment, not one a step.
        da = slopes.reshape(-1, 4 * hidden)
        np.matmul(da, params.weight_ih, out=dinputs[s].reshape(len(da), size_in))
        dparams[0] += da.T @ inputs[s].reshape(len(da), size_in)
        dparams[1] += da.T @ h[s].reshape(-1, hidden)
        dparams[2] += da.sum(axis=0)
    states = [State(*both) for both in zip(dh, dc, strict=True)]
    return Trace(Params(dparams[0], dparams[1], dparams[2], dparams[2].copy()), dinputs, states)


def _slopes(gates: Array, c: Array, tanh_c: Array) -> tuple[Array, Array]:
    """∂c_t/∂a for i, f, g and ∂h_t/∂a for o, with ∂h_t/∂c_t: what of the local derivatives needs no loop."""
    hidden = c.shape[-1]
    i, f, g, o = (slice(k * hidden, (k + 1) * hidden) for k in range(4))
    slopes = 1 - gates
    slopes *= gates  # σ' = σ(1 − σ); for g, tanh' = (1 − g)(1 + g) is put right below
    slopes[..., i] *= gates[..., g]
    slopes[..., f] *= c
    np.multiply(gates[..., g], gates[..., g], out=slopes[..., g])
    np.subtract(1, slopes[..., g], out=slopes[..., g])
    slopes[..., g] *= gates[..., i]
    slopes[..., o] *= tanh_c
    out = tanh_c * tanh_c
    np.subtract(1, out, out=out)
    out *= gates[..., o]
    return slopes, out
