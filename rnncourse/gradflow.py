"""How large is a gradient, step by step? Norms, exact Jacobians, the bound, and the LSTM's highway.

A state is cut between steps, as in `rnncourse.unroll`: ∂/∂c_t holds h_t fixed (a partial derivative);
`cell_highway` also gives the total derivative, in which c_t acts through h_t = o_t tanh(c_t) as well.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from rnncourse import _checks, unroll
from rnncourse.cells import Cell
from rnncourse.params import AnyParams
from rnncourse.params.initialise import gates_of, peepholes_of

Array = np.ndarray
LOSSES = ("last", "every")
# β_h: the largest slope of each activation.
SLOPES = {"tanh": 1.0, "relu": 1.0, "linear": 1.0}


class Flow(NamedTuple):
    """One measured backward pass. norms["h"][t, b] = ‖∂L/∂h_t‖₂ of sequence b, t = 0..T; so too "c"."""

    norms: dict[str, Float[Array, "T1 B"]]
    outputs: Float[Array, "T B H"]
    caches: unroll.Caches
    trace: unroll.Trace


def measure(
    cell: Cell,
    params: AnyParams,
    inputs: Float[Array, "T B I"],
    *,
    loss: str = "last",
    readout: Float[Array, "H"] | None = None,
    state: Any = None,
    lengths: Int[Array, "B"] | Sequence[int] | None = None,
) -> Flow:
    """The gradient of a linear loss with respect to every state, for each sequence of the batch.

    L = Σ_b v·h_T (``loss="last"``) or Σ_b Σ_t v·h_t (``"every"``), v = `readout` (H,), by default the unit
    vector (1, …, 1)/√H, so that the gradient that enters at a step has norm 1 and what is plotted is what
    the recurrence makes of it. With `lengths`, "last" is the last step of each sequence.

    Raises ValueError for an unknown loss or shapes that do not fit, and what `unroll.forward` raises.
    """
    _checks.choice("gradflow.measure", "loss", loss, LOSSES)
    outputs, _, caches = unroll.forward(cell, params, inputs, state, lengths=lengths)
    steps, batch, hidden = outputs.shape
    if readout is None:
        readout = np.full(hidden, hidden**-0.5, outputs.dtype)
    _checks.shaped("gradflow.measure", "readout", readout, "H", (hidden,))
    _checks.same_dtype("gradflow.measure", "readout", readout, outputs.dtype)
    _checks.finite("gradflow.measure", "readout", readout)
    doutputs = np.zeros_like(outputs)
    if loss == "every":
        doutputs[:] = readout
    else:
        last = np.full(batch, steps) if lengths is None else np.asarray(lengths)
        doutputs[last - 1, np.arange(batch)] = readout
    trace = unroll.backward(cell, doutputs, caches)
    return Flow(state_norms(trace), outputs, caches, trace)


def state_norms(trace: unroll.Trace) -> dict[str, Float[Array, "T1 B"]]:
    """‖∂L/∂h_t‖₂ (and ‖∂L/∂c_t‖₂) for t = 0..T and each sequence: {"h": (T+1, B), "c": (T+1, B)}.

    The first is a total derivative, the second holds h_t fixed; see the top of this file.
    """
    fields = trace.dstates[0]._fields
    return {name: norms(np.stack([getattr(s, name) for s in trace.dstates])) for name in fields}


def norms(vectors: Float[Array, "*batch N"]) -> Float[Array, "*batch"]:
    """‖v‖₂ over the last axis, scaled first: the square of 1e−30 would already be 0 in float32.

    NaN or infinity where an entry is one. An array, of shape () for one vector.
    """
    largest = np.abs(vectors).max(axis=-1)
    scale = np.where((largest > 0) & np.isfinite(largest), largest, 1).astype(vectors.dtype)
    return np.asarray(scale * np.linalg.norm(vectors / scale[..., None], axis=-1))


def state_jacobian(
    cell: Cell,
    params: AnyParams,
    inputs: Float[Array, "T I"],
    k: int,
    t: int,
    *,
    of: str = "h",
    wrt: str = "h",
    state: Any = None,
) -> Float[Array, "H H"]:
    """The exact Jacobian ∂(of_t)/∂(wrt_k), 0 ≤ k ≤ t ≤ T, of one sequence `inputs` (T, I).

    Entry (i, j) = ∂of_t[i]/∂wrt_k[j]. One backward pass gives all rows: H copies of the sequence run side
    by side, and copy i starts from the i-th unit vector. `state` is the initial one, (1, H) a field.

    Raises ValueError where k, t or a field name is out of range.
    """
    subject = "gradflow.state_jacobian"
    _checks.shaped(subject, "inputs", inputs, "T I", (None, None))
    for name, step in (("k", k), ("t", t)):
        if isinstance(step, bool) or not isinstance(step, int | np.integer):
            raise TypeError(f"{subject}: {name} must be an int; got {type(step).__name__}")
    if not 0 <= k <= t <= len(inputs):
        raise ValueError(f"{subject}: k, t must be 0 <= k <= t <= T = {len(inputs)}; got k = {k}, t = {t}")
    for name, field in (("of", of), ("wrt", wrt)):
        _checks.choice(subject, name, field, cell.State._fields)
    _, hidden = _checks.params(subject, params, len(gates_of(subject, cell)), len(peepholes_of(cell)))
    if state is None:
        state = cell.initial_state(1, hidden, inputs.dtype)
    _checks.state(subject, "state", state, cell.State._fields, (1, hidden), inputs.dtype)
    start = type(state)(*(np.repeat(s, hidden, axis=0) for s in state))
    unit = cell.initial_state(hidden, hidden, inputs.dtype)
    unit = unit._replace(**{of: np.eye(hidden, dtype=inputs.dtype)})
    if t == 0:  # no step at all
        return getattr(unit, wrt)
    copies = np.repeat(inputs[:t, None, :], hidden, axis=1)
    outputs, _, caches = unroll.forward(cell, params, copies, start)
    trace = unroll.backward(cell, np.zeros_like(outputs), caches, dfinal=unit)
    return getattr(trace.dstates[k], wrt)


def singular_values(jacobian: Float[Array, "H H"]) -> Float[Array, "H"]:
    """The singular values of a Jacobian, largest first: the factors by which it can stretch a gradient.

    Raises ValueError where an entry is not finite.
    """
    _checks.finite("gradflow.singular_values", "jacobian", jacobian)
    return np.linalg.svd(jacobian, compute_uv=False)


def bound_factor(params: AnyParams, activation: str | float) -> float:
    """β_W β_h for a vanilla cell: ‖W_hh‖₂ times the largest slope of its activation.

    `activation` is "tanh", "relu", "linear", or β_h itself, a number > 0, for another one.
    ‖∂h_t/∂h_{t−1}‖₂ = ‖diag(φ'(a_t)) W_hh‖₂ ≤ β_h β_W (Pascanu, Mikolov and Bengio 2013, section 2.1).
    Raises ValueError for an unknown activation, or params of a cell with gates.
    """
    subject = "gradflow.bound_factor"
    if isinstance(activation, str):
        beta_h = SLOPES[_checks.choice(subject, "activation", activation, SLOPES)]
    else:
        beta_h = _checks.number(subject, "activation", activation)
    _checks.params(subject, params, 1)
    _checks.finite(subject, "params.weight_hh", params.weight_hh)
    return float(np.linalg.norm(params.weight_hh, 2)) * beta_h


def log10_bound(
    factor: float, steps: int, *, loss: str = "last", readout_norm: float = 1.0
) -> Float[Array, "T1"]:
    """log₁₀ of an upper bound of ‖∂L/∂h_t‖ for t = 0..T, for the losses of `measure`.

    last:  ‖v‖ β^(T−t);   every: ‖v‖ Σ_{s=max(t,1)}^{T} β^(s−t), with β = `factor` = β_W β_h.
    In logarithms, so that no power under- or overflows. ValueError for factor < 0 or steps < 1.
    """
    subject = "gradflow.log10_bound"
    _checks.choice(subject, "loss", loss, LOSSES)
    _checks.positive_int(subject, "steps", steps)
    if not factor >= 0 or not readout_norm >= 0:
        raise ValueError(f"{subject}: factor and readout_norm must be >= 0; got {factor} and {readout_norm}")
    with np.errstate(divide="ignore"):  # log 0 = −inf is meant
        log_factor, log_v = np.log10(factor), np.log10(readout_norm)
    ages = np.arange(steps, -1, -1)  # T − t
    powers = np.where(ages == 0, 0.0, ages * log_factor) if factor else np.where(ages == 0, 0.0, -np.inf)
    if loss == "last":
        return log_v + powers
    # The sum over s = t..T has one term more for each step back; logaddexp adds them without overflow.
    ln10 = np.log(10)
    sums = np.logaddexp.accumulate(powers[::-1] * ln10)[::-1] / ln10
    # h_0 is not read out: its sum starts at s = 1, one factor of β times the sum for t = 1.
    sums[0] = sums[1] + (log_factor if factor else -np.inf)
    return log_v + sums


def forget_product(caches: unroll.Caches) -> Float[Array, "T1 B H"]:
    """∏_{s=t+1}^{T} f_s for t = 0..T, elementwise: what the LSTM's highway alone makes of ∂L/∂c_T.

    Raises TypeError for the caches of a cell without a forget gate.
    """
    # The minimal gated unit has an f too, but no c that it could multiply.
    if not caches or not hasattr(caches[0], "f") or not hasattr(caches[0], "c_prev"):
        raise TypeError(
            "gradflow.forget_product: caches must come from an LSTM (a cell with a gate f and a state c)"
        )
    product = [np.ones_like(caches[0].f)]
    for t in reversed(range(len(caches))):
        f = caches[t].f
        if caches.mask is not None:  # an ended sequence keeps its state: factor 1
            f = np.where(caches.mask[t][:, None], f, 1)
        product.append(product[-1] * f)
    return np.stack(product[::-1])


def highway_entrance(flow: Flow) -> Float[Array, "B H"]:
    """What enters the LSTM's highway at its end: dL/dh_T ⊙ ∂h_T/∂c_T, for a loss that reads h_T.

    Times `forget_product` it is what the highway alone makes of ∂L/∂c_t. Raises TypeError for the flow of a
    cell without c.
    """
    last = flow.caches[-1]
    if not hasattr(last, "tanh_c"):
        raise TypeError("gradflow.highway_entrance: flow must come from an LSTM (a cell with a state c)")
    return flow.trace.dstates[-1].h * _shown(last)


class Highway(NamedTuple):
    """Three derivatives of c_T with respect to c_t, for one sequence."""

    product: Float[Array, "H"]  # ∏ f: the highway alone, the diagonal of a Jacobian
    partial: Float[Array, "H H"]  # ∂c_T/∂c_t with h_t held fixed
    total: Float[Array, "H H"]  # dc_T/dc_t: c_t also acts through h_t = o_t tanh(c_t)


def cell_highway(
    cell: Cell, params: AnyParams, inputs: Float[Array, "T I"], t: int, *, state: Any = None
) -> Highway:
    """The LSTM's highway against the exact Jacobian of c_T with respect to c_t, 1 ≤ t ≤ T.

    d c_T/d c_t = ∂c_T/∂c_t + ∂c_T/∂h_t · diag(∂h_t/∂c_t); ∂h_t/∂c_t is o_t (1 − tanh² c_t), and with a
    peephole p_o at the output gate o_t (1 − o_t) p_o tanh c_t more. The product of the forget gates is
    ∂c_T/∂c_t without the paths through the gates of later steps.
    Raises ValueError for t outside 1..T, TypeError for a cell without c.
    """
    subject = "gradflow.cell_highway"
    if "c" not in cell.State._fields:
        raise TypeError(f"{subject}: cell must have a state c, as rnncourse.cells.lstm has")
    _checks.shaped(subject, "inputs", inputs, "T I", (None, None))
    steps = len(inputs)
    if not 1 <= t <= steps:
        raise ValueError(f"{subject}: t must be in 1..T = 1..{steps}; got {t}")
    _, _, caches = unroll.forward(cell, params, inputs[:, None, :], state)
    partial = state_jacobian(cell, params, inputs, t, steps, of="c", wrt="c", state=state)
    through_h = state_jacobian(cell, params, inputs, t, steps, of="c", wrt="h", state=state)
    return Highway(forget_product(caches)[t, 0], partial, partial + through_h * _shown(caches[t - 1])[0])


def _shown(cache: Any) -> Float[Array, "B H"]:
    """∂h_t/∂c_t, the diagonal of a Jacobian, from the cache of an LSTM's step."""
    slope = cache.o * (1 - cache.tanh_c**2)
    if hasattr(cache.params, "weight_ch"):  # the output gate looks at c_t, too
        slope = slope + cache.o * (1 - cache.o) * cache.params.weight_ch[-1] * cache.tanh_c
    return slope
