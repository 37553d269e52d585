"""Bad input at the public entries: an error that names the argument, what was expected and what came."""

import numpy as np
import pytest
from contract import CELLS, Case, problem

from rnncourse import gradcheck, gradflow, unroll
from rnncourse.cells import gru, lstm, vanilla

cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
pytestmark = pytest.mark.usefixtures("own_errors")


def f32(*shape):
    return np.zeros(shape, np.float32)


def test_the_error_of_the_design_page():
    p = problem(lstm, Case(I=8, H=16), np.float32)
    with pytest.raises(ValueError) as caught:
        lstm.step(p.params, f32(4, 9), p.state)
    assert (
        str(caught.value) == "lstm.step: x must have shape (B, I) = (B, 8) for weight_ih (64, 8); got (4, 9)"
    )


@cells
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"inputs": f32(6, 3)}, ValueError, "inputs must have shape (T, B, I) = (T, B, 4)"),
        ({"inputs": f32(6, 3, 5)}, ValueError, "got (6, 3, 5)"),
        ({"inputs": f32(0, 3, 4)}, ValueError, "inputs must have T >= 1 and B >= 1; got shape (0, 3, 4)"),
        ({"inputs": f32(6, 0, 4)}, ValueError, "got shape (6, 0, 4)"),
        ({"inputs": np.zeros((6, 3, 4))}, TypeError, "dtype of the parameters, float32; got float64"),
        (
            {"inputs": np.zeros((6, 3, 4), int)},
            TypeError,
            "inputs must have dtype float32 or float64; got int64",
        ),
        ({"inputs": [[0.0]]}, TypeError, "inputs must be a numpy array"),
        ({"lengths": [1, 2]}, ValueError, "lengths must have shape (B,) = (3,); got (2,)"),
        ({"lengths": [1, 0, 2]}, ValueError, "lengths must lie in 1..T = 1..6; got 0..2"),
        ({"lengths": [1, -1, 2]}, ValueError, "got -1..2"),
        ({"lengths": [1, 7, 2]}, ValueError, "got 1..7"),
        ({"lengths": [1.0, 2.0, 3.0]}, TypeError, "lengths must be 3 integers; got [1.0, 2.0, 3.0]"),
        ({"lengths": [True, 2, 3]}, TypeError, "lengths must be 3 integers; got [True, 2, 3]"),
        ({"lengths": ["a", "b", "c"]}, TypeError, "lengths must be 3 integers"),
        ({"lengths": [[1], [1, 2], 3]}, TypeError, "lengths must be 3 integers"),
        ({"lengths": []}, ValueError, "lengths must have shape (B,) = (3,); got (0,)"),
        ({"state": (f32(3, 5),)}, TypeError, "state must be a State with the fields h"),
        ({"params": None}, TypeError, "params must be rnncourse.params.{kind}; got NoneType"),
    ],
)
def test_forward_names_what_is_wrong(cell, change, error, message):
    p = problem(cell, Case(), np.float32)
    arguments = {"params": p.params, "inputs": p.inputs, "state": p.state} | change
    with pytest.raises(error, match="unroll.forward: ") as caught:
        unroll.forward(cell, **arguments)
    message = message.replace("{kind}", type(p.params).__name__)
    assert message in str(caught.value)


@cells
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["inputs", "state", "params"])
def test_what_is_not_finite_is_refused_at_the_entry(cell, bad, where):
    p = problem(cell, Case())
    target = {"inputs": p.inputs, "state": p.state.h, "params": p.params.weight_hh}[where]
    target.flat[7] = bad
    with pytest.raises(ValueError, match=rf"unroll.forward: {where}.* must be finite; got {bad} at index"):
        unroll.forward(cell, p.params, p.inputs, p.state)


@cells
def test_states_of_the_wrong_batch_never_broadcast(cell):
    p = problem(cell, Case())
    one = type(p.state)(*(s[:1] for s in p.state))
    for call in (
        lambda: unroll.forward(cell, p.params, p.inputs, one),
        lambda: cell.step(p.params, p.inputs[0], one),
    ):
        with pytest.raises(ValueError, match=r"state.h must have shape \(B, H\) = \(3, 5\); got \(1, 5\)"):
            call()


