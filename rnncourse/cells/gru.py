"""The gated recurrent unit, in both published forms: one step forward and backward.

    r = σ(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)                     (B, H)   reset
    z = σ(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)                     (B, H)   update
    n = tanh(W_in x_t + b_in + r ⊙ (W_hn h_{t-1} + b_hn))            reset *after* the product, or
    n = tanh(W_in x_t + b_in + W_hn (r ⊙ h_{t-1}) + b_hn)            reset *before* the product
    h_t = (1 − z) ⊙ n + z ⊙ h_{t-1}                                  (B, H)

*After* is torch.nn.GRUCell and cuDNN; it is this module's `step`. *Before* is Cho et al. (2014), and
`reset_before` is that cell. They agree where r = 1, or W_hn is diagonal and b_hn = 0, and differ elsewhere.

The meaning of z differs between papers. Here, in torch and in Cho et al. (2014, equation 7), z keeps the
*old* state. In Chung et al. (2014, section 3.2) and in many lecture notes z takes the *new* one: their z is
our 1 − z, so their weights are ours with the sign of the z rows flipped.
"""

from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.cells import Variant, zeros
from rnncourse.functional import sigmoid
from rnncourse.params import Params

Array = np.ndarray
GATES = ("r", "z", "n")
RESETS = ("after", "before")


class State(NamedTuple):
    """What one step hands to the next: the hidden state."""

    h: Float[Array, "B H"]


class Cache(NamedTuple):
    """What `step_backward` needs of the step; `product` is what W_hn multiplied or what r multiplied."""

    params: Params
    x: Float[Array, "B I"]
    h_prev: Float[Array, "B H"]
    r: Float[Array, "B H"]
    z: Float[Array, "B H"]
    n: Float[Array, "B H"]
    product: Float[Array, "B H"]
    reset: str


def initial_state(batch: int, hidden_size: int, dtype: Any = np.float32) -> State:
    """h_0 = 0, shape (B, H). ValueError for sizes below 1, TypeError for another dtype."""
    return zeros("gru.initial_state", State, batch, hidden_size, dtype)


def step(
    params: Params, x: Float[Array, "B I"], state: State, *, reset: str = "after"
) -> tuple[State, Cache]:
    """h_t from x_t (B, I) and h_{t-1} (B, H); the equations stand at the top of this file.

    Raises ValueError for shapes that do not fit or an unknown `reset`, TypeError for other dtypes than
    the parameters'.
    """
    _checks.choice("gru.step", "reset", reset, RESETS)
    _checks.step("gru.step", params, x, state, 3, State._fields)
    h, size = state.h, state.h.shape[1]
    weight_n, bias_n = params.weight_hh[2 * size :], params.bias_hh[2 * size :]
    a_ih = x @ params.weight_ih.T + params.bias_ih
    a_hh = h @ params.weight_hh[: 2 * size].T + params.bias_hh[: 2 * size]
    rz = sigmoid(a_ih[:, : 2 * size] + a_hh)
    r, z = rz[:, :size], rz[:, size:]
    if reset == "after":
        product = h @ weight_n.T + bias_n
        n = np.tanh(a_ih[:, 2 * size :] + r * product)
    else:
        product = r * h
        n = np.tanh(a_ih[:, 2 * size :] + product @ weight_n.T + bias_n)
    return State((1 - z) * n + z * h), Cache(params, x, h, r, z, n, product, reset)


def step_backward(dstate: State, cache: Cache) -> tuple[Float[Array, "B I"], State, Params]:
    """(∂L/∂x_t, ∂L/∂state_{t-1}, ∂L/∂params) from ∂L/∂state_t, of the same shapes.

    Raises ValueError or TypeError where dstate does not fit the step.
    """
    params, x, h_prev, r, z, n, product, reset = cache
    _checks.state("gru.step_backward", "dstate", dstate, ("h",), r.shape, r.dtype)
    size = r.shape[1]
    dh = dstate.h
    dz, dn = dh * (h_prev - n), dh * (1 - z)
    da_n = dn * (1 - n * n)
    if reset == "after":  # r multiplies W_hn h + b_hn
        dr, dproduct = da_n * product, da_n * r
        dweight_n, dbias_n = dproduct.T @ h_prev, dproduct.sum(axis=0)
        dh_n = dproduct @ params.weight_hh[2 * size :]
    else:  # W_hn multiplies r ⊙ h
        dproduct = da_n @ params.weight_hh[2 * size :]
        dr, dh_n = dproduct * h_prev, dproduct * r
        dweight_n, dbias_n = da_n.T @ product, da_n.sum(axis=0)
    da_rz = np.concatenate([dr * r * (1 - r), dz * z * (1 - z)], axis=1)
    da_ih = np.concatenate([da_rz, da_n], axis=1)
    dh_prev = dh * z + dh_n + da_rz @ params.weight_hh[: 2 * size]
    dparams = Params(
        da_ih.T @ x,
        np.concatenate([da_rz.T @ h_prev, dweight_n]),
        da_ih.sum(axis=0),
        np.concatenate([da_rz.sum(axis=0), dbias_n]),
    )
    return da_ih @ params.weight_ih, State(dh_prev), dparams


def with_reset(reset: str) -> Variant:
    """This cell with the reset gate "after" (torch, cuDNN) or "before" the product (Cho et al. 2014)."""
    return _variant(_checks.choice("gru.with_reset", "reset", reset, RESETS))


@cache  # so that one form is one cell
def _variant(reset: str) -> Variant:
    return Variant(GATES, State, initial_state, partial(step, reset=reset), step_backward)


reset_before = with_reset("before")
