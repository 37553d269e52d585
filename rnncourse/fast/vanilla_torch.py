"""torch.nn.RNN from scratch, tanh or relu: the arrangement of `fast.vanilla` in PyTorch, on any device.

Equations and sources: `cells.vanilla`. What each function of the steps is for: `fast.steps_torch`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from rnncourse import _checks
from rnncourse.fast.layers_torch import Recurrent
from rnncourse.fast.pointwise_torch import Pointwise
from rnncourse.fast.product_torch import Stepwise
from rnncourse.fast.steps_torch import Steps


class VanillaSteps(Steps):
    """The tape: h (T, B, H), written where the inputs' share was."""

    gates = 1

    def __init__(self, relu: bool):
        self.relu = relu

    def tape(self, gates: Tensor) -> tuple[Tensor, ...]:
        return (gates,)

    def run(
        self, ops: Pointwise, product: Stepwise, tape: tuple, start: tuple, bias_hh: Tensor | None
    ) -> None:
        activation = ops.relu if self.relu else ops.tanh
        for t, h in enumerate(ops.view(tape[0])):
            product.plus(t, h, h)
            activation(h, out=h)

    def slopes(self, tape: tuple, h_before: Tensor, start: tuple) -> tuple[Tensor, ...]:
        """∂h_t/∂a: 1 − h² for tanh; for relu 1 where h > 0, else 0."""
        (h,) = tape
        return ((h > 0).to(h.dtype) if self.relu else (h * h).neg_().add_(1),)

    def back(self, ops: Pointwise, product: Stepwise, local: tuple, above: Tensor, dstate: tuple) -> None:
        da, above, dh = (ops.view(part) for part in (*local, above, *dstate))
        for t in reversed(range(len(local[0]))):
            da_t = da[t]
            da_t *= dh
            product.plus(t, above[t], dh)

    def plain(self, x: Tensor, state: tuple, weights: tuple) -> tuple[Tensor, ...]:
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        a = nn.functional.linear(x, weight_ih, bias_ih) + nn.functional.linear(state[0], weight_hh, bias_hh)
        return (torch.relu(a) if self.relu else torch.tanh(a),)


class RNN(Recurrent):
    """A drop-in for torch.nn.RNN; `nonlinearity` is "tanh" or "relu". The rest, and errors: `Recurrent`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        self.nonlinearity = _checks.choice("RNN", "nonlinearity", nonlinearity, ("tanh", "relu"))
        self.steps = VanillaSteps(nonlinearity == "relu")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )
