"""The LSTM with coupled input and forget gate: what is forgotten makes room for what is written.

    a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh            (B, 3H), split into a_f, a_g, a_o
    f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)                (B, H) each
    c_t = f ⊙ c_{t-1} + (1 − f) ⊙ g                        (B, H)
    h_t = o ⊙ tanh(c_t)                                    (B, H)

There is no input gate: i = 1 − f. c_t lies between c_{t-1} and g, so |c_t| < 1 when c_0 = 0: this cell cannot
count. As 1 − σ(a) = σ(−a), it is an LSTM in which the rows of i are minus those of f.

Backward. ∂L/∂c_t, as handed in, is taken with h_t held fixed; the path through h_t is added first:

    ∂L/∂o = ∂L/∂h_t ⊙ tanh(c_t)     δc = ∂L/∂c_t + ∂L/∂h_t ⊙ o ⊙ (1 − tanh²(c_t))
    ∂L/∂f = δc ⊙ (c_{t-1} − g)     ∂L/∂g = δc ⊙ (1 − f)     ∂L/∂c_{t-1} = δc ⊙ f

then through σ' = σ(1 − σ) and tanh' = 1 − tanh² to a_t, and from there as in the vanilla cell.

Source: the variant CIFG of Greff et al. (2017), who write f = 1 − i.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.cells import zeros
from rnncourse.cells.lstm import State
from rnncourse.functional import sigmoid
from rnncourse.params import Params

Array = np.ndarray
GATES = ("f", "g", "o")


class Cache(NamedTuple):
    """What `step_backward` needs of the step: its arguments, the gates, and tanh(c_t)."""

    params: Params
    x: Float[Array, "B I"]
    h_prev: Float[Array, "B H"]
    c_prev: Float[Array, "B H"]
    f: Float[Array, "B H"]
    g: Float[Array, "B H"]
    o: Float[Array, "B H"]
    tanh_c: Float[Array, "B H"]


def initial_state(batch: int, hidden_size: int, dtype: Any = np.float32) -> State:
    """h_0 = c_0 = 0, shape (B, H) each. ValueError for sizes below 1, TypeError for another dtype."""
    return zeros("coupled.initial_state", State, batch, hidden_size, dtype)


def step(params: Params, x: Float[Array, "B I"], state: State) -> tuple[State, Cache]:
    """(h_t, c_t) from x_t (B, I) and (h_{t-1}, c_{t-1}); the equations stand at the top of this file.

    Raises ValueError for shapes that do not fit, TypeError for other dtypes than the parameters'.
    """
    _checks.step("coupled.step", params, x, state, 3, State._fields)
    a = x @ params.weight_ih.T + params.bias_ih + state.h @ params.weight_hh.T + params.bias_hh
    a_f, a_g, a_o = np.split(a, 3, axis=1)
    f, g, o = sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c = f * state.c + (1 - f) * g
    tanh_c = np.tanh(c)
    return State(o * tanh_c, c), Cache(params, x, state.h, state.c, f, g, o, tanh_c)


def step_backward(dstate: State, cache: Cache) -> tuple[Float[Array, "B I"], State, Params]:
    """(∂L/∂x_t, ∂L/∂state_{t-1}, ∂L/∂params) from ∂L/∂state_t, of the same shapes.

    ∂L/∂c_t is taken with h_t held fixed. Raises ValueError or TypeError where dstate does not fit.
    """
    params, x, h_prev, c_prev, f, g, o, tanh_c = cache
    _checks.state("coupled.step_backward", "dstate", dstate, State._fields, o.shape, o.dtype)
    do = dstate.h * tanh_c
    dc = dstate.c + dstate.h * o * (1 - tanh_c * tanh_c)
    df, dg = dc * (c_prev - g), dc * (1 - f)
    da = np.concatenate([df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)], axis=1)
    db = da.sum(axis=0)
    dparams = Params(da.T @ x, da.T @ h_prev, db, db.copy())
    return da @ params.weight_ih, State(da @ params.weight_hh, dc * f), dparams
