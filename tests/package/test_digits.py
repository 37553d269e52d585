"""The digit images: scaled, split without overlap, and read as sequences."""

import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed here")

from sklearn import datasets

from rnncourse.data import digits
from rnncourse.data.digits import as_sequence, load_digits, split_digits


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_images_are_those_of_scikit_learn(dtype):
    images, labels = load_digits(dtype)
    raw = datasets.load_digits()
    assert images.shape == (1797, 8, 8) and images.dtype == dtype
    assert images.min() == 0 and images.max() == 1
    assert np.array_equal(images * 16, raw.images)  # sixteenths are exact in both dtypes
    assert np.array_equal(labels, raw.target) and labels.dtype == np.int64


def test_what_is_handed_out_is_a_copy():
    images, labels = load_digits()
    images[:], labels[:] = -1, -1
    again = load_digits()
    assert again.images.min() == 0 and again.labels.min() == 0


def test_the_split_loses_and_repeats_nothing():
    everything = load_digits()
    train, test = split_digits(rng=rng(1), held_out=360)
    assert len(train.labels) == len(train.images) == 1437 and len(test.labels) == len(test.images) == 360
    rows = lambda d: [(*image.ravel(), label) for image, label in zip(*d, strict=True)]  # noqa: E731
    assert sorted(rows(train) + rows(test)) == sorted(rows(everything))
    same, other = split_digits(rng=rng(1)), split_digits(rng=rng(2))
    assert np.array_equal(same[1].images, test.images)
    assert not np.array_equal(other[1].images, test.images)
    assert set(np.unique(test.labels)) == set(range(10))


def test_reading_order():
    images = np.arange(3 * 64, dtype=np.float32).reshape(3, 8, 8)
    rows = as_sequence(images)
    assert rows.shape == (8, 3, 8) and rows.flags.c_contiguous
    for t in range(8):
        assert np.array_equal(rows[t], images[:, t])
    pixels = as_sequence(images, 1)
    assert pixels.shape == (64, 3, 1) and np.array_equal(pixels[:, 1, 0], images[1].ravel())
    assert np.array_equal(as_sequence(images, 64)[0], images.reshape(3, 64))
    assert as_sequence(images[:0]).shape == (8, 0, 8)


def test_bad_input(own_errors):
    cases = [
        (lambda: load_digits(np.int64), TypeError, "load_digits: dtype must be float32 or float64"),
        (lambda: split_digits(rng=0), TypeError, "split_digits: rng must be a numpy.random.Generator"),
        (lambda: split_digits(rng=rng(), held_out=0), ValueError, "held_out must be at least 1; got 0"),
        (
            lambda: split_digits(rng=rng(), held_out=1797),
            ValueError,
            "held_out must lie in 1..1796",
        ),
        (lambda: as_sequence(np.zeros((2, 64))), ValueError, "images must have shape .N, 8, 8."),
        (lambda: as_sequence(np.zeros((2, 8, 8)), 5), ValueError, "pixels must divide 64; got 5"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    digits._read.cache_clear()
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'rnncourse\[book\]'"):
        load_digits()
    digits._read.cache_clear()
