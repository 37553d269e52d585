"""The plots of chapter 5: what is drawn is what was given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from rnncourse.figures import jacobian, landscape, style


@pytest.fixture
def ax():
    import matplotlib.pyplot as plt

    fig, ax = style.subplots()
    yield ax
    plt.close(fig)


def test_log_curves_draws_the_median_and_the_spread(ax):
    x = np.arange(4.0)
    values = np.array([[1.0, 2, 4, 8], [1, 3, 9, 27], [1, 10, 100, 1000]])
    assert jacobian.log_curves(x, {"grows": values}, xlabel="n", ylabel="size", ax=ax) is ax
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), [1, 3, 9, 27])
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1, 1000)
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("n", "size")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["grows"]


def test_log_curves_leaves_a_gap_where_a_log_axis_has_no_place(ax):
    x = np.arange(5.0)
    jacobian.log_curves(x, {"a": np.array([[1.0, 0, -1, np.inf, 2]])}, xlabel="n", ylabel="size", ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, np.nan, np.nan, np.nan, 2])
    assert not ax.collections  # one seed has no spread


def test_log_curves_tells_lines_apart_without_colour(ax):
    curves = {str(k): np.full((1, 3), k + 1.0) for k in range(5)}
    jacobian.log_curves(np.arange(3.0), curves, xlabel="n", ylabel="size", ax=ax)
    assert len({str(line._unscaled_dash_pattern) for line in ax.lines}) == 5


def test_log_curves_names_the_curve_that_does_not_fit(ax, own_errors):
    with pytest.raises(ValueError, match=r"curves\['a'\] must have shape \(S, N\) = \(S, 3\); got \(1, 4\)"):
        jacobian.log_curves(np.arange(3.0), {"a": np.ones((1, 4))}, xlabel="n", ylabel="y", ax=ax)
    many = {str(k): np.ones((1, 3)) for k in range(6)}
    with pytest.raises(ValueError, match="at most 5; got 6"):
        jacobian.log_curves(np.arange(3.0), many, xlabel="n", ylabel="y", ax=ax)


def test_loss_map_puts_each_value_at_its_place(ax):
    w, b = np.linspace(1, 3, 5), np.linspace(-1, 1, 3)
    loss = w[None, :] + 10 * (b[:, None] + 1)
    assert landscape.loss_map(w, b, loss, ax=ax) is ax
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), loss)
    assert image.origin == "lower"
    assert tuple(image.get_extent()) == (1, 3, -1, 1)
    assert ax.get_xlim() == (1, 3) and ax.get_ylim() == (-1, 1)


def test_loss_map_wants_rows_for_b(ax, own_errors):
    with pytest.raises(ValueError, match=r"\(M, N\) = \(3, 5\); got \(5, 3\)"):
        landscape.loss_map(np.arange(5.0), np.arange(3.0), np.ones((5, 3)), ax=ax)


def test_descents_draws_every_way_and_its_start(ax):
    ways = [np.array([[0.0, 0], [1, 1]]), np.array([[2.0, 2], [3, 1]])]
    clipped = [way * 0.5 for way in ways]
    assert landscape.descents(ways, clipped, ax=ax) is ax
    drawn = [np.column_stack(line.get_data()) for line in ax.lines]
    for got, want in zip(drawn[:4], [*ways, *clipped], strict=True):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(drawn[4], [way[0] for way in [*ways, *clipped]])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["without clipping", "clipped", "start"]
    assert ax.lines[0].get_marker() != ax.lines[2].get_marker()
    assert ax.lines[0].get_linestyle() != ax.lines[2].get_linestyle()