@cells
def test_biases_never_broadcast(cell):
    p = problem(cell, Case())
    with pytest.raises(ValueError, match="params.bias_ih must have shape"):
        unroll.forward(cell, p.params._replace(bias_ih=np.zeros(1)), p.inputs)
    with pytest.raises(ValueError, match=r"params.weight_hh must have shape \(GH, H\) with G ="):
        unroll.forward(cell, p.params._replace(weight_hh=np.zeros((7, 5))), p.inputs)
    with pytest.raises(TypeError, match="params.bias_hh must have the dtype"):
        unroll.forward(cell, p.params._replace(bias_hh=p.params.bias_hh.astype(np.float32)), p.inputs)


@cells
def test_backward_names_what_is_wrong(cell):
    p = problem(cell, Case())
    _, _, caches = unroll.forward(cell, p.params, p.inputs)
    broken = p.doutputs.copy()
    broken[2, 1, 3] = np.nan
    for arguments, error, message in [
        ((cell, p.doutputs[:3], caches), ValueError, r"doutputs must have shape \(T, B, H\) = \(6, 3, 5\)"),
        ((cell, p.doutputs.astype(np.float32), caches), TypeError, "doutputs must have the dtype"),
        ((cell, broken, caches), ValueError, r"doutputs must be finite; got nan at index \(2, 1, 3\)"),
        ((cell, p.doutputs, []), TypeError, "caches must be what unroll.forward returned; got list"),
        ((cell, p.doutputs, list(caches)), TypeError, "caches must be what unroll.forward returned"),
    ]:
        with pytest.raises(error, match="unroll.backward: " + message):
            unroll.backward(*arguments)
    with pytest.raises(ValueError, match=r"dfinal.h must have shape \(B, H\) = \(3, 5\)"):
        unroll.backward(cell, p.doutputs, caches, dfinal=cell.initial_state(1, 5, np.float64))
    other = gru if cell is not gru else lstm
    with pytest.raises(ValueError, match="caches must come from the same cell"):
        unroll.backward(other, p.doutputs, caches)


@cells
def test_step_names_what_is_wrong(cell):
    p = problem(cell, Case())
    state, cache = cell.step(p.params, p.inputs[0], p.state)
    for x, error, message in [
        (np.zeros((3, 9)), ValueError, r"x must have shape \(B, I\) = \(B, 4\)"),
        (np.zeros((0, 4)), ValueError, "x must hold at least one sequence"),
        (f32(3, 4), TypeError, "x must have the dtype of the parameters, float64; got float32"),
    ]:
        with pytest.raises(error, match="step: " + message):
            cell.step(p.params, x, p.state)
    with pytest.raises(ValueError, match=r"dstate.h must have shape \(B, H\) = \(3, 5\)"):
        cell.step_backward(type(state)(*(s[:2] for s in state)), cache)
    with pytest.raises(ValueError, match="batch must be at least 1; got 0"):
        cell.initial_state(0, 5)


def test_unknown_choices():
    p = problem(vanilla, Case())
    with pytest.raises(ValueError, match="activation must be one of tanh, relu, linear; got 'gelu'"):
        vanilla.with_activation("gelu")
    with pytest.raises(ValueError, match="vanilla.step: activation must be one of"):
        vanilla.step(p.params, p.inputs[0], p.state, activation="sigmoid")
    with pytest.raises(ValueError, match="reset must be one of after, before; got 'never'"):
        gru.with_reset("never")
    with pytest.raises(ValueError, match="loss must be one of last, every; got 'first'"):
        gradflow.measure(vanilla, p.params, p.inputs, loss="first")


def test_gradcheck_wants_float64():
    p = problem(vanilla, Case(), np.float32)
    with pytest.raises(TypeError, match="inputs must be a float64 array; got float32"):
        gradcheck.check_unroll(vanilla, p.params, p.inputs, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="x must be a float64 array; got float32"):
        gradcheck.numerical_gradient(lambda x: 0.0, f32(2))


