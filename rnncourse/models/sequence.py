"""A recurrent layer with a linear read-out at every step: the smallest trainable sequence model.

    h_t = cell(x_t, h_{t-1})     y_t = W_y h_t + b_y                 (T, B, O)

A mask says at which steps the loss looks: everywhere (many-to-many) or only at the last (many-to-one).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from rnncourse import _checks, functional, unroll
from rnncourse.cells import Cell
from rnncourse.fast import runs
from rnncourse.params import AnyParams, init_params
from rnncourse.params.trees import leaves, rebuild

Array = np.ndarray
LOSSES = {"squared_error": functional.squared_error, "cross_entropy": functional.cross_entropy}


class SequenceModel(NamedTuple):
    """The recurrent layer, and the read-out W_y, b_y."""

    rnn: AnyParams
    weight: Float[Array, "O H"]
    bias: Float[Array, "O"]


def init_sequence_model(
    cell: Cell, input_size: int, hidden_size: int, output_size: int, *, rng: np.random.Generator, **start: Any
) -> SequenceModel:
    """A fresh model; `start` goes to `init_params`. The read-out starts from U(−1/√H, 1/√H).

    Raises ValueError for sizes below 1, and what `init_params` raises.
    """
    outputs = _checks.positive_int("init_sequence_model", "output_size", output_size)
    rnn = init_params(cell, input_size, hidden_size, rng=rng, **start)
    k = hidden_size**-0.5
    weight, bias = rng.uniform(-k, k, (outputs, hidden_size)), rng.uniform(-k, k, outputs)
    return SequenceModel(rnn, weight.astype(rnn.weight_hh.dtype), bias.astype(rnn.weight_hh.dtype))


def predict(
    cell: Cell,
    model: SequenceModel,
    inputs: Float[Array, "T B I"],
    *,
    lengths: Int[Array, "B"] | Sequence[int] | None = None,
) -> Float[Array, "T B O"]:
    """y_t for every step, from a zero state. Raises what `unroll.forward` raises."""
    outputs, _, _ = unroll.forward(cell, model.rnn, inputs, lengths=lengths)
    return functional.linear(outputs, model.weight, model.bias)


def loss_and_gradient(
    cell: Cell,
    model: SequenceModel,
    inputs: Float[Array, "T B I"],
    targets: Array,
    mask: Bool[Array, "T B"] | None = None,
    *,
    loss: str = "squared_error",
    lengths: Int[Array, "B"] | Sequence[int] | None = None,
) -> tuple[float, SequenceModel]:
    """(L, ∂L/∂model) with L averaged over the places where `mask` is True, from a zero state.

    `targets` are (T, B, O) for "squared_error", integers (T, B) for "cross_entropy". With `lengths` the
    places beyond a sequence's length never count, whatever the mask says. A loss that is not finite has no
    gradient: it comes back with NaN for every entry.
    Raises ValueError for an unknown loss, and what `unroll` and the loss raise.
    """
    value, gradient, _ = loss_gradient_and_state(
        cell, model, inputs, targets, mask, loss=loss, lengths=lengths
    )
    return value, gradient


def loss_gradient_and_state(
    cell: Cell,
    model: SequenceModel,
    inputs: Float[Array, "T B I"],
    targets: Array,
    mask: Bool[Array, "T B"] | None = None,
    *,
    state: Any = None,
    loss: str = "squared_error",
    lengths: Int[Array, "B"] | Sequence[int] | None = None,
) -> tuple[float, SequenceModel, Any]:
    """(L, ∂L/∂model, the last state) of a run that starts from `state`, or from zeros.

    As `loss_and_gradient`, its errors too. The gradient stops at `state` (a State of (B, H)), so on
    consecutive windows this is truncated BPTT;
    `rnncourse.training.truncated.Carried` hands the state on.
    """
    _checks.choice("loss_and_gradient", "loss", loss, LOSSES)
    outputs, final, tape = runs.forward(cell, model.rnn, inputs, state, lengths=lengths)
    predictions = functional.linear(outputs, model.weight, model.bias)
    if lengths is not None:
        lasting = unroll.length_mask("loss_and_gradient", lengths, *inputs.shape[:2])
        if mask is not None:
            _checks.mask("loss_and_gradient", mask, lasting.shape)
            lasting = lasting & mask
        mask = lasting
    value, dpredictions = LOSSES[loss](predictions, targets, mask)
    if not np.isfinite(value):
        nothing = rebuild(model, (np.full_like(p, np.nan) for p in leaves(model)))
        return value, nothing, final
    doutputs, dweight, dbias = functional.linear_backward(dpredictions, outputs, model.weight)
    trace = runs.backward(cell, doutputs, tape)
    return value, SequenceModel(trace.dparams, dweight, dbias), final


def last_step(
    steps: int, batch: int, lengths: Int[Array, "B"] | Sequence[int] | None = None
) -> Bool[Array, "T B"]:
    """The mask that is True only at the last step of each sequence: a many-to-one loss.

    Raises ValueError or TypeError for sizes below 1, or lengths that are not integers in 1..T.
    """
    _checks.positive_int("last_step", "steps", steps)
    _checks.positive_int("last_step", "batch", batch)
    if lengths is None:
        lengths = np.full(batch, steps)
    return np.arange(steps)[:, None] == _checks.lengths("last_step", lengths, steps, batch) - 1
