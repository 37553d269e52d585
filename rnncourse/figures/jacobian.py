"""Curves on a logarithmic axis, each with its spread over seeds: the plots of chapter 5."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from rnncourse.figures.style import COLOURS, DASHES

Array = np.ndarray


def log_curves(
    x: Float[Array, "N"],
    curves: Mapping[str, Float[Array, "S N"]],
    *,
    xlabel: str,
    ylabel: str,
    ax: Any,
    columns: int = 2,
) -> Any:
    """One line for each entry of `curves` on `ax`, over `x` (N,), log axis upwards; returns `ax`.

    curves: label -> values (S, N) of S seeds. The line is the median over the seeds, the band runs from the
    smallest to the largest. What is not a finite number > 0 has no place on a log axis and leaves a gap.
    The legend, in `columns`, stands below the axes. ValueError where a curve is not as long as `x`, or for
    more curves than there are dashes to tell them apart.
    """
    if len(curves) > len(DASHES):
        raise ValueError(f"log_curves: curves must be at most {len(DASHES)}; got {len(curves)}")
    for number, (label, values) in enumerate(curves.items()):
        if values.ndim != 2 or values.shape[1] != len(x):
            raise ValueError(
                f"log_curves: curves[{label!r}] must have shape (S, N) = (S, {len(x)}); got {values.shape}"
            )
        visible = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        whole = ~np.isnan(visible).any(axis=0)
        low, middle, high = (
            np.where(whole, reduce(visible, axis=0), np.nan) for reduce in (np.min, np.median, np.max)
        )
        colour = COLOURS[number]
        ax.plot(x, middle, color=colour, linestyle=DASHES[number], label=label)
        if len(values) > 1:
            ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    ax.set_yscale("log")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(True, color="#e6e9ed")
    ax.set_axisbelow(True)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.45, -0.2),
        ncols=columns,
        handlelength=2.8,
        frameon=False,
        fontsize=11,
    )
    return ax
