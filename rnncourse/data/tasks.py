"""Synthetic tasks with one knob for how far back the answer lies."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from rnncourse import _checks

Array = np.ndarray


class Batch(NamedTuple):
    """Sequences and the number, or numbers, that is right at every step."""

    inputs: Float[Array, "T B I"]
    targets: Float[Array, "T B O"]


def adding(steps: int, batch: int, *, rng: np.random.Generator, dtype: Any = np.float32) -> Batch:
    """The adding problem: inputs (T, B, 2) hold a number in U(0, 1) and a flag; the target (T, B, 1) is the
    sum of the two flagged numbers, the same at every step (use a mask to ask for it at the last only).

    One flag lies in the first half of the steps, one in the second. Always answering 1 gives a mean
    squared error of 1/6, the variance of the sum of two uniform numbers.
    Source: Hochreiter and Schmidhuber (1997), experiment 4, in the form of Le et al. (2015), section 4.1.
    Raises ValueError for fewer than 2 steps.
    """
    dtype = _checks.drawing("adding", rng, dtype, steps=steps, batch=batch)
    if steps < 2:
        raise ValueError(f"adding: steps must be at least 2, to hold two flags; got {steps}")
    numbers = rng.uniform(0, 1, (steps, batch))
    flags = np.zeros((steps, batch))
    column = np.arange(batch)
    flags[rng.integers(0, steps // 2, batch), column] = 1
    flags[rng.integers(steps // 2, steps, batch), column] = 1
    inputs: Array = np.stack([numbers, flags], axis=2).astype(dtype)
    total = (numbers * flags).sum(axis=0).astype(dtype)
    return Batch(inputs, np.tile(total[None, :, None], (steps, 1, 1)))


def flip_flop(
    steps: int,
    batch: int,
    *,
    channels: int = 1,
    rate: float = 0.1,
    rng: np.random.Generator,
    dtype: Any = np.float32,
) -> Batch:
    """A switch: each input (T, B, K) is +1 (on), −1 (off) or 0 (no command), the target (T, B, K) is the last
    command so far, +1 or −1. The K = `channels` switches are independent.

    The first step always holds a command, later ones do with probability `rate` = q. Whoever sees only the
    last W inputs sees no command with probability (1 − q)^W (for t > W); then each answer is right half the
    time. So no predictor with this window exceeds an accuracy of 1 − (1 − q)^W / 2.
    Source: Sussillo and Barak (2013), the flip-flop with K bits.
    Raises ValueError for sizes below 1 or a rate outside [0, 1].
    """
    subject = "flip_flop"
    dtype = _checks.drawing(subject, rng, dtype, steps=steps, batch=batch, channels=channels)
    if not 0 <= _checks.number(subject, "rate", rate) <= 1:
        raise ValueError(f"{subject}: rate must lie in [0, 1]; got {rate}")
    shape = (steps, batch, channels)
    given = rng.random(shape) < rate
    given[0] = True
    commands = np.where(given, rng.choice([-1, 1], shape), 0)
    # The step of the latest command: the steps at which there is one, and their running maximum.
    latest = np.maximum.accumulate(np.where(given, np.arange(steps)[:, None, None], 0), axis=0)
    targets = np.take_along_axis(commands, latest, axis=0)
    return Batch(commands.astype(dtype), targets.astype(dtype))


def recent_parity(
    steps: int, batch: int, *, width: int, rng: np.random.Generator, dtype: Any = np.float32
) -> Batch:
    """Inputs (T, B, 1) are ±1 at random; the target (T, B, 1) is the product of the last `width` of them.

    Before step `width` it is the product of those there are. Any `width` − 1 of the inputs say nothing
    about it. Raises ValueError for sizes below 1.
    """
    dtype = _checks.drawing("recent_parity", rng, dtype, steps=steps, batch=batch, width=width)
    inputs = rng.choice([-1, 1], (steps, batch, 1))
    so_far = inputs.cumprod(axis=0)
    # The product of the last `width` is the product of all, over the product of those before them.
    targets = so_far.copy()
    targets[width:] *= so_far[:-width]
    return Batch(inputs.astype(dtype), targets.astype(dtype))


class Labelled(NamedTuple):
    """A batch whose targets are classes; the loss looks where the mask is True."""

    inputs: Float[Array, "T B I"]
    targets: Int[Array, "T B"]
    mask: Bool[Array, "T B"]


def copying(
    delay: int,
    batch: int,
    *,
    length: int = 5,
    symbols: int = 4,
    rng: np.random.Generator,
    dtype: Any = np.float32,
) -> Labelled:
    """Repeat a word after a delay. T = 2 `length` + `delay`; inputs (T, B, K + 2) are one-hot, K = `symbols`.

    First come `length` symbols, each one of K, drawn uniformly; then `delay` blanks (class K), the last of
    which is replaced by the signal to begin (class K + 1); then blanks again, while the symbols are asked
    for in their order. The targets are the symbols at the last `length` steps, where the mask is True, and 0
    before. Guessing is right at a share of 1/K of them.
    Source: the copying task of Hochreiter and Schmidhuber (1997), in the form of Arjovsky, Shah and Bengio
    (2016), section 4.1. Raises ValueError for sizes below 1.
    """
    dtype = _checks.drawing("copying", rng, dtype, delay=delay, batch=batch, length=length, symbols=symbols)
    word = rng.integers(0, symbols, (length, batch))
    shown = np.full((2 * length + delay, batch), symbols)
    targets, mask = np.zeros(shown.shape, int), np.zeros(shown.shape, bool)
    shown[:length] = word
    shown[length + delay - 1] = symbols + 1
    targets[-length:], mask[-length:] = word, True
    return Labelled(np.eye(symbols + 2, dtype=dtype)[shown], targets, mask)


def counting(steps: int, batch: int, *, rng: np.random.Generator, dtype: Any = np.float32) -> Labelled:
    """Which was more frequent so far? Inputs (T, B, 1) are +1 or −1 at random, the class at every step is
    0, 1 or 2 where their sum so far is below, equal to or above 0.

    The sum after t steps is even or odd with t, and its size grows like √t. ValueError for sizes below 1.
    """
    dtype = _checks.drawing("counting", rng, dtype, steps=steps, batch=batch)
    inputs = rng.choice([-1, 1], (steps, batch))
    targets = 1 + np.sign(inputs.cumsum(axis=0))
    return Labelled(inputs[..., None].astype(dtype), targets, np.ones((steps, batch), bool))
