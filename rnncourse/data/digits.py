"""Small images of handwritten digits, which scikit-learn brings along: no download.

1797 images of 8 × 8 pixels in 17 shades, from 13 writers: the test part of Alpaydin and Kaynak (1998),
"Optical recognition of handwritten digits", UCI Machine Learning Repository.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from rnncourse import _checks

Array = np.ndarray


class Digits(NamedTuple):
    """Images with shades from 0 (paper) to 1 (ink), and which digit each shows."""

    images: Float[Array, "N 8 8"]
    labels: Int[Array, "N"]


def load_digits(dtype: Any = np.float32) -> Digits:
    """All 1797 images in the order in which they are stored, which is not random: writers wrote fixed series.

    Raises ModuleNotFoundError where scikit-learn is missing, TypeError for
    another dtype than float32 or float64.
    """
    dtype = _checks.float_dtype("load_digits", dtype)
    images, labels = _read()
    return Digits((images / 16).astype(dtype), labels.copy())


def split_digits(
    *, rng: np.random.Generator, held_out: int = 360, dtype: Any = np.float32
) -> tuple[Digits, Digits]:
    """(training part, held-out part), drawn at random without overlap; `held_out` images in the second.

    The same writers appear in both parts, so an accuracy measured here holds for these writers.
    Raises as `load_digits` does, and ValueError where `held_out` leaves no image in one of the parts.
    """
    subject = "split_digits"
    _checks.generator(subject, rng)
    everything = load_digits(dtype)
    count = len(everything.labels)
    if _checks.positive_int(subject, "held_out", held_out) >= count:
        raise ValueError(f"{subject}: held_out must lie in 1..{count - 1}; got {held_out}")
    order = rng.permutation(count)
    held, kept = order[:held_out], order[held_out:]
    images, labels = everything
    return Digits(images[kept], labels[kept]), Digits(images[held], labels[held])


def as_sequence(images: Float[Array, "N 8 8"], pixels: int = 8) -> Float[Array, "T N pixels"]:
    """Each image as a sequence in reading order: T = 64 / `pixels` steps of `pixels` numbers, time-first.

    8 pixels a step are its rows from the top, 1 is pixel by pixel, 64 the whole image in one step.
    Raises ValueError for another shape or a number of pixels that does not divide 64.
    """
    _checks.shaped("as_sequence", "images", images, "N 8 8", (None, 8, 8))
    if 64 % _checks.positive_int("as_sequence", "pixels", pixels):
        raise ValueError(f"as_sequence: pixels must divide 64; got {pixels}")
    steps = images.reshape(len(images), 64 // pixels, pixels)
    return np.ascontiguousarray(steps.transpose(1, 0, 2))


@cache
def _read() -> tuple[Array, Array]:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "load_digits: the images come with scikit-learn: pip install 'rnncourse[book]'", name=error.name
        ) from error
    found = load_digits()
    return found.images, found.target.astype(np.int64)
