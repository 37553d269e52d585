"""What `fast`'s RNN, GRU and LSTM share: parameters, layers, directions, dropout, checks at the entry."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse import _checks
from rnncourse.fast.backend_torch import steps_for
from rnncourse.fast.graph_torch import graph_for
from rnncourse.fast.padding_torch import read, reading_order, reverse
from rnncourse.fast.sequence_torch import Sequence
from rnncourse.fast.steps_torch import Steps, Whole

# What autocast casts; float64 and integers stay what they are.
CAST = {torch.float32, torch.float16, torch.bfloat16}


class Recurrent(nn.Module):
    """A drop-in for torch.nn's layer of the same name: constructor, call, parameters and their start.

    Arguments, forms of input and output, state_dict: as there. The same seed gives the same parameters.
    More than there: `lengths` in the call, and `graph`, an attribute: whether steps run as a CUDA graph,
    "auto" (on a GPU, for sequences that are long enough), True or False. And `backend`: what runs the steps,
    "loop" (from the start), "triton" (one kernel for all steps, for LSTM and GRU) or "auto" (that kernel
    where it runs, or else the loop, with a warning once). Less: no `proj_size`.

    Also works: autocast (computes in its dtype), gradients of gradients (through a plain loop, slowly),
    torch.compile (its graph breaks here; fullgraph=True raises). torch.func and forward-mode raise.
    """

    steps: Steps

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        device: Any,
        dtype: Any,
    ):
        """ValueError or TypeError for sizes below 1, a dropout outside [0, 1] or a dtype that is no float."""
        super().__init__()
        subject = type(self).__name__
        self.input_size = _checks.positive_int(subject, "input_size", input_size)
        self.hidden_size = _checks.positive_int(subject, "hidden_size", hidden_size)
        self.num_layers = _checks.positive_int(subject, "num_layers", num_layers)
        self.bias, self.batch_first, self.bidirectional = bool(bias), bool(batch_first), bool(bidirectional)
        self.dropout, self.graph = _checks.number(subject, "dropout", dropout), "auto"
        self.backend = "loop"
        if not 0 <= self.dropout <= 1:
            raise ValueError(f"{subject}: dropout must lie in [0, 1]; got {dropout}")
        if self.dropout and self.num_layers == 1:
            text = (
                f"{subject}: dropout acts between layers, so with num_layers=1 dropout={dropout} does nothing"
            )
            warnings.warn(text, stacklevel=3)
        if not (dtype or torch.get_default_dtype()).is_floating_point:
            raise TypeError(f"{subject}: dtype must be a floating point dtype; got {dtype}")
        rows = self.steps.gates * self.hidden_size
        for layer in range(self.num_layers):
            size_in = self._directions * self.hidden_size if layer else self.input_size
            shapes = [(rows, size_in), (rows, self.hidden_size), (rows,), (rows,)]
            for suffix in self._suffixes(layer):
                for name, shape in zip(self._names(suffix), shapes, strict=False):
                    parameter = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                    self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All from U(−1/√H, 1/√H), as in torch.nn."""
        bound = self.hidden_size**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: parameters need not lie side by side here."""

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """The parameters of each layer and direction."""
        suffixes = [s for layer in range(self.num_layers) for s in self._suffixes(layer)]
        return [[getattr(self, name) for name in self._names(suffix)] for suffix in suffixes]

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def _names(self, suffix: str) -> list[str]:
        names = [n + suffix for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        return names if self.bias else names[:2]

    @torch.compiler.disable
    def forward(self, input: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        """(outputs, last states), as torch.nn's layer returns them.

        `input` is (T, B, I), (B, T, I) with batch_first, (T, I) for one sequence, or a PackedSequence;
        outputs come in the same form with D·H for I. `hx` and the last states are (L·D, B, H), for one
        sequence (L·D, H), for the LSTM a tuple (h, c); zeros by default. `lengths` (B,) in 1..T, in any
        order: after its length a sequence puts out 0, and its last state is the one at its length. What
        padding holds never matters.

        Raises ValueError for shapes and lengths, TypeError for types, dtypes or devices that do not fit.
        """
        subject = type(self).__name__
        x, lengths, give_back, batched = read(subject, input, lengths, self.batch_first)
        self._check(subject, "input", x, (None, None, self.input_size))
        states = self._start(subject, x, hx, batched)
        x, states, weights = self._cast(x, states)
        order, finals = reading_order(lengths, len(x)) if self.bidirectional else None, list[Any]()
        steps = steps_for(self.steps, self.backend, x, self.hidden_size)
        graph = (
            None if isinstance(steps, Whole) else graph_for(steps, self.graph, x, self.hidden_size, self.bias)
        )
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = nn.functional.dropout(x, self.dropout, self.training)
            outputs = []
            for suffix in self._suffixes(layer):
                back, k = suffix.endswith("reverse"), len(finals)
                seen = reverse(x, order) if back else x
                start = [part[k] for part in states]
                out, *last = Sequence.apply(steps, graph, lengths, seen, *weights[k], *start)
                outputs.append(reverse(out, order) if back else out)
                finals.append(last)
            x = torch.cat(outputs, dim=2) if len(outputs) > 1 else outputs[0]
        last = [torch.stack(parts) for parts in zip(*finals, strict=True)]
        last = [part if batched else part.squeeze(1) for part in last]
        return give_back(x), last[0] if len(last) == 1 else tuple(last)

    def _start(self, subject: str, x: Tensor, hx: Any, batched: bool) -> list[Tensor]:
        """The initial state, each part (L·D, B, H)."""
        names, count = self.steps.states, self.num_layers * self._directions
        shape = (count, x.shape[1], self.hidden_size)
        if hx is None:
            return [x.new_zeros(shape) for _ in names]
        found = (hx,) if len(names) == 1 else hx
        if not isinstance(found, tuple | list) or len(found) != len(names):
            want = "a tensor" if len(names) == 1 else f"a tuple ({', '.join(names)})"
            raise TypeError(f"{subject}: hx must be {want}; got {type(hx).__name__}")
        for name, part in zip(names, found, strict=True):
            self._check(subject, f"hx, {name},", part, shape if batched else (count, self.hidden_size))
        return [part if batched else part.unsqueeze(1) for part in found]

    def _check(self, subject: str, name: str, value: Any, shape: tuple) -> None:
        weight = self.weight_hh_l0
        if not isinstance(value, Tensor):
            raise TypeError(f"{subject}: {name} must be a torch.Tensor; got {type(value).__name__}")
        if value.ndim != len(shape) or any(
            w not in (None, n) for w, n in zip(shape, value.shape, strict=True)
        ):
            want = ", ".join("any" if n is None else str(n) for n in shape)
            raise ValueError(f"{subject}: {name} must have shape ({want}); got {tuple(value.shape)}")
        if value.device != weight.device:
            raise TypeError(
                f"{subject}: {name} must be on the parameters' device {weight.device}; got {value.device}"
            )
        if value.dtype == weight.dtype:
            return
        if not {value.dtype, weight.dtype} <= CAST or not torch.is_autocast_enabled(value.device.type):
            raise TypeError(
                f"{subject}: {name} must have the parameters' dtype {weight.dtype}; got {value.dtype}"
            )

    def _cast(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor], list[list[Any]]]:
        """All of them in autocast's dtype, where autocast is on; no bias is None."""
        weights: list[list[Any]] = [[*w, None, None][:4] for w in self.all_weights]
        if len({w.dtype for ws in weights for w in ws if w is not None}) > 1:
            found = {name: str(p.dtype) for name, p in self.named_parameters()}
            raise TypeError(f"{type(self).__name__}: all parameters must have one dtype; got {found}")
        if not torch.is_autocast_enabled(x.device.type) or x.dtype == torch.float64:
            return x, states, weights
        dtype = torch.get_autocast_dtype(x.device.type)
        cast = [[None if w is None else w.to(dtype) for w in ws] for ws in weights]
        return x.to(dtype), [s.to(dtype) for s in states], cast

    def extra_repr(self) -> str:
        defaults = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        said = [f"{k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v]
        return ", ".join([str(self.input_size), str(self.hidden_size), *said])
