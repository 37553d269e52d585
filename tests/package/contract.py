"""The contract every NumPy cell must keep, as functions: the tests call them, and so do the mutants."""

from typing import Any, NamedTuple

import numpy as np

from rnncourse import gradcheck, unroll
from rnncourse.cells import coupled, gru, lstm, mgu, peephole, vanilla
from rnncourse.params import init_params

CELLS = {
    "vanilla-tanh": vanilla,
    "vanilla-relu": vanilla.with_activation("relu"),
    "vanilla-linear": vanilla.with_activation("linear"),
    "gru-after": gru,
    "gru-before": gru.reset_before,
    "lstm": lstm,
    "lstm-peephole": peephole,
    "lstm-coupled": coupled,
    "mgu": mgu,
}
FINITE_DIFFERENCES = 1e-7


class Case(NamedTuple):
    """Sizes, and how the recurrent matrix starts: orthogonal times 0.9 keeps long runs in range."""

    T: int = 6
    B: int = 3
    I: int = 4  # noqa: E741  the dimension key's name
    H: int = 5
    lengths: tuple[int, ...] | None = None

    @property
    def ragged(self):
        return self._replace(lengths=tuple(1 + (7 * b + self.T - 1) % self.T for b in range(self.B)))


CASES = {
    "plain": Case(),
    "T=1": Case(T=1),
    "B=1": Case(B=1),
    "I=1,H=1": Case(I=1, H=1),
    "lengths": Case().ragged,
    "T=1 with lengths": Case(T=1).ragged,
    "T=200": Case(T=200, B=2),
    "T=200 with lengths": Case(T=200).ragged,
}


class Problem(NamedTuple):
    params: Any
    inputs: Any
    state: Any
    lengths: Any
    doutputs: Any
    dfinal: Any


def problem(cell: Any, case: Case, dtype: Any = np.float64, seed: int = 0) -> Problem:
    """Random parameters (biases too), inputs, initial state, and a random loss, of one dtype."""
    rng = np.random.default_rng(seed)
    params = init_params(cell, case.I, case.H, rng=rng, scheme="orthogonal", gain=0.9, dtype=dtype)
    bias = [rng.uniform(-0.5, 0.5, b.shape).astype(dtype) for b in (params.bias_ih, params.bias_hh)]
    params = params._replace(bias_ih=bias[0], bias_hh=bias[1])

    def state() -> Any:
        zero = cell.initial_state(case.B, case.H, dtype)
        return type(zero)(*(rng.standard_normal(z.shape).astype(dtype) for z in zero))

    inputs = rng.standard_normal((case.T, case.B, case.I)).astype(dtype)
    doutputs = rng.standard_normal((case.T, case.B, case.H)).astype(dtype)
    lengths = None if case.lengths is None else np.array(case.lengths)
    return Problem(params, inputs, state(), lengths, doutputs, state())


def run(cell: Any, p: Problem) -> tuple[Any, Any, Any]:
    outputs, final, caches = unroll.forward(cell, p.params, p.inputs, p.state, lengths=p.lengths)
    return outputs, final, unroll.backward(cell, p.doutputs, caches, dfinal=p.dfinal)


def check_finite_differences(cell: Any, case: Case) -> None:
    """Every parameter, input and initial state against central differences in float64."""
    p = problem(cell, case)
    errors = gradcheck.check_unroll(
        cell,
        p.params,
        p.inputs,
        p.state,
        rng=np.random.default_rng(1),
        lengths=p.lengths,
        # Entry by entry would take 10,000 runs of 200 steps; random directions see a wrong entry too.
        directions=4 if case.T > 20 else None,
    )
    fields = [f"state.{f}" for f in cell.State._fields]
    assert set(errors) == {"inputs", *p.params._fields, *fields}
    # Not max(): a NaN would hide in it.
    assert all(error <= FINITE_DIFFERENCES for error in errors.values()), errors


def check_leaves_arguments_alone(cell: Any, case: Case) -> None:
    """Forward and backward read their arguments only: arrays that refuse to be written to pass through."""
    p = problem(cell, case)
    for array in (*p.params, p.inputs, *p.state, p.doutputs, *p.dfinal):
        array.flags.writeable = False
    run(cell, p)
    _, cache = cell.step(p.params, p.inputs[0], p.state)
    for part in cache:
        if isinstance(part, np.ndarray):
            part.flags.writeable = False
    cell.step_backward(p.dfinal, cache)


def check_shapes_and_dtypes(cell: Any, case: Case, dtype: Any) -> None:
    p = problem(cell, case, dtype)
    outputs, final, trace = run(cell, p)
    assert outputs.shape == (case.T, case.B, case.H)
    assert trace.dinputs.shape == p.inputs.shape
    assert len(trace.dstates) == case.T + 1
    assert [a.shape for a in trace.dparams] == [a.shape for a in p.params]
    states = [part for state in (final, *trace.dstates) for part in state]
    assert {a.shape for a in states} == {(case.B, case.H)}
    assert {a.dtype for a in (outputs, trace.dinputs, *trace.dparams, *states)} == {np.dtype(dtype)}
