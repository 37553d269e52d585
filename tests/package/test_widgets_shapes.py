"""The diagram of problem shapes: what is drawn is what a real run of the cell has."""

import numpy as np
import pytest

pytest.importorskip("anywidget", reason="the widgets' libraries are not installed here")
pytest.importorskip("matplotlib", reason="the widgets' libraries are not installed here")

import traitlets

from rnncourse.cells import vanilla
from rnncourse.figures import shapes as drawing
from rnncourse.models.sequence import init_sequence_model, loss_and_gradient
from rnncourse.widgets import problem_shapes, shapes

SHAPES = ["one_to_one", "one_to_many", "many_to_one", "aligned", "unaligned"]


@pytest.fixture
def widget():
    return problem_shapes()


def place(widget, problem, n_in=4, n_out=3):
    widget.problem, widget.input_length, widget.output_length = problem, n_in, n_out
    return widget.case()


def bits(part, key):
    return "".join("01"[has] for has in part[key])


# Written down by hand from the definitions, for an input of 4 and an output of 3 steps.
EXPECTED = {
    "one_to_one": [("1", "1", "1")],
    "one_to_many": [("100", "111", "111")],
    "many_to_one": [("1111", "1111", "0001")],
    "aligned": [("1111", "1111", "1111")],
    "unaligned": [("1111", "0000", "0000"), ("000", "111", "111")],
}


@pytest.mark.parametrize("problem", SHAPES)
def test_inputs_predictions_and_losses_stand_where_they_should(widget, problem):
    parts = place(widget, problem)["parts"]
    found = [tuple(bits(part, key) for key in ("inputs", "predictions", "losses")) for part in parts]
    assert found == EXPECTED[problem]


def test_the_arrays_have_the_shapes_that_are_shown(widget):
    rows = {name: (letters, shape) for name, letters, shape in place(widget, "many_to_one", 6)["rows"]}
    assert rows == {
        "inputs": ("(T, B, I)", "(6, 32, 3)"),
        "states": ("(T, B, H)", "(6, 32, 8)"),
        "predictions": ("(T, B, O)", "(6, 32, 2)"),
        "mask": ("(T, B)", "(6, 32), True at 1 of 6 steps"),
    }
    rows = {name: (letters, shape) for name, letters, shape in place(widget, "unaligned", 5, 2)["rows"]}
    assert rows == {
        "inputs of the encoder": ("(T, B, I)", "(5, 32, 3)"),
        "state handed over": ("(B, H)", "(32, 8)"),
        "inputs of the decoder": ("(T′, B, I)", "(2, 32, 3)"),
        "predictions": ("(T′, B, O)", "(2, 32, 2)"),
        "mask": ("(T′, B)", "(2, 32), True at 2 of 2 steps"),
    }


@pytest.mark.parametrize("problem", SHAPES)
def test_the_number_of_parameters_is_the_formula_at_every_length(widget, problem):
    cell, read_out = 8 * (3 + 8 + 2), 2 * 8 + 2
    expected = read_out + cell * (2 if problem == "unaligned" else 1)
    sizes = {place(widget, problem, n, m)["parameters"] for n in (1, 4, 6) for m in (1, 6)}
    assert sizes == {expected}


def test_a_loss_can_be_trained_with_the_mask_that_is_drawn(widget):
    """The gradient of a loss with this mask is zero at the predictions that are drawn pale."""
    part = place(widget, "many_to_one", 5)["parts"][0]
    mask = np.repeat(np.array(part["losses"])[:, None], 32, axis=1)
    rng = np.random.default_rng(0)
    model = init_sequence_model(vanilla, 3, 8, 2, rng=rng, dtype=np.float64)
    inputs, targets = rng.standard_normal((5, 32, 3)), rng.standard_normal((5, 32, 2))
    changed = targets.copy()
    changed[:-1] += 100  # where no loss looks
    first, second = (loss_and_gradient(vanilla, model, inputs, goal, mask)[0] for goal in (targets, changed))
    assert first == second
    assert loss_and_gradient(vanilla, model, inputs, targets + 1, mask)[0] != first


def test_only_the_lengths_that_a_problem_has_change_it(widget):
    for problem, uses in (("one_to_one", 0), ("one_to_many", 1), ("many_to_one", 1), ("unaligned", 2)):
        cases = {str(place(widget, problem, n, m)["parts"]) for n in (1, 2, 6) for m in (1, 2, 6)}
        assert len(cases) == 3**uses
    assert [len(entry["uses"]) for entry in widget._grid["problems"]] == [0, 1, 1, 1, 2]


