"""Gradient norms over time and gates as pictures: the drawings of the widgets' static forms."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

Array = np.ndarray


class Style(NamedTuple):
    """How a line looks. Dashes and widths differ as well as colours, so that it reads in grey."""

    colour: str
    width: float
    dashes: str | tuple


# The same as in the browser (widgets/js): one key for one meaning.
STYLES = {
    "h": Style("#0b5cad", 2.2, "-"),
    "c": Style("#c2410c", 2.2, (0, (4, 2))),
    "highway": Style("#0f766e", 1.8, (0, (6, 2, 1.5, 2))),
    "clipped": Style("#0f766e", 1.8, (0, (6, 2, 1.5, 2))),
    "bound": Style("#24292f", 1.6, ":"),
    "vanilla": Style("#57606a", 1.6, ":"),
}


def norms_over_time(curves: Mapping[str, Float[Array, "T1"]], labels: Mapping[str, str], *, ax: Any) -> Any:
    """Lines of log10 ‖·‖ over t = 0..T on `ax`, the bands of float32 behind them; returns `ax`.

    curves: key of STYLES -> log10 of the norm, (T+1,), every curve as long as the others. −inf (exactly 0)
    and +inf (not finite) have no place on a log axis: triangles at its ends. nan leaves a gap.
    labels: key -> what the legend says. Raises KeyError for a key without a style or a label.
    """
    values = np.concatenate([v[np.isfinite(v)] for v in curves.values()] + [np.zeros(1)])
    low = min(-10.0, 10 * np.floor(values.min() / 10))
    high = max(5.0, 5 * np.ceil(values.max() / 5))
    # Near float32's borders the axis goes on until they come into view.
    low, high = (-50.0 if low == -40 else low), (45.0 if 20 < high < 45 else high)
    _float32_bands(low, high, ax=ax)
    ax.axhline(0, color="#8c959f", linewidth=0.8)
    for key, decades in curves.items():
        style = STYLES[key]
        t = np.arange(len(decades))
        ax.plot(
            t,
            np.where(np.isfinite(decades), decades, np.nan),
            color=style.colour,
            linewidth=style.width,
            linestyle=style.dashes,
            label=labels[key],
        )
        for marker, place, at in (("v", low, np.isneginf(decades)), ("^", high, np.isposinf(decades))):
            if at.any():
                ax.scatter(t[at], np.full(at.sum(), place), marker=marker, color=style.colour, clip_on=False)
    ax.set_xlim(0, max(len(v) for v in curves.values()) - 1)
    ax.set_ylim(low, high)
    step = next((s for most, s in ((30, 5), (70, 10), (160, 20)) if high - low <= most), 50)
    ticks = np.arange(step * np.ceil(low / step), high + 1, step)
    ax.set_yticks(ticks, [_power(d) for d in ticks])
    ax.grid(True, color="#e6e9ed")
    ax.set_axisbelow(True)
    ax.set_xlabel("step t")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)
    return ax


def gate_over_time(gate: Float[Array, "T H"], title: str, *, ax: Any) -> Any:
    """A gate's values in [0, 1] as a picture on `ax`: time to the right, one row a unit; returns `ax`.

    Step t fills the column from t − 1 to t: it acts between those two states.
    """
    steps, units = gate.shape
    ax.imshow(
        gate.T,
        cmap="viridis",
        vmin=0,
        vmax=1,
        extent=(0, steps, units, 0),
        aspect="auto",
        interpolation="nearest",
    )
    ax.set_yticks([0, units], ["unit 1", str(units)])
    ax.set_title(title, loc="left", fontsize="medium")
    return ax


def _float32_bands(low: float, high: float, *, ax: Any) -> None:
    info = np.finfo(np.float32)
    smallest, normal = np.log10(float(info.smallest_subnormal)), np.log10(float(info.tiny))
    bands = (
        (low, smallest, "float32 holds 0 here", "////"),
        (smallest, normal, "float32 loses digits here", "//"),
        (np.log10(float(info.max)), high, "float32 overflows to inf here", "////"),
    )
    for bottom, top, text, hatch in bands:
        bottom, top = max(bottom, low), min(top, high)
        if bottom >= top:
            continue
        ax.axhspan(bottom, top, facecolor="#f3ece2", edgecolor="#dccbb2", hatch=hatch, linewidth=0)
        if top - bottom > 0.05 * (high - low):
            ax.text(
                0.015,
                (bottom + top) / 2,
                text,
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize="small",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )


def _power(decade: float) -> str:
    return "1" if decade == 0 else f"1e{decade:.0f}".replace("-", "\N{MINUS SIGN}")
