"""What gradflow measures, against closed forms and Jacobians multiplied by hand."""

import numpy as np
import pytest
from contract import CELLS, Case, problem

from rnncourse import gradcheck, gradflow, unroll
from rnncourse.cells import lstm, vanilla
from rnncourse.params import init_params

cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
LINEAR = vanilla.with_activation("linear")


def orthogonal(cell, gain, hidden=6, **kwargs):
    rng = np.random.default_rng(0)
    return init_params(cell, 3, hidden, rng=rng, scheme="orthogonal", gain=gain, dtype=np.float64, **kwargs)


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.6])
def test_linear_orthogonal_has_a_closed_form(gain):
    """‖∂L/∂h_t‖ = gain^(T−t) for the last loss: the bound is reached."""
    T = 100
    flow = gradflow.measure(LINEAR, orthogonal(LINEAR, gain), np.ones((T, 2, 3)))
    expected = gain ** np.arange(T, -1.0, -1.0)
    np.testing.assert_allclose(flow.norms["h"], np.stack([expected] * 2, axis=1), rtol=1e-10)
    bound = gradflow.log10_bound(gradflow.bound_factor(orthogonal(LINEAR, gain), "linear"), T)
    np.testing.assert_allclose(bound, np.log10(expected), atol=1e-10)


def test_linear_identity_with_every_loss_counts_the_steps():
    """W_hh = I: every step's loss arrives undamped, so ‖∂L/∂h_t‖ = T − t + 1, and T at t = 0."""
    p = init_params(LINEAR, 3, 4, rng=np.random.default_rng(0), scheme="identity", dtype=np.float64)
    flow = gradflow.measure(LINEAR, p, np.ones((5, 1, 3)), loss="every")
    np.testing.assert_allclose(flow.norms["h"][:, 0], [5, 5, 4, 3, 2, 1])
    np.testing.assert_allclose(10 ** gradflow.log10_bound(1.0, 5, loss="every"), [5, 5, 4, 3, 2, 1])


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
@pytest.mark.parametrize("loss", gradflow.LOSSES)
@pytest.mark.parametrize("scheme", ["uniform", "orthogonal"])
def test_the_bound_is_never_crossed(activation, loss, scheme):
    cell, T = vanilla.with_activation(activation), 30
    for seed in range(5):
        rng = np.random.default_rng(seed)
        p = init_params(cell, 3, 6, rng=rng, scheme=scheme, gain=1.3, dtype=np.float64)
        flow = gradflow.measure(cell, p, rng.standard_normal((T, 4, 3)), loss=loss)
        bound = gradflow.log10_bound(gradflow.bound_factor(p, activation), T, loss=loss)
        with np.errstate(divide="ignore"):
            assert (np.log10(flow.norms["h"]).max(axis=1) <= bound + 1e-9).all()


def test_bound_of_a_factor_of_zero():
    np.testing.assert_array_equal(10 ** gradflow.log10_bound(0.0, 3), [0, 0, 0, 1])
    np.testing.assert_array_equal(10 ** gradflow.log10_bound(0.0, 3, loss="every"), [0, 1, 1, 1])


def test_bound_beyond_the_range_of_float64():
    bound = gradflow.log10_bound(10.0, 1000, loss="every")
    assert bound[0] == pytest.approx(1000 + np.log10(1 / 0.9) - 0, abs=0.05)
    assert gradflow.log10_bound(1e-5, 100)[0] == pytest.approx(-500)


@cells
def test_jacobian_equals_finite_differences(cell):
    p = problem(cell, Case(T=5, B=1))
    k, t = 1, 4
    jacobian = gradflow.state_jacobian(cell, p.params, p.inputs[:, 0], k, t, state=p.state)
    start = p.state
    for x in p.inputs[:k]:
        start, _ = cell.step(p.params, x, start)

    def h_at_t(h, i):
        state = start._replace(h=h)
        for x in p.inputs[k:t]:
            state, _ = cell.step(p.params, x, state)
        return float(state.h[0, i])

    for i in range(5):
        row = gradcheck.numerical_gradient(lambda h, i=i: h_at_t(h, i), start.h)
        np.testing.assert_allclose(jacobian[i], row[0], atol=1e-9)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
def test_jacobian_equals_the_product_of_its_factors(activation):
    """∂h_t/∂h_k = Π diag(φ'(a_j)) W_hh, the factors written out here."""
    cell = vanilla.with_activation(activation)
    p = problem(cell, Case(T=7, B=1))
    _, _, caches = unroll.forward(cell, p.params, p.inputs, p.state)
    expected = np.eye(5)
    for cache in caches[2:6]:
        slope = {"tanh": 1 - cache.h**2, "relu": cache.h > 0, "linear": np.ones_like(cache.h)}[activation]
        expected = (slope[0][:, None] * p.params.weight_hh) @ expected
    got = gradflow.state_jacobian(cell, p.params, p.inputs[:, 0], 2, 6, state=p.state)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


