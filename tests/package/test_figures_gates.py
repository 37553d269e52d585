"""The LSTM's pictures: what was handed in is what is drawn."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra rnncourse[widgets]")


from rnncourse.figures import gates


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_the_cell_names_all_gates_states_and_operations(ax):
    assert gates.cell_diagram(ax=ax) is ax
    shown = texts(ax)
    for name in ("$f$", "$i$", "$g$", "$o$", "$c_{t-1}$", "$c_t$", "$h_{t-1}$", "$h_t$", "$x_t$"):
        assert shown.count(name) == 1, name
    # f, i and o are sigmoids; g and the way out are tanh. Three products and one sum.
    assert [shown.count(sign) for sign in ("σ", "tanh", "×", "+")] == [3, 2, 3, 1]
    ax.figure.canvas.draw()
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert all(left <= x <= right and low <= y <= high for x, y in (t.get_position() for t in ax.texts))


def test_the_gru_names_both_gates_the_candidate_and_the_one_state(ax):
    assert gates.gru_diagram(ax=ax) is ax
    shown = texts(ax)
    for name in ("$r$", "$z$", "$n$", "$1-z$", "$h_{t-1}$", "$h_t$", "$x_t$"):
        assert shown.count(name) == 1, name
    # Two gates and one candidate, three products (by z, by 1 − z, by r) and one sum; no second state.
    assert [shown.count(sign) for sign in ("σ", "tanh", "×", "+")] == [2, 1, 3, 1]
    assert not any("c_" in text for text in shown)
    ax.figure.canvas.draw()
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert all(left <= x <= right and low <= y <= high for x, y in (t.get_position() for t in ax.texts))


def test_the_stored_number_and_the_flagged_inputs_are_drawn_where_they_are(ax):
    inputs, flags = np.array([0.5, -0.2, 0.7, 0.1]), np.array([False, True, False, False])
    state = np.array([0.0, -0.2, -0.2, -0.2])
    assert gates.stored_number(inputs, flags, state, ax=ax) is ax
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    assert np.array_equal(lines["$c_t$"], np.column_stack([[1, 2, 3, 4], state]))
    assert np.array_equal(lines["input, flagged"], [[2, -0.2]])
    assert np.array_equal(lines["input, not flagged"], [[1, 0.5], [3, 0.7], [4, 0.1]])


def test_every_run_is_a_mark_in_the_row_of_its_setting(ax):
    runs = {"a": np.array([0.1, 0.3, 0.2]), "b": np.array([0.004])}
    assert gates.runs_by_setting(runs, baseline=1 / 3, ax=ax) is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.yaxis_inverted() and ax.get_xscale() == "log"
    marks = [line.get_xydata() for line in ax.lines]
    for row, values in enumerate(runs.values()):
        drawn, median = marks[2 * row], marks[2 * row + 1]
        assert np.array_equal(drawn[:, 0], values) and (np.abs(drawn[:, 1] - row) < 0.5).all()
        assert (median[:, 0] == np.median(values)).all()
    assert (np.array(marks[-1])[:, 0] == 1 / 3).all()


def test_more_settings_than_markers_are_all_drawn(ax):
    runs = {str(n): np.array([0.1, 0.2]) for n in range(2 * len(gates.MARKERS) + 1)}
    gates.runs_by_setting(runs, baseline=1.0, ax=ax)
    assert len(ax.lines) == 2 * len(runs) + 1


def test_the_histogram_shows_shares_that_add_up_to_100_percent(ax):
    rng = np.random.default_rng(0)
    before, after = rng.uniform(0.4, 0.6, (30, 5, 4)), rng.uniform(0, 1, (10, 5, 4))
    assert gates.gate_histogram(before, after, "input gate", ax=ax) is ax
    early, late = (patch.get_data() for patch in ax.patches if hasattr(patch, "get_data"))
    for stairs, values in ((early, before), (late, after)):
        assert np.isclose(stairs.values.sum(), 100)
        middle = (stairs.edges[:-1] >= 0.399) & (stairs.edges[1:] <= 0.601)
        share = 100 * ((values >= 0.4) & (values < 0.6)).mean()
        assert np.isclose(stairs.values[middle].sum(), share, atol=1e-9)
    assert ax.get_title(loc="left") == "input gate"
    assert len(ax.get_legend_handles_labels()[1]) == 2
