"""The twin of `rnncourse.cells.gru`: both published forms as a torch module."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnncourse import _checks
from rnncourse.cells.base_torch import GatedModule
from rnncourse.cells.gru import RESETS


class State(NamedTuple):
    h: Float[Tensor, "B H"]


class GRUCell(GatedModule):
    """h_t = (1 − z) ⊙ n + z ⊙ h_{t-1}; loads the state_dict of torch.nn.GRUCell.

    `reset` is "after" the product (torch, cuDNN) or "before" it (Cho et al. 2014). Equations, the two
    conventions for z, and shapes: `rnncourse.cells.gru`.
    """

    GATES = ("r", "z", "n")
    state_type = State

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reset: str = "after",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        self.reset = _checks.choice("GRUCell", "reset", reset, RESETS)

    def forward(self, x: Float[Tensor, "B I"], state: State) -> State:
        """h_t from x_t (B, I) and h_{t-1} (B, H). ValueError or TypeError where they do not fit."""
        self.check_step(x, state)
        h, size = state.h, self.hidden_size
        rows = [2 * size, size]
        x_rz, x_n = nn.functional.linear(x, self.weight_ih, self.bias_ih).split(rows, dim=1)
        (weight_rz, weight_n), (bias_rz, bias_n) = self.weight_hh.split(rows), self.bias_hh.split(rows)
        r, z = torch.sigmoid(x_rz + nn.functional.linear(h, weight_rz, bias_rz)).chunk(2, dim=1)
        if self.reset == "after":
            n = torch.tanh(x_n + r * nn.functional.linear(h, weight_n, bias_n))
        else:
            n = torch.tanh(x_n + nn.functional.linear(r * h, weight_n, bias_n))
        return State((1 - z) * n + z * h)
