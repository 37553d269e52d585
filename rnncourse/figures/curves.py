"""Curves with their spread over seeds, in the look of the book."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from rnncourse.figures.style import COLOURS, DASHES, finish

Array = np.ndarray


def median_and_range(
    x: Float[Array, "N"],
    runs: Mapping[str, Float[Array, "S N"]],
    *,
    ax: Any,
    log: bool = False,
    columns: int = 2,
) -> Any:
    """One line for each entry of `runs` over `x` (N,): the median of its S seeds, and their range as a band.

    Lines differ by their dashes as well as by colour. With `log` the axis upwards is logarithmic, and what
    is not a finite number > 0 has no place on it and leaves a gap. The legend, in `columns`, stands below the
    axes. Returns `ax`. ValueError where a curve is not as long as `x`, or for more curves than there are
    dashes to tell them apart.
    """
    if len(runs) > len(DASHES):
        raise ValueError(f"median_and_range: runs must be at most {len(DASHES)}; got {len(runs)}")
    for number, (label, values) in enumerate(runs.items()):
        if values.ndim != 2 or values.shape[1] != len(x):
            raise ValueError(
                f"median_and_range: runs[{label!r}] must have shape (S, N) = (S, {len(x)}); "
                f"got {values.shape}"
            )
        if log:
            values = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        colour = COLOURS[number]
        ax.plot(x, np.median(values, axis=0), color=colour, linestyle=DASHES[number], label=label)
        if len(values) > 1:
            low, high = values.min(axis=0), values.max(axis=0)  # NaN where one seed is
            ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    if log:
        ax.set_yscale("log")
    finish(ax, columns)
    return ax
