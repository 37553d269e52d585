"""The training loop: gradient, clip, step. It yields a record a step and never prints."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from rnncourse.params.trees import leaves, rebuild
from rnncourse.training.clipping import clip_by_norm, global_norm


class Record(NamedTuple):
    """One step: its number (from 1), the loss before it, and ‖g‖ before clipping."""

    step: int
    loss: float
    gradient_norm: float


def train(
    model: Any,
    batches: Iterable[Any],
    optimiser: Any,
    *,
    loss_and_gradient: Callable[..., tuple[float, Any]],
    threshold: float | None = None,
) -> Iterator[tuple[Record, Any]]:
    """Yield (record, model) after each step; `model` is a tree of tuples of arrays.

    ``loss_and_gradient(model, *batch)`` returns (loss, gradient) with the gradient shaped like the model.
    `threshold` clips by the global norm. The model given is not written to.
    Raises FloatingPointError, with the step and a norm, when the loss or the gradient is no longer finite.
    """
    norm = 0.0
    for number, batch in enumerate(batches, start=1):
        loss, gradient = loss_and_gradient(model, *batch)
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"train: the loss must stay finite; got {loss} at step {number} "
                f"(gradient norm of the step before: {norm:.3g}). Lower lr, or clip with threshold="
            )
        gradients = leaves(gradient)
        norm = global_norm(gradients)
        if not np.isfinite(norm):
            raise FloatingPointError(
                f"train: the gradient must stay finite; got a norm of {norm} at step {number} "
                f"(loss {loss:.3g}). Lower lr, or make the sequences shorter"
            )
        if threshold is not None:
            gradients, _ = clip_by_norm(gradients, threshold)
        model = rebuild(model, iter(optimiser.update(leaves(model), gradients)))
        yield Record(number, loss, norm), model
