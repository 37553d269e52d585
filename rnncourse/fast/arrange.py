"""What the fast versions share: cutting a sequence so that work on it stays in the cache, and guards."""

from collections.abc import Iterator
from typing import Any

import numpy as np

# Entries of one segment's largest array: with 4 bytes each, about half of a 2 MB cache.
CACHED = 2**18


def segments(steps: int, entries: int, most: int = CACHED) -> Iterator[slice]:
    """Slices that cover the steps, last first, each with at most `most` entries at `entries` a step.

    At least one step each. Few steps are cut evenly, so that no short rest is left.
    """
    count = max(1, -(-steps * entries // most))
    length = max(1, -(-steps // count))
    for start in reversed(range(0, steps, length)):
        yield slice(start, min(start + length, steps))


def require_tape(subject: str, tape: Any, kind: type) -> None:
    """TypeError for anything but the tape of this module's own forward."""
    if not isinstance(tape, kind):
        got = f"{type(tape).__module__}.{type(tape).__name__}"
        raise TypeError(f"{subject}: tape must be what forward of the same module returned; got {got}")


def readonly(view: np.ndarray) -> np.ndarray:
    """The same view, which refuses to be written to."""
    view.flags.writeable = False
    return view
