"""The GRU over a whole sequence, reset after the product: `cells.gru`, arranged for the machine.

    forward(params, inputs, state) -> outputs, state, tape       backward(doutputs, tape) -> Trace

Values equal those of `unroll` to rounding; errors are the same too. `fast.lstm` names the source.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import unroll
from rnncourse.cells import gru
from rnncourse.cells.gru import State
from rnncourse.fast.arrange import readonly, require_tape, segments
from rnncourse.params import Params
from rnncourse.unroll import Trace

Array = np.ndarray


class Tape(NamedTuple):
    """What `backward` needs: gates after their activation, in the order r, z, n, the states from 0 to T,
    and the products W_hn h_{t-1} + b_hn that r multiplied."""

    params: Params
    inputs: Float[Array, "T B I"]
    gates: Float[Array, "T B 3H"]
    h: Float[Array, "T+1 B H"]
    product: Float[Array, "T B H"]


def forward(
    params: Params, inputs: Float[Array, "T B I"], state: State | None = None
) -> tuple[Float[Array, "T B H"], State, Tape]:
    """(outputs (T, B, H), last state, tape) over `inputs` (T, B, I), from `state` or zeros.

    The outputs are part of the tape, and so read-only. Raises as `unroll.forward` does.
    """
    state = unroll.check_run("fast.gru.forward", gru, params, inputs, state)
    (steps, batch, size_in), hidden, dtype = inputs.shape, params.weight_hh.shape[1], inputs.dtype
    two = 2 * hidden
    # σ(a) = (1 + tanh(a/2))/2: with the rows of r and z halved beforehand, no step halves.
    half = np.full((3 * hidden, 1), 0.5, dtype)
    half[two:] = 1
    weight_hh = np.ascontiguousarray((half * params.weight_hh).T)
    gates = np.empty((steps, batch, 3 * hidden), dtype)
    # One product for all inputs: large products run near the machine's peak, T small ones far below.
    flat = inputs.reshape(steps * batch, size_in)
    np.matmul(flat, (half * params.weight_ih).T, out=gates.reshape(-1, 3 * hidden))
    bias = half[:, 0] * params.bias_ih
    bias[:two] += half[:two, 0] * params.bias_hh[:two]
    gates += bias
    h = np.empty((steps + 1, batch, hidden), dtype)
    h[0] = state.h
    products = np.empty((steps, batch, hidden), dtype)
    # Buffers are made once; every step writes to where its result stays (out=).
    all_three, new = np.empty((batch, 3 * hidden), dtype), np.empty((batch, hidden), dtype)
    for t in range(steps):
        last = h[t]
        last.dot(weight_hh, out=all_three)  # begins a µs sooner than matmul, which counts at B = 1
        rz, n = gates[t, :, :two], gates[t, :, two:]
        rz += all_three[:, :two]
        np.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        np.add(all_three[:, two:], params.bias_hh[two:], out=products[t])
        np.multiply(rz[:, :hidden], products[t], out=new)
        n += new
        np.tanh(n, out=n)
        # h_t = n + z ⊙ (h_{t−1} − n): one product less than (1 − z) ⊙ n + z ⊙ h_{t−1}.
        np.subtract(last, n, out=new)
        new *= rz[:, hidden:]
        np.add(new, n, out=h[t + 1])
    return readonly(h[1:]), State(h[-1].copy()), Tape(params, inputs, gates, h, products)


def backward(doutputs: Float[Array, "T B H"], tape: Tape, *, dfinal: State | None = None) -> Trace:
    """The `unroll.Trace` of a loss with ∂L/∂outputs = `doutputs` (T, B, H); `dfinal` from the last state.

    Raises as `unroll.backward` does.
    """
    require_tape("fast.gru.backward", tape, Tape)
    params, inputs, gates, h, product = tape
    steps, batch, size_in = inputs.shape
    hidden, dtype = params.weight_hh.shape[1], inputs.dtype
    dfinal = unroll.check_gradients("fast.gru.backward", gru, params, steps, batch, doutputs, dfinal)
    dparams = [np.zeros_like(p) for p in params]
    dinputs = np.empty(inputs.shape, dtype)
    dh = np.empty((steps + 1, batch, hidden), dtype)
    dh[steps] = dfinal.h
    # A segment at a time, so that what is made for it is still in the cache when the loop uses it.
    for s in segments(steps, batch * 3 * hidden):
        # ∂h_t/∂(what W_hh made) for r, z and n: all that needs no loop.
        slopes, input_n, kept = _slopes(gates[s], h[s], product[s])
        for k in reversed(range(len(slopes))):
            t, da = s.start + k, slopes[k]
            d, before, through = dh[t + 1], dh[t], kept[k]  # names: dh[t + 1] += … would write twice
            d += doutputs[t]
            three = da.reshape(batch, 3, hidden)
            three *= d[:, None]
            da.dot(params.weight_hh, out=before)
            through *= d
            before += through
        # One product for each weight's gradient in the segment, not one a step.
        da = slopes.reshape(-1, 3 * hidden)
        dparams[1] += da.T @ h[s].reshape(-1, hidden)
        dparams[3] += da.sum(axis=0)
        # r stands between the input's share of n and the state's.
        np.multiply(input_n, dh[s.start + 1 : s.stop + 1], out=slopes[..., 2 * hidden :])
        np.matmul(da, params.weight_ih, out=dinputs[s].reshape(len(da), size_in))
        dparams[0] += da.T @ inputs[s].reshape(len(da), size_in)
        dparams[2] += da.sum(axis=0)
    return Trace(Params(*dparams), dinputs, [State(d) for d in dh])


def _slopes(gates: Array, h: Array, product: Array) -> tuple[Array, Array, Array]:
    """∂h_t/∂a for r, z and for the state's share of n; ∂h_t/∂a_n for the input's share; ∂h_t/∂h_{t−1} = z."""
    hidden = h.shape[-1]
    r, z, n = (gates[..., k * hidden : (k + 1) * hidden] for k in range(3))
    slopes = np.empty_like(gates)
    dr, dz, dn = (slopes[..., k * hidden : (k + 1) * hidden] for k in range(3))
    kept = z.copy()
    through_n = (1 - z) * (1 - n * n)
    np.multiply(through_n, r, out=dn)
    np.subtract(1, r, out=dr)
    dr *= dn
    dr *= product
    np.subtract(h, n, out=dz)
    dz *= z
    dz *= 1 - z
    return slopes, through_n, kept
