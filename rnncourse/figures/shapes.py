"""The shapes of sequence problems: inputs, states, predictions and losses over time, as a diagram."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.patches import Circle, FancyBboxPatch

from rnncourse.figures.graph import arrow
from rnncourse.figures.style import COLOURS, PALE

STATES = (COLOURS[0], COLOURS[2])  # one colour for each cell
LOSS = COLOURS[1]
# The rows, from below, and the sizes of what stands in them.
_INPUT, _STATE, _PREDICTION, _LOSS = 0.0, 1.25, 2.5, 3.6
_RADIUS, _HALF, _PITCH, _GAP = 0.36, 0.38, 1.35, 0.6


def problem_shape(parts: Sequence[Mapping[str, Any]], title: str, *, ax: Any) -> Any:
    """One problem on `ax`: the steps of one cell, or of several that hand their state on; returns `ax`.

    Each part has "inputs", "predictions" and "losses", a bool for each of its steps, counted anew in each
    part. A missing input is a pale 0, a prediction without a loss is pale, a missing one is left out.
    Raises ValueError for a part whose lists differ in length.
    """
    place = 0.0
    ax.text(place - 0.9, _STATE, "$h_0$", ha="center", va="center", color=PALE, fontsize=11)
    arrow(ax, (place - 0.65, _STATE), (place - _HALF, _STATE), PALE, linewidth=1.3)
    for number, part in enumerate(parts):
        steps = len(part["inputs"])
        if not steps == len(part["predictions"]) == len(part["losses"]):
            raise ValueError(
                f"problem_shape: inputs, predictions and losses of a part must be equally long; got {steps}, "
                f"{len(part['predictions'])} and {len(part['losses'])}"
            )
        if number:
            place += _GAP
            arrow(
                ax, (place - _GAP - _PITCH + _HALF, _STATE), (place - _HALF, _STATE), "black", linewidth=1.3
            )
        for t in range(steps):
            if t:
                arrow(ax, (place - _PITCH + _HALF, _STATE), (place - _HALF, _STATE), "black", linewidth=1.3)
            _step(
                ax, place, t + 1, {key: part[key][t] for key in ("inputs", "predictions", "losses")}, number
            )
            place += _PITCH
    ax.set(xlim=(-1.2, place - _PITCH + 0.6), ylim=(-0.45, _LOSS + 0.45), aspect="equal")
    ax.axis("off")
    ax.set_title(title, loc="left", fontsize=12)
    return ax


def _step(ax: Any, x: float, t: int, has: Mapping[str, bool], number: int) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (x - _HALF, _STATE - _HALF),
            2 * _HALF,
            2 * _HALF,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor="white",
            edgecolor=STATES[number],
            linewidth=2,
            hatch="" if number == 0 else "....",  # told apart in grey, too
        )
    )
    _text(ax, x, _STATE, f"$h_{{{t}}}$", "black", opaque=number > 0)
    colour = "black" if has["inputs"] else PALE
    _circle(ax, x, _INPUT, f"$x_{{{t}}}$" if has["inputs"] else "0", colour, dashed=not has["inputs"])
    arrow(ax, (x, _INPUT + _RADIUS), (x, _STATE - _HALF), colour, linewidth=1.3)
    if has["predictions"]:
        colour = "black" if has["losses"] else PALE
        _circle(ax, x, _PREDICTION, f"$y_{{{t}}}$", colour, dashed=not has["losses"])
        arrow(ax, (x, _STATE + _HALF), (x, _PREDICTION - _RADIUS), colour, linewidth=1.3)
    if has["losses"]:
        _circle(ax, x, _LOSS, f"$L_{{{t}}}$", LOSS)
        arrow(ax, (x, _PREDICTION + _RADIUS), (x, _LOSS - _RADIUS), LOSS, linewidth=1.3)


def _circle(ax: Any, x: float, y: float, text: str, colour: str, *, dashed: bool = False) -> None:
    line = "--" if dashed else "-"
    ax.add_patch(Circle((x, y), _RADIUS, facecolor="white", edgecolor=colour, linewidth=1.5, linestyle=line))
    _text(ax, x, y, text, PALE if colour == PALE else "black")


def _text(ax: Any, x: float, y: float, text: str, colour: str, *, opaque: bool = False) -> None:
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1} if opaque else None
    ax.text(x, y, text, ha="center", va="center", fontsize=11, color=colour, bbox=ground)
