"""The learning rate: at the corners, and against torch's own schedulers."""

import math

import pytest

from rnncourse.training.schedule import warmup_cosine


def rate(step, **more):
    return warmup_cosine(step, **{"steps": 100, "peak": 2.0, "warmup": 10, "floor": 0.1} | more)


def test_corners():
    assert rate(1) == pytest.approx(0.2)
    assert rate(10) == pytest.approx(2.0)
    assert rate(55) == pytest.approx(2 * (0.1 + 0.9 / 2))  # half way down
    assert rate(100) == pytest.approx(0.2)
    assert max(rate(s) for s in range(1, 101)) == rate(10)


def test_short_trainings():
    assert warmup_cosine(1, steps=1, peak=1.0, warmup=1) == 1
    assert warmup_cosine(5, steps=5, peak=1.0, warmup=10) == 0.5
    assert math.isfinite(warmup_cosine(1, steps=1, peak=1.0))


@pytest.mark.parametrize(
    "bad", [{"step": 0}, {"step": 101}, {"peak": 0.0}, {"peak": float("nan")}, {"floor": 1.1}, {"steps": 0}]
)
def test_bad(bad, own_errors):
    with pytest.raises(ValueError, match="warmup_cosine: "):
        rate(bad.pop("step", 5), **bad)
