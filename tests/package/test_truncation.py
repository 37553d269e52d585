"""Terms of the gradient and what a cut keeps: against unroll.backward, counting and closed forms."""

import numpy as np
import pytest
from contract import CELLS, Case, problem

from rnncourse import gradcheck, truncation, unroll
from rnncourse.cells import lstm, vanilla
from rnncourse.params import Params
from rnncourse.params.trees import leaves

cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
CUTS = [(1, 1), (2, 1), (3, 2), (3, 3), (4, 3), (5, 5), (7, 7), (99, 1), (99, 7)]


def run(cell, case=Case(T=7), dtype=np.float64):  # noqa: B008  a NamedTuple does not change
    p = problem(cell, case, dtype)
    _, _, caches = unroll.forward(cell, p.params, p.inputs, p.state)
    return p, caches


def assert_close(got, expected, tolerance=1e-12):
    for a, b in zip(leaves(got), leaves(expected), strict=True):
        assert gradcheck.relative_error(a, b) <= tolerance


@cells
@pytest.mark.parametrize("case", [Case(T=7), Case(T=1), Case(B=1), Case(T=3, I=1, H=1)], ids=str)
def test_all_terms_together_are_the_gradient(cell, case):
    p, caches = run(cell, case)
    terms = truncation.terms(cell, p.doutputs, caches)
    assert_close(truncation.total(terms), unroll.backward(cell, p.doutputs, caches).dparams)
    later = np.triu(np.ones((case.T, case.T), bool), 1)  # k > t: a step cannot act on a loss before it
    assert not any(part[later].any() for part in leaves(terms))


@cells
def test_each_term_is_a_loss_that_moves_one_copy_of_the_weights(cell):
    """Finite differences with a copy of W_hh for each step: ∂L_t/∂W^(k), loss by loss and copy by copy."""
    p, caches = run(cell, Case(T=4, B=2, I=2, H=3))
    terms = truncation.terms(cell, p.doutputs, caches)

    def loss_at(t, k, weight):
        state = p.state
        for step in range(t + 1):
            used = p.params._replace(weight_hh=weight) if step == k else p.params
            state, _ = cell.step(used, p.inputs[step], state)
        return float((state.h * p.doutputs[t]).sum())

    for t in range(4):
        for k in range(4):
            expected = gradcheck.numerical_gradient(lambda w, t=t, k=k: loss_at(t, k, w), p.params.weight_hh)
            assert gradcheck.relative_error(terms.weight_hh[t, k], expected) < 1e-8


@cells
@pytest.mark.parametrize(("reach", "every"), CUTS)
def test_the_cut_backward_pass_is_the_sum_of_the_kept_terms(cell, reach, every):
    p, caches = run(cell)
    gradient, taken = truncation.backward(cell, p.doutputs, caches, reach=reach, every=every)
    keep = truncation.kept(7, reach, every)
    assert_close(gradient, truncation.total(truncation.terms(cell, p.doutputs, caches), keep))
    passes = [range(max(end - reach, 0), min(end, 7)) for end in range(every, 7 + every, every)]
    assert taken == sum(map(len, passes))


@pytest.mark.parametrize(("reach", "every"), CUTS)
def test_kept_by_counting(reach, every):
    """Word by word from Williams and Peng: after every h' steps, over h steps, losses of the last h'."""
    steps, expected = 7, np.zeros((7, 7), bool)
    now = 0
    while now < steps:
        losses = range(now + 1, now + every + 1)
        now = losses[-1]
        for t in [t for t in losses if t <= steps]:  # a last block that is not full
            for k in range(1, t + 1):
                expected[t - 1, k - 1] = now - k < reach
    assert np.array_equal(truncation.kept(steps, reach, every), expected)


def test_named_cuts():
    full = np.tri(6, dtype=bool)
    assert np.array_equal(truncation.kept(6, 6), full) and np.array_equal(truncation.kept(6, 99, 6), full)
    assert np.array_equal(truncation.kept(6, 1), np.eye(6, dtype=bool))
    blocks = np.kron(np.eye(3, dtype=bool), np.tri(2, dtype=bool))
    assert np.array_equal(truncation.kept(6, 2, 2), blocks)
    assert truncation.kept(1, 1).all()


@cells
@pytest.mark.parametrize("window", [1, 3, 7, 20])
def test_windows_are_backward_run_window_by_window(cell, window):
    """With the state carried: the runs of unroll on each window, the state handed on, the gradients added."""
    p, caches = run(cell)
    state, expected = p.state, [np.zeros_like(a) for a in p.params]
    for start in range(0, 7, window):
        part = slice(start, start + window)
        _, state, of_window = unroll.forward(cell, p.params, p.inputs[part], state)
        for total, a in zip(
            expected, unroll.backward(cell, p.doutputs[part], of_window).dparams, strict=True
        ):
            total += a
    gradient, taken = truncation.backward(cell, p.doutputs, caches, reach=window, every=window)
    assert_close(gradient, type(p.params)(*expected))
    assert taken == 7  # as many as full BPTT: a window saves memory, no steps


@cells
@pytest.mark.parametrize("window", [1, 3, 7, 20])
def test_from_zero_each_window_is_a_run_of_its_own(cell, window):
    p, _ = run(cell)
    before = p.inputs.copy()
    outputs, caches = truncation.forward_from_zero(cell, p.params, p.inputs, window)
    gradient, _ = truncation.backward(cell, p.doutputs, caches, reach=window, every=window)
    expected = [np.zeros_like(a) for a in p.params]
    for start in range(0, 7, window):
        part = slice(start, start + window)
        alone, _, own = unroll.forward(cell, p.params, p.inputs[part])
        assert np.array_equal(alone, outputs[part])
        for total, a in zip(expected, unroll.backward(cell, p.doutputs[part], own).dparams, strict=True):
            total += a
    assert_close(gradient, type(p.params)(*expected))
    assert np.array_equal(p.inputs, before) and len(caches) == 7


