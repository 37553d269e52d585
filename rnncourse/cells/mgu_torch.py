"""The twin of `rnncourse.cells.mgu`: the same equations as a torch module."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnncourse.cells.base_torch import GatedModule


class State(NamedTuple):
    h: Float[Tensor, "B H"]


class MGUCell(GatedModule):
    """h_t = (1 − f) ⊙ h_{t-1} + f ⊙ n, with the one gate f in the candidate n as well.

    Equations, sources and shapes: `rnncourse.cells.mgu`.
    """

    GATES = ("f", "n")
    state_type = State

    def forward(self, x: Float[Tensor, "B I"], state: State) -> State:
        """h_t from x_t (B, I) and h_{t-1} (B, H). ValueError or TypeError where they do not fit."""
        self.check_step(x, state)
        h = state.h
        (weight_f, weight_n), (bias_f, bias_n) = self.weight_hh.chunk(2), self.bias_hh.chunk(2)
        a_f, a_n = nn.functional.linear(x, self.weight_ih, self.bias_ih).chunk(2, dim=1)
        f = torch.sigmoid(a_f + nn.functional.linear(h, weight_f, bias_f))
        n = torch.tanh(a_n + nn.functional.linear(f * h, weight_n, bias_n))
        return State(h + f * (n - h))  # torch.lerp refuses the two dtypes of autocast
