"""The LSTM's whole sequence in one launch on a GPU, forward and backward, with the weights kept on chip.

Equations: `cells.lstm`. How programs share the work, and why they cannot hang: `fast.persistent_triton`.
A program owns some hidden units, and the four gates of each. So all that a step does to each entry stays
within a program. What they exchange is h forward and ∂L/∂a backward, one meeting a step.

Products take the inputs' dtype and sum in float32; c and ∂L/∂c are float32 throughout. The inputs' share of
a, the gradients of the weights and of x are products over all steps at once, in `fast.sequence_torch`.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from rnncourse.fast.lstm_torch import LSTMSteps
from rnncourse.fast.persistent_triton import (
    apart,
    held,
    launch,
    meet,
    product,
    tanh,
    tiles_of,
    together,
    written_by_all,
)
from rnncourse.fast.steps_torch import Whole


@triton.jit(do_not_specialize=["steps"])
@no_type_check
def forward_kernel(
    gates,  # (T, B, 4H): the inputs' share of a, and then the gates
    h,  # (T, B, H), written
    c,  # (T + 1, B, H) float32: the first is given, the others are written
    h_before,  # (B, H)
    weight,  # (4H, H)
    meetings,
    steps,
    batch,
    hidden,
    UNITS: tl.constexpr,
    ROWS: tl.constexpr,
    PARTS: tl.constexpr,
    DEPTH: tl.constexpr,
    PRECISION: tl.constexpr,
):
    units = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    group, groups = tl.program_id(1), tl.num_programs(1)
    # A unit has four columns side by side, one for each gate: gate k of unit u is row k·H + u of the weight.
    unit = tl.program_id(0) * UNITS + tl.arange(0, 4 * UNITS) // 4
    column = tl.arange(0, 4 * UNITS) % 4 * hidden + unit
    w = held(weight, column, hidden, unit < hidden, hidden, 1, PARTS, DEPTH)
    # Pointers walk from step to step: an offset from the start could outgrow 32 bits.
    for step in range(steps):
        for first in range(group * ROWS, batch, groups * ROWS):
            rows = first + tl.arange(0, ROWS)
            own = (rows[:, None] < batch) & (units[None, :] < hidden)
            own_gates = (rows[:, None] < batch) & (unit[None, :] < hidden)
            at = rows[:, None] * hidden + units[None, :]
            at_gates = rows[:, None] * (4 * hidden) + column[None, :]
            # First what this program alone knows: it arrives while the others' share is on its way.
            a = tl.load(gates + at_gates, mask=own_gates, other=0.0).to(tl.float32)
            c_before = tl.load(c + at, mask=own, other=0.0)
            a += product(written_by_all(h_before, rows, batch, hidden, PARTS, DEPTH), w, PRECISION)
            a_i, a_f, a_g, a_o = apart(a, ROWS, UNITS)
            i, f, g, o = tl.sigmoid(a_i), tl.sigmoid(a_f), tanh(a_g), tl.sigmoid(a_o)
            c_new = f * c_before + i * g
            tl.store(h + at, (o * tanh(c_new)).to(h.dtype.element_ty), mask=own)
            tl.store(c + batch * hidden + at, c_new, mask=own)
            all_four = together(i, f, g, o, ROWS, UNITS)
            tl.store(gates + at_gates, all_four.to(gates.dtype.element_ty), mask=own_gates)
        meet(meetings, step + 1)
        h_before = h
        gates += batch * 4 * hidden
        h += batch * hidden
        c += batch * hidden


@triton.jit(do_not_specialize=["steps"])
@no_type_check
def backward_kernel(
    da,  # (T, B, 4H), written: ∂L/∂a. Pointers are at the last step, and walk back
    gates,  # (T, B, 4H)
    c,  # (T + 1, B, H) float32
    above,  # (T + 1, B, H): what arrives from outside at the state after t steps
    dc,  # (B, H) float32: from ∂L/∂c_T to ∂L/∂c_0
    weight,  # (4H, H)
    meetings,
    steps,
    batch,
    hidden,
    UNITS: tl.constexpr,
    ROWS: tl.constexpr,
    PARTS: tl.constexpr,
    DEPTH: tl.constexpr,
    PRECISION: tl.constexpr,
):
    units = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    group, groups = tl.program_id(1), tl.num_programs(1)
    unit = tl.program_id(0) * UNITS + tl.arange(0, 4 * UNITS) // 4
    column = tl.arange(0, 4 * UNITS) % 4 * hidden + unit
    # ∂L/∂h of a unit needs its column of the weight: what all gates of all units make of its h.
    w = held(weight, units, 1, units < hidden, 4 * hidden, hidden, PARTS, DEPTH)
    da_after = da
    for step in range(steps):
        # Nothing comes after the last step: there no row is read, and the product is 0.
        readable = tl.where(step == 0, 0, batch)
        for first in range(group * ROWS, batch, groups * ROWS):
            rows = first + tl.arange(0, ROWS)
            own = (rows[:, None] < batch) & (units[None, :] < hidden)
            own_gates = (rows[:, None] < batch) & (unit[None, :] < hidden)
            at = rows[:, None] * hidden + units[None, :]
            at_gates = rows[:, None] * (4 * hidden) + column[None, :]
            all_four = tl.load(gates + at_gates, mask=own_gates, other=0.0).to(tl.float32)
            tanh_c = tanh(tl.load(c + at, mask=own, other=0.0))
            c_before = tl.load(c - batch * hidden + at, mask=own, other=0.0)
            dh = tl.load(above + at, mask=own, other=0.0).to(tl.float32)
            dc_new = tl.load(dc + at, mask=own, other=0.0)
            after = written_by_all(da_after, rows, readable, 4 * hidden, PARTS, DEPTH)
            dh += product(after, w, PRECISION)
            i, f, g, o = apart(all_four, ROWS, UNITS)
            dc_new += dh * o * (1 - tanh_c * tanh_c)
            d_i = dc_new * g * i * (1 - i)
            d_f = dc_new * c_before * f * (1 - f)
            d_g = dc_new * i * (1 - g * g)
            d_o = dh * tanh_c * o * (1 - o)
            da_new = together(d_i, d_f, d_g, d_o, ROWS, UNITS)
            tl.store(da + at_gates, da_new.to(da.dtype.element_ty), mask=own_gates)
            tl.store(dc + at, dc_new * f, mask=own)
        meet(meetings, step + 1)
        da_after = da
        da -= batch * 4 * hidden
        gates -= batch * 4 * hidden
        above -= batch * hidden
        c -= batch * hidden


class LSTMKernel(LSTMSteps, Whole):
    """An LSTM whose loops are one launch each.

    The tape: h (T, B, H), c (T + 1, B, H) in float32 from c_0 on, and the gates (T, B, 4H).
    """

    def __init__(self, x: Tensor, hidden: int):
        """ValueError where no kernel runs for such x (T, B, ·) and so many hidden units."""
        self.tiles, self.tiles_back = tiles_of(x, hidden, self.gates)

    def tape(self, gates: Tensor) -> tuple[Tensor, ...]:
        steps, batch, rows = gates.shape
        h = gates.new_empty(steps, batch, rows // 4)
        c = gates.new_empty((steps + 1, batch, rows // 4), dtype=torch.float32)
        return h, c, gates

    def state_after(self, tape: tuple, t: int) -> tuple[Tensor, ...]:
        return tape[0][t], tape[1][t + 1].to(tape[0].dtype)

    def run_whole(self, tape: tuple, start: tuple, weight_hh: Tensor, bias_hh: Tensor | None) -> None:
        del bias_hh  # it is in the inputs' share
        h, c, gates = tape
        c[0] = start[1]
        tensors = gates, h, c, start[0].contiguous(), weight_hh.contiguous()
        launch(forward_kernel, self.tiles, tensors, tuple(h.shape))

    def back_whole(self, tape: tuple, weight_hh: Tensor, above: Tensor, dstate: tuple) -> tuple[Tensor]:
        h, c, gates = tape
        dh, dc = dstate
        above[-1] = dh
        da, dc_float = torch.empty_like(gates), dc.to(torch.float32, copy=True)
        tensors = da[-1], gates[-1], c[-1], above[-1], dc_float, weight_hh.contiguous()
        launch(backward_kernel, self.tiles_back, tensors, tuple(h.shape))
        torch.addmm(above[0], da[0], weight_hh, out=dh)
        dc.copy_(dc_float)
        return (da,)
