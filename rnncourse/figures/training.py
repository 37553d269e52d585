"""Learning curves, drawn from the records of a training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from rnncourse.figures.style import COLOURS, PALE, finish

Array = np.ndarray
SUBJECT = "learning_curve"


def learning_curve(
    records: Sequence[Mapping[str, Any]],
    *,
    baselines: Mapping[str, float] | None = None,
    ax: Any,
    smooth: int = 1,
) -> Any:
    """Bits per character over the steps of one training; returns `ax`.

    records: {"step", "bits"} and, where one looked, "valid_bits", as `training.records.read` gives them. The
    line is the mean over the last `smooth` records, the dots are the validation part. baselines: name -> bits
    per character, each a level across the picture with its name on it.
    ValueError where there is no record, or a record without step or bits.
    """
    if not records or any("step" not in r or "bits" not in r for r in records):
        raise ValueError(
            f"{SUBJECT}: records must be at least one, each with a step and bits; got {records!r:.80}"
        )
    steps = np.array([r["step"] for r in records])
    bits = moving_mean(np.array([r["bits"] for r in records], float), smooth)
    ax.plot(steps, bits, color=COLOURS[0], linestyle="-", linewidth=1.4, label="training")
    seen = [(r["step"], r["valid_bits"]) for r in records if r.get("valid_bits") is not None]
    if seen:
        ax.plot(*zip(*seen, strict=True), "o--", color=COLOURS[1], markersize=4, label="validation")
    levels(baselines or {}, ax=ax)
    ax.set(xlabel="step", ylabel="bits per character")
    finish(ax)
    return ax


def levels(values: Mapping[str, float], *, ax: Any) -> Any:
    """A horizontal line for each value, its name above its right end; returns `ax`."""
    for name, value in values.items():
        ax.axhline(value, color=PALE, linestyle=":", linewidth=1.6)
        ax.annotate(
            name,
            (1, value),
            xycoords=ax.get_yaxis_transform(),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            fontsize=10,
        )
    return ax


def moving_mean(values: Float[Array, "N"], width: int) -> Float[Array, "N"]:
    """The mean of each value and up to `width` − 1 before it."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (total[ends] - total[starts]) / (ends - starts)
