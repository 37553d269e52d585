"""The twin of `rnncourse.cells.peephole`: the same equations as a torch module."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnncourse.cells.base_torch import GatedModule
from rnncourse.cells.lstm_torch import State


class PeepholeLSTMCell(GatedModule):
    """An LSTM whose gates i and f also look at c_{t-1}, and o at c_t, through weight_ch (3, H).

    Equations, sources and shapes: `rnncourse.cells.peephole`.
    """

    GATES = ("i", "f", "g", "o")
    PEEPHOLES = ("i", "f", "o")
    state_type = State

    def forward(self, x: Float[Tensor, "B I"], state: State) -> State:
        """(h_t, c_t) from x_t (B, I) and (h_{t-1}, c_{t-1}). ValueError, TypeError: they do not fit."""
        self.check_step(x, state)
        a = nn.functional.linear(x, self.weight_ih, self.bias_ih)
        a = a + nn.functional.linear(state.h, self.weight_hh, self.bias_hh)
        a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
        p_i, p_f, p_o = self.weight_ch
        i, f = torch.sigmoid(a_i + p_i * state.c), torch.sigmoid(a_f + p_f * state.c)
        c = f * state.c + i * torch.tanh(a_g)
        return State(torch.sigmoid(a_o + p_o * c) * torch.tanh(c), c)
