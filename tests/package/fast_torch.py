"""The cases in which `fast`'s PyTorch layers must equal torch.nn's, and what of a run is compared."""

from typing import Any, NamedTuple

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnncourse.fast.gru_torch import GRU
from rnncourse.fast.lstm_torch import LSTM
from rnncourse.fast.vanilla_torch import RNN

# name: our layer, torch.nn's, options of both
LAYERS = {
    "tanh": (RNN, torch.nn.RNN, {}),
    "relu": (RNN, torch.nn.RNN, {"nonlinearity": "relu"}),
    "gru": (GRU, torch.nn.GRU, {}),
    "lstm": (LSTM, torch.nn.LSTM, {}),
}
LENGTHS = [2, 4, 1, 4]  # in no order; T = 4, B = 4


class Run(NamedTuple):
    """Results and gradients by name, all detached."""

    values: dict[str, torch.Tensor]

    def largest_difference(self, other: "Run") -> float:
        """Relative to the largest entry of each array."""
        assert self.values.keys() == other.values.keys()
        for name, value in self.values.items():
            assert value.shape == other.values[name].shape, name
            assert value.dtype == other.values[name].dtype, name
        return max(
            ((a - b).abs().max() / b.abs().max().clamp_min(1e-3)).item()
            for a, b in zip(self.values.values(), other.values.values(), strict=True)
        )


def pair(name: str, size_in: int, hidden: int, **options: Any) -> tuple[Any, Any]:
    """Our layer and torch.nn's, with the same parameters."""
    ours, theirs, own = LAYERS[name]
    a, b = ours(size_in, hidden, **own, **options), theirs(size_in, hidden, **own, **options)
    b.load_state_dict(a.state_dict())
    return a, b


def start(layer: Any, batch: int, generator: torch.Generator) -> Any:
    """A random initial state for this layer, with gradients."""
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    like = next(layer.parameters())
    size = (count, batch, layer.hidden_size)
    parts = [
        torch.randn(size, generator=generator, dtype=like.dtype).to(like.device).requires_grad_()
        for _ in range(2 if "LSTM" in type(layer).__name__ else 1)
    ]
    return tuple(parts) if len(parts) > 1 else parts[0]


def run(layer: Any, x: torch.Tensor, hx: Any, form: str) -> Run:
    """Outputs, last states and all gradients of a random loss, the same for each layer.

    `form`: "padded", "packed" or "packed sorted" (both with LENGTHS, outputs padded again), "lengths" (ours).
    """
    x = x.detach().clone().requires_grad_()
    hx = None if hx is None else tuple(p.detach().clone().requires_grad_() for p in as_tuple(hx))
    given = None if hx is None else hx if len(hx) > 1 else hx[0]
    first = layer.batch_first
    if form == "padded":
        outputs, last = layer(x, given)
    elif form == "lengths":
        outputs, last = layer(x, given, lengths=LENGTHS)
    else:
        lengths = sorted(LENGTHS, reverse=True) if form == "packed sorted" else LENGTHS
        packed = pack_padded_sequence(x, lengths, batch_first=first, enforce_sorted=form == "packed sorted")
        outputs, last = layer(packed, given)
        assert isinstance(outputs, PackedSequence)
        assert torch.equal(outputs.batch_sizes, packed.batch_sizes)
        outputs, _ = pad_packed_sequence(outputs, batch_first=first)
    return gathered(layer, x, hx, (outputs, *as_tuple(last)))


def gathered(layer: Any, x: torch.Tensor, hx: Any, results: tuple) -> Run:
    """The run of these results, back through a random loss."""
    generator = torch.Generator().manual_seed(1)
    factors = [torch.randn(r.shape, generator=generator, dtype=torch.float64) for r in results]
    loss = sum((r * f.to(r)).sum() for r, f in zip(results, factors, strict=True))
    named = {"x": x, **dict(layer.named_parameters())}
    named |= {} if hx is None else {f"start {k}": part for k, part in enumerate(hx)}
    grads = torch.autograd.grad(loss, list(named.values()))
    values = {f"result {k}": r.detach() for k, r in enumerate(results)}
    return Run(values | {f"gradient of {name}": g for name, g in zip(named, grads, strict=True)})


def as_tuple(state: Any) -> tuple:
    return state if isinstance(state, tuple) else (state,)
