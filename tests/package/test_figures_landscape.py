"""The landscape of chapter 5: what is drawn is what was given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from rnncourse.figures import landscape


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
