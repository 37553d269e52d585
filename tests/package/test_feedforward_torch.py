"""The feed-forward network against autograd on torch's own layers."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed here")

import torch

from rnncourse.models.feedforward import init_feed_forward, loss_and_gradient, predict


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_values_and_gradients_equal_autograd(loss, dtype, tolerance):
    rng = np.random.default_rng(0)
    model = init_feed_forward(7, 5, 3, rng=rng, dtype=dtype)
    inputs = rng.standard_normal((6, 4, 7)).astype(dtype)
    twin = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    twin = twin.to(torch.from_numpy(inputs).dtype)
    with torch.no_grad():
        for parameter, value in zip(twin.parameters(), model, strict=True):
            parameter.copy_(torch.from_numpy(value))
    outputs = twin(torch.from_numpy(inputs))
    if loss == "squared_error":
        targets = rng.standard_normal((6, 4, 3)).astype(dtype)
        theirs = ((outputs - torch.from_numpy(targets)) ** 2).sum(dim=2).mean()
    else:
        targets = rng.integers(0, 3, (6, 4))
        theirs = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), torch.from_numpy(targets).flatten())
    theirs.backward()
    value, gradient = loss_and_gradient(model, inputs, targets, loss=loss)
    assert value == pytest.approx(theirs.item(), abs=tolerance)
    np.testing.assert_allclose(predict(model, inputs), outputs.detach().numpy(), rtol=0, atol=tolerance)
    for ours, parameter in zip(gradient, twin.parameters(), strict=True):
        np.testing.assert_allclose(ours, parameter.grad.numpy(), rtol=0, atol=tolerance)
