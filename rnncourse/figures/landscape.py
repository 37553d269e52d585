"""A loss over two parameters as a map in grey, and the ways that gradient descent takes over it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

Array = np.ndarray


def loss_map(
    w: Float[Array, "N"], b: Float[Array, "M"], loss: Float[Array, "M N"], *, ax: Any, label: str = "loss"
) -> Any:
    """`loss` (M, N) over the grid of `w` (N,) and `b` (M,) on `ax`, dark where it is high; returns `ax`.

    The frame of the axes is the grid: a way that leaves it is cut off there. ValueError where the shapes
    do not fit.
    """
    if loss.shape != (len(b), len(w)):
        raise ValueError(f"loss_map: loss must have shape (M, N) = {(len(b), len(w))}; got {loss.shape}")
    # From white to a middle grey: lines must stand out on the darkest place too.
    image = ax.imshow(
        loss,
        origin="lower",
        extent=(w[0], w[-1], b[0], b[-1]),
        aspect="auto",
        cmap="Greys",
        vmin=0,
        vmax=1.6 * float(loss.max()),
        interpolation="bilinear",
    )
    bar = ax.figure.colorbar(image, ax=ax, label=label, boundaries=np.linspace(0, float(loss.max()), 100))
    bar.set_ticks(list(range(int(loss.max()) + 1)))
    ax.set_xlim(w[0], w[-1])
    ax.set_ylim(b[0], b[-1])
    ax.set_xlabel("recurrent weight $w$")
    ax.set_ylabel("bias $b$")
    return ax


def descents(
    without: Sequence[Float[Array, "K 2"]], clipped: Sequence[Float[Array, "K 2"]], *, ax: Any
) -> Any:
    """Ways (K, 2) of points (w, b) on `ax`: hollow squares for `without`, dots for `clipped`; returns `ax`.

    Ways of the two sets that start from one point share the star there. A point that is not finite ends
    its way.
    """
    kinds = (
        (without, "without clipping", "#D55E00", "s", "--", "white"),
        (clipped, "clipped", "#0072B2", "o", "-", "#0072B2"),
    )
    for ways, label, colour, marker, dashes, face in kinds:
        for number, way in enumerate(ways):
            ax.plot(
                *way.T,
                color=colour,
                marker=marker,
                linestyle=dashes,
                markerfacecolor=face,
                markersize=4,
                linewidth=1.2,
                label=label if number == 0 else None,
            )
    starts = np.array([way[0] for way in [*without, *clipped]])
    ax.plot(
        *starts.T,
        marker="*",
        linestyle="none",
        color="white",
        markeredgecolor="black",
        markersize=15,
        label="start",
        zorder=5,
    )
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False, fontsize=11)
    return ax
