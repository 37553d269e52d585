"""Distributions over the next character, and what drawing from them makes of a text."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from rnncourse.figures.style import COLOURS, GRID

Array = np.ndarray


def next_characters(
    labels: Sequence[str], shown: Float[Array, "M"], model: Float[Array, "M"], *, ax: Any
) -> Any:
    """Bars of the probabilities `shown`, with those of the model itself as black lines; returns `ax`.

    One label a bar, the largest first as the caller orders them. ValueError where the three differ in length.
    """
    if not len(labels) == len(shown) == len(model):
        raise ValueError(
            "next_characters: labels, shown and model must be equally long; "
            f"got {len(labels)}, {len(shown)} and {len(model)}"
        )
    place = np.arange(len(labels))
    ax.bar(place, shown, width=0.8, color=COLOURS[0], alpha=0.75, label="drawn from")
    ax.hlines(model, place - 0.45, place + 0.45, color="black", linewidth=2, label="model itself")
    ax.set_xticks(place, labels)
    ax.set(ylim=(0, 1), ylabel="probability", xlabel="next character")
    ax.grid(True, axis="y", color=GRID)
    ax.set_axisbelow(True)
    ax.legend(frameon=False, loc="upper right")
    return ax


def diversity_and_bits(
    temperatures: Float[Array, "N"],
    rows: Sequence[Any] | Array,
    panels: Mapping[str, tuple[Float[Array, "D N"], float]],
) -> None:
    """One panel of `rows` (Axes) for each entry: values of D draws over the temperature, and real text.

    panels: what is measured -> ((D, N) values, the value of real text). The line is the median of the draws,
    the band their range, the dotted line real text. ValueError for more panels than rows.
    """
    if len(panels) > len(rows):
        raise ValueError(
            f"diversity_and_bits: rows must be one for each of {len(panels)} panels; got {len(rows)}"
        )
    for number, (ax, (name, (values, real))) in enumerate(zip(rows, panels.items(), strict=False)):
        ax.plot(temperatures, np.median(values, axis=0), "o-", color=COLOURS[number], markersize=5)
        ax.fill_between(
            temperatures,
            values.min(axis=0),
            values.max(axis=0),
            color=COLOURS[number],
            alpha=0.2,
            linewidth=0,
        )
        ax.axhline(real, color="black", linestyle=":", linewidth=1.6)
        ax.annotate(
            "real text",
            (1, real),
            xycoords=ax.get_yaxis_transform(),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            fontsize=10,
        )
        ax.set_title(name, loc="left", fontsize="medium")
        ax.grid(True, color=GRID)
        ax.set_axisbelow(True)


def wrapped(text: str, *, width: int = 76, lines: int = 14) -> str:
    """The text with its own line ends, long lines folded, `lines` at most; what is left out becomes "…"."""
    folded = [piece for line in text.split("\n") for piece in textwrap.wrap(line, width, **_KEEP) or [""]]
    return "\n".join(folded if len(folded) <= lines else [*folded[:lines], "…"])


_KEEP: Any = {"drop_whitespace": False, "replace_whitespace": False, "break_on_hyphens": False}
