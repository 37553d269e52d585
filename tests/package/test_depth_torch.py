"""Labellers, the cascade, and trials of depth: against torch.nn, enumeration, and by their effects."""

import numpy as np
import pytest
import torch

from rnncourse.data.cascade import cascade
from rnncourse.models.labeller_torch import Labeller, accuracy, bits, hidden_for, learn, parameters
from rnncourse.training.depth_torch import BUDGETS, NAMES, depth_trial, problem


def batch(steps=5, size=4, inputs=3, outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((steps, size, inputs)).astype(np.float32)
    return x, rng.integers(0, outputs, (steps, size)), rng.random((steps, size)) < 0.5


@pytest.mark.parametrize("layers", [1, 2, 5])
@pytest.mark.parametrize("cell", ["vanilla", "gru", "lstm"])
def test_parameters_counts_what_torch_has(cell, layers):
    model = Labeller(3, 7, 2, layers=layers, cell=cell)
    assert parameters(3, 7, 2, layers=layers, cell=cell) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("budget", [1, 500, 8060])
@pytest.mark.parametrize("layers", [1, 4])
def test_hidden_for_is_the_closest_of_all(layers, budget):
    best = min(range(1, 200), key=lambda h: abs(parameters(6, h, 4, layers=layers) - budget))
    assert hidden_for(budget, 6, 4, layers=layers) == best


def test_bits_and_accuracy_by_their_definition():
    model, (x, y, mask) = Labeller(3, 6, 2, layers=2, bidirectional=True), batch()
    with torch.no_grad():
        p = torch.softmax(model(torch.tensor(x)), dim=2).double().numpy()
        got = float(bits(model, (x, y, mask)))
    of_target = np.take_along_axis(p, y[:, :, None], axis=2)[:, :, 0]
    assert got == pytest.approx(-np.log2(of_target[mask]).mean(), rel=1e-5)
    assert accuracy(model, (x, y, mask)) == pytest.approx((p.argmax(2) == y)[mask].mean())


def test_learn_lowers_the_loss_and_ends_in_evaluation():
    torch.manual_seed(0)
    model, given = Labeller(3, 16, 2, layers=2, dropout=0.2), batch()
    before = bits(model.eval(), given).item()
    assert learn(model, lambda: given, 60, optimiser=torch.optim.Adam(model.parameters(), 0.02)) is model
    assert not model.training
    assert bits(model, given).item() < before / 2


def test_learn_says_when_the_loss_is_no_number():
    x, y, _ = batch()
    model = Labeller(3, 4, 2)
    optimiser = torch.optim.SGD(model.parameters(), 1.0)
    with pytest.raises(FloatingPointError, match="learn: the loss must stay finite; got nan at step 1"):
        learn(model, lambda: (x * np.nan, y, np.ones(y.shape, bool)), 3, optimiser=optimiser)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"cell": "mlp"}, "cell"), ({"layers": 0}, "layers"), ({"dropout": 1.0}, "dropout must lie in")],
)
def test_labeller_names_what_is_wrong(own_errors, options, message):
    with pytest.raises(ValueError, match=f"Labeller: .*{message}"):
        Labeller(3, 4, 2, **options)


def test_cascade_by_enumeration():
    """Every history of one stage, by the truth table of rule 30."""
    table = {(0, 0, 0): 0, (0, 0, 1): 1, (0, 1, 0): 1, (0, 1, 1): 1}
    table |= {(1, 0, 0): 1, (1, 0, 1): 0, (1, 1, 0): 0, (1, 1, 1): 0}  # (now, before, before that)
    x, y, mask = cascade(40, 20, stages=2, rng=np.random.default_rng(0))
    assert set(np.unique(x)) == {-1, 1}
    assert mask.all()
    for b in range(20):
        row = [0, 0, *((x[:, b, 0] + 1) // 2).astype(int)]
        for _ in range(2):
            row = [0, 0, *(table[row[t], row[t - 1], row[t - 2]] for t in range(2, len(row)))]
        assert row[2:] == y[:, b].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_fits_its_own_sizes(name):
    task = problem(name)
    for x, y, mask in (task.draw(np.random.default_rng(0)), task.exam("valid"), task.exam("test")):
        assert x.shape == (*y.shape, task.inputs)
        assert mask.any()
        assert 0 <= y.min() <= y.max() < task.outputs
    sizes = [
        parameters(task.inputs, hidden_for(BUDGETS[name], task.inputs, task.outputs, layers=n),
                   task.outputs, layers=n)
        for n in (1, 2, 3, 4, 5)
    ]  # fmt: skip
    assert max(sizes) / min(sizes) < 1.04
    assert not np.array_equal(task.exam("valid")[1], task.exam("test")[1])


def trial(marks, seed=0, **options):
    return depth_trial("cascade", 1, budget=200, seed=seed, lr=0.01, marks=marks, **options)


def test_a_trial_repeats_and_its_marks_do_not_change_it():
    once, again = dict(trial((1, 3))), dict(trial((3,)))
    assert once[3] == again[3]
    assert once[3] != dict(trial((3,), seed=1))[3]
    assert once[1] != once[3]


def test_between_two_marks_the_caller_keeps_its_gradients():
    for _ in trial((1, 2)):
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("marks", [(), (2, 1), (0, 1), (1, 1)])
def test_marks_must_rise(marks):
    with pytest.raises(ValueError, match="depth_trial: marks must be numbers of updates that rise from 1"):
        next(trial(marks))
