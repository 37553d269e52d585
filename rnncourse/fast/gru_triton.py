"""The GRU's whole sequence in one launch on a GPU: `fast.lstm_triton` for another cell, read that first.

Equations (reset after the product): `cells.gru`. What programs exchange is h forward and ∂L/∂a backward. Each
also keeps its own units' h and ∂L/∂h in float32: the sum over many steps loses nothing to a small dtype.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from rnncourse.fast.gru_torch import GRUSteps
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
    gates,  # (T, B, 3H): the inputs' share of a, and then the gates
    h,  # (T, B, H), written
    product_n,  # (T, B, H), written: W_hn h_{t−1} + b_hn
    exact,  # (T + 1, B, H) float32: h, of which the first is given
    h_before,  # (B, H)
    bias_n,  # (H,)
    weight,  # (3H, H)
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
    # Four columns a unit: r, z and the two shares of n, which r keeps apart. The state's share of n has no
    # part in `gates`, the inputs' share none in the weight.
    unit = tl.program_id(0) * UNITS + tl.arange(0, 4 * UNITS) // 4
    kind = tl.arange(0, 4 * UNITS) % 4
    w = held(weight, kind * hidden + unit, hidden, (unit < hidden) & (kind < 3), hidden, 1, PARTS, DEPTH)
    b_n = tl.load(bias_n + units, mask=units < hidden, other=0.0).to(tl.float32)[None, :]
    column = tl.minimum(kind, 2) * hidden + unit
    for step in range(steps):
        for first in range(group * ROWS, batch, groups * ROWS):
            rows = first + tl.arange(0, ROWS)
            own = (rows[:, None] < batch) & (units[None, :] < hidden)
            own_gates = (rows[:, None] < batch) & (unit[None, :] < hidden) & (kind[None, :] != 2)
            at = rows[:, None] * hidden + units[None, :]
            at_gates = rows[:, None] * (3 * hidden) + column[None, :]
            a = tl.load(gates + at_gates, mask=own_gates, other=0.0).to(tl.float32)
            before = tl.load(exact + at, mask=own, other=0.0)
            a += product(written_by_all(h_before, rows, batch, hidden, PARTS, DEPTH), w, PRECISION)
            a_r, a_z, p, x_n = apart(a, ROWS, UNITS)
            p += b_n
            r, z = tl.sigmoid(a_r), tl.sigmoid(a_z)
            n = tanh(x_n + r * p)
            h_new = n + z * (before - n)
            tl.store(h + at, h_new.to(h.dtype.element_ty), mask=own)
            tl.store(exact + batch * hidden + at, h_new, mask=own)
            tl.store(product_n + at, p.to(product_n.dtype.element_ty), mask=own)
            all_three = together(r, z, n, n, ROWS, UNITS)
            tl.store(gates + at_gates, all_three.to(gates.dtype.element_ty), mask=own_gates)
        meet(meetings, step + 1)
        h_before = h
        gates += batch * 3 * hidden
        h += batch * hidden
        product_n += batch * hidden
        exact += batch * hidden


@triton.jit(do_not_specialize=["steps"])
@no_type_check
def backward_kernel(
    da,  # (T, B, 3H), written: ∂L/∂(the state's share of a). Pointers are at the last step, and walk back
    dn,  # (T, B, H), written: ∂L/∂(the inputs' share of n)
    gates,  # (T, B, 3H)
    product_n,  # (T, B, H)
    exact,  # (T, B, H) float32: h before each step
    above,  # (T + 1, B, H): what arrives from outside at h after t steps
    dh_direct,  # (B, H) float32: what h_t passes to h_{t−1} by z alone; zeros at first
    weight,  # (3H, H)
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
    kind = tl.arange(0, 4 * UNITS) % 4
    column = kind * hidden + unit
    w = held(weight, units, 1, units < hidden, 3 * hidden, hidden, PARTS, DEPTH)
    da_after = da
    for step in range(steps):
        readable = tl.where(step == 0, 0, batch)
        for first in range(group * ROWS, batch, groups * ROWS):
            rows = first + tl.arange(0, ROWS)
            own = (rows[:, None] < batch) & (units[None, :] < hidden)
            own_gates = (rows[:, None] < batch) & (unit[None, :] < hidden) & (kind[None, :] < 3)
            at = rows[:, None] * hidden + units[None, :]
            at_gates = rows[:, None] * (3 * hidden) + column[None, :]
            all_three = tl.load(gates + at_gates, mask=own_gates, other=0.0).to(tl.float32)
            p = tl.load(product_n + at, mask=own, other=0.0).to(tl.float32)
            before = tl.load(exact + at, mask=own, other=0.0)
            dh = tl.load(above + at, mask=own, other=0.0).to(tl.float32)
            dh += tl.load(dh_direct + at, mask=own, other=0.0)
            after = written_by_all(da_after, rows, readable, 3 * hidden, PARTS, DEPTH)
            dh += product(after, w, PRECISION)
            r, z, n, _ = apart(all_three, ROWS, UNITS)
            d_n = dh * (1 - z) * (1 - n * n)
            d_r = d_n * p * r * (1 - r)
            d_z = dh * (before - n) * z * (1 - z)
            da_new = together(d_r, d_z, d_n * r, d_n, ROWS, UNITS)
            tl.store(da + at_gates, da_new.to(da.dtype.element_ty), mask=own_gates)
            tl.store(dn + at, d_n.to(dn.dtype.element_ty), mask=own)
            tl.store(dh_direct + at, dh * z, mask=own)
        meet(meetings, step + 1)
        da_after = da
        da -= batch * 3 * hidden
        dn -= batch * hidden
        gates -= batch * 3 * hidden
        product_n -= batch * hidden
        exact -= batch * hidden
        above -= batch * hidden


class GRUKernel(GRUSteps, Whole):
    """A GRU whose loops are one launch each.

    The tape: h and W_hn h_{t−1} + b_hn (T, B, H), h from h_0 on in float32 (T + 1, B, H), gates (T, B, 3H).
    """

    def __init__(self, x: Tensor, hidden: int):
        """ValueError where no kernel runs for such x (T, B, ·) and so many hidden units."""
        self.tiles, self.tiles_back = tiles_of(x, hidden, self.gates)

    def tape(self, gates: Tensor) -> tuple[Tensor, ...]:
        steps, batch, rows = gates.shape
        h, product_n = (gates.new_empty(steps, batch, rows // 3) for _ in range(2))
        exact = gates.new_empty((steps + 1, batch, rows // 3), dtype=torch.float32)
        return h, product_n, exact, gates

    def run_whole(self, tape: tuple, start: tuple, weight_hh: Tensor, bias_hh: Tensor | None) -> None:
        h, product_n, exact, gates = tape
        exact[0] = start[0]
        hidden = h.shape[2]
        bias_n = h.new_zeros(hidden) if bias_hh is None else bias_hh[2 * hidden :].contiguous()
        tensors = gates, h, product_n, exact, start[0].contiguous(), bias_n, weight_hh.contiguous()
        launch(forward_kernel, self.tiles, tensors, tuple(h.shape))

    def back_whole(self, tape: tuple, weight_hh: Tensor, above: Tensor, dstate: tuple) -> tuple[Tensor, ...]:
        h, product_n, exact, gates = tape
        (dh,) = dstate
        above[-1] = dh
        da, dn = torch.empty_like(gates), torch.empty_like(h)
        direct = torch.zeros_like(dh, dtype=torch.float32)
        walking = (part[-1] for part in (da, dn, gates, product_n))
        tensors = *walking, exact[-2], above[-1], direct, weight_hh.contiguous()
        launch(backward_kernel, self.tiles_back, tensors, tuple(h.shape))
        torch.addmm(above[0], da[0], weight_hh, out=dh)
        dh += direct
        return da, dn
