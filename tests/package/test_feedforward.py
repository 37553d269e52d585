"""The feed-forward network: its gradient by finite differences, its windows, its errors."""

import numpy as np
import pytest

from rnncourse import functional
from rnncourse.gradcheck import numerical_gradient
from rnncourse.models import feedforward
from rnncourse.models.feedforward import init_feed_forward, loss_and_gradient, predict, windows


def rng(seed=0):
    return np.random.default_rng(seed)


def setting(loss, lead=(4, 3), dtype=np.float64):
    """(model, inputs, targets, mask) with some places masked."""
    model = init_feed_forward(5, 6, 2, rng=rng(1), dtype=dtype)
    inputs = rng(2).standard_normal((*lead, 5)).astype(dtype)
    if loss == "squared_error":
        targets = rng(3).standard_normal((*lead, 2)).astype(dtype)
    else:
        targets = rng(3).integers(0, 2, lead)
    mask = rng(4).random(lead) < 0.7
    mask.flat[0] = True
    return model, inputs, targets, mask


def test_the_equations_entry_by_entry():
    model, inputs, _, _ = setting("squared_error", (3,))
    for b in range(3):
        for o in range(2):
            total = model.bias[o]
            for k in range(6):
                a = model.bias_in[k] + sum(model.weight_in[k, i] * inputs[b, i] for i in range(5))
                total += model.weight[o, k] * np.tanh(a)
            assert predict(model, inputs)[b, o] == pytest.approx(total, rel=1e-12)


def test_a_fresh_network_starts_as_torch_starts_linear_layers():
    model = init_feed_forward(400, 300, 50, rng=rng(), dtype=np.float32)
    assert [a.shape for a in model] == [(300, 400), (300,), (50, 300), (50,)]
    assert {a.dtype for a in model} == {np.dtype(np.float32)}
    for array, size in zip(model, (400, 400, 300, 300), strict=True):
        k = size**-0.5
        assert np.abs(array).max() <= k and np.abs(array).max() > 0.9 * k
    assert abs(model.weight_in.var() - 1 / 1200) < 2e-5


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("masked", [True, False])
def test_the_gradient_by_finite_differences(loss, masked):
    model, inputs, targets, mask = setting(loss)
    mask = mask if masked else None
    value, gradient = loss_and_gradient(model, inputs, targets, mask, loss=loss)
    assert value == getattr(functional, loss)(predict(model, inputs), targets, mask)[0]
    for name in model._fields:

        def moved(v, name=name):
            return loss_and_gradient(model._replace(**{name: v}), inputs, targets, mask, loss=loss)[0]

        found = getattr(gradient, name)
        np.testing.assert_allclose(found, numerical_gradient(moved, getattr(model, name)), rtol=0, atol=1e-8)


def test_float32_stays_and_nothing_is_written_to():
    model, inputs, targets, mask = setting("squared_error", dtype=np.float32)
    before = [a.copy() for a in (*model, inputs, targets)]
    _, gradient = loss_and_gradient(model, inputs, targets, mask)
    assert {a.dtype for a in gradient} == {np.dtype(np.float32)}
    assert predict(model, inputs).dtype == np.float32
    assert all(np.array_equal(a, b) for a, b in zip(before, (*model, inputs, targets), strict=True))


@pytest.mark.parametrize("width", [1, 2, 4, 9])
def test_a_window_holds_the_last_inputs_newest_last(width):
    inputs = rng(5).standard_normal((4, 3, 2))
    found = windows(inputs, width)
    assert found.shape == (4, 3, 2 * width)
    for t in range(4):
        for b in range(3):
            seen = [inputs[s, b] if s >= 0 else np.zeros(2) for s in range(t - width + 1, t + 1)]
            assert np.array_equal(found[t, b], np.concatenate(seen))
    assert np.shares_memory(windows(inputs, 1), inputs) is False


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(1 - hidden * hidden)", "(1 - hidden)"),
        ("dhidden *", "dhidden +"),
        ("dpredictions, hidden", "dpredictions, hidden * hidden"),
    ],
)
def test_a_wrong_gradient_is_found(old, new, monkeypatch):
    import inspect

    code = inspect.getsource(loss_and_gradient)
    assert old in code
    space = dict(vars(feedforward))
    exec(compile(code.replace(old, new), "mutant", "exec"), space)
    monkeypatch.setitem(globals(), "loss_and_gradient", space["loss_and_gradient"])
    with pytest.raises(AssertionError):
        test_the_gradient_by_finite_differences("squared_error", False)


def test_bad_input(own_errors):
    model, inputs, targets, _ = setting("squared_error")
    cases = [
        (lambda: init_feed_forward(0, 2, 1, rng=rng()), ValueError, "input_size must be at least 1; got 0"),
        (lambda: init_feed_forward(3, 2, 1, rng=1), TypeError, "rng must be a numpy.random.Generator"),
        (lambda: init_feed_forward(3, 2, 1, rng=rng(), dtype=int), TypeError, "dtype must be float32"),
        (lambda: predict(model, inputs[..., :4]), ValueError, "linear: x must have shape"),
        (lambda: loss_and_gradient(model, inputs, targets, loss="hinge"), ValueError, "loss must be one of"),
        (lambda: loss_and_gradient(model, inputs, targets[1:]), ValueError, "targets must have shape"),
        (lambda: windows(inputs, 0), ValueError, "windows: width must be at least 1; got 0"),
        (lambda: windows(inputs[0], 2), ValueError, "windows: inputs must have shape .T, B, I."),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
