"""The series with a hidden regime: its moments, and the filter against every path of regimes."""

from itertools import pairwise, product

import numpy as np
import pytest

from rnncourse.data import regimes
from rnncourse.data.regimes import belief, errors, forecast, hidden_regime, window_forecast


def rng(seed=0):
    return np.random.default_rng(seed)


def posterior_mean(x, stay, noise):
    """E[z_T | x_1 … x_T] by adding up all 2^T paths of regimes; no recursion."""
    top = total = 0.0
    for path in product((-1, 1), repeat=len(x)):
        p = 0.5
        for before, after in pairwise(path):
            p *= stay if before == after else 1 - stay
        p *= float(np.exp(-((x - np.array(path)) ** 2) / (2 * noise**2)).prod())
        top, total = top + p * path[-1], total + p
    return top / total


@pytest.mark.parametrize(("stay", "noise"), [(0.98, 2.0), (0.7, 0.5), (0.2, 1.0), (0.5, 3.0)])
def test_the_belief_is_the_sum_over_all_paths(stay, noise):
    values, _ = hidden_regime(7, 3, stay=stay, noise=noise, rng=rng(1), dtype=np.float64)
    found = belief(values, stay=stay, noise=noise)
    for t in range(1, 8):
        expected = [posterior_mean(values[:t, b, 0], stay, noise) for b in range(3)]
        np.testing.assert_allclose(found[t - 1, :, 0], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        forecast(values, stay=stay, noise=noise), (2 * stay - 1) * found, rtol=0, atol=1e-15
    )


def test_the_series_is_stationary_with_the_moments_it_promises():
    values, hidden = hidden_regime(400, 2000, stay=0.9, noise=1.5, rng=rng(2))
    assert set(np.unique(hidden)) == {-1.0, 1.0}
    for part in (values[:20], values[-20:]):  # the same at the start and at the end
        assert abs(part.mean()) < 0.03
        assert abs(part.var() - (1 + 1.5**2)) < 0.08
    for lag in (1, 2, 5):  # E[z_t z_{t+k}] = (2p − 1)^k, and the noise adds nothing
        assert abs((hidden[lag:] * hidden[:-lag]).mean() - 0.8**lag) < 0.01
        assert abs((values[lag:] * values[:-lag]).mean() - 0.8**lag) < 0.02
    changes = (hidden[1:] != hidden[:-1]).mean()
    assert abs(changes - 0.1) < 0.003


@pytest.mark.parametrize(("stay", "noise"), [(0.98, 2.0), (0.8, 0.5)])
def test_closed_forms_are_what_the_forecasts_reach(stay, noise):
    values, hidden = hidden_regime(300, 1500, stay=stay, noise=noise, rng=rng(3), dtype=np.float64)
    now, z, following = values[99:-1], hidden[99:-1], values[100:]
    found = errors(stay=stay, noise=noise)
    measured = {
        "nothing": np.zeros_like(now),
        "memoryless": (2 * stay - 1) * np.tanh(now / noise**2),
        "regime_known": (2 * stay - 1) * z,
        "noise": hidden[100:],
    }
    for name, guess in measured.items():
        assert ((guess - following) ** 2).mean() == pytest.approx(getattr(found, name), rel=0.01), name
    one = window_forecast(values, 1, stay=stay, noise=noise)
    np.testing.assert_allclose(one, (2 * stay - 1) * np.tanh(values / noise**2), rtol=0, atol=1e-12)
    # The more is seen, the smaller the error; the filter lies between one value and the known regime.
    best = [found.memoryless]
    for width in (2, 5, 20):
        guess = window_forecast(values, width, stay=stay, noise=noise)[99 - width + 1 : -1]
        best.append(((guess - following) ** 2).mean())
    best += [((forecast(values, stay=stay, noise=noise)[99:-1] - following) ** 2).mean(), found.regime_known]
    assert all(a > b - 1e-3 for a, b in pairwise(best))
    assert best[0] - best[2] > 0.004 and best[-2] - best[-1] > 0.01


def test_a_window_over_everything_is_the_filter():
    values, _ = hidden_regime(9, 4, rng=rng(4), dtype=np.float64)
    np.testing.assert_allclose(window_forecast(values, 9)[0], forecast(values)[-1], rtol=0, atol=1e-14)
    part = window_forecast(values, 3)
    assert part.shape == (7, 4, 1)
    np.testing.assert_allclose(part[2], forecast(values[2:5])[-1], rtol=0, atol=1e-14)


def test_an_error_splits_into_the_floor_and_the_distance_from_the_best_forecast():
    """What the chapter uses: E[(f − x)²] = E[(m̂ − x)²] + E[(f − m̂)²] for any f made from the past."""
    values, _ = hidden_regime(400, 2000, stay=0.9, noise=1.0, rng=rng(5), dtype=np.float64)
    kw = {"stay": 0.9, "noise": 1.0}
    best, other = forecast(values, **kw)[50:-1], 0.3 * values[50:-1] - 0.1 * values[49:-2]
    following = values[51:]
    mean = lambda d: float((d**2).mean())  # noqa: E731
    assert mean(other - following) == pytest.approx(mean(best - following) + mean(other - best), rel=0.005)


def test_dtype_seed_and_shapes():
    for dtype in (np.float32, np.float64):
        series = hidden_regime(5, 2, rng=rng(), dtype=dtype)
        assert [a.dtype for a in series] == [dtype] * 2 and [a.shape for a in series] == [(5, 2, 1)] * 2
        assert belief(series.values).dtype == forecast(series.values).dtype == dtype
    again = hidden_regime(5, 2, rng=rng(), dtype=np.float64)
    assert all(np.array_equal(a, b) for a, b in zip(series, again, strict=True))
    one = hidden_regime(1, 1, rng=rng())
    assert belief(one.values).shape == (1, 1, 1)
    before = again.values.copy()
    belief(again.values), window_forecast(again.values, 2)
    assert np.array_equal(before, again.values)


def test_a_belief_stays_finite_where_the_evidence_is_overwhelming():
    values = np.full((5000, 1, 1), 1e4, np.float32)
    found = belief(values, stay=1 - 1e-12, noise=0.5)
    assert np.isfinite(found).all() and found[-1] == 1
    assert belief(-values, stay=1 - 1e-12, noise=0.5)[-1] == -1


def test_a_filter_that_forgets_the_transition_fails(monkeypatch):
    """The test by paths bites."""
    monkeypatch.setattr(regimes.np, "arctanh", lambda m: m)
    with pytest.raises(AssertionError):
        test_the_belief_is_the_sum_over_all_paths(0.7, 0.5)


def test_bad_input(own_errors):
    values = np.zeros((4, 2, 1))
    cases = [
        (lambda: hidden_regime(0, 2, rng=rng()), ValueError, "hidden_regime: steps must be at least 1"),
        (lambda: hidden_regime(3, 2.0, rng=rng()), TypeError, "batch must be an int"),
        (lambda: hidden_regime(3, 2, rng=0), TypeError, "rng must be a numpy.random.Generator"),
        (lambda: hidden_regime(3, 2, rng=rng(), dtype=int), TypeError, "dtype must be float32 or float64"),
        (lambda: hidden_regime(3, 2, stay=1, rng=rng()), ValueError, "stay must lie in .0, 1.; got 1"),
        (lambda: hidden_regime(3, 2, noise=0, rng=rng()), ValueError, "noise must be > 0; got 0"),
        (lambda: belief(values[:, :, 0]), ValueError, "belief: values must have shape .T, B, 1."),
        (lambda: belief(values.astype(int)), TypeError, "belief: values must have dtype float32 or float64"),
        (lambda: belief(values * np.nan), ValueError, "belief: values must be finite; got nan"),
        (lambda: belief(values, noise=np.inf), ValueError, "noise must be a finite number"),
        (lambda: window_forecast(values, 5), ValueError, "width must lie in 1..T = 1..4; got 5"),
        (lambda: errors(stay=0.0), ValueError, "errors: stay must lie in .0, 1.; got 0.0"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
