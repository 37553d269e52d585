"""Each spec against right answers in two styles and against wrong ones: only the right ones earn points."""

import numpy as np
import pytest
import sheet

from rnncourse.grading import shelf
from rnncourse.grading.judge import examine
from rnncourse.grading.local import LocalPlayer

MUTANTS = sheet.mutants()
# Random inputs are drawn afresh in use; here several draws stand for them.
SEEDS = range(3)


def verdict(exercise, part, cells, seed):
    player = LocalPlayer(sheet.namespace(exercise.id, part, cells))
    with np.errstate(all="ignore"):
        return examine(part, player, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("exercise", "part"), sheet.PARTS, ids=lambda v: v.id)
def test_the_solution_earns_all_points(exercise, part, seed):
    found = verdict(exercise, part, sheet.code_cells(exercise.id), seed)
    assert found.right, found.failures


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("exercise", "part"), sheet.PARTS, ids=lambda v: v.id)
def test_another_right_answer_earns_all_points(exercise, part, seed):
    second = sheet.answers(exercise.id).SECOND
    assert set(part.cells) <= set(second)
    found = verdict(exercise, part, second, seed)
    assert found.right, found.failures


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.part} {m.name}")
def test_a_wrong_answer_earns_nothing(mutant):
    exercise = sheet.EXERCISES[mutant.exercise]
    part = exercise.by_id[mutant.part]
    for seed in SEEDS:
        found = verdict(exercise, part, mutant.cells, seed)
        assert found.earned == 0
        assert found.failures[0].detail


@pytest.mark.parametrize(("exercise", "part"), sheet.PARTS, ids=lambda v: v.id)
def test_each_part_has_five_mutants(exercise, part):
    changes = sheet.answers(exercise.id).MUTANTS[part.id]
    assert len(changes) >= 5
    assert len({repr(change) for change in changes.values()}) == len(changes)


@pytest.mark.parametrize(("exercise", "part"), sheet.PARTS, ids=lambda v: v.id)
def test_an_unwritten_part_says_so(exercise, part):
    cells = sheet.code_cells(exercise.id, shelf.student_notebook(exercise.id))
    found = verdict(exercise, part, cells, 0)
    assert not found.written
    assert found.earned == 0
