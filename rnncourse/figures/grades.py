"""The marks of a class as pictures: points, shares right, seconds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from rnncourse.figures.style import COLOURS, GRID

Array = np.ndarray
_BIN_LIMIT = 24  # more bars than that are too thin on a phone


def points_distribution(points: Int[Array, "N"], maximum: int, *, ax: Any) -> Any:
    """How many of N submissions have 0, 1, … `maximum` points; with many points several share a bar."""
    width = -(-(maximum + 1) // _BIN_LIMIT)
    edges = np.arange(0, maximum + width + 1, width) - 0.5
    ax.hist(points, edges, color=COLOURS[0], rwidth=0.9)
    ax.set_xlabel(f"points of {maximum}")
    return _count(ax)


def shares_right(labels: Sequence[str], shares: Float[Array, "N"], *, ax: Any) -> Any:
    """One bar for each part, the first on top: which share of the submissions has it right, in per cent."""
    places = np.arange(len(labels))
    ax.barh(places, 100 * shares, color=COLOURS[0], height=0.7)
    for place, share in zip(places, shares, strict=True):
        ax.annotate(
            f"{100 * share:.0f} %", (100 * share, place), (4, 0), textcoords="offset points", va="center"
        )
    ax.set_yticks(places, labels)
    ax.invert_yaxis()
    ax.set_xlim(0, 115)  # room for the figure beside a full bar
    ax.set_xticks([0, 50, 100])
    ax.set_xlabel("right, per cent of submissions")
    return ax


def seconds_distribution(seconds: Float[Array, "N"], *, ax: Any) -> Any:
    """How many of N submissions took how long to grade."""
    ax.hist(seconds, min(_BIN_LIMIT, max(1, len(np.unique(seconds)))), color=COLOURS[0], rwidth=0.9)
    ax.set_xlim(left=0)
    ax.set_xlabel("seconds to grade")
    return _count(ax)


def _count(ax: Any) -> Any:
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel("submissions")
    ax.grid(True, axis="y", color=GRID)
    ax.set_axisbelow(True)
    return ax
