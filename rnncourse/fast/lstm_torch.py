"""torch.nn.LSTM from scratch: the arrangement of `fast.lstm` in PyTorch, on any device.

Equations, gate order and sources: `cells.lstm`. What each function of the steps is for: `fast.steps_torch`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.fast.layers_torch import Recurrent
from rnncourse.fast.pointwise_torch import Pointwise
from rnncourse.fast.product_torch import Stepwise
from rnncourse.fast.steps_torch import Steps, Whole, parts


class LSTMSteps(Steps):
    """The tape: h, c, tanh(c) (T, B, H), and the gates (T, B, 4H) after their activation."""

    gates, states = 4, ("h", "c")

    def kernel(self, x: Tensor, hidden: int) -> Whole:
        from rnncourse.fast.lstm_triton import LSTMKernel  # here, because Triton may be missing

        return LSTMKernel(x, hidden)

    def tape(self, gates: Tensor) -> tuple[Tensor, ...]:
        h, c, tanh_c = (torch.empty_like(parts(gates, 4)[0]) for _ in range(3))
        return h, c, tanh_c, gates

    def hold(self, gates: Tensor, mask: Tensor) -> None:
        # σ(∞) = 1 and σ(−∞) = 0: with f = 1 and i = 0 the cell state stays, and so does its gradient.
        i, f, _, _ = parts(gates, 4)
        i.masked_fill_(~mask, -torch.inf)
        f.masked_fill_(~mask, torch.inf)

    def run(
        self, ops: Pointwise, product: Stepwise, tape: tuple, start: tuple, bias_hh: Tensor | None
    ) -> None:
        h, c, tanh_c, gates = (ops.view(part) for part in tape)
        before, new = ops.view(start[1]), ops.view(torch.empty_like(start[1]))
        over_time = zip(gates, *parts(gates, 4), h, c, tanh_c, strict=True)
        for t, (a, i, f, g, o, h_t, c_t, y_t) in enumerate(over_time):
            product.plus(t, a, a)
            # σ over all four gates, then g put in its place: less than three calls on parts.
            ops.tanh(g, out=new)
            ops.sigmoid(a, out=a)
            ops.copy(g, new)
            new *= i
            ops.multiply(f, before, out=c_t)
            c_t += new
            ops.tanh(c_t, out=y_t)
            ops.multiply(o, y_t, out=h_t)
            before = c_t

    def state_after(self, tape: tuple, t: int) -> tuple[Tensor, ...]:
        return tape[0][t], tape[1][t]

    def slopes(self, tape: tuple, h_before: Tensor, start: tuple) -> tuple[Tensor, ...]:
        """∂c_t/∂a for i, f, g and ∂h_t/∂a for o; ∂h_t/∂c_t; ∂c_t/∂c_{t−1} = f."""
        _, c, tanh_c, gates = tape
        i, f, g, o = parts(gates, 4)
        # σ' = σ − σ² and x tanh' = x − x y²: one pass over memory each. g's part is put right below.
        da = torch.addcmul(gates, gates, gates, value=-1)
        d_i, d_f, d_g, d_o = parts(da, 4)
        d_i *= g
        d_f[1:] *= c[:-1]
        d_f[0] *= start[1]
        torch.mul(i, g, out=d_g)
        torch.addcmul(i, d_g, g, value=-1, out=d_g)
        d_o *= tanh_c
        return da, torch.addcmul(o, tape[0], tanh_c, value=-1), f  # h = o ⊙ tanh(c)

    def back(self, ops: Pointwise, product: Stepwise, local: tuple, above: Tensor, dstate: tuple) -> None:
        da, out, forget = local
        hidden = out.shape[2]
        three = ops.view(da[:, :, : 3 * hidden].unflatten(2, (3, hidden)))
        last = ops.view(da[:, :, 3 * hidden :])
        out, forget, above, dh, dc = (ops.view(part) for part in (out, forget, above, *dstate))
        path, dc_of_three = ops.view(torch.empty_like(dstate[1])), dc[:, None]
        for t in reversed(range(len(da))):
            ops.multiply(dh, out[t], out=path)
            dc += path
            three_t, last_t = three[t], last[t]
            three_t *= dc_of_three
            last_t *= dh
            dc *= forget[t]
            product.plus(t, above[t], dh)

    def plain(self, x: Tensor, state: tuple, weights: tuple) -> tuple[Tensor, ...]:
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        h, c = state
        a = nn.functional.linear(x, weight_ih, bias_ih) + nn.functional.linear(h, weight_hh, bias_hh)
        i, f, g, o = parts(a, 4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class LSTM(Recurrent):
    """A drop-in for torch.nn.LSTM; what is the same, what is more, and errors: `Recurrent`.

    `proj_size` (LSTMs with a projection) is refused unless it is 0.
    """

    steps = LSTMSteps()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        if proj_size:
            raise ValueError(f"LSTM: proj_size must be 0, projections are not supported; got {proj_size}")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )
