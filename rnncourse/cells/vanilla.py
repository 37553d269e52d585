"""The vanilla (Elman) cell: one step forward and backward.

    a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh                       (B, H)
    h_t = φ(a_t)           φ = tanh, relu or linear                    (B, H)

Backward, with δ = ∂L/∂a_t = ∂L/∂h_t ⊙ φ'(a_t), and φ' written in terms of h_t:

    ∂L/∂x_t = δ W_ih      ∂L/∂h_{t-1} = δ W_hh
    ∂L/∂W_ih = δᵀ x_t     ∂L/∂W_hh = δᵀ h_{t-1}     ∂L/∂b_ih = ∂L/∂b_hh = Σ_B δ

Source: Elman (1990), "Finding structure in time"; gate order and names are torch.nn.RNNCell's.
"""

from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.cells import Variant, zeros
from rnncourse.params import Params

Array = np.ndarray
GATES = ("h",)
ACTIVATIONS = ("tanh", "relu", "linear")


class State(NamedTuple):
    """What one step hands to the next: the hidden state."""

    h: Float[Array, "B H"]


class Cache(NamedTuple):
    """What `step_backward` needs of the step: its arguments and its result."""

    params: Params
    x: Float[Array, "B I"]
    h_prev: Float[Array, "B H"]
    h: Float[Array, "B H"]
    activation: str


def initial_state(batch: int, hidden_size: int, dtype: Any = np.float32) -> State:
    """h_0 = 0, shape (B, H). ValueError for sizes below 1, TypeError for another dtype."""
    return zeros("vanilla.initial_state", State, batch, hidden_size, dtype)


def step(
    params: Params, x: Float[Array, "B I"], state: State, *, activation: str = "tanh"
) -> tuple[State, Cache]:
    """h_t from x_t (B, I) and h_{t-1} (B, H); the equations stand at the top of this file.

    Raises ValueError for shapes that do not fit or an unknown activation, TypeError for other dtypes
    than the parameters'.
    """
    _checks.choice("vanilla.step", "activation", activation, ACTIVATIONS)
    _checks.step("vanilla.step", params, x, state, 1, State._fields)
    a = x @ params.weight_ih.T + params.bias_ih + state.h @ params.weight_hh.T + params.bias_hh
    if activation == "tanh":
        h = np.tanh(a)
    elif activation == "relu":
        h = np.maximum(a, 0)
    else:
        h = a
    return State(h), Cache(params, x, state.h, h, activation)


def step_backward(dstate: State, cache: Cache) -> tuple[Float[Array, "B I"], State, Params]:
    """(∂L/∂x_t, ∂L/∂state_{t-1}, ∂L/∂params) from ∂L/∂state_t, of the same shapes.

    Raises ValueError or TypeError where dstate does not fit the step.
    """
    _checks.state("vanilla.step_backward", "dstate", dstate, ("h",), cache.h.shape, cache.h.dtype)
    da = dstate.h * slope(cache.h, cache.activation)
    dx = da @ cache.params.weight_ih
    dh_prev = da @ cache.params.weight_hh
    db = da.sum(axis=0)
    return dx, State(dh_prev), Params(da.T @ cache.x, da.T @ cache.h_prev, db, db.copy())


def slope(h: Float[Array, "*shape"], activation: str) -> Float[Array, "*shape"]:
    """φ'(a), written in terms of h = φ(a): 1 − h² for tanh, [h > 0] for relu, 1 for linear."""
    if activation == "tanh":
        return 1 - h * h
    if activation == "relu":
        return (h > 0).astype(h.dtype)
    return np.ones_like(h)


def with_activation(activation: str) -> Variant:
    """This cell with φ fixed to "tanh", "relu" or "linear"; ValueError for anything else."""
    return _variant(_checks.choice("vanilla.with_activation", "activation", activation, ACTIVATIONS))


@cache  # so that one activation is one cell
def _variant(activation: str) -> Variant:
    return Variant(GATES, State, initial_state, partial(step, activation=activation), step_backward)
