"""The twin of `rnncourse.models.char_lm`: the same model as a torch module.

The layers are torch.nn's, because long trainings need their speed; tests prove our own cells equal to them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnncourse import _checks
from rnncourse.models.char_lm import NATS_PER_BIT, CharModel
from rnncourse.params import Params, from_torch, to_torch

LAYERS = {"vanilla": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class CharLM(nn.Module):
    """softmax(W_y h_t + b_y) over the next character, from embeddings (V, E) and L layers of H units.

    `dropout` acts on the embeddings, between layers and on the top layer's outputs, in training only
    (Zaremba et al. 2014). Raises ValueError for an unknown cell, sizes below 1 or dropout outside [0, 1).
    """

    def __init__(
        self,
        vocabulary_size: int,
        hidden_size: int,
        *,
        cell: str = "lstm",
        embedding_size: int = 32,
        layers: int = 1,
        dropout: float = 0.0,
        forget_bias: float = 0.0,
    ):
        super().__init__()
        subject = "CharLM"
        _checks.choice(subject, "cell", cell, LAYERS)
        for name, value in (
            ("vocabulary_size", vocabulary_size),
            ("hidden_size", hidden_size),
            ("embedding_size", embedding_size),
            ("layers", layers),
        ):
            _checks.positive_int(subject, name, value)
        _checks.dropout(subject, dropout)
        self.cell = cell
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        between = dropout if layers > 1 else 0.0
        self.rnn = LAYERS[cell](embedding_size, hidden_size, layers, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.decoder = nn.Linear(hidden_size, vocabulary_size)
        nn.init.zeros_(self.decoder.bias)
        if forget_bias:
            if cell != "lstm":
                raise ValueError(f"{subject}: forget_bias must be 0 for a {cell} cell; got {forget_bias}")
            with torch.no_grad():
                for k in range(layers):
                    getattr(self.rnn, f"bias_ih_l{k}")[hidden_size : 2 * hidden_size] += forget_bias

    def forward(self, tokens: Int[Tensor, "T B"], state: Any = None) -> tuple[Float[Tensor, "T B V"], Any]:
        """(scores, last state) as torch.nn's layers hand it on: h (L, B, H), or (h, c)."""
        outputs, state = self.rnn(self.dropout(self.embedding(tokens)), state)
        return self.decoder(self.dropout(outputs)), state

    def to_numpy(self) -> CharModel:
        """The same model in NumPy, float32."""
        arrays = [
            p.detach().cpu().numpy().copy() for p in (self.embedding.weight, *self.decoder.parameters())
        ]
        layers = tuple(from_torch(self.rnn, layer=k) for k in range(self.rnn.num_layers))
        return CharModel(arrays[0], layers, arrays[1], arrays[2])


def from_numpy(model: CharModel, cell: str, **options: Any) -> CharLM:
    """The torch twin of a NumPy model, whose cell is "vanilla", "gru" or "lstm"."""
    size, width = model.embedding.shape
    made = CharLM(
        size, model.weight.shape[1], cell=cell, embedding_size=width, layers=len(model.layers), **options
    )
    with torch.no_grad():
        made.embedding.weight.copy_(torch.from_numpy(model.embedding))
        made.decoder.weight.copy_(torch.from_numpy(model.weight))
        made.decoder.bias.copy_(torch.from_numpy(model.bias))
        for k, params in enumerate(model.layers):
            to_torch(Params(*params), made.rnn, layer=k)
    return made


def bits_and_count(
    model: nn.Module, documents: Sequence[Int[np.ndarray, "_"]], *, window: int = 100, batch: int = 64
) -> tuple[float, int]:
    """(Σ −log₂ p, number of characters) over documents, each read alone from a zero state, as in NumPy.

    Documents are read side by side, the longest first; one that has ended leaves at the next window, and
    what pads it until then does not count. A module in training mode is put back into it.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    ordered = sorted((d for d in documents if len(d)), key=len, reverse=True)
    total, count = 0.0, sum(len(d) for d in ordered)
    with torch.no_grad():
        for first in range(0, len(ordered), batch):
            group = ordered[first : first + batch]
            lengths = np.array([len(d) for d in group])
            tokens = np.zeros((lengths[0] + 1, len(group)), np.int64)
            tokens[0] = 1
            for column, document in enumerate(group):
                tokens[1 : len(document) + 1, column] = document
            mask = torch.from_numpy(np.arange(len(tokens) - 1)[:, None] < lengths).to(device)
            rows, state = torch.from_numpy(tokens).to(device), None
            for begin in range(0, len(tokens) - 1, window):
                end, left = min(begin + window, len(tokens) - 1), int((lengths > begin).sum())
                scores, state = model(rows[begin:end, :left], _columns(state, left))
                nats = nn.functional.cross_entropy(
                    scores.float().flatten(0, 1), rows[begin + 1 : end + 1, :left].flatten(), reduction="none"
                )
                total += float((nats * mask[begin:end, :left].flatten()).double().sum())
    model.train(was_training)
    return total / NATS_PER_BIT, count


def _columns(state: Any, count: int) -> Any:
    """The state (L, B, H), or a tuple of such, of the first `count` documents; None stays None."""
    if isinstance(state, tuple):
        return tuple(_columns(part, count) for part in state)
    return None if state is None else state[:, :count].contiguous()
