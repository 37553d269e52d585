"""Roofline, rungs and the trade of time for memory: what is drawn is what was given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from rnncourse.figures import speed


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_roofs_and_points(ax):
    points = {"large": (100.0, 80.0), "small": (0.1, 0.5)}
    assert speed.roofline(100.0, {"cache": 50.0, "memory": 5.0}, points, ax=ax) is ax
    cache, memory, *marks = ax.lines
    for roof, bandwidth in ((cache, 50.0), (memory, 5.0)):
        x, y = roof.get_data()
        assert x[0] < 0.1 and x[-1] > 100
        np.testing.assert_allclose(y, np.minimum(100, bandwidth * x))
    assert cache._unscaled_dash_pattern != memory._unscaled_dash_pattern
    assert [(m.get_xdata()[0], m.get_ydata()[0]) for m in marks] == list(points.values())
    assert len({m.get_marker() for m in marks}) == 2
    assert legend(ax) == ["cache", "memory", "large", "small"]
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_the_roofline_names_what_it_cannot_draw(ax, own_errors):
    one = {"a": (1.0, 1.0)}
    with pytest.raises(ValueError, match="bandwidths must be 1 to 5; got 0"):
        speed.roofline(1.0, {}, one, ax=ax)
    with pytest.raises(ValueError, match="points must be 1 to 7; got 8"):
        speed.roofline(1.0, {"a": 1.0}, {str(k): (1.0, 1.0) for k in range(8)}, ax=ax)
    with pytest.raises(ValueError, match="finite and > 0"):
        speed.roofline(1.0, {"a": 0.0}, one, ax=ax)


def test_rungs_show_median_and_range_from_the_top(ax):
    times = {"slow": np.array([0.030, 0.020, 0.050]), "torch": np.array([0.010, 0.010, 0.010])}
    assert speed.rungs(times, ax=ax, own=["torch"]) is ax
    slow, torch = ax.patches
    np.testing.assert_allclose([slow.get_width(), torch.get_width()], [30, 10])
    assert torch.get_hatch() and not slow.get_hatch()
    assert ax.yaxis_inverted()
    (errors,) = (c for c in ax.containers if hasattr(c, "has_xerr"))
    ends = np.array([segment[:, 0] for segment in errors.lines[2][0].get_segments()])
    np.testing.assert_allclose(ends, [[20, 50], [10, 10]])
    assert [t.get_text() for t in ax.texts] == ["30", "10"]
    assert min(t.get_position()[0] for t in ax.texts) > 10
    with pytest.raises(KeyError, match="own must name entries of times"):
        speed.rungs(times, ax=ax, own=["jax"])


def test_the_trade_labels_each_setting(ax):
    memory, times = np.array([4.0, 2.0, 8.0]), np.array([1.4, 1.3, 1.2])
    assert speed.trade(memory, times, ["1", "8", "64"], ax=ax, plain=(16.0, 1.0)) is ax
    line, plain = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), memory)
    np.testing.assert_array_equal(line.get_ydata(), times)
    assert (plain.get_xdata()[0], plain.get_ydata()[0]) == (16.0, 1.0)
    assert [t.get_text() for t in ax.texts] == ["1", "8", "64"]
    assert line.get_marker() != plain.get_marker()


def test_the_trade_wants_as_many_labels_as_points(ax, own_errors):
    with pytest.raises(ValueError, match="equally many; got 2, 2, 1"):
        speed.trade(np.ones(2), np.ones(2), ["1"], ax=ax, plain=(1.0, 1.0))
