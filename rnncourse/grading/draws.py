"""Random inputs that many specs draw."""

from typing import Any

import numpy as np

# kind, B, I, H, small: a case for each way in which a step goes wrong; the first may be shown.
SIZES = (
    ("for a batch of one", 1, 2, 3, True),
    ("for a batch", 3, 4, 3, False),
    ("for one input and one unit", 2, 1, 1, True),
    ("when B, I and H are equal", 3, 3, 3, False),
)


def cell(
    rng: np.random.Generator,
    gates: int,
    input_size: int,
    hidden_size: int,
    dtype: Any = np.float64,
    **arrays: tuple[int, ...],
) -> dict[str, Any]:
    """Standard normal `arrays` by name and shape, with weight_ih (GH, I), weight_hh (GH, H), bias (GH,)."""
    rows = gates * hidden_size
    shapes = arrays | {
        "weight_ih": (rows, input_size),
        "weight_hh": (rows, hidden_size),
        "bias": (rows,),
    }
    return {name: normal(rng, shape, dtype) for name, shape in shapes.items()}


def normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """Standard normal numbers of this shape."""
    return rng.standard_normal(shape).astype(dtype)


# As SIZES for cells with gates. The smallest comes first, and weights of four blocks are still shown whole.
GATED_SIZES = (
    ("for one input and one unit", 2, 1, 1, True),
    ("for a batch of one", 1, 3, 2, True),
    ("for a batch", 3, 4, 3, False),
    ("when B, I and H are equal", 3, 3, 3, False),
)
