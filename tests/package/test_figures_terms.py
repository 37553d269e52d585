"""The matrix of terms: the right squares in colour, the right ones grey and hatched."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest

from rnncourse.figures import graph, terms


def test_kept_have_colours_and_cut_ones_grey_under_a_hatch(ax):
    decades = np.array([[0.0, -np.inf, -np.inf], [-2, 0, -np.inf], [-9, -1, -4]])
    kept = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]], bool)
    assert terms.term_matrix(decades, kept, ax=ax) is ax
    pixels = ax.images[0].get_array()
    viridis = mpl.colormaps["viridis"]
    for t, k, share in ((0, 0, 1), (1, 0, 0.5), (2, 1, 0.75), (2, 2, 0)):
        assert np.allclose(pixels[t, k], viridis(float(share)))
    grey = pixels[2, 0, :3]
    assert grey.max() - grey.min() < 0.02 and pixels[2, 0, 3] == 1
    assert not pixels[np.triu_indices(3, 1)][:, 3].any()  # k > t: nothing there
    (box,) = ax.patches
    assert box.get_bbox().bounds == (0.5, 2.5, 1, 1) and box.get_hatch()
    assert ax.get_ylim() == (3.5, 0.5)  # the first loss on top


def test_what_does_not_exist_has_no_shade(ax):
    decades, kept = np.zeros((3, 3)), np.eye(3, dtype=bool)
    terms.term_matrix(decades, kept, ax=ax, exists=False)
    pale = ax.images[0].get_array()[1, 0, :3].copy()
    ax.clear()
    terms.term_matrix(decades, kept, ax=ax)
    assert (ax.images[0].get_array()[1, 0, :3] < pale - 0.2).all()


def test_the_scale_names_its_ends(ax):
    terms.term_matrix(np.zeros((2, 2)), np.tri(2, dtype=bool), ax=ax)
    labels = [tick.get_text() for tick in terms.term_scale(ax=ax).ax.get_yticklabels()]
    assert labels[0] == "≤ 1e−4" and labels[-1] == "1" and len(labels) == 5


def test_shapes_that_do_not_fit(ax, own_errors):
    for decades, kept in (
        (np.zeros((2, 3)), np.ones((2, 3), bool)),
        (np.zeros((2, 2)), np.ones((3, 3), bool)),
    ):
        with pytest.raises(ValueError, match=r"term_matrix: decades and kept must have one shape \(T, T\)"):
            terms.term_matrix(decades, kept, ax=ax)


def test_signed_terms_have_their_sums_below(ax, own_errors):
    values = np.array([[1.0, 0, 0], [-2, 3, 0], [4, 0, -5]])
    axes = ax.figure.subplots(2, 1)
    assert terms.signed_terms(values, axes=axes) is axes
    shown = axes[0].images[0].get_array()
    assert np.ma.getmaskarray(shown)[np.triu_indices(3, 1)].all()  # k > t: nothing there
    assert np.array_equal(shown[np.tril_indices(3)], values[np.tril_indices(3)])
    assert axes[0].images[0].get_clim() == (-5, 5)  # 0 has the middle colour
    assert [bar.get_height() for bar in axes[1].patches] == [3, 3, -5, 1]
    assert axes[0].get_xlim() == axes[1].get_xlim()
    with pytest.raises(ValueError, match=r"signed_terms: values must have shape \(T, T\); got \(2, 3\)"):
        terms.signed_terms(np.zeros((2, 3)), axes=axes)


def test_terms_that_are_all_zero_have_a_scale_too(ax):
    axes = ax.figure.subplots(2, 1)
    terms.signed_terms(np.zeros((1, 1)), axes=axes)
    assert axes[0].images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize(("t", "k"), [(4, 2), (3, 3), (1, 1), (4, 1)])
def test_the_way_of_a_term(t, k, ax):
    """From L_t over y_t to h_t, back to h_k, then down: t − k + 3 arrows, end to end but for the last."""
    graph.computational_graph(np.ones(4, bool), ax=ax)
    before = len(ax.texts)
    place = {text.get_text(): text.get_position() for text in ax.texts}
    ax.clear()
    assert terms.term_path(t, k, 4, ax=ax) is ax
    way = [(arrow.xyann, arrow.xy) for arrow in ax.texts[before:]]
    assert len(way) == t - k + 3
    assert way[0][0] == place[f"$L_{{{t}}}$"] and way[1][1] == place[f"$h_{{{t}}}$"]
    assert way[-2][1] == place[f"$h_{{{k}}}$"]
    assert all(end == start for (_, end), (start, _) in pairwise(way[:-1]))
    (x, _), (x_end, low) = way[-1]
    assert x == x_end == pytest.approx(place[f"$h_{{{k}}}$"][0] - 0.33) and low == 0  # the dashed arrow of W


@pytest.mark.parametrize(("t", "k"), [(2, 3), (5, 1), (1, 0)])
def test_a_way_that_is_none(t, k, ax):
    with pytest.raises(ValueError, match=f"term_path: .*; got k = {k}, t = {t}"):
        terms.term_path(t, k, 4, ax=ax)
