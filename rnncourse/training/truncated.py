"""Training on one long sequence: cut it into streams and windows, and carry the state from window to window.

    sequence  s_1 s_2 … s_N      →  B streams, each N // B long:  stream b starts at s_{b·(N//B)+1}
    window w of all streams:        state_w, loss and gradient = run(window w, from state_{w−1})

The gradient of a window stops at its first step: the state that came in is a number like any input. This is
truncated backpropagation through time, BPTT(h; h) of `rnncourse.truncation` with h the window.

Source: Williams and Peng (1990), whose BPTT(h; h') contains it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Shaped

from rnncourse import _checks

Array = np.ndarray


def streams(sequence: Shaped[Array, "N ..."], batch: int) -> Shaped[Array, "T B ..."]:
    """One long sequence (N, …) as B = `batch` streams beside each other, (N // B, B, …), of any dtype.

    Stream b goes on where stream b − 1 ends; the last N mod B entries are left out. For next-token training
    take ``tokens[:-1]`` as the inputs and ``tokens[1:]`` as the targets, of the streams.

    Raises ValueError where N < B, TypeError where `sequence` is no array.
    """
    _require_array("streams", "sequence", sequence)
    batch = _checks.positive_int("streams", "batch", batch)
    steps = len(sequence) // batch
    if steps == 0:
        raise ValueError(f"streams: sequence must have at least batch = {batch} entries; got {len(sequence)}")
    parts = sequence[: steps * batch].reshape(batch, steps, *sequence.shape[1:])
    return np.ascontiguousarray(parts.swapaxes(0, 1))


def windows(*arrays: Shaped[Array, "T ..."], window: int) -> Iterator[tuple[Array, ...]]:
    """Yield the arrays (T, …), cut at the same places, `window` steps at a time: (W, …) each.

    Nothing is left out: the last window is shorter where `window` does not divide T. What comes are views.
    Raises ValueError where the arrays are not equally long or T = 0.
    """
    window = _checks.positive_int("windows", "window", window)
    for number, array in enumerate(arrays):
        _require_array("windows", f"arrays[{number}]", array)
    lengths = [len(array) for array in arrays]
    if not lengths or lengths[0] == 0 or len(set(lengths)) > 1:
        raise ValueError(
            f"windows: arrays must be at least one, all of one length T >= 1; got the lengths {lengths}"
        )
    starts = range(0, lengths[0], window)
    return (tuple(array[start : start + window] for array in arrays) for start in starts)


class Carried:
    """``function`` with a memory: the state that one window ends with is the state the next one starts from.

    ``function(model, *batch, state=…)`` returns (loss, gradient, state); None stands for the zero state.
    Called as ``carried(model, *batch)`` it returns (loss, gradient), which is what `training.loop.train` asks
    for. A state in NumPy holds numbers and no graph, so no gradient can flow into the window before.
    """

    def __init__(self, function: Callable[..., tuple[float, Any, Any]]):
        if not callable(function):
            raise TypeError(f"Carried: function must be callable; got {type(function).__name__}")
        self.function = function
        self.state: Any = None

    def __call__(self, model: Any, *batch: Any) -> tuple[float, Any]:
        """(loss, gradient) of one window, from the state that the last call left."""
        loss, gradient, self.state = self.function(model, *batch, state=self.state)
        return loss, gradient

    def reset(self) -> None:
        """Start the next window from the zero state: at the beginning of the data."""
        self.state = None


def _require_array(subject: str, name: str, value: Any) -> None:
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        got = "one number" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{subject}: {name} must be a numpy array with at least one axis; got {got}")
