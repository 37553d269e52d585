"""Clip a gradient by its global norm.

    g ← g · min(1, θ / ‖g‖₂),   ‖g‖₂ over all parameters together, θ the threshold

Source: Pascanu, Mikolov and Bengio (2013), algorithm 1. torch's ``clip_grad_norm_`` divides by ‖g‖ + 1e-6
in place of ‖g‖.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from rnncourse import _checks

Array = np.ndarray


def global_norm(gradients: Sequence[Float[Array, "..."]]) -> float:
    """‖g‖₂ = √(Σ over all arrays of the sum of squares), scaled first so that no square overflows.

    0 for no arrays; NaN or infinity where an entry is one.
    """
    # NumPy's maximum keeps a NaN; Python's max() would lose it.
    largest = float(np.max([np.abs(g).max(initial=0) for g in gradients], initial=0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(sum(float(np.square(g / largest).sum()) for g in gradients)))


def clip_by_norm(
    gradients: Sequence[Float[Array, "..."]], threshold: float
) -> tuple[list[Float[Array, "..."]], float]:
    """(clipped gradients, ‖g‖ before): new arrays of the same shapes and dtypes; the given ones stay.

    `gradients` are arrays of float32 or float64 of any shapes.

    Raises ValueError for a threshold that is not > 0, and for a norm that is not finite: a gradient with
    an infinity or a NaN has no direction left to keep.
    """
    for number, gradient in enumerate(gradients):
        _checks.array("clip_by_norm", f"gradients[{number}]", gradient)
    if not _checks.number("clip_by_norm", "threshold", threshold) > 0:
        raise ValueError(f"clip_by_norm: threshold must be > 0; got {threshold}")
    norm = global_norm(gradients)
    if not np.isfinite(norm):
        raise ValueError(
            f"clip_by_norm: the gradient's norm must be finite; got {norm}. "
            "Lower the learning rate, or look for the step at which the loss stopped being finite"
        )
    scale = min(1.0, threshold / norm) if norm else 1.0
    return [g * g.dtype.type(scale) for g in gradients], norm