def test_norms_of_a_linear_unit_are_powers():
    """One linear unit, w = 2, inputs 0: ‖term(t, k)‖ = 2^(t−k) √(h_{k−1}² + 2); each bias adds a 1."""
    zero = np.zeros(1)
    params = Params(np.zeros((1, 1)), np.full((1, 1), 2.0), zero, zero)
    cell = vanilla.with_activation("linear")
    _, _, caches = unroll.forward(cell, params, np.zeros((5, 1, 1)), vanilla.State(np.ones((1, 1))))
    norms = truncation.norms(truncation.terms(cell, np.ones((5, 1, 1)), caches))
    for t in range(5):
        for k in range(5):
            h = 2.0**k  # h_{k-1} of the text, counted from 1
            assert norms[t, k] == pytest.approx(2.0 ** (t - k) * np.sqrt(h * h + 2) if k <= t else 0)


def test_compare():
    a = Params(*(np.full(s, 2.0) for s in ((1, 1), (1, 1), (1,), (1,))))
    half = Params(*(p / 2 for p in a))
    assert truncation.compare(half, a) == pytest.approx((1, 0.5))
    assert truncation.compare(Params(*(-p for p in a)), a) == pytest.approx((-1, 1))
    assert truncation.compare(Params(*(0 * p for p in a)), a) == (0, 0)
    tiny = Params(*(1e-200 * p for p in a))  # their squares are 0
    assert truncation.compare(tiny, tiny) == pytest.approx((1, 1))


def test_dtype_stays_and_nothing_is_written_to():
    p, caches = run(lstm, dtype=np.float32)
    for array in (*p.params, p.inputs, *p.state, p.doutputs):
        array.flags.writeable = False
    for cache in caches:
        for part in cache:
            if isinstance(part, np.ndarray):
                part.flags.writeable = False
    found = truncation.terms(lstm, p.doutputs, caches)
    gradient, _ = truncation.backward(lstm, p.doutputs, caches, reach=2)
    _, from_zero = truncation.forward_from_zero(lstm, p.params, p.inputs, 2)
    assert {a.dtype for a in (*found, *gradient, truncation.norms(found))} == {np.dtype(np.float32)}
    assert len(from_zero) == 7


def test_a_wrong_cut_is_seen():
    """The oracles bite: one step more or less, and a loss let in twice, are different sums."""
    p, caches = run(vanilla)
    terms = truncation.terms(vanilla, p.doutputs, caches)
    gradient, _ = truncation.backward(vanilla, p.doutputs, caches, reach=3, every=2)
    for reach, every in ((2, 2), (4, 2), (3, 1), (3, 3)):
        wrong = truncation.total(terms, truncation.kept(7, reach, every))
        with pytest.raises(AssertionError):
            assert_close(gradient, wrong)


@pytest.mark.usefixtures("own_errors")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda p, c: truncation.kept(5, 2, 3),
            ValueError,
            "kept: reach must be at least every.*reach = 2 and every = 3",
        ),
        (lambda p, c: truncation.kept(0, 2), ValueError, "kept: steps must be at least 1; got 0"),
        (lambda p, c: truncation.kept(5, 0), ValueError, "kept: reach must be at least 1; got 0"),
        (lambda p, c: truncation.kept(5, 2.0), TypeError, "kept: reach must be an int; got float"),
        (
            lambda p, c: truncation.terms(vanilla, p.doutputs, [1]),
            TypeError,
            "terms: caches must be what unroll.forward",
        ),
        (
            lambda p, c: truncation.terms(lstm, p.doutputs, c),
            ValueError,
            "terms: caches must come from the same cell",
        ),
        (
            lambda p, c: truncation.terms(vanilla, p.doutputs[1:], c),
            ValueError,
            "doutputs must have shape .*got",
        ),
        (
            lambda p, c: truncation.backward(vanilla, p.doutputs * np.nan, c, reach=1),
            ValueError,
            "backward: doutputs must be finite",
        ),
        (
            lambda p, c: truncation.backward(vanilla, p.doutputs.astype(np.float32), c, reach=1),
            TypeError,
            "backward: doutputs must have the dtype",
        ),
        (
            lambda p, c: truncation.total(truncation.terms(vanilla, p.doutputs, c), np.ones((2, 2), bool)),
            ValueError,
            "total: mask must be a bool array of shape",
        ),
        (
            lambda p, c: truncation.forward_from_zero(vanilla, p.params, p.inputs, 0),
            ValueError,
            "forward_from_zero: window must be at least 1",
        ),
        (
            lambda p, c: truncation.forward_from_zero(vanilla, p.params, p.inputs[:0], 2),
            ValueError,
            "inputs must have T >= 1",
        ),
        (
            lambda p, c: truncation.compare(p.params, p.params[:2]),
            ValueError,
            "compare: gradient must have .* entries, as truth",
        ),
        (
            lambda p, c: truncation.compare(p.params, [0 * a for a in p.params]),
            ValueError,
            "compare: truth must not be 0",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    p, caches = run(vanilla)
    with pytest.raises(error, match=message):
        call(p, caches)


@pytest.mark.usefixtures("own_errors")
def test_a_run_with_lengths_is_refused():
    p = problem(vanilla, Case(T=5, B=2))
    _, _, caches = unroll.forward(vanilla, p.params, p.inputs, lengths=[5, 3])
    with pytest.raises(ValueError, match="terms: caches must come from a run without lengths"):
        truncation.terms(vanilla, p.doutputs, caches)
