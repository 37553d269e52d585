"""Truncated gradients against autograd, cut by detach: windows, sliding, and from zero."""

import numpy as np
import pytest
import torch
from contract import CELLS, Case, problem
from twins_torch import TWINS, module_like

from rnncourse import gradcheck, truncation, unroll, unroll_torch

CASE = Case(T=7)


@pytest.fixture(params=CELLS)
def pair(request):
    cell = CELLS[request.param]
    p = problem(cell, CASE)
    return cell, p, module_like(TWINS[request.param][0], p, "cpu")


def state_of(twin, state):
    return twin.state_type(*(torch.tensor(part) for part in state))


def detached(state):
    return type(state)(*(part.detach() for part in state))


def gradients(twin):
    return [getattr(twin, name).grad.numpy() for name, _ in twin.named_parameters()]


def assert_equal(gradient, twin):
    for (name, _), got in zip(twin.named_parameters(), gradients(twin), strict=True):
        assert gradcheck.relative_error(getattr(gradient, name), got) <= 1e-13


@pytest.mark.parametrize("window", [1, 3, 7])
@pytest.mark.parametrize("carry", [True, False])
def test_windows_are_autograd_with_detach(pair, window, carry):
    cell, p, twin = pair
    if carry:
        _, _, caches = unroll.forward(cell, p.params, p.inputs, p.state)
    else:
        _, caches = truncation.forward_from_zero(cell, p.params, p.inputs, window)
    gradient, _ = truncation.backward(cell, p.doutputs, caches, reach=window, every=window)
    state = state_of(twin, p.state) if carry else None
    for start in range(0, CASE.T, window):
        part = slice(start, start + window)
        outputs, states = unroll_torch.forward(twin, torch.tensor(p.inputs[part]), state)
        (outputs * torch.tensor(p.doutputs[part])).sum().backward()
        state = detached(states[-1]) if carry else None
    assert_equal(gradient, twin)


@pytest.mark.parametrize("reach", [1, 3, 6])
def test_sliding_is_autograd_from_a_state_reach_steps_back(pair, reach):
    cell, p, twin = pair
    _, _, caches = unroll.forward(cell, p.params, p.inputs, p.state)
    gradient, _ = truncation.backward(cell, p.doutputs, caches, reach=reach, every=1)
    with torch.no_grad():
        _, states = unroll_torch.forward(twin, torch.tensor(p.inputs), state_of(twin, p.state))
    for t in range(1, CASE.T + 1):
        begin = max(0, t - reach)
        outputs, _ = unroll_torch.forward(twin, torch.tensor(p.inputs[begin:t]), detached(states[begin]))
        (outputs[-1] * torch.tensor(p.doutputs[t - 1])).sum().backward()
    assert_equal(gradient, twin)


def test_single_terms_are_autograd_with_one_copy_of_the_weights_a_step():
    cell = CELLS["vanilla-tanh"]
    p = problem(cell, CASE)
    twins = [module_like(TWINS["vanilla-tanh"][0], p, "cpu") for _ in range(CASE.T)]
    _, _, caches = unroll.forward(cell, p.params, p.inputs, p.state)
    terms = truncation.terms(cell, p.doutputs, caches)
    state, losses = state_of(twins[0], p.state), []
    for t, twin in enumerate(twins):
        state = twin(torch.tensor(p.inputs[t]), state)
        losses.append((state.h * torch.tensor(p.doutputs[t])).sum())
    for t, loss in enumerate(losses):
        found = torch.autograd.grad(
            loss, [twin.weight_hh for twin in twins], retain_graph=True, materialize_grads=True
        )
        expected = np.stack([g.numpy() for g in found])
        np.testing.assert_allclose(terms.weight_hh[t], expected, rtol=0, atol=1e-13)