@cells
def test_jacobians_compose(cell):
    """A step from k to m, then from m to t: full states, so that every path is counted once."""
    p, one = problem(cell, Case(T=6, B=1)), 0
    fields = cell.State._fields

    def full(k, t):
        return np.block(
            [
                [
                    gradflow.state_jacobian(
                        cell, p.params, p.inputs[:, one], k, t, of=o, wrt=w, state=p.state
                    )
                    for w in fields
                ]
                for o in fields
            ]
        )

    np.testing.assert_allclose(full(1, 6), full(3, 6) @ full(1, 3), rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(full(2, 2), np.eye(5 * len(fields)))
    np.testing.assert_array_equal(full(0, 0), np.eye(5 * len(fields)))


@cells
@pytest.mark.parametrize("loss", gradflow.LOSSES)
def test_norms_of_a_batch_are_those_of_each_sequence(cell, loss):
    p = problem(cell, Case(T=5, B=3))
    flow = gradflow.measure(cell, p.params, p.inputs, loss=loss)
    for b in range(3):
        alone = gradflow.measure(cell, p.params, p.inputs[:, b : b + 1], loss=loss)
        for field in cell.State._fields:
            np.testing.assert_allclose(flow.norms[field][:, b], alone.norms[field][:, 0], rtol=1e-10)


@cells
def test_measure_at_T_is_the_norm_of_the_readout(cell):
    p = problem(cell, Case(T=1, B=2))
    flow = gradflow.measure(cell, p.params, p.inputs, readout=np.array([3.0, 4, 0, 0, 0]))
    np.testing.assert_allclose(flow.norms["h"][1], 5)


def test_measure_with_lengths_reads_each_sequence_at_its_end():
    p = problem(lstm, Case(T=6, B=3))
    flow = gradflow.measure(lstm, p.params, p.inputs, lengths=[6, 2, 4])
    alone = gradflow.measure(lstm, p.params, p.inputs[:2, 1:2])
    np.testing.assert_allclose(flow.norms["h"][:3, 1], alone.norms["h"][:, 0], rtol=1e-12)
    assert not flow.norms["h"][3:, 1].any()
    np.testing.assert_array_equal(gradflow.forget_product(flow.caches)[2:, 1], 1)


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e-40), (np.float64, 1e-300), (np.float64, 1e300)])
def test_norms_of_what_cannot_be_squared(dtype, size):
    vectors = np.array([[3, 4], [0, 0]], dtype) * dtype(size)
    np.testing.assert_allclose(gradflow.norms(vectors), [5 * size, 0], rtol=1e-5)
    assert gradflow.norms(vectors).dtype == dtype
    assert gradflow.norms(np.array([[np.inf, 1.0]])) == np.inf


def test_singular_values():
    np.testing.assert_allclose(gradflow.singular_values(np.diag([1.0, -3.0, 2.0])), [3, 2, 1])


def test_forget_product_by_hand():
    p = problem(lstm, Case(T=3, B=2))
    _, _, caches = unroll.forward(lstm, p.params, p.inputs)
    product = gradflow.forget_product(caches)
    np.testing.assert_array_equal(product[3], 1)
    np.testing.assert_allclose(product[1], caches[1].f * caches[2].f)
    np.testing.assert_allclose(product[0], caches[0].f * caches[1].f * caches[2].f)


def test_the_highway_carries_everything_when_the_gates_see_no_state():
    """W_hh = 0: entrance times product is ∂L/∂c_t at every step before the last."""
    p = problem(lstm, Case(T=8, B=3))
    params = p.params._replace(weight_hh=np.zeros_like(p.params.weight_hh))
    flow = gradflow.measure(lstm, params, p.inputs)
    alone = gradflow.highway_entrance(flow) * gradflow.forget_product(flow.caches)
    for t in range(8):
        np.testing.assert_allclose(alone[t], flow.trace.dstates[t].c, rtol=1e-12)
    with pytest.raises(TypeError, match="must come from an LSTM"):
        gradflow.highway_entrance(gradflow.measure(vanilla, *problem(vanilla, Case())[:2]))


def test_the_highway_is_the_whole_derivative_when_the_gates_see_no_state():
    """With W_hh = 0 no path but the highway is left: product = partial = total."""
    p = problem(lstm, Case(T=8, B=1))
    params = p.params._replace(weight_hh=np.zeros_like(p.params.weight_hh))
    highway = gradflow.cell_highway(lstm, params, p.inputs[:, 0], 2)
    np.testing.assert_allclose(highway.partial, np.diag(highway.product), atol=1e-15)
    np.testing.assert_allclose(highway.total, np.diag(highway.product), atol=1e-15)


def test_total_derivative_of_the_cell_state_equals_finite_differences():
    """d c_T/d c_t: move c_t and let h_t = o_t tanh(c_t) follow."""
    p = problem(lstm, Case(T=6, B=1))
    t = 2
    _, state, caches = unroll.forward(lstm, p.params, p.inputs[:t], p.state)
    o = caches[-1].o

    def c_last(c, i, follow):
        moved = lstm.State(o * np.tanh(c) if follow else state.h, c)
        return float(unroll.forward(lstm, p.params, p.inputs[t:], moved)[1].c[0, i])

    highway = gradflow.cell_highway(lstm, p.params, p.inputs[:, 0], t, state=p.state)
    for i in range(5):
        for got, follow in ((highway.partial, False), (highway.total, True)):
            row = gradcheck.numerical_gradient(lambda c, i=i, f=follow: c_last(c, i, f), state.c)
            np.testing.assert_allclose(got[i], row[0], atol=1e-9)
