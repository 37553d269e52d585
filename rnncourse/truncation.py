"""Backpropagation through time taken apart: the term of each loss at each step, and which terms a cut keeps.

    dL/dθ = Σ_t Σ_{k≤t} term(t, k),    term(t, k) = dL_t/dh_t · dh_t/dh_k · ∂⁺h_k/∂θ          L = Σ_t L_t

where ∂⁺h_k/∂θ is the immediate derivative: θ moves in step k only, h_{k−1} is held fixed. BPTT(h; h') runs
back after every h' steps, over the last h of them, and lets in the losses of the last h'. It keeps

    term(t, k)   iff   e(t) − h < k ≤ t,     e(t) = h' ⌈t/h'⌉, the end of t's block of h' steps

Three cases have names. Full BPTT: h ≥ T. Windows, as language models train: h' = h. Sliding: h' = 1, each
loss looks back over h steps.

Source: Williams and Peng (1990), "An efficient gradient-based algorithm for on-line training of recurrent
network trajectories"; Sutskever (2013) calls h' and h k₁ and k₂.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from rnncourse import _checks, gradflow, unroll
from rnncourse.cells import Cell
from rnncourse.params import AnyParams
from rnncourse.params.trees import leaves

Array = np.ndarray


def terms(cell: Cell, doutputs: Float[Array, "T B H"], caches: unroll.Caches) -> AnyParams:
    """Every term(t, k), as `Params` whose arrays have two axes more: weight_hh is (T, T, GH, H).

    Entry [t−1, k−1] is term(t, k), summed over the batch; it is 0 where k > t. `doutputs` (T, B, H) are the
    ∂L/∂h_t of a loss L = Σ_t L_t whose L_t reads h_t only, `caches` those of `unroll.forward`.
    It takes T(T+1)/2 backward steps and as many gradients of memory: for looking, not for training.

    Raises ValueError or TypeError where the two do not fit, or for caches of a run with lengths.
    """
    steps = _require_run("truncation.terms", cell, doutputs, caches)
    found = type(caches.params)(*(np.zeros((steps, steps, *p.shape), p.dtype) for p in caches.params))
    for t in range(steps):
        dstate = _nothing(cell, doutputs)._replace(h=doutputs[t])
        for k in range(t, -1, -1):
            _, dstate, dparams = cell.step_backward(dstate, caches[k])
            for all_terms, term in zip(found, dparams, strict=True):
                all_terms[t, k] = term
    return found


def norms(terms: AnyParams) -> Float[Array, "T T"]:
    """‖term(t, k)‖₂ over all parameters together, of what `terms` returned; 0 where k > t."""
    return gradflow.norms(np.concatenate([part.reshape(*part.shape[:2], -1) for part in terms], axis=2))


def kept(steps: int, reach: int, every: int = 1) -> Bool[Array, "T T"]:
    """Which terms BPTT(h; h') keeps, h = `reach` and h' = `every`: [t−1, k−1] is True where it is kept.

    Raises ValueError for numbers below 1 or reach < every, which would leave out losses altogether.
    """
    reach, every = _cut("truncation.kept", reach, every)
    t = np.arange(1, _checks.positive_int("truncation.kept", "steps", steps) + 1)
    end = every * -(-t // every)  # beyond T where the last block is not full
    k = t[None, :]
    return (k <= t[:, None]) & (k > end[:, None] - reach)


def total(terms: AnyParams, kept: Bool[Array, "T T"] | None = None) -> AnyParams:
    """The gradient that is the sum of the terms where `kept` is True, by default all of them: `Params`.

    Raises ValueError where `kept` is not a bool array of the terms' (T, T).
    """
    if kept is None:
        return type(terms)(*(part.sum(axis=(0, 1)) for part in terms))
    _checks.mask("truncation.total", kept, terms[0].shape[:2])
    return type(terms)(*(part[kept].sum(axis=0) for part in terms))


def backward(
    cell: Cell, doutputs: Float[Array, "T B H"], caches: unroll.Caches, *, reach: int, every: int = 1
) -> tuple[AnyParams, int]:
    """(∂L/∂params by BPTT(h; h'), backward steps taken): `reach` is h, `every` is h'.

    The same sum as ``total(terms(…), kept(T, reach, every))``, without the single terms: every h' steps one
    pass back over at most h steps. Raises as `terms` and `kept` do.
    """
    subject = "truncation.backward"
    steps = _require_run(subject, cell, doutputs, caches)
    reach, every = _cut(subject, reach, every)
    gradient = [np.zeros_like(p) for p in caches.params]
    taken = 0
    for begin in range(0, steps, every):
        first = max(begin + every - reach, 0)
        dstate = _nothing(cell, doutputs)
        for t in range(min(begin + every, steps) - 1, first - 1, -1):
            if t >= begin:  # a loss of this block; those before it had their turn
                dstate = dstate._replace(h=dstate.h + doutputs[t])
            _, dstate, dparams = cell.step_backward(dstate, caches[t])
            for sum_so_far, term in zip(gradient, dparams, strict=True):
                sum_so_far += term
            taken += 1
    return type(caches.params)(*gradient), taken


def forward_from_zero(
    cell: Cell, params: AnyParams, inputs: Float[Array, "T B I"], window: int
) -> tuple[Float[Array, "T B H"], unroll.Caches]:
    """(outputs, caches) of a run whose state is set back to zero before each window of `window` steps.

    Go back over these caches in windows only: reach = every = `window`. Raises as `unroll.forward` does, and
    ValueError for a window below 1.
    """
    window = _checks.positive_int("truncation.forward_from_zero", "window", window)
    starts = range(0, max(len(inputs), 1), window)
    runs = [unroll.forward(cell, params, inputs[start : start + window]) for start in starts]
    caches = runs[0][2].prefix(len(runs[0][2]))  # a copy
    for _, _, more in runs[1:]:
        caches.extend(more)
    caches.inputs_shape = (len(inputs), *caches.inputs_shape[1:])
    return np.concatenate([outputs for outputs, _, _ in runs]), caches


def compare(gradient: Any, truth: Any) -> tuple[float, float]:
    """(cosine of the angle, ratio of the norms ‖gradient‖/‖truth‖) over all arrays of two trees together.

    Computed in float64; (0, 0) where `gradient` is 0. Raises ValueError where the sizes differ or `truth`
    is 0, which has no direction.
    """
    a, b = (np.concatenate([p.ravel() for p in leaves(tree)]).astype(float) for tree in (gradient, truth))
    if a.shape != b.shape:
        raise ValueError(f"truncation.compare: gradient must have {len(b)} entries, as truth; got {len(a)}")
    size, of_truth = float(gradflow.norms(a)), float(gradflow.norms(b))
    if of_truth == 0:
        raise ValueError("truncation.compare: truth must not be 0; got a gradient without direction")
    if size == 0:
        return 0.0, 0.0
    return float((a / size) @ (b / of_truth)), size / of_truth


def _require_run(subject: str, cell: Cell, doutputs: Any, caches: Any) -> int:
    if not isinstance(caches, unroll.Caches) or not caches:
        raise TypeError(
            f"{subject}: caches must be what unroll.forward returned; got {type(caches).__name__}"
        )
    if caches.cell is not cell:
        raise ValueError(f"{subject}: caches must come from the same cell; got those of another")
    if caches.mask is not None:
        raise ValueError(f"{subject}: caches must come from a run without lengths; got a run with them")
    steps, batch, _ = caches.inputs_shape
    shape = (steps, batch, caches.params.weight_hh.shape[1])
    _checks.shaped(subject, "doutputs", doutputs, "T B H", shape)
    _checks.same_dtype(subject, "doutputs", doutputs, caches.params.weight_hh.dtype)
    _checks.finite(subject, "doutputs", doutputs)
    return steps


def _cut(subject: str, reach: int, every: int) -> tuple[int, int]:
    reach = _checks.positive_int(subject, "reach", reach)
    every = _checks.positive_int(subject, "every", every)
    if reach < every:
        raise ValueError(
            f"{subject}: reach must be at least every, or losses would be left out; "
            f"got reach = {reach} and every = {every}"
        )
    return reach, every


def _nothing(cell: Cell, doutputs: Array) -> Any:
    return cell.initial_state(doutputs.shape[1], doutputs.shape[2], doutputs.dtype)
