"""Curves with their spread: what is drawn is what was given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from rnncourse.figures.curves import median_and_range


@pytest.mark.parametrize("log", [False, True])
def test_draws_the_median_and_the_spread(ax, log):
    x = np.arange(4.0)
    values = np.array([[1.0, 2, 4, 8], [1, 3, 9, 27], [1, 10, 100, 1000]])
    assert median_and_range(x, {"grows": values}, ax=ax, log=log) is ax
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), [1, 3, 9, 27])
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1, 1000)
    assert ax.get_yscale() == ("log" if log else "linear")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["grows"]


def test_leaves_a_gap_where_a_log_axis_has_no_place(ax):
    median_and_range(np.arange(5.0), {"a": np.array([[1.0, 0, -1, np.inf, 2]])}, ax=ax, log=True)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, np.nan, np.nan, np.nan, 2])
    assert not ax.collections  # one seed has no spread


def test_tells_lines_apart_without_colour(ax):
    curves = {str(k): np.full((1, 3), k + 1.0) for k in range(5)}
    median_and_range(np.arange(3.0), curves, ax=ax)
    assert len({str(line._unscaled_dash_pattern) for line in ax.lines}) == 5


def test_names_the_curve_that_does_not_fit(ax, own_errors):
    with pytest.raises(ValueError, match=r"runs\['a'\] must have shape \(S, N\) = \(S, 3\); got \(1, 4\)"):
        median_and_range(np.arange(3.0), {"a": np.ones((1, 4))}, ax=ax)
    many = {str(k): np.ones((1, 3)) for k in range(6)}
    with pytest.raises(ValueError, match="at most 5; got 6"):
        median_and_range(np.arange(3.0), many, ax=ax)
