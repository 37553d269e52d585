"""torch's own clipping and optimisers are the oracle."""

import numpy as np
import pytest
import torch

from rnncourse.training.clipping import clip_by_norm
from rnncourse.training.optimisers import SGD, Adam


@pytest.mark.parametrize("threshold", [0.5, 3.0, 100.0])
def test_clipping_equals_torch(threshold):
    rng = np.random.default_rng(0)
    gradients = [rng.standard_normal(s) for s in ((4, 3), (5,))]
    parameters = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = torch.tensor(g)
    theirs = torch.nn.utils.clip_grad_norm_(parameters, threshold)
    clipped, norm = clip_by_norm(gradients, threshold)
    assert norm == pytest.approx(theirs.item(), rel=1e-12)
    for ours, p in zip(clipped, parameters, strict=True):
        np.testing.assert_allclose(ours, p.grad.numpy(), rtol=1e-5)  # theirs divides by ‖g‖ + 1e−6


@pytest.mark.parametrize(
    ("ours", "theirs"), [(Adam(0.01), torch.optim.Adam), (SGD(0.01), torch.optim.SGD)], ids=["Adam", "SGD"]
)
def test_ten_steps_equal_torch(ours, theirs):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in ((4, 3), (5,))]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    optimiser = theirs(tensors, lr=0.01)
    for _ in range(10):
        gradients = [rng.standard_normal(a.shape) for a in arrays]
        for t, g in zip(tensors, gradients, strict=True):
            t.grad = torch.tensor(g)
        optimiser.step()
        arrays = ours.update(arrays, gradients)
    for a, t in zip(arrays, tensors, strict=True):
        np.testing.assert_allclose(a, t.detach().numpy(), rtol=1e-12)
