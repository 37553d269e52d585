"""The long short-term memory cell: one step forward and backward.

    a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh            (B, 4H), split into a_i, a_f, a_g, a_o
    i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)   (B, H) each
    c_t = f ⊙ c_{t-1} + i ⊙ g                              (B, H)
    h_t = o ⊙ tanh(c_t)                                    (B, H)

Backward. ∂L/∂c_t, as handed in, is taken with h_t held fixed; the path through h_t is added first:

    ∂L/∂o = ∂L/∂h_t ⊙ tanh(c_t)     δc = ∂L/∂c_t + ∂L/∂h_t ⊙ o ⊙ (1 − tanh²(c_t))
    ∂L/∂f = δc ⊙ c_{t-1}     ∂L/∂i = δc ⊙ g     ∂L/∂g = δc ⊙ i     ∂L/∂c_{t-1} = δc ⊙ f

then through σ' = σ(1 − σ) and tanh' = 1 − tanh² to a_t, and from there as in the vanilla cell.

Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000);
gate order and names are torch.nn.LSTMCell's.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.cells import zeros
from rnncourse.functional import sigmoid
from rnncourse.params import Params

Array = np.ndarray
GATES = ("i", "f", "g", "o")


class State(NamedTuple):
    """What one step hands to the next: the hidden state and the cell state."""

    h: Float[Array, "B H"]
    c: Float[Array, "B H"]


class Cache(NamedTuple):
    """What `step_backward` needs of the step: its arguments, the gates, and tanh(c_t)."""

    params: Params
    x: Float[Array, "B I"]
    h_prev: Float[Array, "B H"]
    c_prev: Float[Array, "B H"]
    i: Float[Array, "B H"]
    f: Float[Array, "B H"]
    g: Float[Array, "B H"]
    o: Float[Array, "B H"]
    tanh_c: Float[Array, "B H"]


def initial_state(batch: int, hidden_size: int, dtype: Any = np.float32) -> State:
    """h_0 = c_0 = 0, shape (B, H) each. ValueError for sizes below 1, TypeError for another dtype."""
    return zeros("lstm.initial_state", State, batch, hidden_size, dtype)


def step(params: Params, x: Float[Array, "B I"], state: State) -> tuple[State, Cache]:
    """(h_t, c_t) from x_t (B, I) and (h_{t-1}, c_{t-1}); the equations stand at the top of this file.

    Raises ValueError for shapes that do not fit, TypeError for other dtypes than the parameters'.
    """
    _checks.step("lstm.step", params, x, state, 4, State._fields)
    a = x @ params.weight_ih.T + params.bias_ih + state.h @ params.weight_hh.T + params.bias_hh
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c = f * state.c + i * g
    tanh_c = np.tanh(c)
    h = o * tanh_c
    return State(h, c), Cache(params, x, state.h, state.c, i, f, g, o, tanh_c)


def step_backward(dstate: State, cache: Cache) -> tuple[Float[Array, "B I"], State, Params]:
    """(∂L/∂x_t, ∂L/∂state_{t-1}, ∂L/∂params) from ∂L/∂state_t, of the same shapes.

    ∂L/∂c_t is taken with h_t held fixed. Raises ValueError or TypeError where dstate does not fit.
    """
    params, x, h_prev, c_prev, i, f, g, o, tanh_c = cache
    _checks.state("lstm.step_backward", "dstate", dstate, State._fields, o.shape, o.dtype)
    do = dstate.h * tanh_c
    dc = dstate.c + dstate.h * o * (1 - tanh_c * tanh_c)
    df, di, dg = dc * c_prev, dc * g, dc * i
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)], axis=1)
    db = da.sum(axis=0)
    dparams = Params(da.T @ x, da.T @ h_prev, db, db.copy())
    return da @ params.weight_ih, State(da @ params.weight_hh, dc * f), dparams
