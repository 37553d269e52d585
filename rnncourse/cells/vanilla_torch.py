"""The twin of `rnncourse.cells.vanilla`: the same equation as a torch module."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnncourse import _checks
from rnncourse.cells.base_torch import GatedModule
from rnncourse.cells.vanilla import ACTIVATIONS


class State(NamedTuple):
    h: Float[Tensor, "B H"]


class RNNCell(GatedModule):
    """h_t = φ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh); loads the state_dict of torch.nn.RNNCell.

    `activation` is "tanh", "relu" or "linear". Sources and shapes: `rnncourse.cells.vanilla`.
    """

    GATES = ("h",)
    state_type = State

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        self.activation = _checks.choice("RNNCell", "activation", activation, ACTIVATIONS)

    def forward(self, x: Float[Tensor, "B I"], state: State) -> State:
        """h_t from x_t (B, I) and h_{t-1} (B, H). ValueError or TypeError where they do not fit."""
        self.check_step(x, state)
        a = nn.functional.linear(x, self.weight_ih, self.bias_ih)
        a = a + nn.functional.linear(state.h, self.weight_hh, self.bias_hh)
        if self.activation == "tanh":
            return State(torch.tanh(a))
        return State(torch.relu(a) if self.activation == "relu" else a)
