"""Is a gradient right? Central differences against the backward pass, in float64.

    ∂f/∂x_i ≈ (f(x + ε e_i) − f(x − ε e_i)) / 2ε,   error O(ε²) + O(machine epsilon / ε)

A check by differences says that backward is the derivative of forward. It cannot say that forward is
right: for that the tests compare with torch.nn too.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from rnncourse import _checks, unroll
from rnncourse.cells import Cell
from rnncourse.params import AnyParams

Array = np.ndarray


def numerical_gradient(
    f: Callable[[Array], float], x: Float[Array, "*shape"], *, eps: float = 1e-5
) -> Float[Array, "*shape"]:
    """∂f/∂x by central differences, one entry after the other; `x` (float64) is not written to.

    `f` takes an array of the shape of `x` and returns a number. TypeError for a dtype other than
    float64: in float32 the differences drown in rounding.
    """
    _require_float64("numerical_gradient", "x", x)
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = eps
        gradient[index] = (f(x + shift) - f(x - shift)) / (2 * eps)
    return gradient


def directional_derivative(
    f: Callable[[Array], float],
    x: Float[Array, "*shape"],
    direction: Float[Array, "*shape"],
    *,
    eps: float = 1e-5,
) -> float:
    """Σ_i direction_i ∂f/∂x_i by one central difference: the check for large arrays and long sequences.

    Raises TypeError for a dtype other than float64, ValueError where `direction` is not shaped like `x`.
    """
    _require_float64("directional_derivative", "x", x)
    _require_float64("directional_derivative", "direction", direction)
    if direction.shape != x.shape:
        raise ValueError(
            f"directional_derivative: direction must have shape {x.shape}; got {direction.shape}"
        )
    return float((f(x + eps * direction) - f(x - eps * direction)) / (2 * eps))


def relative_error(got: Any, expected: Any) -> float:
    """max |got − expected| / max(1, max |expected|): absolute for small numbers, relative for large ones.

    NaN where an entry is. Raises ValueError for shapes that differ.
    """
    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        raise ValueError(f"relative_error: got must have shape {expected.shape}; got {got.shape}")
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    return float(np.abs(got - expected).max(initial=0)) / scale


def check_unroll(
    cell: Cell,
    params: AnyParams,
    inputs: Float[Array, "T B I"],
    state: Any = None,
    *,
    rng: np.random.Generator,
    lengths: Int[Array, "B"] | Sequence[int] | None = None,
    directions: int | None = None,
    eps: float = 1e-5,
) -> dict[str, float]:
    """The `relative_error` of `unroll.backward` against central differences, by name.

    The loss is a random weighting of all outputs and of the last state, drawn from `rng`. The names are
    the parameters, "inputs", and "state.h" (and "state.c"). With `directions` = n, n random
    directions are compared for each name in place of every entry. All arrays are float64.

    Raises ValueError for directions < 1 or eps that is not > 0, TypeError for a wrong rng or dtype, and what
    `unroll.forward` raises.
    """
    _checks.generator("check_unroll", rng)
    if directions is not None:
        _checks.positive_int("check_unroll", "directions", directions)
    if _checks.number("check_unroll", "eps", eps) <= 0:
        raise ValueError(f"check_unroll: eps must be > 0; got {eps}")
    _require_float64("check_unroll", "inputs", inputs)
    steps, batch, _ = inputs.shape
    hidden = params.weight_hh.shape[1]
    if state is None:
        state = cell.initial_state(batch, hidden, inputs.dtype)
    weights = rng.standard_normal((steps, batch, hidden))
    dfinal = type(state)(*(rng.standard_normal(s.shape) for s in state))

    def loss(p: AnyParams, x: Array, s: Any) -> float:
        outputs, final, _ = unroll.forward(cell, p, x, s, lengths=lengths)
        return float(
            (outputs * weights).sum() + sum((f * d).sum() for f, d in zip(final, dfinal, strict=True))
        )

    _, _, caches = unroll.forward(cell, params, inputs, state, lengths=lengths)
    trace = unroll.backward(cell, weights, caches, dfinal=dfinal)

    def with_params(value: Array, name: str) -> float:
        return loss(params._replace(**{name: value}), inputs, state)

    def with_state(value: Array, name: str) -> float:
        return loss(params, inputs, state._replace(**{name: value}))

    pairs = {"inputs": (inputs, trace.dinputs, lambda v: loss(params, v, state))}
    for name, gradient in zip(params._fields, trace.dparams, strict=True):
        pairs[name] = (getattr(params, name), gradient, partial(with_params, name=name))
    for name, gradient in zip(state._fields, trace.dstates[0], strict=True):
        pairs[f"state.{name}"] = (getattr(state, name), gradient, partial(with_state, name=name))
    return {name: _error(f, x, gradient, rng, directions, eps) for name, (x, gradient, f) in pairs.items()}


def _error(f, x: Array, gradient: Array, rng, directions: int | None, eps: float) -> float:
    if directions is None:
        return relative_error(gradient, numerical_gradient(f, x, eps=eps))
    ways = [rng.standard_normal(x.shape) for _ in range(directions)]
    expected = [directional_derivative(f, x, way, eps=eps) for way in ways]
    return relative_error([(gradient * way).sum() for way in ways], expected)


def _require_float64(subject: str, name: str, value: Any) -> None:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        raise TypeError(
            f"{subject}: {name} must be a float64 array; got {getattr(value, 'dtype', type(value).__name__)}"
        )
