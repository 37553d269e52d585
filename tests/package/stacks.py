"""Stacked problems for the tests of `rnncourse.stack`, and their finite differences."""

from typing import Any, NamedTuple

import numpy as np

from rnncourse import gradcheck, stack
from rnncourse.params.trees import leaves, rebuild


class StackCase(NamedTuple):
    layers: int = 2
    bidirectional: bool = False
    lengths: tuple[int, ...] | None = None
    T: int = 4
    B: int = 3
    I: int = 2  # noqa: E741  the dimension key's name
    H: int = 3


# Every number of layers, one direction and both, with and without padding.
EVERY = {
    f"L={layers}, D={1 + both}{', lengths' if lengths else ''}": StackCase(layers, both, lengths)
    for layers in (1, 2, 3)
    for both in (False, True)
    for lengths in (None, (2, 4, 1))
}
EDGES = {
    "T=1": StackCase(2, True, T=1),
    "B=1": StackCase(2, True, (3,), B=1),
    "I=1, H=1": StackCase(3, True, (2, 4, 1), I=1, H=1),
    "T=B=I=H=1": StackCase(2, True, (1,), 1, 1, 1, 1),
}
CASES = EVERY | EDGES


class StackProblem(NamedTuple):
    params: tuple
    inputs: Any
    states: tuple
    doutputs: Any
    dfinal: tuple


def stack_problem(cell: Any, case: StackCase, dtype: Any = np.float64, seed: int = 0) -> StackProblem:
    """Random parameters (biases too), inputs, initial states, and a random loss, of one dtype."""
    rng = np.random.default_rng(seed)
    params = stack.init_stack(
        cell,
        case.I,
        case.H,
        layers=case.layers,
        bidirectional=case.bidirectional,
        rng=rng,
        scheme="orthogonal",
        gain=0.9,
        dtype=dtype,
    )

    def bias(b: Any) -> Any:
        return rng.uniform(-0.5, 0.5, b.shape).astype(dtype)

    params = tuple(p._replace(bias_ih=bias(p.bias_ih), bias_hh=bias(p.bias_hh)) for p in params)

    def states() -> tuple:
        zeros = [cell.initial_state(case.B, case.H, dtype) for _ in params]
        return tuple(type(z)(*(rng.standard_normal(part.shape).astype(dtype) for part in z)) for z in zeros)

    width = case.H * (2 if case.bidirectional else 1)
    inputs = rng.standard_normal((case.T, case.B, case.I)).astype(dtype)
    doutputs = rng.standard_normal((case.T, case.B, width)).astype(dtype)
    return StackProblem(params, inputs, states(), doutputs, states())


def run_stack(module: Any, cell: Any, p: StackProblem, case: StackCase, **options: Any) -> tuple:
    """(outputs, last states, tape, trace) of `module`, which is rnncourse.stack or a mutant of it."""
    options = {"bidirectional": case.bidirectional, "lengths": case.lengths, **options}
    outputs, finals, tape = module.forward(cell, p.params, p.inputs, p.states, **options)
    return outputs, finals, tape, module.backward(cell, p.doutputs, tape, dfinal=p.dfinal)


def check_stack(cell: Any, case: StackCase, module: Any = stack, dropout: float = 0.0) -> None:
    """Every gradient of `module` against central differences of its own forward pass, in float64.

    Each array in three random directions, which see a wrong entry as well as a walk over all entries.
    """
    p = stack_problem(cell, case)
    rng = np.random.default_rng(2)

    def run(p: StackProblem) -> tuple:
        options = {"bidirectional": case.bidirectional, "lengths": case.lengths}
        masks = {"dropout": dropout, "rng": np.random.default_rng(7)}
        return module.forward(cell, p.params, p.inputs, p.states, **options, **masks)

    def loss(p: StackProblem) -> float:
        outputs, finals, _ = run(p)
        ends = [(f * d).sum() for f, d in zip(leaves(finals), leaves(p.dfinal), strict=True)]
        return float((outputs * p.doutputs).sum() + sum(ends))

    trace = module.backward(cell, p.doutputs, run(p)[2], dfinal=p.dfinal)
    gradients = p._replace(params=trace.dparams, inputs=trace.dinputs, states=trace.dinitial)
    names, arrays = ("params", "inputs", "states"), leaves([p.params, p.inputs, p.states])
    assert [g.shape for g in leaves(gradients[:3])] == [a.shape for a in arrays]
    for n, (array, gradient) in enumerate(zip(arrays, leaves(gradients[:3]), strict=True)):

        def at(value: Any, n: int = n) -> float:
            changed = rebuild(p[:3], iter([*arrays[:n], value, *arrays[n + 1 :]]))
            return loss(p._replace(**dict(zip(names, changed, strict=True))))

        ways = [rng.standard_normal(array.shape) for _ in range(3)]
        expected = [gradcheck.directional_derivative(at, array, way) for way in ways]
        error = gradcheck.relative_error([(gradient * way).sum() for way in ways], expected)
        assert error <= 1e-7, f"array {n} of {array.shape}: {error}"
