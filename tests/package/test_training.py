"""Clipping, optimisers and the loop: closed forms, and that nothing given is written to."""

from functools import partial

import numpy as np
import pytest

from rnncourse.cells import lstm, vanilla
from rnncourse.data.tasks import adding
from rnncourse.gradcheck import numerical_gradient
from rnncourse.models.sequence import init_sequence_model, last_step, loss_and_gradient, predict
from rnncourse.training.clipping import clip_by_norm, global_norm
from rnncourse.training.loop import leaves, rebuild, train
from rnncourse.training.optimisers import SGD, Adam


def test_clipped_norm_is_the_threshold():
    gradients = [np.array([3.0, 0.0]), np.array([[4.0]])]
    clipped, norm = clip_by_norm(gradients, 2.0)
    assert norm == 5
    assert global_norm(clipped) == pytest.approx(2)
    np.testing.assert_allclose(clipped[0], [1.2, 0])  # the direction stays
    np.testing.assert_array_equal(gradients[0], [3, 0])


@pytest.mark.parametrize("threshold", [5.0, 100.0])
def test_a_norm_at_or_below_the_threshold_stays(threshold):
    clipped, _ = clip_by_norm([np.array([3.0, 4.0])], threshold)
    np.testing.assert_array_equal(clipped[0], [3, 4])


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_norm_neither_overflows_nor_underflows(size):
    gradient = np.full(4, size, np.float32)
    assert global_norm([gradient]) == pytest.approx(2 * size, rel=1e-6)
    assert global_norm([np.zeros(3)]) == 0 and global_norm([]) == 0


def test_clipping_keeps_the_dtype():
    assert clip_by_norm([np.ones(3, np.float32)], 0.1)[0][0].dtype == np.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clipping_refuses_what_has_no_direction(bad):
    with pytest.raises(ValueError, match="the gradient's norm must be finite"):
        clip_by_norm([np.array([1.0, bad])], 1.0)
    with pytest.raises(ValueError, match="the gradient's norm must be finite"):
        clip_by_norm([np.zeros(2), np.array([bad])], 1.0)
    for threshold in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="threshold must be"):
            clip_by_norm([np.ones(2)], threshold)


def test_sgd_by_hand_and_bad_rates():
    p, g = np.array([1.0, 2.0]), np.array([10.0, -10.0])
    np.testing.assert_allclose(SGD(0.1).update([p], [g])[0], [0, 3])
    np.testing.assert_array_equal(p, [1, 2])
    for kind in (SGD, Adam):
        for lr in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="lr must be a finite number"):
                kind(lr)


def test_first_step_of_adam_has_the_size_of_the_rate():
    """m/√v = g/|g| at the first step, whatever the gradient's size."""
    p = np.zeros(3)
    new = Adam(0.01).update([p], [np.array([1e-3, -5.0, 1e4])])[0]
    np.testing.assert_allclose(new, [-0.01, 0.01, -0.01], rtol=1e-4)
    assert not p.any()


def small_model(dtype=np.float64):
    return init_sequence_model(lstm, 2, 3, 1, rng=np.random.default_rng(0), dtype=dtype)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_model_gradient_equals_finite_differences(loss):
    rng = np.random.default_rng(1)
    outputs = 1 if loss == "squared_error" else 3
    model = init_sequence_model(lstm, 2, 3, outputs, rng=rng, dtype=np.float64)
    inputs = rng.standard_normal((4, 2, 2))
    targets = rng.standard_normal((4, 2, 1)) if outputs == 1 else rng.integers(0, 3, (4, 2))
    call = partial(
        loss_and_gradient,
        inputs=inputs,
        targets=targets,
        mask=last_step(4, 2, [4, 2]),
        loss=loss,
        lengths=[4, 2],
    )
    _, gradient = call(lstm, model)
    arrays = leaves(model)
    for k, (array, got) in enumerate(zip(arrays, leaves(gradient), strict=True)):

        def f(value, k=k):
            return call(lstm, rebuild(model, iter([*arrays[:k], value, *arrays[k + 1 :]])))[0]

        np.testing.assert_allclose(got, numerical_gradient(f, array), atol=1e-9)


def test_last_step_masks_one_place_a_sequence():
    np.testing.assert_array_equal(last_step(3, 2), [[False] * 2, [False] * 2, [True] * 2])
    np.testing.assert_array_equal(last_step(3, 2, [1, 3]), [[True, False], [False] * 2, [False, True]])
    with pytest.raises(ValueError, match=r"last_step: lengths must lie in 1..T"):
        last_step(3, 2, [0, 3])


def test_train_learns_yields_records_and_leaves_the_model_alone():
    """An easy target: the mean of the inputs so far has a linear recurrence."""
    rng, cell = np.random.default_rng(0), vanilla
    model = init_sequence_model(cell, 1, 8, 1, rng=rng)
    before = [a.copy() for a in leaves(model)]

    def batches():
        for _ in range(200):
            x = rng.uniform(-1, 1, (5, 16, 1)).astype(np.float32)
            yield x, x.cumsum(axis=0) / 5

    records = list(
        train(model, batches(), Adam(0.01), loss_and_gradient=partial(loss_and_gradient, cell), threshold=1.0)
    )
    losses = [record.loss for record, _ in records]
    assert [r.step for r, _ in records] == list(range(1, 201))
    assert np.mean(losses[-20:]) < 0.1 * np.mean(losses[:5])
    for a, b in zip(leaves(model), before, strict=True):
        np.testing.assert_array_equal(a, b)
    trained = records[-1][1]
    assert predict(cell, trained, np.zeros((5, 1, 1), np.float32)).shape == (5, 1, 1)


