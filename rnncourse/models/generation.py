"""Write many texts side by side, each from its own beginning and with its own temperature and top-k.

    token_t ~ distribution(s_t, τ, k)      s_t the scores after token_1 … token_{t−1}
    bits_t  = −log₂ softmax(s_t)[token_t]

`bits` asks the model itself, at temperature 1, how surprising the drawn token is. The weights are read from
memory once a step for all texts, so that 300 texts take a small part of the time of 300 calls of
`char_lm.generate`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from rnncourse import _checks
from rnncourse.cells import Cell
from rnncourse.functional import log_softmax
from rnncourse.models.char_lm import CharModel, logits
from rnncourse.models.sampling import distribution

Array = np.ndarray
SUBJECT = "write_texts"


class Setting(NamedTuple):
    """How to draw: τ ≥ 0 and k, None for all tokens."""

    temperature: float = 1.0
    top_k: int | None = None


class Texts(NamedTuple):
    """N tokens of B texts, and −log₂ p of each under the model at temperature 1."""

    tokens: Int[Array, "N B"]
    bits: Float[Array, "N B"]


def write_texts(
    cell: Cell,
    model: CharModel,
    primes: Sequence[Int[Array, "_"]],
    length: int,
    settings: Sequence[Setting],
    *,
    rng: np.random.Generator,
) -> Texts:
    """Continue B texts by `length` tokens: text b begins with primes[b] and is drawn with settings[b].

    The model reads a boundary and then the prime (N,), which may be empty. With B = 1 the same tokens come
    as from `char_lm.generate` with the same rng.

    Raises ValueError for B = 0, settings that are not B, a setting that `sampling.distribution` refuses, and
    tokens outside 0..V−1; TypeError for another rng.
    """
    _checks.generator(SUBJECT, rng)
    steps, count = _checks.positive_int(SUBJECT, "length", length), len(primes)
    if count == 0 or len(settings) != count:
        raise ValueError(
            f"{SUBJECT}: primes and settings must be as many, at least one; got {count} and {len(settings)}"
        )
    same_setting = _places(settings)
    scores, states = _read(cell, model, primes)
    tokens, bits = np.empty((steps, count), np.int64), np.empty((steps, count))
    for t in range(steps):
        p = np.empty_like(scores)
        for (temperature, top_k), places in same_setting.items():
            p[places] = distribution(scores[places], temperature=temperature, top_k=top_k)
        tokens[t] = _draw(p, rng)
        bits[t] = -np.take_along_axis(log_softmax(scores), tokens[t, :, None], 1)[:, 0] / np.log(2)
        if t + 1 < steps:
            last, states = logits(cell, model, tokens[t : t + 1], states)
            scores = last[0]
    return Texts(tokens, bits)


def _read(cell: Cell, model: CharModel, primes: Sequence[Array]) -> tuple[Array, list[Any]]:
    """(scores (B, V), states of each layer) after the primes; those of one length are read together."""
    scores = np.empty((len(primes), len(model.bias)), model.bias.dtype)
    hidden = model.weight.shape[1]
    states = [cell.initial_state(len(primes), hidden, model.bias.dtype) for _ in model.layers]
    for length, places in _places([len(prime) for prime in primes]).items():
        tokens = np.ones((length + 1, len(places)), np.int64)  # token 1, the boundary, comes first
        tokens[1:] = np.stack([primes[b] for b in places], axis=1)
        last, found = logits(cell, model, tokens)
        scores[places] = last[-1]
        for state, own in zip(states, found, strict=True):
            for whole, part in zip(state, own, strict=True):
                whole[places] = part
    return scores, states


def _places(values: Sequence[Any]) -> dict[Any, list[int]]:
    """Each different value, and where it stands."""
    found: dict[Any, list[int]] = {}
    for place, value in enumerate(values):
        found.setdefault(value, []).append(place)
    return found


def _draw(p: Float[Array, "B V"], rng: np.random.Generator) -> Int[Array, "B"]:
    """One token a row, as `sampling.draw` does for one."""
    edges = np.cumsum(p, axis=1, dtype=np.float64)
    return (edges <= rng.random((len(p), 1)) * edges[:, -1:]).sum(axis=1)
