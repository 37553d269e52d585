"""The twin of `rnncourse.stack`: a drop-in for torch.nn.RNN, GRU and LSTM, made of our cells."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from rnncourse import _checks
from rnncourse.cells.base_torch import GatedModule
from rnncourse.stack import reversed_order
from rnncourse.unroll import length_mask


class Stack(nn.Module):
    """L = `layers` layers of a cell, in D = 1 or 2 directions, with dropout between layers.

    Equations: `rnncourse.stack`. `cell_class` is one of our twins, such as LSTMCell; `cell_options`, such
    as activation="relu", go to it. Parameters have torch.nn's names (weight_ih_l0, weight_hh_l0_reverse, …),
    shapes, order and start, so state_dicts of a torch.nn layer load, and the other way round. Called like
    one with batch_first=False, on batches: inputs (T, B, I), outputs (T, B, D·H).

    Raises ValueError for sizes below 1 or dropout outside [0, 1), TypeError for another cell.
    """

    def __init__(
        self,
        cell_class: Any,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        device: Any = None,
        dtype: Any = None,
        **cell_options: Any,
    ):
        super().__init__()
        self.input_size = _checks.positive_int("Stack", "input_size", input_size)
        self.hidden_size = _checks.positive_int("Stack", "hidden_size", hidden_size)
        self.num_layers = _checks.positive_int("Stack", "layers", layers)
        self.bidirectional, self.dropout = bool(bidirectional), _checks.dropout("Stack", dropout)
        runs = []
        for layer in range(self.num_layers):
            size_in = self._directions * hidden_size if layer else input_size
            for suffix in self._suffixes(layer):
                cell = cell_class(size_in, hidden_size, device=device, dtype=dtype, **cell_options)
                if not isinstance(cell, GatedModule):
                    raise TypeError(
                        "Stack: cell_class must be one of ours, as rnncourse.cells.lstm_torch.LSTMCell; "
                        f"got {type(cell).__name__}"
                    )
                for name, parameter in cell.named_parameters():
                    self.register_parameter(name + suffix, parameter)
            runs.append(_Run(cell_class(size_in, hidden_size, device="meta", **cell_options)))
        # In a tuple, so that the parameters have one owner: this module. A run borrows them at each call.
        self._runs = tuple(runs)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def forward(
        self,
        inputs: Float[Tensor, "T B I"],
        hx: Tensor | tuple[Tensor, ...] | None = None,
        *,
        lengths: Any = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "T B DH"], Tensor | tuple[Tensor, ...]]:
        """(outputs (T, B, D·H), last states), as torch.nn.LSTM and the others return them.

        `hx` and the last states are (L·D, B, H), for the LSTM a tuple (h, c) of such; zeros by default.
        `lengths` (B,) as in `rnncourse.stack.forward`: what pack_padded_sequence does in torch.nn. Dropout
        masks come from `generator`, else from torch's global one, as in torch.nn.

        Raises ValueError for shapes and lengths, TypeError for types, dtypes or devices that do not fit.
        """
        mask, order = _reading(inputs, lengths)
        starts = self._split(hx, self._runs[0].cell.state_type)
        x, finals = inputs, list[Any]()
        for layer, run in enumerate(self._runs):
            if layer and self.dropout and self.training:
                keep = torch.empty_like(x).bernoulli_(1 - self.dropout, generator=generator)
                x = x * keep.div_(1 - self.dropout)
            outputs = []
            for suffix in self._suffixes(layer):
                weights = {name: getattr(self, name.removeprefix("cell.") + suffix) for name in run.names}
                back = suffix.endswith("reverse")
                seen = _reverse(x, order) if back else x
                out, final = functional_call(run, weights, (seen, starts[len(finals)], mask))
                outputs.append(_reverse(out, order) if back else out)
                finals.append(final)
            x = torch.cat(outputs, dim=2) if len(outputs) > 1 else outputs[0]
        last = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
        return x, last if len(last) > 1 else last[0]

    def _split(self, hx: Any, state_type: Any) -> list:
        """The State of each layer and direction out of torch's (L·D, B, H), None for zeros."""
        count, fields = self.num_layers * self._directions, state_type._fields
        if hx is None:
            return [None] * count
        parts = (hx,) if isinstance(hx, Tensor) else hx
        if (
            not isinstance(parts, tuple)
            or len(parts) != len(fields)
            or isinstance(hx, Tensor) != (len(fields) == 1)
        ):
            want = "a tensor" if len(fields) == 1 else f"a tuple ({', '.join(fields)})"
            raise TypeError(f"Stack: hx must be {want}, (L·D, B, H) each; got {type(hx).__name__}")
        for part in parts:
            if not isinstance(part, Tensor) or part.ndim != 3 or len(part) != count:
                got = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
                raise ValueError(f"Stack: hx must have shape (L·D, B, H) = ({count}, B, H); got {got}")
        return [state_type(*state) for state in zip(*parts, strict=True)]

    def extra_repr(self) -> str:
        text = f"{type(self._runs[0].cell).__name__}, {self.input_size}, {self.hidden_size}"
        text += f", layers={self.num_layers}"
        text += ", bidirectional=True" if self.bidirectional else ""
        return text + (f", dropout={self.dropout}" if self.dropout else "")


class _Run(nn.Module):
    """One cell over time; its parameters are given by `functional_call`."""

    def __init__(self, cell: GatedModule):
        super().__init__()
        self.cell = cell
        self.names = [name for name, _ in self.named_parameters()]
        # Checked once for the whole sequence, below.
        self.cell.check_step = _nothing  # type: ignore[method-assign]

    def forward(self, inputs: Tensor, state: Any, mask: Tensor | None) -> tuple[Tensor, Any]:
        cell = self.cell
        cell.check_tensor("Stack", "inputs", inputs, "T B I", (None, None, cell.input_size))
        if state is None:
            state = cell.initial_state(inputs.shape[1])
        cell.check_state("Stack", state, inputs.shape[1])
        outputs = []
        for t, x in enumerate(inputs.unbind()):
            new = cell(x, state)
            if mask is not None:
                new = type(new)(*(torch.where(mask[t], a, b) for a, b in zip(new, state, strict=True)))
            state = new
            outputs.append(state[0] if mask is None else torch.where(mask[t], state[0], 0))
        return torch.stack(outputs), state


def _reading(inputs: Any, lengths: Any) -> tuple[Tensor | None, Tensor | None]:
    """Of padded sequences: where they last (T, B, 1), and the order (T, B, 1) to read them backwards."""
    if hasattr(inputs, "batch_sizes"):
        raise TypeError("Stack: inputs must be a torch.Tensor, padded, with lengths=; got PackedSequence")
    if lengths is None or not isinstance(inputs, Tensor) or inputs.ndim != 3:
        return None, None  # what is wrong with inputs is said later
    if isinstance(lengths, Tensor):
        lengths = lengths.detach().cpu().numpy()
    steps, batch, _ = inputs.shape
    mask, order = (f("Stack", lengths, steps, batch) for f in (length_mask, reversed_order))
    return (
        torch.from_numpy(mask).to(inputs.device)[:, :, None],
        torch.from_numpy(order).to(inputs.device)[:, :, None],
    )


def _reverse(x: Tensor, order: Tensor | None) -> Tensor:
    """The twin of `rnncourse.stack.reverse`, with the order (T, B, 1) in which to read."""
    return x.flip(0) if order is None else torch.take_along_dim(x, order, 0)


def _nothing(x: Any, state: Any) -> None: ...
