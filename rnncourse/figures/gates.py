"""The LSTM and the GRU as diagrams, and pictures of what gates and cell state do."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.patches import Circle, FancyBboxPatch

from rnncourse.figures.style import COLOURS

Array = np.ndarray

BLUE, ORANGE, GREEN = COLOURS[:3]
PALE, GRID = "#8c959f", "#e6e9ed"
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINE, _BUS, _GATE = 5.6, 0.9, 2.4  # heights: the cell state, the line with h and x, the gates
_RADIUS, _HALF = 0.3, 0.47


def cell_diagram(*, ax: Any) -> Any:
    """One step of the LSTM on `ax`, time to the right: the cell state on top, the gates below; returns `ax`.

    The thick line is the highway: it passes one product (by f) and one sum (plus i ⊙ g), nothing else.
    """
    place = {"f": 1.9, "i": 3.3, "g": 5.1, "o": 6.7}
    plus, out = (place["i"] + place["g"]) / 2, 8.5
    ends = (0.4, 9.9)
    _line(ax, (ends[0], _LINE), (ends[1], _LINE), ORANGE, width=4.0)
    ax.text(ends[0] - 0.1, _LINE + 0.4, "$c_{t-1}$", fontsize=14)
    ax.text(ends[1] - 0.5, _LINE + 0.4, "$c_t$", fontsize=14)

    # h_{t-1} and x_t are joined and go to all four gates.
    _line(ax, (ends[0], _BUS), (place["o"], _BUS), BLUE, head=False)
    ax.text(ends[0] - 0.1, _BUS + 0.35, "$h_{t-1}$", fontsize=14)
    _line(ax, (1.0, -0.2), (1.0, _BUS), BLUE, head=False)
    ax.text(1.15, -0.25, "$x_t$", fontsize=14)
    for name, x in place.items():
        _line(ax, (x, _BUS), (x, _GATE - _HALF), BLUE)
        _box(ax, x, _GATE, f"${name}$", "tanh" if name == "g" else "σ")

    _line(ax, (place["f"], _GATE + _HALF), (place["f"], _LINE - _RADIUS), "black")
    _sign(ax, place["f"], _LINE, "×")
    for name, side in (("i", -1), ("g", 1)):
        _line(ax, (place[name], _GATE + _HALF), (plus + side * 0.25, 4.0 - 0.2), "black")
    _sign(ax, plus, 4.0, "×")
    _line(ax, (plus, 4.0 + _RADIUS), (plus, _LINE - _RADIUS), "black")
    _sign(ax, plus, _LINE, "+")

    _line(ax, (out, _LINE), (out, 4.0 + _HALF), ORANGE)
    _box(ax, out, 4.0, "tanh")
    _line(ax, (out, 4.0 - _HALF), (out, _GATE + _RADIUS), "black")
    _line(ax, (place["o"] + _HALF + 0.08, _GATE), (out - _RADIUS, _GATE), "black")
    _sign(ax, out, _GATE, "×")
    _line(ax, (out + _RADIUS, _GATE), (ends[1], _GATE), BLUE)
    ax.text(ends[1] - 0.5, _GATE + 0.35, "$h_t$", fontsize=14)
    ax.set(xlim=(0.1, 10.1), ylim=(-0.4, 6.4), aspect="equal")
    ax.axis("off")
    return ax


def gru_diagram(*, ax: Any) -> Any:
    """One step of the GRU on `ax`, time to the right: the one state on top, the gates below; returns `ax`.

    The state passes one product (by z) and one sum (plus (1 − z) ⊙ n). The product with r stands on the way
    from h_{t-1} to the candidate; on which side of W_hn is where the two published forms differ.
    """
    place, reset, ends = {"z": 2.4, "r": 4.6, "n": 7.4}, 6.0, (0.4, 9.6)
    _line(ax, (ends[0], _LINE), (ends[1], _LINE), ORANGE, width=4.0)
    ax.text(ends[0] - 0.1, _LINE + 0.4, "$h_{t-1}$", fontsize=14)
    ax.text(ends[1] - 0.5, _LINE + 0.4, "$h_t$", fontsize=14)

    # Two lines run below: h_{t-1}, which r multiplies on its way to n, and x_t, which it does not.
    _line(ax, (0.9, _LINE), (0.9, _BUS), ORANGE, head=False)
    _line(ax, (0.9, _BUS), (place["n"] - 0.25, _BUS), ORANGE, head=False)
    _line(ax, (ends[0], 0.1), (place["n"] + 0.25, 0.1), BLUE, head=False)
    ax.text(ends[0] - 0.1, 0.3, "$x_t$", fontsize=14)
    for name, x in place.items():
        _line(ax, (x - 0.25, _BUS), (x - 0.25, _GATE - _HALF), ORANGE)
        _line(ax, (x + 0.25, 0.1), (x + 0.25, _GATE - _HALF), BLUE)
        _box(ax, x, _GATE, f"${name}$", "tanh" if name == "n" else "σ")
    _line(ax, (place["r"] + _HALF + 0.08, _GATE), (reset, _GATE), "black", head=False)
    _line(ax, (reset, _GATE), (reset, _BUS + _RADIUS), "black")
    _sign(ax, reset, _BUS, "×")

    _line(ax, (place["z"], _GATE + _HALF), (place["z"], _LINE - _RADIUS), "black")
    _sign(ax, place["z"], _LINE, "×")
    _line(ax, (place["z"], 4.0), (place["n"] - _RADIUS, 4.0), "black")
    ax.text(4.5, 4.2, "$1-z$", fontsize=14)
    _line(ax, (place["n"], _GATE + _HALF), (place["n"], 4.0 - _RADIUS), "black")
    _sign(ax, place["n"], 4.0, "×")
    _line(ax, (place["n"], 4.0 + _RADIUS), (place["n"], _LINE - _RADIUS), "black")
    _sign(ax, place["n"], _LINE, "+")
    ax.set(xlim=(0.1, 9.8), ylim=(-0.4, 6.4), aspect="equal")
    ax.axis("off")
    return ax


def stored_number(
    inputs: Float[Array, "T"], flags: Bool[Array, "T"], state: Float[Array, "T"], *, ax: Any
) -> Any:
    """The state over t = 1..T as a line, with the inputs as dots, large where flagged; returns `ax`."""
    t = np.arange(1, len(inputs) + 1)
    ax.plot(t[~flags], inputs[~flags], ".", color=PALE, markersize=5, label="input, not flagged")
    ax.plot(t, state, color=BLUE, linestyle="-", linewidth=2.2, label="$c_t$")
    ax.plot(t[flags], inputs[flags], "D", color=ORANGE, markersize=9, label="input, flagged")
    ax.axhline(0, color=PALE, linewidth=0.8)
    ax.set_xlim(0, len(t) + 1)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False)
    return ax


def runs_by_setting(runs: Mapping[str, Float[Array, "S"]], *, baseline: float, ax: Any) -> Any:
    """One row a setting, from the top in the order given; one mark a run, a bar at the median; returns `ax`.

    `baseline` is drawn as a dotted line across all rows. The axis of values is logarithmic.
    """
    for row, (values, marker) in enumerate(zip(runs.values(), MARKERS * len(runs), strict=False)):
        spread = np.linspace(-0.16, 0.16, len(values)) if len(values) > 1 else np.zeros(1)
        ax.plot(values, row + spread, marker, color=COLOURS[row % len(COLOURS)], alpha=0.85, markersize=7)
        ax.plot([np.median(values)] * 2, [row - 0.32, row + 0.32], color="black", linestyle="-", linewidth=2)
    ax.axvline(baseline, color=PALE, linestyle=":", linewidth=1.6)
    ax.set_xscale("log")
    ax.set_yticks(range(len(runs)), list(runs))
    ax.set_ylim(len(runs) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x", color=GRID)
    ax.set_axisbelow(True)
    return ax


def gate_histogram(
    before: Float[Array, "*n"], after: Float[Array, "*m"], name: str, *, ax: Any, bins: int = 20
) -> Any:
    """Values of one gate in [0, 1] before training (filled) and after (outline), as shares; returns `ax`.

    The bands below 0.1 and above 0.9, where a gate may be called closed or open, are shaded.
    """
    edges = np.linspace(0, 1, bins + 1)
    for low in (0.0, 0.9):
        ax.axvspan(low, low + 0.1, facecolor="#f3ece2", linewidth=0)
    for values, label in ((before, "before training"), (after, "after training")):
        shares = 100 * np.histogram(values, edges)[0] / values.size
        filled = values is before
        ax.stairs(
            shares,
            edges,
            fill=filled,
            color=PALE if filled else BLUE,
            alpha=0.55 if filled else 1,
            linewidth=0 if filled else 2.2,
            label=label,
        )
    ax.set_xlim(0, 1)
    ax.set_title(name, loc="left", fontsize="medium")
    ax.set_ylabel("% of values")
    return ax


def _box(ax: Any, x: float, y: float, text: str, below: str = "") -> None:
    width = 0.55 if len(text) > 3 and not below else _HALF + 0.08
    patch = FancyBboxPatch(
        (x - width, y - _HALF),
        2 * width,
        2 * _HALF,
        boxstyle="round,pad=0,rounding_size=0.12",
        facecolor="white",
        edgecolor=GREEN if below else "black",
        linewidth=2,
        zorder=3,
    )
    ax.add_patch(patch)
    centre = {"ha": "center", "va": "center", "zorder": 4}
    ax.text(x, y + (0.15 if below else 0), text, fontsize=15 if below else 11, **centre)
    if below:
        ax.text(x, y - 0.25, below, fontsize=10, **centre)


def _sign(ax: Any, x: float, y: float, text: str) -> None:
    ax.add_patch(Circle((x, y), _RADIUS, facecolor="white", edgecolor="black", linewidth=1.6, zorder=3))
    ax.text(x, y - 0.02, text, ha="center", va="center", fontsize=15, zorder=4)


def _line(ax: Any, start: tuple, end: tuple, colour: str, *, width: float = 1.8, head: bool = True) -> None:
    style = f"-|>,head_width={0.16 + 0.04 * width:.2f},head_length={0.3 + 0.06 * width:.2f}" if head else "-"
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={"arrowstyle": style, "color": colour, "linewidth": width, "shrinkA": 0, "shrinkB": 0},
    )
