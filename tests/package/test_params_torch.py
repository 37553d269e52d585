"""Parameters to and from torch modules."""

import numpy as np
import pytest
import torch
from torch import nn

from rnncourse import unroll_torch
from rnncourse.cells import gru, lstm, peephole, vanilla
from rnncourse.cells.lstm_torch import LSTMCell
from rnncourse.cells.peephole_torch import PeepholeLSTMCell
from rnncourse.params import PeepholeParams, from_torch, init_params, to_torch

LAYERS = {"RNN": (nn.RNN, vanilla), "GRU": (nn.GRU, gru), "LSTM": (nn.LSTM, lstm)}


@pytest.mark.parametrize(("layer", "cell"), LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("reverse", [False, True])
def test_round_trip_through_a_layer(layer, cell, reverse):
    module = layer(3, 4, num_layers=2, bidirectional=True)
    p = init_params(cell, 8, 4, rng=np.random.default_rng(0))
    to_torch(p, module, 1, reverse=reverse)
    for a, b in zip(from_torch(module, 1, reverse=reverse), p, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_cell_has_no_layer_number():
    module = LSTMCell(3, 4)
    p = init_params(lstm, 3, 4, rng=np.random.default_rng(0))
    to_torch(p, module)
    np.testing.assert_array_equal(from_torch(module).weight_ih, p.weight_ih)


def test_from_torch_copies():
    module = nn.LSTM(3, 4)
    p = from_torch(module)
    p.weight_ih[...] = 7
    assert not (module.weight_ih_l0 == 7).any()


def test_without_biases_they_are_zero():
    module = nn.LSTM(3, 4, bias=False)
    assert not from_torch(module).bias_ih.any()
    with pytest.raises(ValueError, match="bias_ih must be 0 for a module without biases"):
        to_torch(init_params(lstm, 3, 4, rng=np.random.default_rng(0)), module)


@pytest.mark.parametrize(
    ("module", "layer", "message"),
    [
        (nn.LSTM(3, 4), 1, "module must have a parameter weight_ih_l1"),
        (nn.Linear(3, 4), 0, "module must have a parameter weight_ih"),
        (nn.LSTM(5, 4), 0, r"weight_ih must have shape \(16, 5\); got \(16, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(module, layer, message):
    with pytest.raises(ValueError, match=message):
        to_torch(init_params(lstm, 3, 4, rng=np.random.default_rng(0)), module, layer)


def test_our_start_has_the_range_of_torch():
    """The same distribution as torch.nn.LSTM's own start: U(−1/√H, 1/√H)."""
    theirs = from_torch(nn.LSTM(50, 100))
    ours = init_params(lstm, 50, 100, rng=np.random.default_rng(0))
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a).max() <= 0.1 and np.abs(b).max() <= 0.1
        assert abs(a.std() - b.std()) < 0.01


def test_twin_refuses_what_does_not_fit(own_errors):
    cell = LSTMCell(3, 4)
    state = cell.initial_state(2)
    for x, error, message in [
        (torch.zeros(2, 5), ValueError, r"x must have shape \(B, I\) = \(B, 3\)"),
        (torch.zeros(0, 3), ValueError, "none of them 0"),
        (
            torch.zeros(2, 3, dtype=torch.float64),
            TypeError,
            "module's dtype torch.float32; got torch.float64",
        ),
        (np.zeros((2, 3), np.float32), TypeError, "x must be a torch.Tensor; got ndarray"),
    ]:
        with pytest.raises(error, match="LSTMCell: .*" + message):
            cell(x, state)
    with pytest.raises(ValueError, match="state.h must have shape"):
        cell(torch.zeros(3, 3), state)
    with pytest.raises(TypeError, match="state must be a State with the fields h, c; got tuple"):
        cell(torch.zeros(2, 3), (state.h, state.c))
    with pytest.raises(ValueError, match="hidden_size must be at least 1; got 0"):
        LSTMCell(3, 0)


def test_from_torch_refuses_what_params_cannot_hold():
    with pytest.raises(ValueError, match="module must have proj_size 0; got 2"):
        from_torch(nn.LSTM(3, 4, proj_size=2))
    with pytest.raises(TypeError, match="weight_ih must be float32 or float64; got torch.bfloat16"):
        from_torch(nn.LSTM(3, 4).bfloat16())


def test_unroll_torch_names_what_is_wrong(own_errors):
    cell = LSTMCell(3, 4)
    x = torch.zeros(5, 2, 3)
    bad = x.clone()
    bad[1, 1, 1] = torch.nan
    for arguments, error, message in [
        ((nn.LSTMCell(3, 4), x), TypeError, "cell must be one of ours"),
        ((lstm, x), TypeError, "cell must be one of ours.*; got module"),
        ((cell, bad), ValueError, "inputs must be finite"),
        ((cell, x[:0]), ValueError, "none of them 0"),
        ((cell, x.numpy()), TypeError, "inputs must be a torch.Tensor; got ndarray"),
    ]:
        with pytest.raises(error, match=message):
            unroll_torch.forward(*arguments)
    for lengths, error, message in [
        ([5, 0], ValueError, "lengths must lie in 1..T = 1..5; got 0..5"),
        (torch.tensor([1.0, 2.0]), TypeError, "lengths must be 2 integers"),
        (["a", "b"], TypeError, "lengths must be 2 integers"),
        ([5], ValueError, r"lengths must have shape \(B,\) = \(2,\); got \(1,\)"),
    ]:
        with pytest.raises(error, match=message):
            unroll_torch.forward(cell, x, lengths=lengths)
    with pytest.raises(TypeError, match="loss must be a torch.Tensor"):
        unroll_torch.state_gradients(1.0, [])
    with pytest.raises(ValueError, match="loss must be one number with a graph"):
        unroll_torch.state_gradients(torch.zeros(2), [cell.initial_state(1)])
    with torch.no_grad():
        cell.weight_hh[0, 0] = torch.inf
    with pytest.raises(ValueError, match="weight_hh must be finite"):
        unroll_torch.forward(cell, x)


def test_unroll_torch_takes_lengths_as_a_tensor():
    cell = LSTMCell(3, 4)
    x = torch.ones(5, 2, 3)
    a, _ = unroll_torch.forward(cell, x, lengths=torch.tensor([5, 2]))
    b, _ = unroll_torch.forward(cell, x, lengths=[5, 2])
    assert torch.equal(a, b) and not a[2:, 1].any()


def test_peepholes_travel_to_a_cell_and_back():
    module = PeepholeLSTMCell(3, 4)
    p = init_params(peephole, 3, 4, rng=np.random.default_rng(0))
    to_torch(p, module)
    back = from_torch(module)
    assert type(back) is PeepholeParams
    for a, b in zip(back, p, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("cell", "module", "message"),
    [
        (lstm, PeepholeLSTMCell(3, 4), "params must be rnncourse.params.PeepholeParams; got Params"),
        (peephole, nn.LSTM(3, 4), "params must be rnncourse.params.Params; got PeepholeParams"),
    ],
)
def test_peepholes_and_a_module_without_them_do_not_fit(cell, module, message):
    with pytest.raises(TypeError, match=message):
        to_torch(init_params(cell, 3, 4, rng=np.random.default_rng(0)), module)
