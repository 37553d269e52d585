"""Every NumPy cell keeps the contract: right gradients, no writing into arguments, shapes and dtypes."""

import numpy as np
import pytest
from contract import (
    CASES,
    CELLS,
    Case,
    check_finite_differences,
    check_leaves_arguments_alone,
    check_shapes_and_dtypes,
    problem,
    run,
)

from rnncourse import unroll
from rnncourse.cells import Cell

cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@cells
@cases
def test_gradients_equal_finite_differences(cell, case):
    check_finite_differences(cell, case)


@cells
@cases
def test_arguments_are_never_written_to(cell, case):
    check_leaves_arguments_alone(cell, case)


@cells
@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtypes(cell, case, dtype):
    check_shapes_and_dtypes(cell, case, dtype)


@cells
def test_is_a_cell(cell):
    assert isinstance(cell, Cell)
    assert cell.State._fields[0] == "h"


@cells
def test_lengths_equal_running_each_sequence_alone(cell):
    """The oracle for `lengths`: no padding at all."""
    case = Case(T=7, B=4).ragged
    p = problem(cell, case)
    outputs, final, trace = run(cell, p)
    dparams = [np.zeros_like(a) for a in p.params]
    for b, length in enumerate(case.lengths):
        one = slice(b, b + 1)
        alone = p._replace(
            inputs=p.inputs[:length, one],
            doutputs=p.doutputs[:length, one],
            state=type(p.state)(*(s[one] for s in p.state)),
            dfinal=type(p.dfinal)(*(s[one] for s in p.dfinal)),
            lengths=None,
        )
        outputs_alone, final_alone, trace_alone = run(cell, alone)
        np.testing.assert_allclose(outputs[:length, one], outputs_alone, rtol=1e-12)
        assert not outputs[length:, b].any()
        assert not trace.dinputs[length:, b].any()
        for ours, theirs in zip(final, final_alone, strict=True):
            np.testing.assert_allclose(ours[one], theirs, rtol=1e-12)
        for t, state in enumerate(trace_alone.dstates):
            for ours, theirs in zip(trace.dstates[t], state, strict=True):
                np.testing.assert_allclose(ours[one], theirs, rtol=1e-12, atol=1e-14)
        for total, term in zip(dparams, trace_alone.dparams, strict=True):
            total += term
    for ours, theirs in zip(trace.dparams, dparams, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@cells
def test_padding_never_matters(cell):
    case = Case(T=7, B=4).ragged
    p = problem(cell, case)
    other = p.inputs.copy()
    for b, length in enumerate(case.lengths):
        other[length:, b] = 1e6
    for ours, theirs in zip(
        run(cell, p)[2].dparams, run(cell, p._replace(inputs=other))[2].dparams, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@cells
def test_full_lengths_change_nothing(cell):
    p = problem(cell, Case())
    same = p._replace(lengths=np.full(3, 6))
    np.testing.assert_array_equal(run(cell, p)[0], run(cell, same)[0])


def test_a_state_that_explodes_is_a_result():
    """Inputs are checked at the entry; growth on the way is what the course wants to show."""
    cell = CELLS["vanilla-linear"]
    p = problem(cell, Case(T=400), np.float32)
    params = p.params._replace(weight_hh=p.params.weight_hh * np.float32(10))
    with np.errstate(over="ignore", invalid="ignore"):
        outputs, _, _ = unroll.forward(cell, params, p.inputs)
    assert np.isfinite(outputs[0]).all() and not np.isfinite(outputs[-1]).any()


def test_the_two_grus_differ_and_meet_where_they_must():
    after, before = CELLS["gru-after"], CELLS["gru-before"]
    p = problem(after, Case())
    assert np.abs(run(after, p)[0] - run(before, p)[0]).max() > 1e-3
    diagonal = p.params.weight_hh.copy()
    diagonal[10:] = np.diag(np.arange(1.0, 6.0))
    bias = p.params.bias_hh.copy()
    bias[10:] = 0
    p = p._replace(params=p.params._replace(weight_hh=diagonal, bias_hh=bias))
    np.testing.assert_allclose(run(after, p)[0], run(before, p)[0], rtol=1e-12, atol=1e-14)


@cells
def test_a_prefix_of_the_caches_is_a_shorter_run(cell):
    p = problem(cell, Case(T=7, B=4).ragged)
    _, _, caches = unroll.forward(cell, p.params, p.inputs, p.state, lengths=p.lengths)
    short = p._replace(inputs=p.inputs[:4], lengths=np.minimum(p.lengths, 4), doutputs=p.doutputs[:4])
    expected = run(cell, short._replace(dfinal=cell.initial_state(4, 5, np.float64)))[2]
    got = unroll.backward(cell, short.doutputs, caches.prefix(4))
    for a, b in zip((*got.dparams, got.dinputs), (*expected.dparams, expected.dinputs), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="steps must be in 1..T = 1..7; got 8"):
        caches.prefix(8)


def test_a_trace_shares_nothing_with_the_arguments():
    p = problem(CELLS["lstm"], Case())
    _, _, trace = run(CELLS["lstm"], p)
    for state in trace.dstates:
        for part in state:
            assert not any(np.shares_memory(part, given) for given in (*p.dfinal, p.doutputs))
