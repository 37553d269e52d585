"""The variants of the LSTM and of the GRU against cells of which they are special cases, and by hand."""

import math

import numpy as np
import pytest
from contract import Case, problem, run

from rnncourse import gradcheck, gradflow, unroll
from rnncourse.cells import coupled, gru, lstm, mgu, peephole
from rnncourse.params import SCHEMES, Params, PeepholeParams, init_params

CLOSE = {"rtol": 1e-12, "atol": 1e-14}


def assert_same_run(got, expected):
    """Outputs, last state, and the gradients of inputs and states."""
    for ours, theirs in zip(got[1], expected[1], strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)
    np.testing.assert_allclose(got[0], expected[0], **CLOSE)
    np.testing.assert_allclose(got[2].dinputs, expected[2].dinputs, **CLOSE)
    for ours, theirs in zip(got[2].dstates, expected[2].dstates, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, **CLOSE)


def as_state(kind, p):
    return p._replace(state=kind(*p.state), dfinal=kind(*p.dfinal))


def rows(params, *blocks):
    """A fresh `Params` of blocks of H rows, each (index, sign) into `params`."""
    size = params.weight_hh.shape[1]
    return Params(
        *(np.concatenate([s * a[k * size : (k + 1) * size] for k, s in blocks]) for a in params[:4])
    )


def blocks(array, gates):
    return np.split(array, gates)


def test_without_peepholes_it_is_the_lstm():
    p = problem(peephole, Case())
    shut = p._replace(params=p.params._replace(weight_ch=np.zeros((3, 5))))
    plain = as_state(lstm.State, p._replace(params=Params(*p.params[:4])))
    got, expected = run(peephole, shut), run(lstm, plain)
    assert_same_run(got, expected)
    for ours, theirs in zip(got[2].dparams[:4], expected[2].dparams, strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)
    assert np.abs(run(peephole, p)[0] - got[0]).max() > 1e-3  # and with them it is not


def test_peepholes_look_at_the_old_state_for_i_and_f_and_at_the_new_one_for_o():
    """One unit, one number after the other, with Python's own functions."""
    zero = np.zeros(4)
    p = PeepholeParams(np.zeros((4, 1)), np.zeros((4, 1)), np.array([0.1, 0.2, 0.3, 0.4]), zero,
                       np.array([[0.5], [-0.7], [0.9]]))  # fmt: skip
    before = peephole.State(np.array([[0.0]]), np.array([[1.5]]))
    state, _ = peephole.step(p, np.zeros((1, 1)), before)

    def sigma(a):
        return 1 / (1 + math.exp(-a))

    i, f = sigma(0.1 + 0.5 * 1.5), sigma(0.2 - 0.7 * 1.5)
    c = f * 1.5 + i * math.tanh(0.3)
    assert state.c[0, 0] == pytest.approx(c, rel=1e-14)
    assert state.h[0, 0] == pytest.approx(sigma(0.4 + 0.9 * c) * math.tanh(c), rel=1e-14)


def test_a_peephole_belongs_to_one_unit():
    """Unit 2 moves in c; with W_hh = 0 nothing but unit 2 may follow."""
    p = problem(peephole, Case())
    params = p.params._replace(weight_hh=np.zeros((20, 5)))
    moved = p.state.c.copy()
    moved[:, 2] += 1
    a, _ = peephole.step(params, p.inputs[0], p.state)
    b, _ = peephole.step(params, p.inputs[0], p.state._replace(c=moved))
    np.testing.assert_array_equal((np.abs(a.h - b.h) > 1e-6).all(axis=0), np.arange(5) == 2)
    np.testing.assert_array_equal(np.delete(a.h, 2, axis=1), np.delete(b.h, 2, axis=1))


def test_coupled_is_an_lstm_whose_input_gate_mirrors_the_forget_gate():
    p = problem(coupled, Case())
    f, g, o = (0, 1), (1, 1), (2, 1)
    tied = as_state(lstm.State, p._replace(params=rows(p.params, (0, -1), f, g, o)))
    got, expected = run(coupled, p), run(lstm, tied)
    assert_same_run(got, expected)
    for ours, theirs in zip(got[2].dparams, expected[2].dparams, strict=True):
        di, df, dg, do = blocks(theirs, 4)
        np.testing.assert_allclose(ours, np.concatenate([df - di, dg, do]), **CLOSE)


def test_the_coupled_cell_cannot_count():
    """Inputs that drive an LSTM's cell state to T leave this one below 1."""
    steps = 50
    ones = np.ones((steps, 1, 1))
    big = 40.0
    counter = Params(np.array([[0.0], [0.0], [big], [0.0]]), np.zeros((4, 1)),
                     np.array([big, big, 0.0, big]), np.zeros(4))  # fmt: skip
    assert unroll.forward(lstm, counter, ones)[1].c[0, 0] == pytest.approx(steps)
    for bias in (-4.0, 0.0, 4.0):
        params = rows(counter, (1, 1), (2, 1), (3, 1))
        params.bias_ih[0] = bias
        assert abs(unroll.forward(coupled, params, ones)[1].c[0, 0]) <= 1


def test_mgu_is_a_gru_with_both_gates_tied():
    p = problem(mgu, Case())
    tied = as_state(gru.State, p._replace(params=rows(p.params, (0, 1), (0, -1), (1, 1))))
    got, expected = run(mgu, p), run(gru.reset_before, tied)
    assert_same_run(got, expected)
    for ours, theirs in zip(got[2].dparams, expected[2].dparams, strict=True):
        dr, dz, dn = blocks(theirs, 3)
        np.testing.assert_allclose(ours, np.concatenate([dr - dz, dn]), **CLOSE)


