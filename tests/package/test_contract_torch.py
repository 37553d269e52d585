"""NumPy by hand = autograd twin = torch.nn, for outputs, states and every gradient, on every device here."""

import numpy as np
import pytest
import torch
from contract import CASES, CELLS, Case, problem
from twins_torch import TWINS, layer_differences, module_like, tensor, twin_differences

from rnncourse import unroll_torch

# Largest difference allowed, relative to the largest entry of the array.
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}

cells = pytest.mark.parametrize("name", CELLS)
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
devices = pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
        ),
    ],
)


@pytest.fixture(autouse=True)
def exact_float32():
    """On a GPU, float32 products in float32: TF32 keeps 10 bits and would hide an error of 1e-3."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def assert_within(differences, dtype):
    too_far = {what: value for what, value in differences.items() if not value <= TOLERANCE[dtype]}
    assert not too_far


@cells
@cases
@dtypes
@devices
def test_numpy_equals_autograd_twin(name, case, dtype, device):
    assert_within(twin_differences(name, case, dtype, device), dtype)


@pytest.mark.parametrize("name", [n for n, (_, layer) in TWINS.items() if layer])
@cases
@dtypes
@devices
def test_numpy_equals_torch_nn(name, case, dtype, device):
    assert_within(layer_differences(name, case, dtype, device), dtype)


@pytest.mark.parametrize(
    ("name", "reference"),
    [("vanilla-tanh", torch.nn.RNNCell), ("gru-after", torch.nn.GRUCell), ("lstm", torch.nn.LSTMCell)],
)
def test_twin_loads_the_state_dict_of_torch(name, reference):
    theirs = reference(3, 4)
    ours = TWINS[name][0](3, 4)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    got = ours(x, ours.initial_state(2))
    expected = theirs(x)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_autograd_at_an_uncut_cell_state_contains_the_path_through_h():
    """Why unroll_torch cuts the state: without the cut the twins would disagree at c_t."""
    p = problem(CELLS["lstm"], Case())
    cell = module_like(TWINS["lstm"][0], p, "cpu")
    state = cell.state_type(*(tensor(s, "cpu", grad=True) for s in p.state))
    first = cell(tensor(p.inputs[0], "cpu"), state)
    second = cell(tensor(p.inputs[1], "cpu"), first)
    uncut = torch.autograd.grad(second.h.sum(), first.c, retain_graph=True)[0]
    _, states = unroll_torch.forward(cell, tensor(p.inputs[:2], "cpu"), state)
    cut = unroll_torch.state_gradients(states[2].h.sum(), states)[1].c
    through_h = torch.autograd.grad(second.h.sum(), first.h)[0]
    cache_o_slope = torch.autograd.grad(first.h.sum(), first.c)[0]
    assert (uncut - cut).abs().max() > 1e-3
    torch.testing.assert_close(uncut, cut + through_h * cache_o_slope)


@devices
def test_state_gradients_of_a_loss_that_does_not_see_a_state_are_zero(device):
    p = problem(CELLS["lstm"], Case())
    cell = module_like(TWINS["lstm"][0], p, device)
    outputs, states = unroll_torch.forward(cell, tensor(p.inputs, device))
    grads = unroll_torch.state_gradients(outputs[2].sum(), states)
    assert not grads[4].h.any() and not grads[3].c.any() and grads[3].h.any()
