"""Synthetic tasks with one knob for how far back the answer lies."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks

Array = np.ndarray


class Batch(NamedTuple):
    inputs: Float[Array, "T B I"]
    targets: Float[Array, "T B O"]


def adding(steps: int, batch: int, *, rng: np.random.Generator, dtype: Any = np.float32) -> Batch:
    """The adding problem: inputs (T, B, 2) hold a number in U(0, 1) and a flag; the target (T, B, 1) is the
    sum of the two flagged numbers, the same at every step (use a mask to ask for it at the last only).

    One flag lies in the first half of the steps, one in the second. Always answering 1 gives a mean
    squared error of 1/6, the variance of the sum of two uniform numbers.
    Source: Hochreiter and Schmidhuber (1997), experiment 4, in the form of Le et al. (2015), section 4.1.
    Raises ValueError for fewer than 2 steps.
    """
    _checks.positive_int("adding", "batch", batch)
    if _checks.positive_int("adding", "steps", steps) < 2:
        raise ValueError(f"adding: steps must be at least 2, to hold two flags; got {steps}")
    _checks.generator("adding", rng)
    dtype = _checks.float_dtype("adding", dtype)
    numbers = rng.uniform(0, 1, (steps, batch))
    flags = np.zeros((steps, batch))
    column = np.arange(batch)
    flags[rng.integers(0, steps // 2, batch), column] = 1
    flags[rng.integers(steps // 2, steps, batch), column] = 1
    inputs: Array = np.stack([numbers, flags], axis=2).astype(dtype)
    total = (numbers * flags).sum(axis=0).astype(dtype)
    return Batch(inputs, np.tile(total[None, :, None], (steps, 1, 1)))
