"""Functions that networks share: activations, losses and the embedding, each with its gradient."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from rnncourse import _checks

Array = np.ndarray


def sigmoid(a: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """σ(a) = 1 / (1 + e^{−a}), elementwise, in the dtype of `a`.

    Computed as (1 + tanh(a/2)) / 2, the same function, which cannot overflow and needs no mask. Below
    a ≈ −37 in float64 (−17 in float32) the result rounds to 0, an absolute error of one unit in the last
    place of 1. Raises TypeError where `a` is not an array of float32 or float64.
    """
    _checks.array("sigmoid", "a", a)
    return 0.5 * (1 + np.tanh(0.5 * a))


def log_softmax(logits: Float[Array, "*batch V"]) -> Float[Array, "*batch V"]:
    """log p_v = s_v − log Σ_u e^{s_u} over the last axis; the largest logit is subtracted first.

    Raises TypeError where `logits` is not an array of float32 or float64, ValueError where V = 0.
    """
    if _checks.array("log_softmax", "logits", logits).ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"log_softmax: logits must have shape (..., V) with V >= 1; got {logits.shape}")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits: Float[Array, "*batch V"]) -> Float[Array, "*batch V"]:
    """p_v = e^{s_v} / Σ_u e^{s_u} over the last axis. Raises as `log_softmax` does."""
    return np.exp(log_softmax(logits))


def cross_entropy(
    logits: Float[Array, "*batch V"],
    targets: Int[Array, "*batch"],
    mask: Bool[Array, "*batch"] | None = None,
) -> tuple[float, Float[Array, "*batch V"]]:
    """(L, ∂L/∂logits) with L = −mean log p[target], in nats, over the places where `mask` is True.

    `targets` are integers in 0..V−1 at every place, masked or not. Without a mask all places count.
    ∂L/∂logits = (p − onehot(target)) / N at the N places that count, 0 elsewhere.
    Raises ValueError for shapes that do not fit, targets out of range, or a mask that is False everywhere.
    """
    subject = "cross_entropy"
    _checks.array(subject, "logits", logits)
    _indices(subject, "targets", targets, logits.shape[-1])
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"{subject}: targets must have shape {logits.shape[:-1]} for logits {logits.shape}; "
            f"got {targets.shape}"
        )
    weight = _mean_weights(subject, mask, targets.shape, logits.dtype)
    log_p = log_softmax(logits)
    picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    dlogits = np.exp(log_p)
    np.put_along_axis(
        dlogits, targets[..., None], np.take_along_axis(dlogits, targets[..., None], -1) - 1, -1
    )
    # Where the weight is 0 a log p of −inf must not count: 0 · inf is NaN.
    return float(-(weight * np.where(weight, picked, 0)).sum()), dlogits * weight[..., None]


def squared_error(
    outputs: Float[Array, "*batch O"],
    targets: Float[Array, "*batch O"],
    mask: Bool[Array, "*batch"] | None = None,
) -> tuple[float, Float[Array, "*batch O"]]:
    """(L, ∂L/∂outputs) with L = mean over the places that count of Σ_O (output − target)².

    ∂L/∂outputs = 2 (output − target) / N at the N places where `mask` is True, 0 elsewhere.
    Raises ValueError for shapes that differ or a mask that is False everywhere.
    """
    subject = "squared_error"
    _checks.array(subject, "outputs", outputs)
    _checks.shaped(subject, "targets", targets, _dims(outputs), outputs.shape, " like outputs")
    weight = _mean_weights(subject, mask, outputs.shape[:-1], outputs.dtype)[..., None]
    error = outputs - targets
    return float((weight * error * error).sum()), 2 * weight * error


def linear(
    x: Float[Array, "*batch I"], weight: Float[Array, "O I"], bias: Float[Array, "O"]
) -> Float[Array, "*batch O"]:
    """y = x Wᵀ + b over the last axis. ValueError or TypeError where x, W and b do not fit."""
    _checks.shaped("linear", "weight", weight, "O I", (None, None))
    why = f" for weight {weight.shape}"
    _checks.array("linear", "x", x)
    _checks.shaped("linear", "x", x, _dims(x), (*x.shape[:-1], weight.shape[1]), why)
    _checks.shaped("linear", "bias", bias, "O", (len(weight),), why)
    return x @ weight.T + bias


def linear_backward(
    dy: Float[Array, "*batch O"], x: Float[Array, "*batch I"], weight: Float[Array, "O I"]
) -> tuple[Float[Array, "*batch I"], Float[Array, "O I"], Float[Array, "O"]]:
    """(∂L/∂x, ∂L/∂W, ∂L/∂b) = (dy W, Σ dyᵀ x, Σ dy), the sums over all leading axes.

    Raises ValueError or TypeError where dy, x and W do not fit.
    """
    rows, columns = _checks.shaped("linear_backward", "weight", weight, "O I", (None, None)).shape
    _checks.array("linear_backward", "x", x)
    _checks.shaped("linear_backward", "x", x, _dims(x), (*x.shape[:-1], columns))
    _checks.shaped("linear_backward", "dy", dy, _dims(x), (*x.shape[:-1], rows), f" for x {x.shape}")
    flat_dy, flat_x = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dy @ weight, flat_dy.T @ flat_x, flat_dy.sum(axis=0)


def embedding(weight: Float[Array, "V I"], tokens: Int[Array, "*batch"]) -> Float[Array, "*batch I"]:
    """Row `token` of the table for each token: the product onehot(token) · weight, without the product.

    Raises ValueError for a token outside 0..V−1, TypeError for tokens that are not integers.
    """
    _checks.shaped("embedding", "weight", weight, "V I", (None, None))
    _indices("embedding", "tokens", tokens, len(weight))
    return weight[tokens]


def embedding_backward(
    dy: Float[Array, "*batch I"], tokens: Int[Array, "*batch"], rows: int
) -> Float[Array, "V I"]:
    """∂L/∂weight (V, I) with V = `rows`: row v is the sum of dy over all places whose token is v.

    Raises ValueError where dy does not have the tokens' shape with one axis more, or a token is out of range.
    """
    _checks.positive_int("embedding_backward", "rows", rows)
    _indices("embedding_backward", "tokens", tokens, rows)
    if _checks.array("embedding_backward", "dy", dy).shape[:-1] != tokens.shape:
        raise ValueError(
            f"embedding_backward: dy must have shape (*batch, I) with batch = {tokens.shape}; got {dy.shape}"
        )
    dweight = np.zeros((rows, dy.shape[-1]), dy.dtype)
    np.add.at(dweight, tokens.ravel(), dy.reshape(-1, dy.shape[-1]))  # repeated tokens add up
    return dweight


def _indices(subject: str, name: str, value: Any, limit: int) -> None:
    if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, np.integer):
        raise TypeError(
            f"{subject}: {name} must be an array of integers; got {getattr(value, 'dtype', type(value))}"
        )
    if value.size and (value.min() < 0 or value.max() >= limit):
        raise ValueError(f"{subject}: {name} must lie in 0..{limit - 1}; got {value.min()}..{value.max()}")


def _mean_weights(subject: str, mask: Any, shape: tuple, dtype: Any) -> Array:
    """1/N at the N places that count, 0 elsewhere."""
    if mask is None:
        mask = np.ones(shape, bool)
    _checks.mask(subject, mask, shape)
    if not mask.any():
        raise ValueError(f"{subject}: mask must be True somewhere; got {mask.size} times False")
    return (mask / mask.sum()).astype(dtype)


def _dims(x: Array) -> str:
    return " ".join(f"n{i}" for i in range(x.ndim))
