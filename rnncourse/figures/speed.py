"""Time and memory as pictures: the roofline, the rungs of a ladder, time against memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from rnncourse.figures.style import COLOURS, DASHES, GRID, PALE, finish

Array = np.ndarray
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def roofline(
    peak: float,
    bandwidths: Mapping[str, float],
    points: Mapping[str, tuple[float, float]],
    *,
    ax: Any,
) -> Any:
    """GFLOP/s over FLOP per byte on `ax`, both logarithmic: roofs as lines, measured work as markers.

    peak: GFLOP/s of the flat roof. bandwidths: legend -> GB/s, a slanted roof each, min(peak, x · GB/s).
    points: legend -> (FLOP per byte, GFLOP/s). Markers differ in shape, roofs in dashes, so that both read in
    grey. Returns `ax`. ValueError for more roofs or points than there are marks, or numbers that are not > 0.
    """
    for name, got, most in (("bandwidths", bandwidths, DASHES), ("points", points, MARKERS)):
        if not 1 <= len(got) <= len(most):
            raise ValueError(f"roofline: {name} must be 1 to {len(most)}; got {len(got)}")
    numbers = np.array([peak, *bandwidths.values(), *np.ravel(list(points.values()))], float)
    if not (np.isfinite(numbers).all() and (numbers > 0).all()):
        raise ValueError(f"roofline: every number must be finite and > 0; got {numbers.tolist()}")
    places = np.array([x for x, _ in points.values()])
    x = np.geomspace(places.min() / 2, places.max() * 2, 200)
    for number, (label, bandwidth) in enumerate(bandwidths.items()):
        ax.plot(x, np.minimum(peak, x * bandwidth), color=PALE, linestyle=DASHES[number], label=label)
    for number, (label, (across, up)) in enumerate(points.items()):
        ax.plot(
            across,
            up,
            linestyle="none",
            marker=MARKERS[number],
            markersize=9,
            color=COLOURS[number % len(COLOURS)],
            label=label,
            clip_on=False,
        )
    ax.set(xscale="log", yscale="log", xlabel="FLOP per byte", ylabel="GFLOP/s")
    finish(ax, columns=1)
    return ax


def rungs(times: Mapping[str, Float[Array, "_"]], *, ax: Any, own: Sequence[str] = ()) -> Any:
    """One bar a name on `ax`, the first on top: median of its times, in ms, with the range of all rounds.

    times: name -> seconds (R,). Those in `own` are hatched, as what the others are compared with. The median
    stands beside each bar. Returns `ax`. KeyError for a name in `own` that is not in `times`.
    """
    if missing := [name for name in own if name not in times]:
        raise KeyError(f"rungs: own must name entries of times; got {missing}")
    names = list(times)
    ms = [1e3 * np.asarray(times[name]) for name in names]
    middle = np.array([np.median(t) for t in ms])
    spread = np.abs([[m - t.min() for t, m in zip(ms, middle, strict=True)],
                     [t.max() - m for t, m in zip(ms, middle, strict=True)]])  # fmt: skip
    bars = ax.barh(names, middle, xerr=spread, color=COLOURS[0], ecolor=PALE, capsize=3, height=0.7)
    for name, bar in zip(names, bars, strict=True):
        if name in own:
            bar.set(facecolor="white", edgecolor=COLOURS[1], hatch="///")
    edge = max(t.max() for t in ms)
    for row, (t, m) in enumerate(zip(ms, middle, strict=True)):
        ax.text(t.max() + 0.02 * edge, row, f"{m:.3g}", va="center", fontsize=11)
    ax.set(xlim=(0, 1.15 * edge), xlabel="milliseconds")
    ax.invert_yaxis()
    ax.grid(True, axis="x", color=GRID)
    ax.set_axisbelow(True)
    return ax


def trade(
    memory: Float[Array, "N"],
    times: Float[Array, "N"],
    labels: Sequence[str],
    *,
    ax: Any,
    plain: tuple[float, float],
) -> Any:
    """Time over memory on `ax`, memory logarithmic: one labelled point a setting, joined in order.

    `plain` (memory, time) is where nothing is saved, drawn as a square. Returns `ax`. ValueError where
    memory, times and labels differ in length.
    """
    if not len(memory) == len(times) == len(labels):
        raise ValueError(
            f"trade: memory, times and labels must be equally many; got {len(memory)}, {len(times)}, "
            f"{len(labels)}"
        )
    ax.plot(memory, times, color=COLOURS[0], marker="o", label="in segments of k steps")
    for x, y, text in zip(memory, times, labels, strict=True):
        ax.annotate(text, (x, y), textcoords="offset points", xytext=(0, 7), ha="center", fontsize=11)
    ax.plot(*plain, linestyle="none", marker="s", markersize=9, color=COLOURS[1], label="the whole tape")
    ax.set_xscale("log")
    ax.margins(0.08, 0.15)
    finish(ax)
    return ax
