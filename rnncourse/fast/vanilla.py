"""The vanilla cell with tanh over a whole sequence: `cells.vanilla`, arranged for the machine.

    forward(params, inputs, state) -> outputs, state, tape       backward(doutputs, tape) -> Trace

Values equal those of `unroll` to rounding; errors are the same too. `fast.lstm` names the source.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import unroll
from rnncourse.cells import vanilla
from rnncourse.cells.vanilla import State
from rnncourse.fast.arrange import readonly, require_tape, segments
from rnncourse.params import Params
from rnncourse.unroll import Trace

Array = np.ndarray


class Tape(NamedTuple):
    """What `backward` needs: the states from 0 to T."""

    params: Params
    inputs: Float[Array, "T B I"]
    h: Float[Array, "T+1 B H"]


def forward(
    params: Params, inputs: Float[Array, "T B I"], state: State | None = None
) -> tuple[Float[Array, "T B H"], State, Tape]:
    """(outputs (T, B, H), last state, tape) over `inputs` (T, B, I), from `state` or zeros.

    The outputs are part of the tape, and so read-only. Raises as `unroll.forward` does.
    """
    state = unroll.check_run("fast.vanilla.forward", vanilla, params, inputs, state)
    (steps, batch, size_in), hidden, dtype = inputs.shape, params.weight_hh.shape[1], inputs.dtype
    h = np.empty((steps + 1, batch, hidden), dtype)
    # One product for all inputs, straight to where the states will be.
    np.matmul(inputs.reshape(steps * batch, size_in), params.weight_ih.T, out=h[1:].reshape(-1, hidden))
    h[1:] += params.bias_ih + params.bias_hh
    h[0] = state.h
    weight_hh, product = np.ascontiguousarray(params.weight_hh.T), np.empty((batch, hidden), dtype)
    for last, now in pairwise(h):
        last.dot(weight_hh, out=product)  # begins a µs sooner than matmul, which counts at B = 1
        product += now
        np.tanh(product, out=now)
    return readonly(h[1:]), State(h[-1].copy()), Tape(params, inputs, h)


def backward(doutputs: Float[Array, "T B H"], tape: Tape, *, dfinal: State | None = None) -> Trace:
    """The `unroll.Trace` of a loss with ∂L/∂outputs = `doutputs` (T, B, H); `dfinal` from the last state.

    Raises as `unroll.backward` does.
    """
    require_tape("fast.vanilla.backward", tape, Tape)
    params, inputs, h = tape
    steps, batch, size_in = inputs.shape
    hidden, dtype = params.weight_hh.shape[1], inputs.dtype
    dfinal = unroll.check_gradients("fast.vanilla.backward", vanilla, params, steps, batch, doutputs, dfinal)
    dparams = [np.zeros_like(p) for p in params[:3]]
    dinputs = np.empty(inputs.shape, dtype)
    dh = np.empty((steps + 1, batch, hidden), dtype)
    dh[steps] = dfinal.h
    # A segment at a time, so that what is made for it is still in the cache when the loop uses it.
    for s in segments(steps, batch * hidden):
        outputs = h[s.start + 1 : s.stop + 1]
        da = outputs * outputs
        np.subtract(1, da, out=da)  # tanh' of all steps of the segment at once
        for k in reversed(range(len(da))):
            t = s.start + k
            d, at_gates = dh[t + 1], da[k]  # names, because dh[t + 1] += … would write twice
            d += doutputs[t]
            at_gates *= d
            at_gates.dot(params.weight_hh, out=dh[t])
        # One product for each weight's gradient in the segment, not one a step.
        flat = da.reshape(-1, hidden)
        np.matmul(flat, params.weight_ih, out=dinputs[s].reshape(len(flat), size_in))
        dparams[0] += flat.T @ inputs[s].reshape(len(flat), size_in)
        dparams[1] += flat.T @ h[s].reshape(-1, hidden)
        dparams[2] += flat.sum(axis=0)
    total = Params(dparams[0], dparams[1], dparams[2], dparams[2].copy())
    return Trace(total, dinputs, [State(d) for d in dh])
