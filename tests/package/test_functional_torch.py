"""The same functions in torch.nn.functional are the oracle."""

import numpy as np
import torch
from torch.nn import functional as F

from rnncourse import functional


def test_cross_entropy_equals_torch():
    rng = np.random.default_rng(0)
    logits, targets = 10 * rng.standard_normal((7, 3, 5)), rng.integers(0, 5, (7, 3))
    mask = rng.random((7, 3)) < 0.5
    loss, gradient = functional.cross_entropy(logits, targets, mask)
    theirs = torch.tensor(logits, requires_grad=True)
    expected = F.cross_entropy(theirs[torch.tensor(mask)], torch.tensor(targets)[torch.tensor(mask)])
    expected.backward()
    assert abs(loss - expected.item()) < 1e-12
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), atol=1e-15)


def test_embedding_gradient_equals_torch():
    rng = np.random.default_rng(0)
    tokens, dy = rng.integers(0, 6, (4, 2)), rng.standard_normal((4, 2, 3))
    weight = torch.zeros(6, 3, dtype=torch.float64, requires_grad=True)
    F.embedding(torch.tensor(tokens), weight).backward(torch.tensor(dy))
    np.testing.assert_allclose(functional.embedding_backward(dy, tokens, 6), weight.grad.numpy(), atol=1e-15)


def test_sigmoid_and_softmax_equal_torch():
    a = np.linspace(-30, 30, 61)
    np.testing.assert_allclose(functional.sigmoid(a), torch.sigmoid(torch.tensor(a)).numpy(), atol=2e-16)
    np.testing.assert_allclose(functional.softmax(a), F.softmax(torch.tensor(a), 0).numpy(), rtol=1e-12)
