"""bptt_window's numbers: every term from the real cell, found again by other code, none lost on the way."""

import numpy as np
import pytest

pytest.importorskip("anywidget", reason="the widgets' libraries are not installed here")
pytest.importorskip("matplotlib", reason="the widgets' libraries are not installed here")

import traitlets

from rnncourse import functional, gradcheck, truncation, unroll
from rnncourse.cells import vanilla
from rnncourse.models.sequence import init_sequence_model, loss_and_gradient
from rnncourse.widgets import base, bptt_window
from rnncourse.widgets import truncation as own

STEPS = 40
GAINS = [0.5, 1.0, 1.2, 1.6]
WINDOWS = [1, 5, 8, 10, 13, 40]


@pytest.fixture(scope="module")
def shared():
    # A part of the default grid, whose evaluation takes long while every shape is checked.
    return bptt_window(gains=GAINS, windows=WINDOWS)


@pytest.fixture
def widget(shared):
    place(shared, "carried", 10, 1.0)
    return shared


def place(widget, mode, window, gain):
    widget.mode, widget.window, widget.gain = mode, window, gain


def the_model(gain):
    """The network, the inputs and the targets that the docstring names, drawn here."""
    rng = np.random.default_rng([0, 0])
    inputs, targets = rng.standard_normal((STEPS, 8, 4)), rng.standard_normal((STEPS, 8, 1))
    start = {"scheme": "orthogonal", "gain": gain, "dtype": np.float64}
    return init_sequence_model(vanilla, 4, 16, 1, rng=np.random.default_rng([0, 1]), **start), inputs, targets


def gradient_of(model, inputs, targets, losses):
    """The gradient of the recurrent layer for the mean loss over all steps, of the steps `losses` only."""
    mask = np.zeros((STEPS, 8), bool)
    mask[losses] = True
    _, gradient = loss_and_gradient(vanilla, model, inputs, targets, mask)
    return np.concatenate([p.ravel() for p in gradient.rnn]) * (len(np.arange(STEPS)[losses]) / STEPS)


def test_the_grid_is_whole_and_every_mode_finite(widget):
    grid = widget._grid
    assert [mode["key"] for mode in grid["modes"]] == ["full", "carried", "zeroed", "sliding"]
    assert grid["gains"] == GAINS and grid["windows"] == WINDOWS and grid["steps"] == STEPS
    lower = np.tri(STEPS, dtype=bool)
    for mode in ("full", "carried", "zeroed", "sliding"):
        for window in grid["windows"]:
            for gain in grid["gains"]:
                place(widget, mode, window, gain)
                decades, kept = widget.decades(), widget.kept()
                assert np.isfinite(decades[kept]).all()
                assert not kept[~lower].any() and kept.diagonal().all()
                assert np.isneginf(decades[~lower]).all()
                now = widget.figures()
                assert -1 <= now["cosine"] <= 1 and now["ratio"] > 0


def test_a_row_of_terms_is_the_gradient_of_one_loss(widget):
    """‖Σ_k term(t, k)‖ ≤ Σ_k ‖term(t, k)‖, with equality where there is one term only: t = 1."""
    model, inputs, targets = the_model(1.2)
    place(widget, "full", 10, 1.2)
    first = np.linalg.norm(gradient_of(model, inputs, targets, slice(0, 1)))
    decades = widget.decades()
    scale = np.log10(first) - decades[0, 0]  # what the largest term is
    for t in (1, 7, 39):
        alone = np.log10(np.linalg.norm(gradient_of(model, inputs, targets, slice(t, t + 1))))
        assert alone <= np.log10((10 ** decades[t]).sum()) + scale + 0.006
    assert decades.max() == 0


@pytest.mark.parametrize(("gain", "window"), [(0.5, 1), (1.0, 10), (1.2, 13), (1.6, 40)])
def test_windows_are_the_loss_of_each_window_alone(widget, gain, window):
    """Carried and zeroed: the model run window by window, with and without the state, gradients added."""
    model, inputs, targets = the_model(gain)
    truth = gradient_of(model, inputs, targets, slice(None))
    for mode in ("carried", "zeroed"):
        total, state = np.zeros_like(truth), None
        for start in range(0, STEPS, window):
            part = slice(start, start + window)
            outputs, last, caches = unroll.forward(vanilla, model.rnn, inputs[part], state)
            error = functional.linear(outputs, model.weight, model.bias) - targets[part]
            doutputs = (2 * error / (STEPS * 8)) @ model.weight
            dparams = unroll.backward(vanilla, doutputs, caches).dparams
            total += np.concatenate([p.ravel() for p in dparams])
            state = last if mode == "carried" else None
        place(widget, mode, window, gain)
        now = widget.figures()
        sizes = np.linalg.norm(total), np.linalg.norm(truth)
        assert now["cosine"] == pytest.approx(total @ truth / (sizes[0] * sizes[1]), abs=1e-6)
        assert now["ratio"] == pytest.approx(sizes[0] / sizes[1], abs=1e-6)
        assert now["steps"] == STEPS and now["cached"] == window


