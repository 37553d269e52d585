"""The LSTM with peepholes: the gates look at the cell state as well. One step forward and backward.

    a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh            (B, 4H), split into a_i, a_f, a_g, a_o
    i = σ(a_i + p_i ⊙ c_{t-1})   f = σ(a_f + p_f ⊙ c_{t-1})   g = tanh(a_g)       (B, H) each
    c_t = f ⊙ c_{t-1} + i ⊙ g                              (B, H)
    o = σ(a_o + p_o ⊙ c_t)                                 (B, H)  it looks at the *new* cell state
    h_t = o ⊙ tanh(c_t)                                    (B, H)

The peepholes p_i, p_f, p_o are the rows of weight_ch (3, H): one weight a unit, no matrix. With weight_ch = 0
this is `rnncourse.cells.lstm`.

Backward, with δ_k = ∂L/∂(what goes into the activation of gate k). ∂L/∂c_t, as handed in, holds h_t fixed:

    δ_o = ∂L/∂h_t ⊙ tanh(c_t) ⊙ o(1 − o)
    δc  = ∂L/∂c_t + ∂L/∂h_t ⊙ o ⊙ (1 − tanh²(c_t)) + δ_o ⊙ p_o
    δ_f = δc ⊙ c_{t-1} ⊙ f(1 − f)     δ_i = δc ⊙ g ⊙ i(1 − i)     δ_g = δc ⊙ i ⊙ (1 − g²)
    ∂L/∂c_{t-1} = δc ⊙ f + δ_i ⊙ p_i + δ_f ⊙ p_f
    ∂L/∂p_i = Σ_B δ_i ⊙ c_{t-1}     ∂L/∂p_f = Σ_B δ_f ⊙ c_{t-1}     ∂L/∂p_o = Σ_B δ_o ⊙ c_t

Source: Gers and Schmidhuber (2000), "Recurrent nets that time and count"; Gers, Schraudolph and Schmidhuber
(2002). They cut the gradient at the peepholes; here it is the whole gradient.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.cells import zeros
from rnncourse.cells.lstm import State
from rnncourse.functional import sigmoid
from rnncourse.params import PeepholeParams

Array = np.ndarray
GATES = ("i", "f", "g", "o")
PEEPHOLES = ("i", "f", "o")


class Cache(NamedTuple):
    """What `step_backward` needs of the step: its arguments, the gates, c_t and tanh(c_t)."""

    params: PeepholeParams
    x: Float[Array, "B I"]
    h_prev: Float[Array, "B H"]
    c_prev: Float[Array, "B H"]
    i: Float[Array, "B H"]
    f: Float[Array, "B H"]
    g: Float[Array, "B H"]
    o: Float[Array, "B H"]
    c: Float[Array, "B H"]
    tanh_c: Float[Array, "B H"]


def initial_state(batch: int, hidden_size: int, dtype: Any = np.float32) -> State:
    """h_0 = c_0 = 0, shape (B, H) each. ValueError for sizes below 1, TypeError for another dtype."""
    return zeros("peephole.initial_state", State, batch, hidden_size, dtype)


def step(params: PeepholeParams, x: Float[Array, "B I"], state: State) -> tuple[State, Cache]:
    """(h_t, c_t) from x_t (B, I) and (h_{t-1}, c_{t-1}); the equations stand at the top of this file.

    Raises ValueError for shapes that do not fit, TypeError for other dtypes than the parameters'.
    """
    _checks.step("peephole.step", params, x, state, 4, State._fields, peepholes=3)
    a = x @ params.weight_ih.T + params.bias_ih + state.h @ params.weight_hh.T + params.bias_hh
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    p_i, p_f, p_o = params.weight_ch
    i, f, g = sigmoid(a_i + p_i * state.c), sigmoid(a_f + p_f * state.c), np.tanh(a_g)
    c = f * state.c + i * g
    o, tanh_c = sigmoid(a_o + p_o * c), np.tanh(c)
    return State(o * tanh_c, c), Cache(params, x, state.h, state.c, i, f, g, o, c, tanh_c)


def step_backward(dstate: State, cache: Cache) -> tuple[Float[Array, "B I"], State, PeepholeParams]:
    """(∂L/∂x_t, ∂L/∂state_{t-1}, ∂L/∂params) from ∂L/∂state_t, of the same shapes.

    ∂L/∂c_t is taken with h_t held fixed. Raises ValueError or TypeError where dstate does not fit.
    """
    params, x, h_prev, c_prev, i, f, g, o, c, tanh_c = cache
    _checks.state("peephole.step_backward", "dstate", dstate, State._fields, o.shape, o.dtype)
    p_i, p_f, p_o = params.weight_ch
    da_o = dstate.h * tanh_c * o * (1 - o)
    dc = dstate.c + dstate.h * o * (1 - tanh_c * tanh_c) + da_o * p_o
    da_i, da_f, da_g = dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g * g)
    da = np.concatenate([da_i, da_f, da_g, da_o], axis=1)
    dc_prev = dc * f + da_i * p_i + da_f * p_f
    db = da.sum(axis=0)
    dpeepholes = np.stack([(da_i * c_prev).sum(axis=0), (da_f * c_prev).sum(axis=0), (da_o * c).sum(axis=0)])
    dparams = PeepholeParams(da.T @ x, da.T @ h_prev, db, db.copy(), dpeepholes)
    return da @ params.weight_ih, State(da @ params.weight_hh, dc_prev), dparams
