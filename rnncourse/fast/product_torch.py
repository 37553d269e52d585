"""Products in PyTorch by the quicker of its two ways: all at once, or with one matrix step after step.

On the CPU `torch.mm` goes to MKL, and torch.nn.LSTM to oneDNN. Where MKL leaves the machine's widest
registers unused (AMD with AVX-512), oneDNN is twice as fast: 190 against 90 GFLOP/s, on one core.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnncourse.fast.pointwise_torch import Pointwise

# A call of oneDNN takes 10 µs more than one of MKL. Below so many operations that is more than it saves.
WORTH = 1_500_000
# To pack a matrix for oneDNN costs about as much as two products with it, and saves a tenth of each.
PACKED_FROM = 16
# torch.compile emits these two operators; they have no public name. Where they are missing, mm serves.
_LINEAR: Any = getattr(getattr(torch.ops.mkldnn, "_linear_pointwise", None), "default", None)
_PACK: Any = getattr(getattr(torch.ops.mkldnn, "_reorder_linear_weight", None), "default", None)
ONEDNN = torch.backends.mkldnn.is_available() and _LINEAR is not None and _PACK is not None


def by_onednn(x: Tensor, rows: int, inner: int, columns: int) -> bool:
    """Is oneDNN the quicker way to a product (rows, inner) @ (inner, columns) of x's kind?"""
    if x.device.type != "cpu" or x.dtype != torch.float32 or not ONEDNN or not torch.backends.mkldnn.enabled:
        return False
    return 2 * rows * inner * columns >= WORTH


def linear(
    x: Float[Tensor, "M K"], weight: Float[Tensor, "N K"], bias: Float[Tensor, "N"] | None = None
) -> Float[Tensor, "M N"]:
    """x Wᵀ + b, in memory of its own."""
    if by_onednn(x, len(x), x.shape[1], len(weight)):
        return _LINEAR(x, weight, bias, "none", [], "")
    return x @ weight.t() if bias is None else torch.addmm(bias, x, weight.t())


def outer(da: Float[Tensor, "M N"], x: Float[Tensor, "M K"]) -> Float[Tensor, "N K"]:
    """daᵀ x: the gradient of W in a = x Wᵀ."""
    if by_onednn(x, da.shape[1], len(x), x.shape[1]):
        # As (xᵀ da)ᵀ, with xᵀ laid out beforehand: oneDNN's own way to turn a matrix is slower.
        return _LINEAR(x.t().contiguous(), da.t(), None, "none", [], "").t()
    return da.t() @ x


class Stepwise:
    """rows[t] @ weight for t = 0, 1, …: rows of (B, K), one weight (K, N) for about `steps` of them.

    Results are of the kind that `ops` computes with, and hold until the next product.
    """

    def __init__(self, ops: Pointwise, weight: Float[Tensor, "K N"], batch: int, steps: int):
        self.ops = ops
        self.rows: Any = ()  # given by whoever calls
        self.onednn = by_onednn(weight, batch, len(weight), weight.shape[1])
        if self.onednn:
            self.weight = _PACK(weight.t(), batch) if steps >= PACKED_FROM else weight.t()
        else:
            self.weight = weight.contiguous()
            self.buffer = weight.new_empty(batch, weight.shape[1])
            self.result = ops.view(self.buffer)

    def times(self, t: int):
        """rows[t] @ weight, (B, N)."""
        if self.onednn:
            return self.ops.view(_LINEAR(self.rows[t], self.weight, None, "none", [], ""))
        torch.mm(self.rows[t], self.weight, out=self.buffer)
        return self.result

    def plus(self, t: int, base, out) -> None:
        """out = base + rows[t] @ weight; `out` may be `base`."""
        if self.ops.one_kernel_sums:
            torch.addmm(base, self.rows[t], self.weight, out=out)
        else:
            self.ops.add(base, self.times(t), out=out)
