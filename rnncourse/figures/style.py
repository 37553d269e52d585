"""One look for all figures: readable at 390 px, in grey, and on a dark page."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.rcsetup import cycler

# Okabe and Ito's colours, told apart by the colour-blind too. Lines differ by their dashes as well, so
# that they survive a grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
PALE, GRID = "#8c959f", "#e6e9ed"
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

_SETTINGS: Any = {
    "axes.facecolor": "white",
    "figure.facecolor": "white",  # the page may be dark
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=DASHES),
    "font.size": 12,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "rnncourse",
}


def subplots(*args: Any, figsize: tuple[float, float] = (5.6, 3.4), **kwargs: Any) -> tuple[Any, Any]:
    """``plt.subplots`` in the book's look; 5.6 inches wide fill a phone's page with legible text."""
    with plt.rc_context(_SETTINGS):
        return plt.subplots(*args, figsize=figsize, layout="constrained", **kwargs)


def finish(ax: Any, columns: int = 2) -> None:
    """A pale grid behind the lines, and the legend below the axes, where it hides nothing."""
    ax.grid(True, color=GRID)
    ax.set_axisbelow(True)
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
    ax.legend(ncols=columns, frameon=False, fontsize=11, handlelength=2.8, **place)
