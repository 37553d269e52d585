"""A character language model: embedding, recurrent layers, read-out, and its gradient by hand.

    x_t = E[token_t]     h_t = layers(x_t, h_{t-1})
    p(token_{t+1} | token_1 … token_t) = softmax(W_y h_t + b_y)

The loss is the mean of −log p over all places, in nats; divided by ln 2 it is bits per character.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from rnncourse import _checks, functional, unroll
from rnncourse.cells import Cell, gru, lstm, vanilla
from rnncourse.fast import runs
from rnncourse.models.sampling import draw
from rnncourse.params import Params, init_params
from rnncourse.params.trees import leaves, rebuild

Array = np.ndarray
NATS_PER_BIT = float(np.log(2))
CELLS: dict[str, Any] = {"vanilla": vanilla, "gru": gru, "lstm": lstm}  # by the names of recipes and files


class CharModel(NamedTuple):
    """The embedding E, one `Params` for each layer, and the read-out W_y, b_y."""

    embedding: Float[Array, "V E"]
    layers: tuple[Params, ...]
    weight: Float[Array, "V H"]
    bias: Float[Array, "V"]


def init_char_model(
    cell: Cell,
    vocabulary_size: int,
    hidden_size: int,
    *,
    embedding_size: int = 32,
    layers: int = 1,
    rng: np.random.Generator,
    **start: Any,
) -> CharModel:
    """A fresh model. E starts from N(0, 1) as torch.nn.Embedding does, W_y from U(−1/√H, 1/√H), b_y at 0.

    `start` goes to `init_params` of each layer. Raises ValueError for sizes below 1.
    """
    subject = "init_char_model"
    size = _checks.positive_int(subject, "vocabulary_size", vocabulary_size)
    width = _checks.positive_int(subject, "embedding_size", embedding_size)
    count = _checks.positive_int(subject, "layers", layers)
    _checks.generator(subject, rng)
    embedding = rng.standard_normal((size, width))
    stack = tuple(
        init_params(cell, width if k == 0 else hidden_size, hidden_size, rng=rng, **start)
        for k in range(count)
    )
    dtype = stack[0].weight_hh.dtype
    k = hidden_size**-0.5
    weight = rng.uniform(-k, k, (size, hidden_size))
    return CharModel(embedding.astype(dtype), stack, weight.astype(dtype), np.zeros(size, dtype))


def logits(
    cell: Cell, model: CharModel, tokens: Int[Array, "T B"], states: Sequence[Any] | None = None
) -> tuple[Float[Array, "T B V"], list[Any]]:
    """(W_y h_t + b_y at every step, the last state of each layer), from `states` or zeros.

    Raises ValueError for tokens outside 0..V−1, and what `unroll.forward` raises.
    """
    # Not through fast/: a text that is written comes here a step at a time, where arranging costs more.
    outputs, last, _ = _run(unroll.forward, cell, model, tokens, states)
    return functional.linear(outputs, model.weight, model.bias), last


def loss_and_gradient(
    cell: Cell,
    model: CharModel,
    tokens: Int[Array, "T B"],
    targets: Int[Array, "T B"],
    state: Sequence[Any] | None = None,
) -> tuple[float, CharModel, list[Any]]:
    """(L in nats, ∂L/∂model, the last state of each layer) over one window that starts from `state`.

    The gradient stops at the beginning of the window: this is truncated BPTT, with `state` carried from
    window to window by the caller. Raises as `logits` does, and ValueError for targets outside 0..V−1.
    """
    outputs, last, tapes = _run(runs.forward, cell, model, tokens, state)
    scores = functional.linear(outputs, model.weight, model.bias)
    value, dscores = functional.cross_entropy(scores, targets)
    if not np.isfinite(value):  # no gradient; the training loop says so and stops
        return value, rebuild(model, (np.full_like(a, np.nan) for a in leaves(model))), last
    doutputs, dweight, dbias = functional.linear_backward(dscores, outputs, model.weight)
    dlayers: list[Params] = []
    for tape in reversed(tapes):
        trace = runs.backward(cell, doutputs, tape)
        dlayers.insert(0, trace.dparams)
        doutputs = trace.dinputs
    dembedding = functional.embedding_backward(doutputs, tokens, len(model.embedding))
    return value, CharModel(dembedding, tuple(dlayers), dweight, dbias), last


def bits_per_character(
    cell: Cell, model: CharModel, documents: Sequence[Int[Array, "_"]], *, window: int = 500
) -> float:
    """Mean of −log₂ p over every character of every document; each is read alone, from a zero state.

    A document is its tokens without the boundary (token 1); the model reads a boundary first.
    Raises ValueError where there is no character.
    """
    total, count = 0.0, 0
    for document in documents:
        tokens = np.concatenate([[1], document])[:, None]
        states = None
        for begin in range(0, len(document), window):
            end = min(begin + window, len(document))
            scores, states = logits(cell, model, tokens[begin:end], states)
            log_p = functional.log_softmax(scores)
            total -= np.take_along_axis(log_p, tokens[begin + 1 : end + 1, :, None], axis=2).sum(
                dtype=np.float64
            )
        count += len(document)
    if not count:
        raise ValueError("bits_per_character: documents must hold at least one character; got none")
    return total / count / NATS_PER_BIT


def generate(
    cell: Cell,
    model: CharModel,
    prime: Int[Array, "N"],
    length: int,
    *,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> Iterator[int]:
    """Yield `length` tokens, each drawn by `sampling.draw` from the model's prediction and fed back in.

    The model first reads a boundary and then `prime` (N,), which may be empty. Raises ValueError as
    `sampling.draw` does, and for tokens outside 0..V−1.
    """
    tokens = np.concatenate([[1], np.asarray(prime, np.int64)])[:, None]
    states = None
    for _ in range(_checks.positive_int("generate", "length", length)):
        scores, states = logits(cell, model, tokens, states)
        token = draw(scores[-1, 0], rng=rng, temperature=temperature, top_k=top_k)
        yield token
        tokens = np.array([[token]])


def _run(forward: Any, cell: Cell, model: CharModel, tokens: Array, states: Sequence[Any] | None) -> tuple:
    """(outputs of the top layer, last states, what `forward` left of each layer for the way back)."""
    if states is not None and len(states) != len(model.layers):
        raise ValueError(
            f"char_lm: states must hold one State for each of the {len(model.layers)} layers; "
            f"got {len(states)}"
        )
    outputs = functional.embedding(model.embedding, tokens)
    last, tapes = [], []
    for k, params in enumerate(model.layers):
        outputs, state, tape = forward(cell, params, outputs, None if states is None else states[k])
        last.append(state)
        tapes.append(tape)
    return outputs, last, tapes
