"""A series with a hidden regime, and the best that can be said about its next value.

    z_t = z_{t−1} with probability p, −z_{t−1} otherwise       z_1 = ±1 with probability 1/2 each
    x_t = z_t + σ ε_t,  ε_t ~ N(0, 1)                          only x is seen

The belief m_t = E[z_t | x_1 … x_t] follows from the one before it:

    m_t = tanh( x_t / σ² + artanh((2p − 1) m_{t−1}) ),         m_0 = 0

because the log-odds of the regime, 2 artanh(m), gain log N(x_t; 1, σ²) / N(x_t; −1, σ²) = 2 x_t / σ². The
best forecast is m̂ = E[x_{t+1} | x_1 … x_t] = (2p − 1) m_t. Any forecast f of x_{t+1} made from values up to t
has the mean squared error E[(m̂ − x_{t+1})²] + E[(f − m̂)²].

Source: the forward recursion of a hidden Markov model, Rabiner (1989), equations 18–20, for two states.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks

Array = np.ndarray


class Series(NamedTuple):
    """What is seen, and the regime, which is not."""

    values: Float[Array, "T B 1"]
    regimes: Float[Array, "T B 1"]


def hidden_regime(
    steps: int,
    batch: int,
    *,
    stay: float = 0.98,
    noise: float = 2.0,
    rng: np.random.Generator,
    dtype: Any = np.float32,
) -> Series:
    """`batch` series of `steps` values, with p = `stay` in (0, 1) and σ = `noise` > 0.

    A regime lasts 1 / (1 − p) steps on average. The values have mean 0 and variance 1 + σ².
    Raises ValueError for sizes below 1 or parameters outside these ranges.
    """
    subject = "hidden_regime"
    dtype = _checks.drawing(subject, rng, dtype, steps=steps, batch=batch)
    stay, noise = _parameters(subject, stay, noise)
    shape = (steps, batch, 1)
    turns = np.where(rng.random(shape) < stay, 1, -1)
    turns[0] = rng.choice([-1, 1], shape[1:])
    regimes = turns.cumprod(axis=0)
    values = regimes + noise * rng.standard_normal(shape)
    return Series(values.astype(dtype), regimes.astype(dtype))


def belief(values: Float[Array, "T B 1"], *, stay: float = 0.98, noise: float = 2.0) -> Float[Array, "T B 1"]:
    """m_t = E[z_t | x_1 … x_t] for t = 1 … T, in [−1, 1]; the recursion stands at the top of this file.

    Computed in float64, returned in the dtype of `values`. Raises ValueError for another shape, values that
    are not finite or parameters out of range, TypeError for another dtype.
    """
    subject = "belief"
    _checks.shaped(subject, "values", values, "T B 1", (None, None, 1))
    _checks.finite(subject, "values", values)
    stay, noise = _parameters(subject, stay, noise)
    beliefs, m = np.empty_like(values), np.zeros(values.shape[1:])
    for t in range(len(values)):
        # In float32 the product could round to 1, where artanh is infinite.
        m = np.tanh(values[t].astype(np.float64) / noise**2 + np.arctanh((2 * stay - 1) * m))
        beliefs[t] = m
    return beliefs


def forecast(
    values: Float[Array, "T B 1"], *, stay: float = 0.98, noise: float = 2.0
) -> Float[Array, "T B 1"]:
    """E[x_{t+1} | x_1 … x_t] = (2p − 1) m_t, the best forecast. Raises as `belief`."""
    return values.dtype.type(2 * stay - 1) * belief(values, stay=stay, noise=noise)


def window_forecast(
    values: Float[Array, "T B 1"], width: int, *, stay: float = 0.98, noise: float = 2.0
) -> Float[Array, "N B 1"]:
    """E[x_{t+1} | the last `width` values] for t = `width` … T, so N = T − `width` + 1.

    The best that a fixed window can do: the same recursion, started anew `width` steps ago. Raises as
    `belief`, and ValueError for a width outside 1..T.
    """
    subject = "window_forecast"
    _checks.shaped(subject, "values", values, "T B 1", (None, None, 1))
    if _checks.positive_int(subject, "width", width) > len(values):
        raise ValueError(f"{subject}: width must lie in 1..T = 1..{len(values)}; got {width}")
    starts = len(values) - width + 1
    batch = values.shape[1]
    windows = np.stack([values[k : k + starts] for k in range(width)])  # (W, N, B, 1)
    last = forecast(windows.reshape(width, -1, 1), stay=stay, noise=noise)[-1]
    return last.reshape(starts, batch, 1)


class Errors(NamedTuple):
    """Mean squared errors of a forecast of x_{t+1}, in closed form."""

    nothing: float  # always 0: the variance, σ² + 1
    memoryless: float  # the best that x_t alone allows
    regime_known: float  # z_t is told: σ² + 1 − (2p − 1)²
    noise: float  # z_{t+1} itself is told: σ²


def errors(*, stay: float = 0.98, noise: float = 2.0) -> Errors:
    """The errors that need no simulation.

    From x_t alone the best forecast is (2p − 1) tanh(x_t/σ²), with the error

        σ² + 1 − (2p − 1)² E[tanh²(x_t/σ²)].

    The mean is an integral over a normal distribution, here by Gauss and Hermite's rule with 100 points. For
    σ below about 0.2 the tanh is a step and the rule loses digits. Raises ValueError for parameters out
    of range.
    """
    stay, noise = _parameters("errors", stay, noise)
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    # By symmetry the regime +1 stands for both.
    square = float((weights * np.tanh((1 + noise * nodes) / noise**2) ** 2).sum() / np.sqrt(2 * np.pi))
    keep = (2 * stay - 1) ** 2
    return Errors(noise**2 + 1, noise**2 + 1 - keep * square, noise**2 + 1 - keep, noise**2)


def _parameters(subject: str, stay: Any, noise: Any) -> tuple[float, float]:
    p, sigma = _checks.number(subject, "stay", stay), _checks.number(subject, "noise", noise)
    if not 0 < p < 1:
        raise ValueError(f"{subject}: stay must lie in (0, 1); got {stay}")
    if not sigma > 0:
        raise ValueError(f"{subject}: noise must be > 0; got {noise}")
    return p, sigma