def test_sliding_counts_and_one_window_over_all_is_full(widget):
    place(widget, "sliding", 5, 1.0)
    now = widget.figures()
    assert now["steps"] == sum(min(5, t) for t in range(1, STEPS + 1)) and now["cached"] == 5
    assert widget.kept().sum() == now["steps"]  # a backward step for each term
    for mode in ("carried", "zeroed", "sliding"):
        place(widget, mode, STEPS, 1.6)
        now = widget.figures()
        assert (now["cosine"], now["ratio"]) == pytest.approx((1, 1), abs=1e-6)
        assert np.array_equal(widget.kept(), np.tri(STEPS, dtype=bool))
    place(widget, "full", 5, 1.6)
    assert widget.figures() == {"cosine": 1.0, "ratio": 1.0, "steps": STEPS, "cached": STEPS}


def test_a_run_from_zero_shares_its_first_window_with_the_full_run(widget):
    place(widget, "zeroed", 8, 1.2)
    zeroed = widget.decades()
    place(widget, "carried", 8, 1.2)
    carried = widget.decades()
    assert np.allclose(zeroed[:8, :8], carried[:8, :8], equal_nan=True, atol=0.0101)
    inside = widget.kept()
    inside[:8] = False
    assert (np.abs(zeroed[inside] - carried[inside]) > 0.02).any()  # later windows read from another state
    assert np.isneginf(zeroed[20, :16]).all() and np.isfinite(carried[20, :16]).all()


def test_a_term_by_finite_differences():
    """term(t, k) of a small widget: the loss at t alone, W moved in the copy of step k alone."""
    small = bptt_window(gains=[1.5], windows=[2], steps=4, sequences=2, hidden_size=3, seed=5)
    rng = np.random.default_rng([5, 0])
    inputs, targets = rng.standard_normal((4, 2, 4)), rng.standard_normal((4, 2, 1))
    start = {"scheme": "orthogonal", "gain": 1.5, "dtype": np.float64}
    model = init_sequence_model(vanilla, 4, 3, 1, rng=np.random.default_rng([5, 1]), **start)

    def loss(flat, t, k):
        moved, at = [], 0
        for part in model.rnn:
            moved.append(flat[at : at + part.size].reshape(part.shape))
            at += part.size
        state = vanilla.initial_state(2, 3, np.float64)
        for step in range(t + 1):
            used = type(model.rnn)(*moved) if step == k else model.rnn
            state, _ = vanilla.step(used, inputs[step], state)
        error = state.h @ model.weight.T + model.bias - targets[t]
        return float((error**2).sum() / 8)

    flat = np.concatenate([p.ravel() for p in model.rnn])
    norms = np.full((4, 4), 0.0)
    for t in range(4):
        for k in range(t + 1):
            found = gradcheck.numerical_gradient(lambda v, t=t, k=k: loss(v, t, k), flat)
            norms[t, k] = np.linalg.norm(found)
    small.mode = "full"
    lower = np.tri(4, dtype=bool)
    expected = np.log10(norms[lower] / norms.max())
    assert np.allclose(small.decades()[lower], expected, rtol=0, atol=0.0052)


def test_static_form_and_words(widget):
    place(widget, "sliding", 5, 0.5)
    figure = widget.static()
    ax, bar = figure.axes
    assert len(ax.patches) == STEPS - 5  # a hatched stretch in each row that reaches back further
    assert ax.images[0].get_array().shape == (STEPS, STEPS, 4) and bar.get_ylabel()
    now, alt = widget.figures(), widget.alt_text()
    for part in (
        "820 terms",
        "Sliding",
        "window 5",
        "gain 0.5",
        f"{now['cosine']:.2f}",
        f"{now['steps']} backward",
    ):
        assert part in alt
    place(widget, "full", 5, 0.5)
    assert not widget.static().axes[0].patches and "window" not in widget.alt_text()


def test_state_stays_small(shared):
    """Two bytes a term, of the full run and of each run from zero; the same sum for the default grid."""
    inside = {w: int(truncation.kept(STEPS, w, w).sum()) for w in (*WINDOWS, *own.WINDOWS)}
    sizes = [
        2 * len(gains) * (820 + sum(inside[w] for w in windows))
        for gains, windows in ((GAINS, WINDOWS), (own.GAINS, own.WINDOWS))
    ]
    assert len(shared._terms) + len(shared._zeroed) == sizes[0] and sizes[1] < 60_000


def test_a_knob_takes_only_values_of_its_grid(widget):
    for knob, value in (("window", 7), ("mode", "none"), ("gain", 0.55)):
        with pytest.raises(traitlets.TraitError, match=f"BpttWindow: {knob} must be one of .*; got"):
            setattr(widget, knob, value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"gains": [0.0]}, ValueError, "gains must be a list of numbers > 0"),
        ({"gains": [1.0, 0.5]}, ValueError, "gains must rise from value to value"),
        ({"windows": [2.5]}, TypeError, "windows must be an int; got float"),
        ({"windows": [5, 50]}, ValueError, "windows must lie in 1..steps = 1..40; got 50"),
        ({"windows": []}, ValueError, "windows must hold at least one number"),
        ({"steps": 0}, ValueError, "steps must be at least 1; got 0"),
        ({"sequences": True}, TypeError, "sequences must be an int; got bool"),
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1; got 0"),
        ({"seed": -1}, ValueError, "seed must be an int >= 0; got -1"),
    ],
)
def test_bad_arguments_are_named(own_errors, arguments, error, message):
    with pytest.raises(error, match=f"bptt_window: {message}"):
        bptt_window(**arguments)


def test_one_step_and_codes_that_are_special():
    single = bptt_window(gains=[1.0], steps=1, sequences=1, hidden_size=1)
    assert single.decades().tolist() == [[0.0]] and single.window == 1
    assert single._grid["codes"] == base.CODES
    single.static()
