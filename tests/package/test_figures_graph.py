"""The pictures of chapter 2: what is drawn is what was given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from rnncourse.figures import graph


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


@pytest.mark.parametrize(
    "losses",
    [np.ones(4, bool), np.arange(4) == 3, np.array([True, False, True]), np.ones(1, bool)],
    ids=["every step", "last step", "some steps", "one step"],
)
def test_the_graph_has_a_loss_where_the_mask_is_true(ax, losses):
    assert graph.computational_graph(losses, ax=ax) is ax
    steps = [str(t) for t in range(1, len(losses) + 1)]
    shown = texts(ax)
    for letter, wanted in (
        ("h", ["0", *steps]),
        ("x", steps),
        ("y", steps),
        ("L", [s for s, has_loss in zip(steps, losses, strict=True) if has_loss]),
    ):
        assert [t for t in shown if t.startswith(f"${letter}_")] == [f"${letter}_{{{s}}}$" for s in wanted]
    assert shown.count("$L$") == 1
    assert sum("W_{hh}" in t for t in shown) == 1  # one set of weights
    arrows = [a for a in ax.texts if not a.get_text() and getattr(a, "arrow_patch", None)]
    # Every step: weights, input, state and output; every loss: from its output and into L.
    assert len(arrows) == 4 * len(losses) + 2 * losses.sum()


def test_step_terms_draws_each_term_and_the_sum(ax):
    terms = np.array([0.0, -1.5, 2.0, 0.25])
    assert graph.step_terms(terms, ax=ax) is ax
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], [*terms, terms.sum()])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "3", "4", "sum"]


def test_updates_needed_marks_runs_that_did_not_arrive(ax):
    runs = {
        "one": np.array([[20.0, 40, 60], [80, 100, 120]]),
        "other": np.array([[20.0, 30, np.inf], [np.inf, np.inf, np.inf]]),
    }
    assert graph.updates_needed([5, 10], runs, 200, ax=ax) is ax
    labelled = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert [line.get_label() for line in labelled] == ["one", "other"]
    assert [len(line.get_ydata()) for line in labelled] == [6, 2]
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "none" and len(line.get_ydata())]
    assert [len(line.get_ydata()) for line in hollow] == [4]
    assert (hollow[0].get_ydata() > 200).all()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["5", "10"]