def test_train_stops_at_a_loss_that_is_not_finite():
    def broken(model, number):
        return (float("nan") if number == 2 else 1.0), model

    with pytest.raises(FloatingPointError, match="got nan at step 3") as caught:
        list(train(small_model(), [(0,), (1,), (2,)], SGD(0.1), loss_and_gradient=broken))
    assert "gradient norm of the step before" in str(caught.value)


@pytest.mark.parametrize("threshold", [None, 1.0])
def test_train_stops_at_a_gradient_that_is_not_finite(threshold):
    def broken(model, _):
        gradient = rebuild(model, iter([np.full_like(a, np.inf) for a in leaves(model)]))
        return 1.0, gradient

    with pytest.raises(FloatingPointError, match="got a norm of inf at step 1"):
        list(train(small_model(), [(0,)], SGD(0.1), loss_and_gradient=broken, threshold=threshold))


def test_a_real_run_that_explodes_stops_with_the_step():
    """A ReLU cell, plain gradient descent, a rate that is far too high: what a student meets."""
    cell = vanilla.with_activation("relu")
    rng = np.random.default_rng(0)
    model = init_sequence_model(cell, 2, 16, 1, rng=rng, scheme="identity", dtype=np.float64)
    batches = [(*adding(40, 8, rng=rng, dtype=np.float64), last_step(40, 8)) for _ in range(100)]
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(FloatingPointError, match=r"must stay finite; got .* at step \d+"),
    ):
        list(train(model, batches, SGD(1e3), loss_and_gradient=partial(loss_and_gradient, cell)))


def test_padding_never_counts_in_the_loss():
    rng = np.random.default_rng(0)
    model, inputs = small_model(), rng.standard_normal((6, 2, 2))
    targets = rng.standard_normal((6, 2, 1))
    other = targets.copy()
    other[2:, 1] = 1e3
    for mask in (None, np.ones((6, 2), bool)):
        losses = [
            loss_and_gradient(lstm, model, inputs, t, mask, lengths=[6, 2])[0] for t in (targets, other)
        ]
        assert losses[0] == losses[1]


@pytest.mark.usefixtures("own_errors")
@pytest.mark.parametrize("mask", [np.ones((6, 1), bool), np.ones((1, 2), bool), np.ones((6, 2), int), [True]])
def test_a_mask_never_broadcasts_with_lengths(mask):
    inputs, targets = np.zeros((6, 2, 2)), np.zeros((6, 2, 1))
    with pytest.raises(ValueError, match=r"mask must be a bool array of shape \(6, 2\)"):
        loss_and_gradient(lstm, small_model(), inputs, targets, mask, lengths=[6, 2])


@pytest.mark.parametrize("optimiser", [SGD(0.1), Adam(0.1)], ids=["SGD", "Adam"])
def test_optimisers_never_broadcast(optimiser):
    with pytest.raises(
        ValueError, match=r"gradients must have the parameters' shapes \[\(2, 3\)\]; got \[\(3,\)\]"
    ):
        optimiser.update([np.zeros((2, 3))], [np.zeros(3)])


def test_adam_serves_one_list_of_parameters():
    adam = Adam(0.1)
    adam.update([np.zeros(2)], [np.ones(2)])
    with pytest.raises(ValueError, match="the state of this instance"):
        adam.update([np.zeros(3)], [np.ones(3)])
    with pytest.raises(ValueError, match="betas must lie in"):
        Adam(0.1, betas=(1.0, 0.9))


def test_unknown_loss():
    batch = adding(4, 2, rng=np.random.default_rng(0), dtype=np.float64)
    with pytest.raises(ValueError, match="loss must be one of squared_error, cross_entropy; got 'hinge'"):
        loss_and_gradient(lstm, small_model(), *batch, loss="hinge")


# The adding problem


def test_adding_says_what_it_promises():
    inputs, targets = adding(9, 2000, rng=np.random.default_rng(0), dtype=np.float64)
    numbers, flags = inputs[..., 0], inputs[..., 1]
    assert (flags[:4].sum(axis=0) == 1).all() and (flags[4:].sum(axis=0) == 1).all()
    np.testing.assert_allclose(targets[-1, :, 0], (numbers * flags).sum(axis=0))
    assert (targets == targets[0]).all()
    # The sceptic's baseline: always 1, an error of 1/6.
    assert ((targets[-1] - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.1)
    again = adding(9, 2000, rng=np.random.default_rng(0), dtype=np.float64)
    np.testing.assert_array_equal(inputs, again.inputs)


@pytest.mark.usefixtures("own_errors")
def test_adding_refuses():
    rng = np.random.default_rng(0)
    for call, error, message in [
        (lambda: adding(1, 3, rng=rng), ValueError, "steps must be at least 2, to hold two flags; got 1"),
        (lambda: adding(5, 0, rng=rng), ValueError, "batch must be at least 1; got 0"),
        (lambda: adding(5, 3, rng=3), TypeError, "rng must be a numpy.random.Generator"),
    ]:
        with pytest.raises(error, match=message):
            call()
