"""torch.nn.GRU from scratch: the arrangement of `fast.gru` in PyTorch, on any device.

Equations (reset after the product), gate order and sources: `cells.gru`. What each function of the steps
is for: `fast.steps_torch`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.fast.layers_torch import Recurrent
from rnncourse.fast.pointwise_torch import Pointwise
from rnncourse.fast.product_torch import Stepwise
from rnncourse.fast.steps_torch import Steps, Whole, parts


class GRUSteps(Steps):
    """The tape: h, W_hn h_{t−1} + b_hn (T, B, H), and the gates (T, B, 3H) after their activation."""

    gates, made = 3, 2

    def kernel(self, x: Tensor, hidden: int) -> Whole:
        from rnncourse.fast.gru_triton import GRUKernel  # here, because Triton may be missing

        return GRUKernel(x, hidden)

    def input_bias(self, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
        bias = bias_ih.clone()
        both = 2 * (len(bias) // 3)
        bias[:both] += bias_hh[:both]  # b_hn is not here: r multiplies it
        return bias

    def tape(self, gates: Tensor) -> tuple[Tensor, ...]:
        h, product_n = (torch.empty_like(parts(gates, 3)[0]) for _ in range(2))
        return h, product_n, gates

    def run(
        self, ops: Pointwise, product: Stepwise, tape: tuple, start: tuple, bias_hh: Tensor | None
    ) -> None:
        hidden = start[0].shape[1]
        bias_n = start[0].new_zeros(hidden) if bias_hh is None else bias_hh[2 * hidden :]
        h, product_n, gates = (ops.view(part) for part in tape)
        before, bias_n, new = (ops.view(part) for part in (start[0], bias_n, torch.empty_like(start[0])))
        over_time = zip(gates[:, :, : 2 * hidden], *parts(gates, 3), h, product_n, strict=True)
        for t, (rz, r, z, n, h_t, p) in enumerate(over_time):
            all_three = product.times(t)
            rz += all_three[:, : 2 * hidden]
            ops.sigmoid(rz, out=rz)
            ops.add(all_three[:, 2 * hidden :], bias_n, out=p)
            ops.multiply(r, p, out=new)
            n += new
            ops.tanh(n, out=n)
            # h_t = n + z ⊙ (h_{t−1} − n): one product less than (1 − z) ⊙ n + z ⊙ h_{t−1}.
            ops.subtract(before, n, out=new)
            new *= z
            ops.add(new, n, out=h_t)
            before = h_t

    def slopes(self, tape: tuple, h_before: Tensor, start: tuple) -> tuple[Tensor, ...]:
        """∂h_t/∂a for r, z and the state's share of n; ∂h_t/∂(the inputs' share of n); ∂h_t/∂h_{t−1} = z."""
        _, product_n, gates = tape
        r, z, n = parts(gates, 3)
        da = torch.empty_like(gates)
        d_r, d_z, d_n = parts(da, 3)
        through_n = z.neg().add_(1)
        torch.mul(through_n, z, out=d_z)
        d_z *= h_before - n
        through_n *= (n * n).neg_().add_(1)
        torch.mul(through_n, r, out=d_n)
        torch.addcmul(d_n, d_n, r, value=-1, out=d_r)
        d_r *= product_n
        return da, through_n, z.clone(memory_format=torch.contiguous_format)

    def back(self, ops: Pointwise, product: Stepwise, local: tuple, above: Tensor, dstate: tuple) -> None:
        da, through_n, kept = local
        three = ops.view(da.unflatten(2, (3, kept.shape[2])))
        kept, through_n, above, dh = (ops.view(part) for part in (kept, through_n, above, dstate[0]))
        dh_of_three = dh[:, None]
        for t in reversed(range(len(da))):
            three_t, kept_t, n_t = three[t], kept[t], through_n[t]
            three_t *= dh_of_three
            kept_t *= dh
            kept_t += above[t]
            n_t *= dh
            product.plus(t, kept_t, dh)

    def input_side(self, local: tuple) -> Tensor:
        # r stands between the inputs' share of n and the state's.
        parts(local[0], 3)[2].copy_(local[1])
        return local[0]

    def plain(self, x: Tensor, state: tuple, weights: tuple) -> tuple[Tensor, ...]:
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        x_r, x_z, x_n = parts(nn.functional.linear(x, weight_ih, bias_ih), 3)
        h_r, h_z, h_n = parts(nn.functional.linear(state[0], weight_hh, bias_hh), 3)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        return (n + z * (state[0] - n),)


class GRU(Recurrent):
    """A drop-in for torch.nn.GRU; what is the same, what is more, and errors: `Recurrent`."""

    steps = GRUSteps()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )
