"""Run any cell over time, and back: the gradient with respect to every parameter, input and state.

    state_t = step(params, x_t, state_{t-1})        t = 1 … T;  outputs[t-1] = h_t
    ∂L/∂state_{t-1} = step_backward(∂L/∂state_t)    t = T … 1;  ∂L/∂params adds up over t

The state is cut *between* steps: ∂L/∂h_t contains what reads h_t out (doutputs) and what step t+1 makes of
it; ∂L/∂c_t contains what step t+1 makes of c_t, with h_t held fixed.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from rnncourse import _checks
from rnncourse.cells import Cell
from rnncourse.params import AnyParams
from rnncourse.params.initialise import gates_of, peepholes_of

Array = np.ndarray


class Caches(list):
    """One cache a step, and what the backward pass must know of the whole run.

    `mask` (T, B) is False where a sequence has ended, None without lengths.
    """

    cell: Any
    params: AnyParams
    inputs_shape: tuple[int, int, int]
    mask: Array | None

    def prefix(self, steps: int) -> "Caches":
        """The caches of the first `steps` steps, as if the run had ended there; ValueError outside 1..T."""
        if _checks.positive_int("Caches.prefix", "steps", steps) > len(self):
            raise ValueError(f"Caches.prefix: steps must be in 1..T = 1..{len(self)}; got {steps}")
        part = Caches(self[:steps])
        part.cell, part.params = self.cell, self.params
        part.inputs_shape = (steps, *self.inputs_shape[1:])
        part.mask = None if self.mask is None else self.mask[:steps]
        return part


class Trace(NamedTuple):
    """Every gradient of one backward pass."""

    dparams: Any  # of the type of the params
    dinputs: Float[Array, "T B I"]
    dstates: list[Any]  # T+1 States: [t] = ∂L/∂state_t, 0 the initial one, T the last


def forward(
    cell: Cell,
    params: AnyParams,
    inputs: Float[Array, "T B I"],
    state: Any = None,
    *,
    lengths: Int[Array, "B"] | Sequence[int] | None = None,
) -> tuple[Float[Array, "T B H"], Any, Caches]:
    """(outputs (T, B, H), last state, caches) of `cell` over `inputs` (T, B, I), from `state` or zeros.

    `lengths` (B,) are integers in 1..T: after its length a sequence keeps its state and puts out 0, so the
    last state is the state at its length, and padding never matters.

    Raises ValueError for shapes that do not fit, T = 0, B = 0, lengths outside 1..T or anything not
    finite in params, inputs or state; TypeError for wrong types or dtypes. A state that grows beyond the
    dtype's range on the way is a result, not an error.
    """
    subject = "unroll.forward"
    _require_cell(subject, cell)
    state = check_run(subject, cell, params, inputs, state)
    steps, batch, _ = inputs.shape
    hidden = params.weight_hh.shape[1]
    mask = None if lengths is None else length_mask(subject, lengths, steps, batch)

    outputs = np.empty((steps, batch, hidden), inputs.dtype)
    caches = Caches()
    caches.cell, caches.params, caches.inputs_shape, caches.mask = cell, params, inputs.shape, mask
    for t in range(steps):
        new, cache = cell.step(params, inputs[t], state)
        if t == 0:  # a reader's own cell may return anything
            _checks.state(
                f"{subject}: step of the cell", "state", new, state._fields, (batch, hidden), inputs.dtype
            )
        if mask is not None:
            new = _where(mask[t], new, state)
        outputs[t] = new[0] if mask is None else np.where(mask[t][:, None], new[0], 0)
        caches.append(cache)
        state = new
    return outputs, state, caches


def backward(
    cell: Cell, doutputs: Float[Array, "T B H"], caches: Sequence[Any], *, dfinal: Any = None
) -> Trace:
    """Backpropagation through time: the `Trace` of a loss with ∂L/∂outputs = `doutputs` (T, B, H).

    `dfinal` is what the loss takes from the last state directly, a State; zeros by default. `caches` are
    those that `forward` returned. ∂L/∂params is summed over time and batch.

    Raises ValueError or TypeError where doutputs or dfinal do not fit the caches or are not finite, or
    the caches come from another cell.
    """
    subject = "unroll.backward"
    if not isinstance(caches, Caches) or not caches:
        raise TypeError(
            f"{subject}: caches must be what unroll.forward returned; got {type(caches).__name__}"
        )
    if caches.cell is not cell:
        raise ValueError(f"{subject}: caches must come from the same cell; got those of another")
    params, mask = caches.params, caches.mask
    steps, batch, _ = caches.inputs_shape
    dfinal = check_gradients(subject, cell, params, steps, batch, doutputs, dfinal)
    hidden = params.weight_hh.shape[1]

    total = [np.zeros_like(p) for p in params]
    dinputs = np.empty(caches.inputs_shape, doutputs.dtype)
    dstates = [None] * (steps + 1)
    zero = cell.initial_state(batch, hidden, doutputs.dtype)
    dstate = type(dfinal)(*(d.copy() for d in dfinal))  # the trace is the caller's to change
    for t in reversed(range(steps)):
        read = doutputs[t] if mask is None else np.where(mask[t][:, None], doutputs[t], 0)
        dstate = dstate._replace(h=dstate.h + read)
        dstates[t + 1] = dstate
        active = dstate if mask is None else _where(mask[t], dstate, zero)
        dx, dprev, dparams = cell.step_backward(active, caches[t])
        if t == steps - 1:
            _check_gradients(f"{subject}: step_backward of the cell", dx, dprev, dparams, caches, zero)
        dinputs[t] = dx
        for sum_so_far, term in zip(total, dparams, strict=True):
            sum_so_far += term
        dstate = dprev if mask is None else _where(mask[t], dprev, dstate)
    dstates[0] = dstate
    return Trace(type(params)(*total), dinputs, dstates)


def check_run(subject: str, cell: Any, params: AnyParams, inputs: Any, state: Any) -> Any:
    """The initial state of a run, zeros for None, after looking at everything that goes into the run.

    Raises as `forward` does; `subject` names the function in the error.
    """
    size_in, hidden = _checks.params(subject, params, len(gates_of(subject, cell)), len(peepholes_of(cell)))
    why = f" for weight_ih {params.weight_ih.shape}"
    _checks.shaped(subject, "inputs", inputs, "T B I", (None, None, size_in), why)
    _checks.same_dtype(subject, "inputs", inputs, params.weight_hh.dtype)
    steps, batch, _ = inputs.shape
    if steps == 0 or batch == 0:
        raise ValueError(f"{subject}: inputs must have T >= 1 and B >= 1; got shape {inputs.shape}")
    if state is None:
        state = cell.initial_state(batch, hidden, inputs.dtype)
    _checks.state(subject, "state", state, cell.State._fields, (batch, hidden), inputs.dtype)
    for name, value in (*_named("params", params), ("inputs", inputs), *_named("state", state)):
        _checks.finite(subject, name, value)
    return state


def check_gradients(
    subject: str, cell: Any, params: AnyParams, steps: int, batch: int, doutputs: Any, dfinal: Any
) -> Any:
    """∂L/∂state_T as the loss takes it directly, zeros for None, after looking at both gradients.

    Raises as `backward` does; `subject` names the function in the error.
    """
    hidden = params.weight_hh.shape[1]
    _checks.shaped(subject, "doutputs", doutputs, "T B H", (steps, batch, hidden))
    _checks.same_dtype(subject, "doutputs", doutputs, params.weight_hh.dtype)
    _checks.finite(subject, "doutputs", doutputs)
    if dfinal is None:
        dfinal = cell.initial_state(batch, hidden, doutputs.dtype)
    _checks.state(subject, "dfinal", dfinal, cell.State._fields, (batch, hidden), doutputs.dtype)
    for name, value in _named("dfinal", dfinal):
        _checks.finite(subject, name, value)
    return dfinal


def length_mask(subject: str, lengths: Any, steps: int, batch: int) -> Bool[Array, "T B"]:
    """(T, B), True while a sequence lasts; `lengths` are integers (B,) in 1..T, ValueError otherwise."""
    return np.arange(steps)[:, None] < _checks.lengths(subject, lengths, steps, batch)


def _require_cell(subject: str, cell: Any) -> None:
    if not isinstance(cell, Cell):
        raise TypeError(
            f"{subject}: cell must have GATES, State, initial_state, step and step_backward, as "
            f"rnncourse.cells.lstm has; got {type(cell).__name__}"
        )


def _check_gradients(subject: str, dx: Any, dprev: Any, dparams: Any, caches: Caches, zero: Any) -> None:
    """What a cell's backward step returned: shaped like its input, its state and its parameters."""
    _checks.shaped(subject, "dx", dx, "B I", caches.inputs_shape[1:])
    _checks.state(subject, "dstate", dprev, zero._fields, zero[0].shape, zero[0].dtype)
    dims = ("GH I", "GH H", "GH", "GH", "P H")[: len(caches.params)]
    for name, got, own, names in zip(caches.params._fields, dparams, caches.params, dims, strict=True):
        _checks.shaped(subject, f"dparams.{name}", got, names, own.shape)


def _where(active: Array, yes: Any, no: Any) -> Any:
    """Field by field of a State: `yes` for the sequences that are active, `no` for the others."""
    return type(yes)(*(np.where(active[:, None], a, b) for a, b in zip(yes, no, strict=True)))


def _named(prefix: str, values: Any) -> list[tuple[str, Array]]:
    return [(f"{prefix}.{n}", v) for n, v in zip(values._fields, values, strict=True)]
