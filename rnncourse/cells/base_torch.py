"""What the torch twins share: the parameters, their start, and the checks at the entry."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rnncourse import _checks


class GatedModule(nn.Module):
    """weight_ih (GH, I), weight_hh (GH, H), bias_ih and bias_hh (GH,), named as in torch.nn's cells.

    A class with PEEPHOLES has a weight_ch (P, H) too, P the number of gates that look at the cell state.
    They start from U(−1/√H, 1/√H), as torch.nn's do. ValueError or TypeError for sizes below 1.
    """

    GATES: ClassVar[tuple[str, ...]]
    PEEPHOLES: ClassVar[tuple[str, ...]] = ()
    state_type: ClassVar[Any]

    def __init__(self, input_size: int, hidden_size: int, *, device: Any = None, dtype: Any = None):
        super().__init__()
        subject = type(self).__name__
        self.input_size = _checks.positive_int(subject, "input_size", input_size)
        self.hidden_size = _checks.positive_int(subject, "hidden_size", hidden_size)
        rows = len(self.GATES) * hidden_size
        make = {"device": device, "dtype": dtype}
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size, **make))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size, **make))
        self.bias_ih = nn.Parameter(torch.empty(rows, **make))
        self.bias_hh = nn.Parameter(torch.empty(rows, **make))
        if self.PEEPHOLES:
            self.weight_ch = nn.Parameter(torch.empty(len(self.PEEPHOLES), hidden_size, **make))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = self.hidden_size**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def initial_state(self, batch: int) -> Any:
        """Zeros, (B, H) each, on the module's device and in its dtype."""
        size = (_checks.positive_int(type(self).__name__, "batch", batch), self.hidden_size)
        return self.state_type(*(self.weight_hh.new_zeros(size) for _ in self.state_type._fields))

    def check_step(self, x: Tensor, state: Any) -> None:
        """ValueError for shapes, TypeError for types, dtypes or devices that do not fit this module."""
        subject = type(self).__name__
        self.check_tensor(subject, "x", x, "B I", (None, self.input_size))
        self.check_state(subject, state, len(x))

    def check_state(self, subject: str, state: Any, batch: int) -> None:
        if getattr(state, "_fields", None) != self.state_type._fields:
            raise TypeError(
                f"{subject}: state must be a State with the fields {', '.join(self.state_type._fields)}; "
                f"got {type(state).__name__}"
            )
        for name, part in zip(state._fields, state, strict=True):
            self.check_tensor(subject, f"state.{name}", part, "B H", (batch, self.hidden_size))

    def check_tensor(self, subject: str, name: str, value: Any, dims: str, shape: tuple) -> None:
        weight = self.weight_hh
        if not isinstance(value, Tensor):
            raise TypeError(f"{subject}: {name} must be a torch.Tensor; got {type(value).__name__}")
        fits = value.ndim == len(shape) and all(
            have >= 1 and want in (None, have) for want, have in zip(shape, value.shape, strict=True)
        )
        if not fits:
            names = dims.split()
            want = ", ".join(n if s is None else str(s) for n, s in zip(names, shape, strict=True))
            raise ValueError(
                f"{subject}: {name} must have shape ({', '.join(names)}) = ({want}), none of them 0, "
                f"for weight_ih {tuple(self.weight_ih.shape)}; got {tuple(value.shape)}"
            )
        # Under autocast torch itself converts.
        if value.dtype != weight.dtype and not torch.is_autocast_enabled(value.device.type):
            raise TypeError(
                f"{subject}: {name} must have the module's dtype {weight.dtype}; got {value.dtype}"
            )
        if value.device != weight.device:
            raise TypeError(
                f"{subject}: {name} must be on the module's device {weight.device}; got {value.device}"
            )
