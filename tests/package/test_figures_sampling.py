"""The pictures of distributions and of diversity show what was handed in."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the figures' library is not installed here")

from rnncourse.figures import sampling, style


def test_bars_are_what_is_drawn_from_and_lines_the_model(ax):
    shown, model = np.array([0.7, 0.3, 0.0]), np.array([0.5, 0.2, 0.3])
    assert sampling.next_characters(["e", "␣", "rest"], shown, model, ax=ax) is ax
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(shown.tolist())
    centres = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    assert centres == pytest.approx([0, 1, 2])
    segments = ax.collections[0].get_segments()
    assert [segment[0][1] for segment in segments] == pytest.approx(model.tolist())
    assert [segment.mean(axis=0)[0] for segment in segments] == pytest.approx([0, 1, 2])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["e", "␣", "rest"]
    assert ax.get_ylim() == (0, 1) and ax.get_ylabel() == "probability"


@pytest.mark.parametrize(("labels", "size"), [(["a"], 2), (["a", "b", "c"], 2)])
def test_labels_and_bars_must_be_as_many(own_errors, ax, labels, size):
    with pytest.raises(ValueError, match=f"next_characters: labels, shown and model .*; got {len(labels)}, "):
        sampling.next_characters(labels, np.ones(size), np.ones(size), ax=ax)


def test_panels_show_median_range_and_real_text():
    figure, rows = style.subplots(2, 1)
    taus = np.array([0.0, 0.5, 1.0])
    values = np.array([[3.0, 2.0, 1.0], [5.0, 2.5, 0.0], [4.0, 9.0, 0.5]])
    panels = {"first": (values, 1.25), "second": (values * 10, 7.0)}
    sampling.diversity_and_bits(taus, rows, panels)
    for row, (name, factor, real) in zip(rows, (("first", 1, 1.25), ("second", 10, 7.0)), strict=True):
        curve, level = row.lines
        assert np.allclose(curve.get_xydata(), np.column_stack([taus, factor * np.array([4.0, 2.5, 0.5])]))
        assert set(level.get_ydata()) == {real} and level.get_linestyle() == ":"
        edges = row.collections[0].get_paths()[0].vertices
        for tau, low, high in zip(
            taus, factor * values.min(axis=0), factor * values.max(axis=0), strict=True
        ):
            at = edges[np.isclose(edges[:, 0], tau), 1]
            assert (at.min(), at.max()) == pytest.approx((low, high))
        assert row.get_title(loc="left") == name
        assert [text.get_text() for text in row.texts] == ["real text"]
    style.plt.close(figure)


def test_more_panels_than_rows_are_refused(own_errors, ax):
    panels = {name: (np.ones((2, 3)), 1.0) for name in ("a", "b")}
    with pytest.raises(ValueError, match="diversity_and_bits: rows must be one for each of 2 panels; got 1"):
        sampling.diversity_and_bits(np.arange(3.0), [ax], panels)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ab\n\ncd", "ab\n\ncd"),
        ("    indented stays", "    indented stays"),
        ("one two three", "one two \nthree"),
        ("abcdefghijklmnop", "abcdefghij\nklmnop"),
        ("", ""),
    ],
)
def test_long_lines_are_folded_and_nothing_is_lost(text, shown):
    width = 20 if "indented" in text else 10
    assert sampling.wrapped(text, width=width) == shown
    assert sampling.wrapped(text, width=width).replace("\n", "") == text.replace("\n", "")


def test_what_is_left_out_is_marked():
    assert sampling.wrapped("a\nb\nc", lines=2) == "a\nb\n…"
    assert sampling.wrapped("a\nb", lines=2) == "a\nb"
