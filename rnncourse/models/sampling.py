"""Draw the next token from a model's scores: temperature and top-k.

p_v ∝ exp(s_v / τ), over the k largest scores only;   τ → 0 is the maximum, τ → ∞ the uniform choice
"""

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.functional import softmax

Array = np.ndarray


def distribution(
    scores: Float[Array, "*batch V"], *, temperature: float = 1.0, top_k: int | None = None
) -> Float[Array, "*batch V"]:
    """The probabilities (…, V) from which `draw` draws; at temperature 0 all of it on the first maximum.

    With `top_k` all but the k largest scores get 0; of equal scores at the edge all stay, so more than k may.
    Raises ValueError for a temperature below 0, a top_k outside 1..V or scores that are NaN.
    """
    subject = "sampling"
    if _checks.number(subject, "temperature", temperature) < 0:
        raise ValueError(f"{subject}: temperature must be at least 0; got {temperature}")
    _checks.array(subject, "scores", scores)
    if np.isnan(scores).any():
        raise ValueError(f"{subject}: scores must be numbers; got NaN. Has the model's training diverged?")
    size = scores.shape[-1]
    if temperature == 0:
        return np.eye(size, dtype=scores.dtype)[scores.argmax(axis=-1)]
    if top_k is not None:
        if _checks.positive_int(subject, "top_k", top_k) > size:
            raise ValueError(f"{subject}: top_k must lie in 1..V = 1..{size}; got {top_k}")
        edge = np.sort(scores, axis=-1)[..., size - top_k, None]
        scores = np.where(scores < edge, -np.inf, scores).astype(scores.dtype)
    # The maximum goes first, so that a small temperature makes large negative numbers and no infinity.
    shifted = scores - scores.max(axis=-1, keepdims=True)
    # In float64, where a temperature that is 0 in float32 is above 0; what leaves float32 becomes -inf.
    with np.errstate(over="ignore"):
        return softmax((shifted / np.float64(temperature)).astype(scores.dtype))


def draw(
    scores: Float[Array, "V"],
    *,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> int:
    """One token from `distribution`. Raises as that does, and TypeError for another rng."""
    _checks.generator("sampling", rng)
    edges = np.cumsum(distribution(scores, temperature=temperature, top_k=top_k), dtype=np.float64)
    # Rounding may leave the last edge below 1; scaled, no draw falls beyond it.
    return int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))
