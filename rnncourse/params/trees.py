"""Models are trees: NamedTuples and tuples of arrays. An optimiser wants a flat list of them, and back."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def leaves(tree: Any) -> list[np.ndarray]:
    """The arrays of nested tuples, in order."""
    if isinstance(tree, np.ndarray):
        return [tree]
    return [leaf for part in tree for leaf in leaves(part)]


def rebuild(tree: Any, arrays: Iterator[np.ndarray]) -> Any:
    """A tree like `tree` with its arrays taken from `arrays`, in order: the inverse of `leaves`."""
    if isinstance(tree, np.ndarray):
        return next(arrays)
    parts = [rebuild(part, arrays) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
