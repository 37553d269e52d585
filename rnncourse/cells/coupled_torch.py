"""The twin of `rnncourse.cells.coupled`: the same equations as a torch module."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnncourse.cells.base_torch import GatedModule
from rnncourse.cells.lstm_torch import State


class CoupledLSTMCell(GatedModule):
    """c_t = f ⊙ c_{t-1} + (1 − f) ⊙ g, h_t = o ⊙ tanh(c_t): an LSTM without an input gate of its own.

    Equations, sources and shapes: `rnncourse.cells.coupled`.
    """

    GATES = ("f", "g", "o")
    state_type = State

    def forward(self, x: Float[Tensor, "B I"], state: State) -> State:
        """(h_t, c_t) from x_t (B, I) and (h_{t-1}, c_{t-1}). ValueError, TypeError: they do not fit."""
        self.check_step(x, state)
        a = nn.functional.linear(x, self.weight_ih, self.bias_ih)
        a = a + nn.functional.linear(state.h, self.weight_hh, self.bias_hh)
        a_f, a_g, a_o = a.chunk(3, dim=1)
        g = torch.tanh(a_g)
        c = g + torch.sigmoid(a_f) * (state.c - g)  # torch.lerp refuses the two dtypes of autocast
        return State(torch.sigmoid(a_o) * torch.tanh(c), c)
