"""FlashRNN's LSTM (PyPI: flashrnn 1.0.8; arXiv 2412.07752) as a layer, called as torch.nn's is.

The package leaves the product of all inputs to its caller, so that is added here. It has heads; one head
is the usual LSTM. On its first call it compiles a kernel for this B and H, with nvcc.
"""

from typing import Any

from torch import Tensor, nn


class FlashRNN(nn.Module):
    """(outputs,) of x (T, B, I), both (T, B, H) with I = H. ImportError where the package is missing."""

    def __init__(self, hidden: int, *, backend: str = "cuda_fused", **make: Any):
        super().__init__()
        from flashrnn import flashrnn

        self.function, self.backend, self.hidden = flashrnn, backend, hidden
        self.held = nn.LSTM(hidden, hidden, **make)  # its parameters alone: the order of gates is the same

    def forward(self, x: Tensor) -> tuple[Tensor]:
        weight_ih, weight_hh, bias_ih, bias_hh = self.held.parameters()
        gates = (4, 1, self.hidden)  # of one head
        inputs = nn.functional.linear(x, weight_ih).unflatten(2, gates).transpose(0, 1)
        weight, bias = weight_hh.unflatten(0, gates), (bias_ih + bias_hh).unflatten(0, gates)
        states, _ = self.function(inputs, weight, bias, function="lstm", backend=self.backend)
        h = states[0].squeeze(2)  # (B, T, H)
        return (h.transpose(0, 1),)