def test_gradflow_names_what_is_wrong():
    p = problem(vanilla, Case())
    one = p.inputs[:, 0]
    flow = gradflow
    _, _, caches = unroll.forward(vanilla, p.params, p.inputs)
    for call, error, message in [
        (lambda: flow.state_jacobian(vanilla, p.params, one, 4, 2), ValueError, "0 <= k <= t <= T = 6"),
        (lambda: flow.state_jacobian(vanilla, p.params, one, 0, 7), ValueError, "got k = 0, t = 7"),
        (lambda: flow.state_jacobian(vanilla, p.params, one, 0, 2, of="c"), ValueError, "of must be one of"),
        (lambda: flow.state_jacobian(vanilla, p.params, p.inputs, 0, 2), ValueError, r"shape \(T, I\)"),
        (lambda: flow.measure(vanilla, p.params, p.inputs, readout=np.ones(4)), ValueError, r"= \(5,\)"),
        (lambda: flow.cell_highway(vanilla, p.params, one, 2), TypeError, "cell must have a state c"),
        (lambda: flow.cell_highway(lstm, p.params, one, 0), ValueError, "t must be in 1..T = 1..6; got 0"),
        (lambda: flow.forget_product(caches), TypeError, "must come from an LSTM"),
        (lambda: flow.log10_bound(-1.0, 5), ValueError, "must be >= 0; got -1.0"),
        (lambda: flow.log10_bound(float("nan"), 5), ValueError, "must be >= 0; got nan"),
        (lambda: flow.log10_bound(1.0, 0), ValueError, "steps must be at least 1; got 0"),
        (lambda: flow.bound_factor(p.params, "sigmoid"), ValueError, "activation must be one of"),
    ]:
        with pytest.raises(error, match=message):
            call()


def test_a_tuple_is_not_params():
    p = problem(lstm, Case())
    with pytest.raises(TypeError, match="lstm.step: params must be rnncourse.params.Params; got tuple"):
        lstm.step(tuple(p.params), p.inputs[0], p.state)


def test_what_is_no_cell_is_named():
    p = problem(lstm, Case())
    with pytest.raises(TypeError, match="unroll.forward: cell must have GATES, State, .*; got str"):
        unroll.forward("lstm", p.params, p.inputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"step": lambda p, x, s: (vanilla.State(s.h[:1]), None)},
            r"state.h must have shape \(B, H\) = \(3, 5\)",
        ),
        ({"step_backward": lambda d, c: (d.h[:1], d, c)}, r"dx must have shape \(B, I\) = \(3, 4\)"),
        (
            {"step_backward": lambda d, c: (np.zeros((3, 4)), vanilla.State(d.h[:1]), c)},
            r"dstate.h must have shape \(B, H\) = \(3, 5\)",
        ),
        (
            {"step_backward": lambda d, c: (np.zeros((3, 4)), d, (np.zeros((1, 4)),) * 4)},
            r"dparams.weight_ih must have shape \(GH, I\) = \(5, 4\)",
        ),
    ],
)
def test_what_a_cell_of_the_readers_own_returns_never_broadcasts(change, message):
    mine = vanilla.with_activation("tanh")._replace(**change)
    p = problem(vanilla, Case())
    with pytest.raises(ValueError, match=message):
        _, _, caches = unroll.forward(mine, p.params, p.inputs)
        unroll.backward(mine, p.doutputs, caches)


def test_choices_that_are_no_text():
    for call in (lambda: vanilla.with_activation(["tanh"]), lambda: gru.with_reset(["after"])):
        with pytest.raises(ValueError, match="must be one of"):
            call()
    with pytest.raises(TypeError, match="dtype must be float32 or float64; got int64"):
        lstm.initial_state(2, 3, int)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"directions": 0}, ValueError, "directions must be at least 1; got 0"),
        ({"eps": 0.0}, ValueError, "eps must be > 0; got 0.0"),
    ],
)
def test_a_gradient_check_that_checks_nothing_is_refused(change, error, message):
    p = problem(vanilla, Case())
    with pytest.raises(error, match=message):
        gradcheck.check_unroll(vanilla, p.params, p.inputs, rng=np.random.default_rng(0), **change)


def test_relative_error_compares_like_with_like():
    with pytest.raises(ValueError, match=r"got must have shape \(1, 3\); got \(3, 1\)"):
        gradcheck.relative_error(np.ones((3, 1)), np.ones((1, 3)))
    assert np.isnan(gradcheck.relative_error([np.nan, 1.0], [1.0, 1.0]))
