"""The tasks on a stream: what the targets are, and what a window can know of them."""

import numpy as np
import pytest

from rnncourse.data import tasks
from rnncourse.data.tasks import flip_flop, recent_parity


def rng(seed=0):
    return np.random.default_rng(seed)


def last_command(column):
    """The targets of one switch, step by step."""
    state, answers = None, []
    for command in column:
        state = command if command else state
        answers.append(state)
    return answers


@pytest.mark.parametrize(("steps", "batch", "channels"), [(1, 1, 1), (30, 7, 1), (30, 5, 3)])
def test_the_switch_keeps_the_last_command(steps, batch, channels):
    inputs, targets = flip_flop(steps, batch, channels=channels, rate=0.3, rng=rng(1))
    assert inputs.shape == targets.shape == (steps, batch, channels)
    assert inputs.dtype == targets.dtype == np.float32
    assert set(np.unique(targets)) <= {-1.0, 1.0} and (inputs[0] != 0).all()
    for b in range(batch):
        for k in range(channels):
            assert targets[:, b, k].tolist() == last_command(inputs[:, b, k])


def test_commands_come_at_the_rate_and_are_fair():
    inputs, _ = flip_flop(200, 500, channels=2, rate=0.1, rng=rng(2))
    assert abs((inputs[1:] != 0).mean() - 0.1) < 0.003
    given = inputs[inputs != 0]
    assert abs(given.mean()) < 0.01
    pair = (inputs[1:, :, 0] != 0) & (inputs[1:, :, 1] != 0)
    assert abs(pair.mean() - 0.01) < 0.001  # the switches are independent


@pytest.mark.parametrize("width", [1, 3, 10])
def test_what_a_window_can_know(width):
    """The best guess from the last W inputs, by brute force: the last command in it, or a coin."""
    q = 0.1
    inputs, targets = flip_flop(60, 20_000, rate=q, rng=rng(3))
    window = inputs[60 - width :, :, 0]
    coin = rng(4).choice([-1, 1], inputs.shape[1])
    guess = np.where((window != 0).any(axis=0), 0, coin)
    for row in window:
        guess = np.where(row != 0, row, guess)
    accuracy = (guess == targets[-1, :, 0]).mean()
    assert abs(accuracy - (1 - 0.5 * (1 - q) ** width)) < 0.01


def test_edges_of_the_rate():
    inputs, targets = flip_flop(6, 3, rate=0.0, rng=rng())
    assert (inputs[1:] == 0).all() and (targets == inputs[0]).all()
    inputs, targets = flip_flop(6, 3, rate=1.0, rng=rng())
    assert np.array_equal(inputs, targets) and (inputs != 0).all()


@pytest.mark.parametrize("width", [1, 2, 4, 50])
def test_the_parity_of_the_recent_inputs(width):
    inputs, targets = recent_parity(12, 9, width=width, rng=rng(5), dtype=np.float64)
    for t in range(12):
        expected = inputs[max(0, t - width + 1) : t + 1].prod(axis=0)
        assert np.array_equal(targets[t], expected)
    assert set(np.unique(inputs)) == {-1.0, 1.0} and targets.dtype == np.float64


def test_seeds_decide():
    for draw in (lambda r: flip_flop(9, 4, rng=r), lambda r: recent_parity(9, 4, width=2, rng=r)):
        a, b, c = draw(rng(6)), draw(rng(6)), draw(rng(7))
        assert np.array_equal(a.inputs, b.inputs) and not np.array_equal(a.inputs, c.inputs)


def test_a_switch_that_forgets_fails(monkeypatch):
    """The test of the targets bites."""
    monkeypatch.setattr(tasks.np, "take_along_axis", lambda commands, latest, axis: commands)
    with pytest.raises(AssertionError):
        test_the_switch_keeps_the_last_command(30, 7, 1)


def test_bad_input(own_errors):
    cases = [
        (lambda: flip_flop(0, 3, rng=rng()), ValueError, "flip_flop: steps must be at least 1; got 0"),
        (lambda: flip_flop(4, 3, channels=0, rng=rng()), ValueError, "channels must be at least 1; got 0"),
        (lambda: flip_flop(4, 3, rate=1.5, rng=rng()), ValueError, "rate must lie in .0, 1.; got 1.5"),
        (lambda: flip_flop(4, 3, rate="0.1", rng=rng()), TypeError, "rate must be a number"),
        (lambda: flip_flop(4, 3, rng=1), TypeError, "flip_flop: rng must be a numpy.random.Generator"),
        (lambda: flip_flop(4, 3, rng=rng(), dtype=np.int64), TypeError, "dtype must be float32 or float64"),
        (
            lambda: recent_parity(4, 3, width=0, rng=rng()),
            ValueError,
            "width must be at least 1; got 0",
        ),
        (lambda: recent_parity(4, True, width=2, rng=rng()), TypeError, "batch must be an int; got bool"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