def test_each_problem_names_an_example(widget):
    assert [entry["key"] for entry in widget._grid["problems"]] == SHAPES
    for entry in widget._grid["problems"]:
        assert entry["example"].endswith(".") and len(entry["example"]) > 30


def test_alt_text_says_what_each_diagram_shows(widget):
    place(widget, "aligned", 4, 3)
    alt = widget.alt_text()
    for words in (
        "One to one: 1 step, input at step 1, loss at step 1.",
        "One to many: 3 steps, input at step 1, loss at every step.",
        "Many to one: 4 steps, input at every step, loss at step 4.",
        "aligned: 4 steps, input at every step, loss at every step.",
        "unaligned: 4 steps, input at every step, loss: none; then a second cell, 3 steps, input: none,",
    ):
        assert words in alt


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_static_form_draws_all_five(widget):
    place(widget, "one_to_many", 5, 2)
    axes = widget.static().axes
    titles = [ax.get_title(loc="left") for ax in axes]
    assert titles == [entry["label"] for entry in widget._grid["problems"]]
    for ax, entry in zip(axes, widget._grid["problems"], strict=True):
        shown = texts(ax)
        parts = widget.case(entry["key"])["parts"]
        for letter, key in (("x", "inputs"), ("y", "predictions"), ("L", "losses")):
            wanted = [f"${letter}_{{{t}}}$" for part in parts for t, has in enumerate(part[key], 1) if has]
            assert sorted(t for t in shown if t.startswith(f"${letter}_")) == sorted(wanted)
        states = sum(len(part["inputs"]) for part in parts)
        assert sum(t.startswith("$h_{") for t in shown) == states and shown.count("$h_0$") == 1
        assert shown.count("0") == sum(not has for part in parts for has in part["inputs"])


def test_every_state_gets_one_arrow_from_the_state_before_it(ax):
    step = {"inputs": [True] * 3, "predictions": [False] * 3, "losses": [False] * 3}
    drawing.problem_shape([step, step], "two cells", ax=ax)
    arrows = [a for a in ax.texts if getattr(a, "arrow_patch", None)]
    level = [a for a in arrows if a.xy[1] == a.xyann[1]]
    assert len(level) == 6 and len(arrows) == 12  # from h_0, within the cells, and between them; inputs
    assert [a.xy[0] > a.xyann[0] for a in level] == [True] * 6


def test_lists_of_unequal_length_are_refused(ax):
    with pytest.raises(ValueError, match="must be equally long; got 2, 1 and 2"):
        drawing.problem_shape(
            [{"inputs": [True] * 2, "predictions": [True], "losses": [True] * 2}], "", ax=ax
        )


def test_the_state_is_small(widget):
    import json

    assert len(json.dumps(widget._grid)) < 40_000


def test_a_knob_takes_only_values_of_its_grid(widget):
    with pytest.raises(traitlets.TraitError, match="problem must be one of one_to_one, .*; got 'many'"):
        widget.problem = "many"
    with pytest.raises(traitlets.TraitError, match="input_length must be one of 1, 2, .*; got 9"):
        widget.input_length = 9
    with pytest.raises(traitlets.TraitError, match="problem must be one of"):
        widget.case("many")


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([2, 1], ValueError, "lengths must rise from value to value"),
        ([0, 1], ValueError, "lengths must be a list of numbers > 0"),
        ([1.5], TypeError, "lengths must be an int; got float"),
        ([], ValueError, "lengths must hold at least one number"),
    ],
)
def test_bad_lengths_are_named(own_errors, lengths, error, message):
    with pytest.raises(error, match=f"problem_shapes: {message}"):
        problem_shapes(lengths=lengths)


def test_one_length_is_enough():
    widget = problem_shapes(lengths=[2])
    assert (widget.input_length, widget.output_length) == (2, 2)
    assert bits(place(widget, "aligned", 2, 2)["parts"][0], "losses") == "11"


def test_a_mask_in_the_wrong_place_fails(monkeypatch, widget):
    """The test against the table written by hand bites."""
    monkeypatch.setattr(
        shapes, "last_step", lambda steps, batch: np.arange(steps)[:, None] == np.zeros(batch)
    )
    with pytest.raises(AssertionError):
        test_inputs_predictions_and_losses_stand_where_they_should(problem_shapes(), "many_to_one")