def test_the_gate_of_the_mgu_forgets():
    """As the docstring says: a forget_bias below 0 keeps the state."""
    kept = {}
    for bias in (-8.0, 8.0):
        params = init_params(mgu, 2, 3, rng=np.random.default_rng(0), forget_bias=bias, dtype=np.float64)
        start = mgu.State(np.full((1, 3), 0.9))
        kept[bias] = unroll.forward(mgu, params, np.zeros((20, 1, 2)), start)[1].h
    assert (kept[-8.0] > 0.85).all() and (kept[8.0] < 0.85).all()


# Parameters with peepholes


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_peepholes_start_in_the_range_of_the_other_weights(scheme, dtype):
    p = init_params(peephole, 3, 400, rng=np.random.default_rng(0), scheme=scheme, dtype=dtype)
    assert isinstance(p, PeepholeParams) and p.weight_ch.shape == (3, 400) and p.weight_ch.dtype == dtype
    assert np.abs(p.weight_ch).max() <= 1 / 20 and p.weight_ch.std() == pytest.approx(0.05 / 3**0.5, rel=0.1)
    plain = init_params(lstm, 3, 400, rng=np.random.default_rng(0), scheme=scheme, dtype=dtype)
    for a, b in zip(p[:4], plain, strict=True):
        np.testing.assert_array_equal(a, b)


def test_parameters_of_the_wrong_kind_are_named(own_errors):
    p, plain = problem(peephole, Case()), problem(lstm, Case())
    for cell, params, state, message in [
        (peephole, plain.params, p.state, "params must be rnncourse.params.PeepholeParams; got Params"),
        (lstm, p.params, plain.state, "params must be rnncourse.params.Params; got PeepholeParams"),
    ]:
        for call in (
            lambda cell=cell, params=params, state=state: unroll.forward(cell, params, p.inputs, state),
            lambda cell=cell, params=params, state=state: cell.step(params, p.inputs[0], state),
        ):
            with pytest.raises(TypeError, match=message):
                call()


@pytest.mark.parametrize(
    ("weight_ch", "error", "message"),
    [
        (np.zeros((2, 5)), ValueError, r"params.weight_ch must have shape \(P, H\) = \(3, 5\)"),
        (np.zeros((3, 1)), ValueError, r"got \(3, 1\)"),
        (np.zeros((3, 5), np.float32), TypeError, "params.weight_ch must have the dtype"),
        (None, TypeError, "params.weight_ch must be a numpy array"),
    ],
)
def test_peepholes_never_broadcast(weight_ch, error, message, own_errors):
    p = problem(peephole, Case())
    params = p.params._replace(weight_ch=weight_ch)
    with pytest.raises(error, match="unroll.forward: .*" + message):
        unroll.forward(peephole, params, p.inputs)
    with pytest.raises(error, match="peephole.step: .*" + message):
        peephole.step(params, p.inputs[0], p.state)


# The highway of cells with a state c


@pytest.mark.parametrize("cell", [peephole, coupled])
def test_the_highway_of_a_variant_equals_finite_differences(cell):
    """d c_T/d c_t: move c_t and let h_t follow, through the peephole of the output gate too."""
    p = problem(cell, Case(T=6, B=1))
    t = 2
    _, state, caches = unroll.forward(cell, p.params, p.inputs[:t], p.state)
    last = caches[-1]
    a_o = np.log(last.o / (1 - last.o))
    look = p.params.weight_ch[2] if cell is peephole else np.zeros(5)

    def c_last(c, i, follow):
        o = 1 / (1 + np.exp(-(a_o + look * (c - state.c))))
        moved = cell.State(o * np.tanh(c) if follow else state.h, c)
        return float(unroll.forward(cell, p.params, p.inputs[t:], moved)[1].c[0, i])

    highway = gradflow.cell_highway(cell, p.params, p.inputs[:, 0], t, state=p.state)
    for i in range(5):
        for got, follow in ((highway.partial, False), (highway.total, True)):
            row = gradcheck.numerical_gradient(lambda c, i=i, f=follow: c_last(c, i, f), state.c)
            np.testing.assert_allclose(got[i], row[0], atol=1e-9)


@pytest.mark.parametrize("cell", [peephole, coupled])
def test_the_highway_alone_carries_everything_where_no_gate_sees_a_state(cell):
    """W_hh = 0, and no peephole at i and f; the one at o stands at the entrance."""
    p = problem(cell, Case(T=8, B=3))
    params = p.params._replace(weight_hh=np.zeros_like(p.params.weight_hh))
    if cell is peephole:
        params = params._replace(weight_ch=params.weight_ch * np.array([[0.0], [0.0], [1.0]]))
    flow = gradflow.measure(cell, params, p.inputs)
    alone = gradflow.highway_entrance(flow) * gradflow.forget_product(flow.caches)
    for t in range(8):
        np.testing.assert_allclose(alone[t], flow.trace.dstates[t].c, rtol=1e-12)


def test_an_f_without_a_cell_state_is_no_highway():
    p = problem(mgu, Case())
    _, _, caches = unroll.forward(mgu, p.params, p.inputs)
    with pytest.raises(TypeError, match="a cell with a gate f and a state c"):
        gradflow.forget_product(caches)
