"""Copying and counting: the targets, step by step, and what bad input says."""

import numpy as np
import pytest

from rnncourse.data.tasks import copying, counting


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("delay", "length", "symbols"), [(8, 4, 4), (1, 1, 1), (1, 3, 2), (20, 1, 9)])
def test_copying_asks_for_the_word_in_its_order(delay, length, symbols):
    inputs, targets, mask = copying(delay, 7, length=length, symbols=symbols, rng=rng())
    steps = 2 * length + delay
    assert inputs.shape == (steps, 7, symbols + 2) and targets.shape == mask.shape == (steps, 7)
    assert (inputs.sum(axis=2) == 1).all() and set(np.unique(inputs)) <= {0, 1}
    shown = inputs.argmax(axis=2)
    for b in range(7):
        word = list(shown[:length, b])
        assert all(k < symbols for k in word)
        signal = length + delay - 1
        assert shown[signal, b] == symbols + 1
        blanks = [t for t in range(length, steps) if t != signal]
        assert (shown[blanks, b] == symbols).all()
        # The answer begins one step after the signal.
        assert list(targets[signal + 1 :, b]) == word
        assert not mask[: signal + 1, b].any() and mask[signal + 1 :, b].all()
    assert not targets[~mask].any()


def test_copying_draws_every_symbol_equally_often():
    inputs, _, _ = copying(1, 4000, length=2, symbols=4, rng=rng())
    shares = inputs[:2].mean(axis=(0, 1))[:4]
    np.testing.assert_allclose(shares, 0.25, atol=0.02)


@pytest.mark.parametrize("steps", [1, 2, 30])
def test_counting_compares_two_counts(steps):
    inputs, targets, mask = counting(steps, 5, rng=rng())
    assert inputs.shape == (steps, 5, 1) and mask.all() and mask.shape == (steps, 5)
    for b in range(5):
        ups = downs = 0
        for t in range(steps):
            ups, downs = ups + (inputs[t, b, 0] == 1), downs + (inputs[t, b, 0] == -1)
            assert ups + downs == t + 1
            assert targets[t, b] == (0 if ups < downs else 1 if ups == downs else 2)


def test_counting_is_even_at_even_steps_only():
    _, targets, _ = counting(40, 500, rng=rng())
    assert not (targets[0::2] == 1).any()  # steps 1, 3, 5, …
    # P(equal after 2 steps) = 1/2, after 4 steps 3/8.
    np.testing.assert_allclose((targets[[1, 3]] == 1).mean(axis=1), [1 / 2, 3 / 8], atol=0.05)


@pytest.mark.parametrize("make", [copying, counting])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_generator_decides_everything(make, dtype):
    one, same, other = (make(9, 4, rng=rng(seed), dtype=dtype) for seed in (1, 1, 2))
    assert one.inputs.dtype == dtype
    np.testing.assert_array_equal(one.inputs, same.inputs)
    assert (one.inputs != other.inputs).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: copying(0, 2, rng=rng()), ValueError, "copying: delay must be at least 1; got 0"),
        (lambda: copying(2, 0, rng=rng()), ValueError, "copying: batch must be at least 1"),
        (lambda: copying(2, 2, length=0, rng=rng()), ValueError, "copying: length must be at least 1"),
        (lambda: copying(2, 2, symbols=1.5, rng=rng()), TypeError, "copying: symbols must be an int"),
        (lambda: copying(2, 2, rng=3), TypeError, "copying: rng must be a numpy.random.Generator"),
        (lambda: copying(2, 2, rng=rng(), dtype=int), TypeError, "dtype must be float32 or float64"),
        (lambda: counting(0, 2, rng=rng()), ValueError, "counting: steps must be at least 1; got 0"),
        (lambda: counting(2, -1, rng=rng()), ValueError, "counting: batch must be at least 1"),
        (lambda: counting(2, 2, rng=None), TypeError, "counting: rng must be a numpy.random.Generator"),
    ],
)
def test_bad_arguments_are_named(call, error, message, own_errors):
    with pytest.raises(error, match=message):
        call()
