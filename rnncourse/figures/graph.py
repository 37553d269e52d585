"""The network unrolled over time as a picture, and the plots of the chapter on the vanilla cell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.patches import Circle, FancyBboxPatch
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from rnncourse.figures.style import COLOURS, DASHES, GRID, PALE, finish

Array = np.ndarray

BLUE, ORANGE, GREEN = COLOURS[:3]
MARKERS = ("o", "s", "^", "D", "v")
# The rows of the graph, from below, and the distance of two steps.
_WEIGHTS, _INPUT, _STATE, _OUTPUT, _LOSS, _TOTAL = 0.0, 1.35, 2.7, 4.05, 5.3, 6.5
_PITCH, _RADIUS, _HALF = 1.7, 0.4, 0.42


def computational_graph(losses: Bool[Array, "T"], *, ax: Any) -> Any:
    """The computational graph over T = len(losses) steps on `ax`, with a loss where True; returns `ax`.

    From below: the one set of weights with an arrow into every step, the inputs x_t, the states h_t in a
    row, the outputs y_t, the losses L_t and their mean L. Outputs without a loss are drawn pale.
    """
    place = _PITCH * np.arange(len(losses) + 1)
    right = place[-1]
    _box(ax, right / 2 + _PITCH / 2, _WEIGHTS, right - _PITCH + 1.3, "", GREEN)
    ax.text(
        right / 2 + _PITCH / 2,
        _WEIGHTS,
        "$W_{ih},\\ W_{hh},\\ b$: the same at every step",
        ha="center",
        va="center",
        fontsize=12,
    )
    _box(ax, place[0], _STATE, 2 * _HALF, "$h_{0}$", PALE)
    for t, x in enumerate(place[1:], start=1):
        _box(ax, x, _STATE, 2 * _HALF, f"$h_{{{t}}}$", BLUE)
        _circle(ax, x + 0.15, _INPUT, f"$x_{{{t}}}$", "black")
        arrow(ax, (place[t - 1] + _HALF, _STATE), (x - _HALF, _STATE), BLUE)
        arrow(ax, (x + 0.15, _INPUT + _RADIUS), (x + 0.15, _STATE - _HALF), "black")
        arrow(ax, (x - 0.33, _WEIGHTS + _HALF), (x - 0.33, _STATE - _HALF), GREEN, "--")
        has_loss = bool(losses[t - 1])
        colour = "black" if has_loss else PALE
        _circle(ax, x, _OUTPUT, f"$y_{{{t}}}$", colour)
        arrow(ax, (x, _STATE + _HALF), (x, _OUTPUT - _RADIUS), colour, "-" if has_loss else ":")
        if has_loss:
            _circle(ax, x, _LOSS, f"$L_{{{t}}}$", ORANGE)
            arrow(ax, (x, _OUTPUT + _RADIUS), (x, _LOSS - _RADIUS), "black")
    asked = place[1:][losses]
    total = asked.mean()
    _circle(ax, total, _TOTAL, "$L$", ORANGE)
    for x in asked:
        way = np.array([total - x, _TOTAL - _LOSS])
        way *= _RADIUS / np.linalg.norm(way)
        arrow(ax, (x + way[0], _LOSS + way[1]), (total - way[0], _TOTAL - way[1]), ORANGE)
    ax.set(xlim=(-0.6, right + 0.7), ylim=(-0.6, _TOTAL + 0.6), aspect="equal")
    ax.axis("off")
    return ax


def step_terms(terms: Float[Array, "T"], *, ax: Any) -> Any:
    """What each step t = 1..T adds to one entry of a gradient, as bars, and their sum as the last bar."""
    steps = np.arange(1, len(terms) + 1)
    ax.bar(steps, terms, color=BLUE, width=0.7)
    ax.bar(len(terms) + 2, terms.sum(), color=ORANGE, width=0.7, hatch="//", edgecolor="white")
    ax.axhline(0, color="black", linewidth=0.8)
    ticks = [*steps[:: max(1, len(steps) // 6)], len(terms) + 2]
    ax.set_xticks(ticks, [*(str(t) for t in ticks[:-1]), "sum"])
    ax.set_axisbelow(True)
    ax.grid(True, axis="y", color=GRID)
    return ax


def updates_needed(
    lengths: Sequence[int], runs: Mapping[str, Float[Array, "N S"]], limit: int, *, ax: Any
) -> Any:
    """Updates until a goal (log axis) against the sequence length: a mark a run, a line through the medians.

    runs: label -> (N lengths, S seeds), inf where the goal was not reached within `limit` updates; such
    runs are open marks above the dotted line at `limit`. Returns `ax`.
    """
    places = np.arange(len(lengths))
    for k, (label, values) in enumerate(runs.items()):
        colour = COLOURS[k]
        shown = np.minimum(values, 1.5 * limit)
        seeds = values.shape[1]
        # Side by side, so that equal results do not hide each other.
        at = places[:, None] + 0.3 * (k - (len(runs) - 1) / 2) + np.linspace(-0.09, 0.09, seeds)
        reached = np.isfinite(values)
        ax.plot(at[reached], shown[reached], MARKERS[k], color=colour, linestyle="none", label=label)
        ax.plot(
            at[~reached], shown[~reached], MARKERS[k], color=colour, linestyle="none", markerfacecolor="none"
        )
        ax.plot(at.mean(axis=1), np.median(shown, axis=1), color=colour, linestyle=DASHES[k], linewidth=1.2)
    ax.axhline(limit, color=PALE, linestyle=":", linewidth=1.4)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FormatStrFormatter("%d"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xticks(places, [str(t) for t in lengths])
    finish(ax)
    return ax


def _box(ax: Any, x: float, y: float, width: float, text: str, colour: str) -> None:
    patch = FancyBboxPatch(
        (x - width / 2, y - _HALF),
        width,
        2 * _HALF,
        boxstyle="round,pad=0,rounding_size=0.15",
        facecolor="white",
        edgecolor=colour,
        linewidth=2,
    )
    ax.add_patch(patch)
    ax.text(x, y, text, ha="center", va="center", fontsize=13)


def _circle(ax: Any, x: float, y: float, text: str, colour: str) -> None:
    ax.add_patch(Circle((x, y), _RADIUS, facecolor="white", edgecolor=colour, linewidth=1.6))
    ax.text(x, y, text, ha="center", va="center", fontsize=13, color=colour if colour == PALE else "black")


def arrow(ax: Any, start: tuple, end: tuple, colour: str, dashes: str = "-", **more: Any) -> None:
    """An arrow on `ax` from (x, y) `start` to `end`, in data units; `more` goes to arrowprops."""
    props = {"arrowstyle": "-|>", "color": colour, "linestyle": dashes, "linewidth": 1.5, "shrinkA": 0}
    ax.annotate("", xy=end, xytext=start, arrowprops=props | {"shrinkB": 1} | more)
