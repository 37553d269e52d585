"""Layers of a cell with a read-out at every step, in torch: a class for each step of a sequence.

    h^L_t = the top layer of torch.nn.RNN, GRU or LSTM      logits_t = W_y h^L_t + b_y         (T, B, O)

The layers are torch.nn's, because many trainings need their speed; tests prove `rnncourse.stack` equal.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnncourse import _checks
from rnncourse.models.char_lm import CELLS, NATS_PER_BIT
from rnncourse.models.char_lm_torch import LAYERS

# (inputs (T, B, I), targets (T, B), mask (T, B)), NumPy arrays
Batch = tuple[Any, Any, Any]


class Labeller(nn.Module):
    """`layers` layers of H = `hidden_size` units, in one direction or both, and a linear read-out.

    Raises ValueError for an unknown cell, sizes below 1, or dropout (between layers) outside [0, 1).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        layers: int = 1,
        cell: str = "lstm",
        bidirectional: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        _checks.choice("Labeller", "cell", cell, CELLS)
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "output_size": output_size}
        for name, value in (sizes | {"layers": layers}).items():
            _checks.positive_int("Labeller", name, value)
        dropout = _checks.dropout("Labeller", dropout)
        between = dropout if layers > 1 else 0.0
        self.rnn = LAYERS[cell](input_size, hidden_size, layers, bidirectional=bidirectional, dropout=between)
        self.readout = nn.Linear(hidden_size * (2 if bidirectional else 1), output_size)

    def forward(self, inputs: Float[Tensor, "T B I"]) -> Float[Tensor, "T B O"]:
        """Logits at every step, from a zero state."""
        return self.readout(self.rnn(inputs)[0])


def parameters(
    input_size: int, hidden_size: int, output_size: int, *, layers: int = 1, cell: str = "lstm"
) -> int:
    """How many numbers a `Labeller` in one direction has: G(HI + H² + 2H) + (L−1) G(2H² + 2H) + O(H + 1).

    Raises ValueError for an unknown cell.
    """
    gates, h = len(CELLS[_checks.choice("parameters", "cell", cell, CELLS)].GATES), hidden_size
    layer = gates * (h * input_size + h * h + 2 * h) + (layers - 1) * gates * (2 * h * h + 2 * h)
    return layer + output_size * (h + 1)


def hidden_for(budget: int, input_size: int, output_size: int, *, layers: int = 1, cell: str = "lstm") -> int:
    """The H with which `parameters` comes closest to `budget`; ValueError for a budget or layers below 1."""
    _checks.positive_int("hidden_for", "budget", budget)
    _checks.positive_int("hidden_for", "layers", layers)

    def excess(hidden: int) -> int:
        return parameters(input_size, hidden, output_size, layers=layers, cell=cell) - budget

    h = 1
    while excess(h + 1) < 0:
        h += 1
    return min((h, h + 1), key=lambda size: abs(excess(size)))


def tensors(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The arrays of a batch as tensors: inputs (T, B, I), targets (T, B), mask (T, B)."""
    inputs, targets, mask = batch
    return torch.tensor(inputs), torch.tensor(targets), torch.tensor(mask)


def bits(model: nn.Module, batch: Batch) -> Tensor:
    """The mean of −log₂ p[target] over the places where the mask is True: a number with a graph."""
    inputs, targets, mask = tensors(batch)
    logits = model(inputs)
    return nn.functional.cross_entropy(logits[mask], targets[mask]) / NATS_PER_BIT


def accuracy(model: nn.Module, batch: Batch) -> float:
    """The share of the places where the mask is True at which the largest logit is the target's."""
    inputs, targets, mask = tensors(batch)
    with torch.no_grad():
        return float((model(inputs).argmax(dim=2) == targets)[mask].float().mean())


def learn(
    model: nn.Module,
    draw: Callable[[], Batch],
    updates: int,
    *,
    optimiser: torch.optim.Optimizer,
    threshold: float = 1.0,
) -> nn.Module:
    """The model after `updates` steps, each on a fresh batch ``draw()``, with clipped gradients.

    Raises FloatingPointError when the loss is no longer finite.
    """
    model.train()
    for step in range(1, updates + 1):
        loss = bits(model, draw())
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"learn: the loss must stay finite; got {loss.item()} at step {step}. Lower the learning rate"
            )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), threshold)
        optimiser.step()
    return model.eval()
