"""Streams, windows and the carried state: nothing lost, nothing twice, and the gradient of the cut sum."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from rnncourse import functional, gradcheck, truncation, unroll
from rnncourse.cells import lstm, vanilla
from rnncourse.models.sequence import init_sequence_model, loss_and_gradient, loss_gradient_and_state
from rnncourse.params.trees import leaves
from rnncourse.training.loop import train
from rnncourse.training.optimisers import SGD
from rnncourse.training.truncated import Carried, streams, windows


def test_streams_cut_one_sequence_into_parts_that_go_on():
    cut = streams(np.arange(11), 3)
    assert np.array_equal(cut, [[0, 3, 6], [1, 4, 7], [2, 5, 8]])  # 9 and 10 are left out
    assert np.array_equal(streams(np.arange(5), 1)[:, 0], np.arange(5))
    assert np.array_equal(streams(np.arange(5), 5), [[0, 1, 2, 3, 4]])
    vectors = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    assert streams(vectors, 4).shape == (5, 4, 2) and streams(vectors, 4).dtype == np.float32
    assert np.array_equal(streams(vectors, 4)[:, 2], vectors[10:15])


def test_streams_are_a_copy_in_one_block():
    tokens = np.arange(12)
    cut = streams(tokens, 3)
    cut[:] = -1
    assert tokens.min() == 0 and cut.flags.c_contiguous


@pytest.mark.parametrize("window", [1, 3, 4, 10, 99])
def test_windows_follow_each_other_and_miss_nothing(window):
    inputs, targets = np.arange(20).reshape(10, 2), np.arange(10)
    parts = list(windows(inputs, targets, window=window))
    assert np.array_equal(np.concatenate([x for x, _ in parts]), inputs)
    assert np.array_equal(np.concatenate([y for _, y in parts]), targets)
    assert all(len(x) == len(y) == window for x, y in parts[:-1]) and 1 <= len(parts[-1][0]) <= window


def test_every_next_token_is_asked_once():
    tokens = np.random.default_rng(0).integers(0, 50, 103)
    text = streams(tokens, 4)  # (25, 4)
    pairs = [
        (int(a), int(b))
        for x, y in windows(text[:-1], text[1:], window=7)
        for a, b in zip(x.ravel(), y.ravel(), strict=True)
    ]
    own = [tokens[25 * b : 25 * b + 25].tolist() for b in range(4)]
    expected = [pair for stream in own for pair in pairwise(stream)]
    assert sorted(pairs) == sorted(expected) and len(pairs) == 4 * 24


def long_run(cell, dtype=np.float64):
    rng = np.random.default_rng(0)
    model = init_sequence_model(cell, 3, 5, 2, rng=rng, dtype=dtype)
    return model, rng.standard_normal((12, 4, 3)).astype(dtype), rng.integers(0, 2, (12, 4))


@pytest.mark.parametrize("cell", [vanilla, lstm])
@pytest.mark.parametrize("window", [1, 3, 5, 12, 40])
def test_carried_gradients_add_up_to_the_terms_inside_the_windows(cell, window):
    model, inputs, targets = long_run(cell)
    carried = Carried(partial(loss_gradient_and_state, cell, loss="cross_entropy"))
    total, loss = [np.zeros_like(p) for p in leaves(model)], 0.0
    for x, y in windows(inputs, targets, window=window):
        value, gradient = carried(model, x, y)
        share = len(x) / len(inputs)  # the mean over a window, as part of the mean over all
        loss += share * value
        for sum_so_far, part in zip(total, leaves(gradient), strict=True):
            sum_so_far += share * part

    whole, _ = loss_and_gradient(cell, model, inputs, targets, loss="cross_entropy")
    assert loss == pytest.approx(whole, rel=1e-12)  # carried: the windows compute what the whole run does
    outputs, last, caches = unroll.forward(cell, model.rnn, inputs)
    for a, b in zip(carried.state, last, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-14)
    scores = functional.linear(outputs, model.weight, model.bias)
    _, dscores = functional.cross_entropy(scores, targets)
    doutputs, dweight, dbias = functional.linear_backward(dscores, outputs, model.weight)
    terms = truncation.terms(cell, doutputs, caches)
    expected = truncation.total(terms, truncation.kept(12, window, window))
    for got, want in zip(total, [*expected, dweight, dbias], strict=True):
        assert gradcheck.relative_error(got, want) < 1e-13


def test_reset_starts_from_zero_again():
    model, inputs, targets = long_run(lstm)
    carried = Carried(partial(loss_gradient_and_state, lstm, loss="cross_entropy"))
    first, _ = carried(model, inputs[:3], targets[:3])
    again, _ = carried(model, inputs[:3], targets[:3])
    assert first != again  # the state went on
    carried.reset()
    assert carried.state is None and carried(model, inputs[:3], targets[:3])[0] == first


def test_without_a_state_both_functions_of_the_model_agree():
    model, inputs, targets = long_run(vanilla)
    ask = {"loss": "cross_entropy", "lengths": [12, 5, 1, 7]}
    value, gradient = loss_and_gradient(vanilla, model, inputs, targets, **ask)
    other, same, last = loss_gradient_and_state(vanilla, model, inputs, targets, **ask)
    assert value == other
    assert all(np.array_equal(a, b) for a, b in zip(leaves(gradient), leaves(same), strict=True))
    assert np.array_equal(last.h, unroll.forward(vanilla, model.rnn, inputs, lengths=ask["lengths"])[1].h)


def test_the_gradient_from_a_given_state_equals_finite_differences():
    model, inputs, targets = long_run(vanilla)
    state = vanilla.State(np.random.default_rng(1).standard_normal((4, 5)))
    ask = partial(loss_gradient_and_state, vanilla, loss="cross_entropy", state=state)
    _, gradient, _ = ask(model, inputs, targets)

    def loss(weight):
        return ask(model._replace(rnn=model.rnn._replace(weight_hh=weight)), inputs, targets)[0]

    expected = gradcheck.numerical_gradient(loss, model.rnn.weight_hh)
    assert gradcheck.relative_error(gradient.rnn.weight_hh, expected) < 1e-8


def test_it_trains_in_the_loop_and_stays_in_float32():
    model, inputs, targets = long_run(lstm, np.float32)
    carried = Carried(partial(loss_gradient_and_state, lstm, loss="cross_entropy"))
    repeated = (part for _ in range(40) for part in windows(inputs, targets, window=5))
    records = list(train(model, repeated, SGD(0.5), loss_and_gradient=carried))
    losses = [record.loss for record, _ in records]
    assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.05
    assert {p.dtype for p in (*leaves(records[-1][1]), *carried.state)} == {np.dtype(np.float32)}


def test_a_loss_that_is_not_finite_stops_the_loop_and_names_the_step():
    model, inputs, targets = long_run(vanilla)
    broken = model._replace(bias=np.array([np.inf, 0.0]))
    carried = Carried(partial(loss_gradient_and_state, vanilla, loss="cross_entropy"))
    with np.errstate(invalid="ignore"), pytest.raises(FloatingPointError, match="at step 1"):
        list(train(broken, windows(inputs, targets, window=5), SGD(0.1), loss_and_gradient=carried))


@pytest.mark.usefixtures("own_errors")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: streams(np.arange(3), 4),
            ValueError,
            "streams: sequence must have at least batch = 4 .*got 3",
        ),
        (lambda: streams(np.arange(3), 0), ValueError, "streams: batch must be at least 1; got 0"),
        (lambda: streams([1, 2, 3], 1), TypeError, "streams: sequence must be a numpy array.*got list"),
        (lambda: streams(np.array(3), 1), TypeError, "at least one axis; got one number"),
        (lambda: windows(np.arange(3), window=0), ValueError, "windows: window must be at least 1; got 0"),
        (lambda: windows(np.arange(3), window=1.5), TypeError, "windows: window must be an int; got float"),
        (lambda: windows(np.arange(3), np.arange(4), window=2), ValueError, r"got the lengths \[3, 4\]"),
        (lambda: windows(np.arange(0), window=2), ValueError, r"T >= 1; got the lengths \[0\]"),
        (lambda: windows(window=2), ValueError, r"at least one.*got the lengths \[\]"),
        (lambda: windows(np.arange(3), [1, 2, 3], window=2), TypeError, r"arrays\[1\] must be a numpy array"),
        (lambda: Carried(3), TypeError, "Carried: function must be callable; got int"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.usefixtures("own_errors")
def test_a_state_of_another_batch_is_named():
    model, inputs, targets = long_run(vanilla)
    carried = Carried(partial(loss_gradient_and_state, vanilla, loss="cross_entropy"))
    carried(model, inputs, targets)
    with pytest.raises(ValueError, match="state.h must have shape"):
        carried(model, inputs[:, :2], targets[:, :2])
