"""The minimal gated unit: a GRU with one gate in place of two. One step forward and backward.

    f = σ(W_if x_t + b_if + W_hf h_{t-1} + b_hf)                     (B, H)   the only gate
    n = tanh(W_in x_t + b_in + W_hn (f ⊙ h_{t-1}) + b_hn)            (B, H)   candidate
    h_t = (1 − f) ⊙ h_{t-1} + f ⊙ n                                  (B, H)

It is the GRU that resets *before* the product (`rnncourse.cells.gru`), with r = f and z = 1 − f: the rows
of r are those of f, the rows of z are minus those of f. The gate keeps its published name, "forget gate",
but it has the sense of an LSTM's 1 − f: near 1 it *drops* the old state. So `init_params` gives this cell a
long memory with a forget_bias below 0.

Backward, with ∂L/∂h_t = δ:

    ∂L/∂n = δ ⊙ f     δ_n = ∂L/∂n ⊙ (1 − n²)     q = W_hnᵀ δ_n, what comes back to f ⊙ h_{t-1}
    ∂L/∂f = δ ⊙ (n − h_{t-1}) + q ⊙ h_{t-1}     δ_f = ∂L/∂f ⊙ f(1 − f)
    ∂L/∂h_{t-1} = δ ⊙ (1 − f) + q ⊙ f + W_hfᵀ δ_f

Source: Zhou, Wu, Zhang and Zhou (2016), "Minimal gated unit for recurrent neural networks".
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.cells import zeros
from rnncourse.functional import sigmoid
from rnncourse.params import Params

Array = np.ndarray
GATES = ("f", "n")


class State(NamedTuple):
    """What one step hands to the next: the hidden state."""

    h: Float[Array, "B H"]


class Cache(NamedTuple):
    """What `step_backward` needs of the step: its arguments, the gate and the candidate."""

    params: Params
    x: Float[Array, "B I"]
    h_prev: Float[Array, "B H"]
    f: Float[Array, "B H"]
    n: Float[Array, "B H"]


def initial_state(batch: int, hidden_size: int, dtype: Any = np.float32) -> State:
    """h_0 = 0, shape (B, H). ValueError for sizes below 1, TypeError for another dtype."""
    return zeros("mgu.initial_state", State, batch, hidden_size, dtype)


def step(params: Params, x: Float[Array, "B I"], state: State) -> tuple[State, Cache]:
    """h_t from x_t (B, I) and h_{t-1} (B, H); the equations stand at the top of this file.

    Raises ValueError for shapes that do not fit, TypeError for other dtypes than the parameters'.
    """
    _checks.step("mgu.step", params, x, state, 2, State._fields)
    h = state.h
    weight_f, weight_n = np.split(params.weight_hh, 2)
    bias_f, bias_n = np.split(params.bias_hh, 2)
    a_f, a_n = np.split(x @ params.weight_ih.T + params.bias_ih, 2, axis=1)
    f = sigmoid(a_f + h @ weight_f.T + bias_f)
    n = np.tanh(a_n + (f * h) @ weight_n.T + bias_n)
    return State((1 - f) * h + f * n), Cache(params, x, h, f, n)


def step_backward(dstate: State, cache: Cache) -> tuple[Float[Array, "B I"], State, Params]:
    """(∂L/∂x_t, ∂L/∂state_{t-1}, ∂L/∂params) from ∂L/∂state_t, of the same shapes.

    Raises ValueError or TypeError where dstate does not fit the step.
    """
    params, x, h_prev, f, n = cache
    _checks.state("mgu.step_backward", "dstate", dstate, State._fields, f.shape, f.dtype)
    weight_f, weight_n = np.split(params.weight_hh, 2)
    dh = dstate.h
    da_n = dh * f * (1 - n * n)
    dkept = da_n @ weight_n  # at f ⊙ h_{t-1}
    da_f = (dh * (n - h_prev) + dkept * h_prev) * f * (1 - f)
    da = np.concatenate([da_f, da_n], axis=1)
    dh_prev = dh * (1 - f) + dkept * f + da_f @ weight_f
    db = da.sum(axis=0)
    dweight_hh = np.concatenate([da_f.T @ h_prev, da_n.T @ (f * h_prev)])
    return da @ params.weight_ih, State(dh_prev), Params(da.T @ x, dweight_hh, db, db.copy())
