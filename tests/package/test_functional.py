"""Losses, the read-out and the embedding: their gradients by finite differences, edges and bad input."""

import numpy as np
import pytest

from rnncourse import functional as F
from rnncourse.gradcheck import numerical_gradient


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_sigmoid_never_overflows():
    a = np.array([-1e4, -40.0, 0.0, 40.0, 1e4])
    np.testing.assert_allclose(F.sigmoid(a), [0, 0, 0.5, 1, 1], atol=1e-16)
    assert F.sigmoid(a.astype(np.float32)).dtype == np.float32


def test_softmax_of_huge_logits():
    np.testing.assert_allclose(F.softmax(np.array([1e300, 0.0, 1e300])), [0.5, 0, 0.5])
    np.testing.assert_allclose(F.log_softmax(np.array([[0.0, 1000.0]])), [[-1000, 0]])


@pytest.mark.parametrize("mask", [None, np.array([[True, False], [False, True], [True, True]])])
def test_cross_entropy_gradient(rng, mask):
    logits, targets = rng.standard_normal((3, 2, 5)), rng.integers(0, 5, (3, 2))
    _, gradient = F.cross_entropy(logits, targets, mask)
    expected = numerical_gradient(lambda x: F.cross_entropy(x, targets, mask)[0], logits)
    np.testing.assert_allclose(gradient, expected, atol=1e-9)


def test_cross_entropy_of_even_odds_is_log_v():
    loss, _ = F.cross_entropy(np.zeros((4, 8)), np.arange(4))
    assert loss == pytest.approx(np.log(8))


@pytest.mark.parametrize("mask", [None, np.array([[True, False], [False, False], [False, True]])])
def test_squared_error_gradient(rng, mask):
    outputs, targets = rng.standard_normal((3, 2, 4)), rng.standard_normal((3, 2, 4))
    loss, gradient = F.squared_error(outputs, targets, mask)
    counted = (outputs - targets)[mask if mask is not None else np.ones((3, 2), bool)]
    assert loss == pytest.approx((counted**2).sum(axis=1).mean())
    expected = numerical_gradient(lambda x: F.squared_error(x, targets, mask)[0], outputs)
    np.testing.assert_allclose(gradient, expected, atol=1e-9)


def test_linear_gradient(rng):
    x, weight, bias = rng.standard_normal((3, 2, 4)), rng.standard_normal((5, 4)), rng.standard_normal(5)
    dy = rng.standard_normal((3, 2, 5))
    dx, dweight, dbias = F.linear_backward(dy, x, weight)
    for got, value, f in [
        (dx, x, lambda v: F.linear(v, weight, bias)),
        (dweight, weight, lambda v: F.linear(x, v, bias)),
        (dbias, bias, lambda v: F.linear(x, weight, v)),
    ]:
        np.testing.assert_allclose(
            got, numerical_gradient(lambda v, f=f: (f(v) * dy).sum(), value), atol=1e-8
        )


def test_embedding_is_the_one_hot_product(rng):
    weight, tokens = rng.standard_normal((6, 3)), rng.integers(0, 6, (4, 2))
    onehot = np.eye(6)[tokens]
    np.testing.assert_array_equal(F.embedding(weight, tokens), onehot @ weight)
    dy = rng.standard_normal((4, 2, 3))
    expected = np.einsum("tbv,tbi->vi", onehot, dy)
    np.testing.assert_allclose(F.embedding_backward(dy, tokens, 6), expected, atol=1e-12)


def test_a_masked_place_may_be_impossible():
    logits = np.array([[0.0, -np.inf], [0.0, 0.0]])
    loss, gradient = F.cross_entropy(logits, np.array([1, 0]), np.array([False, True]))
    assert loss == pytest.approx(np.log(2)) and np.isfinite(gradient).all()


@pytest.mark.usefixtures("own_errors")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.linear(np.ones((3, 4)), np.ones((2, 4)), np.ones(1)),
            ValueError,
            "bias must have shape (O,) = (2,)",
        ),
        (
            lambda: F.linear_backward(np.ones((6, 3, 2)), np.ones((3, 6, 4)), np.ones((2, 4))),
            ValueError,
            "dy must have shape",
        ),
        (
            lambda: F.embedding_backward(np.ones((1, 3)), np.array([0, 1, 0]), 2),
            ValueError,
            "dy must have shape (*batch, I) with batch = (3,); got (1, 3)",
        ),
        (lambda: F.cross_entropy(np.ones((1, 2)), [0]), TypeError, "targets must be an array of integers"),
        (lambda: F.softmax([1.0]), TypeError, "logits must be a numpy array"),
        (
            lambda: F.embedding(np.ones((3, 2)), np.array([0, 3])),
            ValueError,
            "tokens must lie in 0..2; got 0..3",
        ),
        (lambda: F.embedding(np.ones((3, 2)), np.array([-1])), ValueError, "got -1..-1"),
        (lambda: F.embedding(np.ones((3, 2)), np.array([0.0])), TypeError, "must be an array of integers"),
        (
            lambda: F.cross_entropy(np.ones((3, 2)), np.array([0, 1])),
            ValueError,
            "targets must have shape (3,)",
        ),
        (lambda: F.cross_entropy(np.ones((2, 2)), np.array([0, 2])), ValueError, "targets must lie in 0..1"),
        (
            lambda: F.cross_entropy(np.ones((2, 2)), np.array([0, 1]), np.zeros(2, bool)),
            ValueError,
            "mask must be True somewhere",
        ),
        (
            lambda: F.squared_error(np.ones((2, 2)), np.ones((2, 2)), np.ones(3, bool)),
            ValueError,
            "mask must be a bool array of shape (2,)",
        ),
        (lambda: F.squared_error(np.ones((2, 2)), np.ones((1, 2))), ValueError, "targets must have shape"),
        (lambda: F.linear(np.ones((2, 3)), np.ones((5, 4)), np.ones(5)), ValueError, "x must have shape"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
