"""A feed-forward network with one hidden layer, and the window through which it can look at a sequence.

    h = tanh(W_1 x + b_1)      y = W_y h + b_y          over the last axis; no state

Backward, with dy = ∂L/∂y and δ = ∂L/∂(W_1 x + b_1):

    ∂L/∂W_y = dyᵀ h     ∂L/∂b_y = Σ dy     δ = dy W_y ⊙ (1 − h²)     ∂L/∂W_1 = δᵀ x     ∂L/∂b_1 = Σ δ
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from rnncourse import _checks, functional
from rnncourse.models.sequence import LOSSES

Array = np.ndarray


class FeedForward(NamedTuple):
    """W_1, b_1 of the hidden layer, and the read-out W_y, b_y."""

    weight_in: Float[Array, "H I"]
    bias_in: Float[Array, "H"]
    weight: Float[Array, "O H"]
    bias: Float[Array, "O"]


def init_feed_forward(
    input_size: int, hidden_size: int, output_size: int, *, rng: np.random.Generator, dtype: Any = np.float32
) -> FeedForward:
    """A fresh network; each layer starts from U(−1/√n, 1/√n) with n its number of inputs, as torch.nn.Linear.

    Raises ValueError for sizes below 1, TypeError for a wrong rng or dtype.
    """
    subject = "init_feed_forward"
    size_in = _checks.positive_int(subject, "input_size", input_size)
    hidden = _checks.positive_int(subject, "hidden_size", hidden_size)
    outputs = _checks.positive_int(subject, "output_size", output_size)
    _checks.generator(subject, rng)
    dtype = _checks.float_dtype(subject, dtype)

    def layer(rows: int, columns: int) -> tuple[Array, Array]:
        k = columns**-0.5
        return rng.uniform(-k, k, (rows, columns)).astype(dtype), rng.uniform(-k, k, rows).astype(dtype)

    return FeedForward(*layer(hidden, size_in), *layer(outputs, hidden))


def predict(model: FeedForward, inputs: Float[Array, "*batch I"]) -> Float[Array, "*batch O"]:
    """y for each input. Raises ValueError or TypeError where the inputs do not fit the model."""
    hidden = np.tanh(functional.linear(inputs, model.weight_in, model.bias_in))
    return functional.linear(hidden, model.weight, model.bias)


def loss_and_gradient(
    model: FeedForward,
    inputs: Float[Array, "*batch I"],
    targets: Array,
    mask: Bool[Array, "*batch"] | None = None,
    *,
    loss: str = "squared_error",
) -> tuple[float, FeedForward]:
    """(L, ∂L/∂model) with L averaged over the places where `mask` is True; losses as in `models.sequence`.

    `targets` are (*batch, O) for "squared_error", integers (*batch) for "cross_entropy".
    Raises ValueError for an unknown loss, and what the loss raises.
    """
    _checks.choice("loss_and_gradient", "loss", loss, LOSSES)
    hidden = np.tanh(functional.linear(inputs, model.weight_in, model.bias_in))
    predictions = functional.linear(hidden, model.weight, model.bias)
    value, dpredictions = LOSSES[loss](predictions, targets, mask)
    dhidden, dweight, dbias = functional.linear_backward(dpredictions, hidden, model.weight)
    _, dweight_in, dbias_in = functional.linear_backward(
        dhidden * (1 - hidden * hidden), inputs, model.weight_in
    )
    return value, FeedForward(dweight_in, dbias_in, dweight, dbias)


def windows(inputs: Float[Array, "T B I"], width: int) -> Float[Array, "T B {width}*I"]:
    """At each step the last `width` inputs side by side, the newest last; zeros stand before the first step.

    Raises ValueError for another shape or a width below 1.
    """
    _checks.shaped("windows", "inputs", inputs, "T B I", (None, None, None))
    before = _checks.positive_int("windows", "width", width) - 1
    padded = np.concatenate([np.zeros((before, *inputs.shape[1:]), inputs.dtype), inputs])
    return np.concatenate([padded[k : k + len(inputs)] for k in range(width)], axis=2)
