"""The gradient as a matrix over (t, k): how much each loss says about each step, and what a cut takes."""

from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from rnncourse.figures import graph
from rnncourse.figures.style import COLOURS as LINE_COLOURS

Array = np.ndarray

LOWEST = -4.0  # decades; whatever is smaller has the colour of the smallest
COLOURS = "viridis"  # the same as in the browser (widgets/js/heat.js)


def term_matrix(
    decades: Float[Array, "T T"], kept: Bool[Array, "T T"], *, ax: Any, exists: bool = True
) -> Any:
    """log10 of the terms' norms relative to the largest, [t−1, k−1], as coloured squares on `ax`; returns it.

    Down: the step t of the loss. To the right: the step k at which the weights act, k ≤ t. Kept terms have
    colours, those that are cut are grey and hatched; with `exists` False a cut term is not computed at all
    and has no shade. Norms below 1e−4, and exactly 0 (−inf), look alike.
    ValueError where the two are not of one shape (T, T).
    """
    if decades.shape != kept.shape or decades.ndim != 2 or decades.shape[0] != decades.shape[1]:
        raise ValueError(
            f"term_matrix: decades and kept must have one shape (T, T); got {decades.shape} and {kept.shape}"
        )
    steps = len(decades)
    share = np.clip(1 - np.maximum(decades, LOWEST) / LOWEST, 0, 1)
    lower = np.tri(steps, dtype=bool)
    pixels = np.ones((steps, steps, 4))
    # Greys stay pale, so that the hatching shows on them.
    pixels[lower] = mpl.colormaps["Greys"](0.08 + 0.4 * share[lower] * exists)
    pixels[kept] = mpl.colormaps[COLOURS](share[kept])
    pixels[~lower, 3] = 0
    frame = (0.5, steps + 0.5, steps + 0.5, 0.5)
    ax.imshow(pixels, extent=frame, interpolation="nearest", aspect="equal")
    for t in range(1, steps + 1):
        cut = np.flatnonzero((lower & ~kept)[t - 1]) + 1
        if cut.size:  # one stretch: a cut takes away what lies far back
            box = Rectangle((0.5, t - 0.5), cut[-1], 1, fill=False, hatch="////", linewidth=0)
            box.set_edgecolor("#57606a")
            ax.add_patch(box)
    ax.set_xlabel("step k")
    ax.set_ylabel("loss at step t")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def term_scale(*, ax: Any) -> Any:
    """The scale of `term_matrix` beside `ax` (one Axes or several); returns the colour bar."""
    first = np.ravel(ax)[0]
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(LOWEST, 0), COLOURS)
    ticks = np.arange(LOWEST, 1)
    names = [*(f"1e\N{MINUS SIGN}{-d:.0f}" for d in ticks[:-1]), "1"]
    names[0] = f"≤ {names[0]}"
    bar = first.figure.colorbar(scale, ax=ax, label="norm of the term, largest = 1")
    bar.set_ticks(ticks, labels=names)
    return bar


def signed_terms(values: Float[Array, "T T"], *, axes: Any) -> Any:
    """The terms of one entry of a gradient: over (t, k) on the upper of two `axes`, and Σ_t below, as bars.

    values[t−1, k−1] is what the loss at step t says through step k, 0 where k > t; each bar is the sum of its
    column, and the last bar the sum of all. Returns the two axes. ValueError unless the shape is (T, T).
    """
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"signed_terms: values must have shape (T, T); got {values.shape}")
    steps, largest = len(values), np.abs(values).max() or 1.0
    picture, bars = axes
    shown = np.where(np.tri(steps, dtype=bool), values, np.nan)
    image = picture.imshow(
        shown,
        cmap="PuOr",
        vmin=-largest,
        vmax=largest,
        extent=(0.5, steps + 0.5, steps + 0.5, 0.5),
        aspect="auto",
        interpolation="nearest",
    )
    picture.figure.colorbar(image, ax=list(axes), label="contribution to the gradient", aspect=30)
    picture.set_ylabel("loss at step t")
    picture.yaxis.set_major_locator(MaxNLocator(integer=True))
    graph.step_terms(values.sum(axis=0), ax=bars)
    bars.set_xlabel("step k")
    bars.set_ylabel("sum over t")
    picture.set_xlim(0.5, steps + 3)  # the same as below, where the last bar is the sum
    bars.set_xlim(0.5, steps + 3)
    return axes


def term_path(t: int, k: int, steps: int, *, ax: Any) -> Any:
    """The way of one term on the graph of `steps` steps: from the loss at t back to h_k, and there to W.

    Draws `graph.computational_graph` with a loss at every step, and the way on top; returns `ax`. ValueError
    unless 1 ≤ k ≤ t ≤ steps.
    """
    if not 1 <= k <= t <= steps:
        raise ValueError(f"term_path: k, t must be 1 <= k <= t <= steps = {steps}; got k = {k}, t = {t}")
    graph.computational_graph(np.ones(steps, bool), ax=ax)
    place = {text.get_text(): text.get_position() for text in ax.texts}
    back = [place[f"$h_{{{j}}}$"] for j in range(t, k - 1, -1)]
    weights = next(at for name, at in place.items() if name.startswith("$W"))
    x, y = back[-1]
    way = [place[f"$L_{{{t}}}$"], place[f"$y_{{{t}}}$"], *back]
    for start, end in [*pairwise(way), ((x - 0.33, y), (x - 0.33, weights[1]))]:
        wide: dict[str, Any] = {
            "linewidth": 5,
            "alpha": 0.6,
            "mutation_scale": 22,
            "shrinkA": 15,
            "shrinkB": 15,
        }
        graph.arrow(ax, start, end, LINE_COLOURS[1], **wide)
    return ax
