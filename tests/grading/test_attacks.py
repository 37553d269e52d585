"""Hostile submissions, graded for real: none gets a point, a file, a connection, a process, or more time."""

import functools
import platform
import re
import threading
import time

import hostile
import pytest
from attacks import ending, exhaustion, frames, kernel, odd, snooping, sources, tampering, values

from rnncourse.grading import boxes, grade
from rnncourse.grading.bubblewrap import BubblewrapBox
from rnncourse.grading.session import GRACE_SECONDS, Limits

resource = pytest.importorskip("resource", reason="about POSIX")
LIMITS = Limits(memory=256 * 2**20)
# One part: the longest time at the import or at one call, and what it takes to start and end a worker.
SECONDS = grade.DEFINE_SECONDS + GRACE_SECONDS + 5.0
FAMILIES = (tampering, frames, values, exhaustion, ending, sources)
ATTACKS = {
    f"{family.__name__.rpartition('.')[2]}: {name}": attack
    for family in FAMILIES
    for name, attack in family.ATTACKS.items()
}
SECRETS = {f"snooping: {name}": look for name, look in snooping.LOOKS.items()}
NETWORK = {f"network: {name}": look for name, look in snooping.NETWORK.items()}
BLIND = {f"snooping: {name}": look for name, look in snooping.BLIND.items()} | {
    f"kernel: {name}": look for name, look in kernel.ATTACKS.items()
}
# i386's and x32's numbers for getpid.
CODES = {
    "int 0x80": b"\xb8\x14\x00\x00\x00\xcd\x80\xc3",
    "x32": b"\xb8\x27\x00\x00\x40\x0f\x05\xc3",
}


@pytest.fixture(scope="module")
def scene(sandbox_works, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        found = hostile.Scene(tmp_path_factory.mktemp("scene"))
        patch.chdir(found.work)
        for name, value in found.environment.items():
            patch.setenv(name, value)
        yield found
        found.close()


@pytest.fixture(scope="module")
def box(scene):
    """One box for the whole suite; afterwards nothing of it is left."""
    before = hostile.descriptors()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    box = boxes.open_box("bubblewrap", limits=LIMITS)
    assert isinstance(box, BubblewrapBox)
    yield box
    group = box.cgroup.path if box.cgroup else None
    box.close()
    assert hostile.wait_for_none(box) == []
    assert group is None or not group.exists()
    assert hostile.descriptors() == before
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    assert grown < 400 * 1024, f"the grader grew by {grown // 1024} MB"


def attack(scene, box, cell):
    """The outcome of a hostile cell, of which nothing but the outcome may be left."""
    data = hostile.submission(cell)
    scene.heard.clear()
    started = time.perf_counter()
    outcome = grade.grade_bytes(data, expected="02", specs=scene.specs, seed=1, box=box)
    took = time.perf_counter() - started
    assert outcome.status == "graded", outcome
    assert took < SECONDS
    told = repr(outcome)
    assert [text for text in hostile.TELLTALES if text in told] == [], told
    assert told.encode("utf-8")
    assert len(told) < 10_000
    assert scene.heard == []
    assert hostile.wait_for_none(box) == []
    return outcome


def failing(outcome):
    """The property that fails first: "time", "memory", "ended", "reply" where the worker had to be ended."""
    return outcome.verdicts[0].failures[0].property


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_nothing(scene, box, name):
    expected, source = ATTACKS[name]
    outcome = attack(scene, box, scene.cell(source))
    assert outcome.earned == 0
    assert re.fullmatch(expected, failing(outcome)), outcome


@pytest.mark.parametrize("name", SECRETS | NETWORK | BLIND)
def test_nothing_is_found_inside(scene, box, name):
    cell = scene.looking((SECRETS | NETWORK | BLIND)[name])
    assert attack(scene, box, cell).earned == 0
    said = hostile.ask(box, cell)
    assert "'results'" in said  # it ran, and told what it found
    assert [text for text in hostile.TELLTALES if text in said] == [], said


@pytest.mark.parametrize("name", SECRETS)
def test_the_same_look_finds_it_outside(scene, name):
    marker = "step_cases" if "import" in name else hostile.TOKEN
    assert marker in hostile.ask(boxes.open_box("unsafe"), scene.looking(SECRETS[name]))


@pytest.mark.parametrize("name", NETWORK)
def test_the_same_connection_is_heard_outside(scene, name):
    scene.heard.clear()
    assert "connected" in hostile.ask(boxes.open_box("unsafe"), scene.looking(NETWORK[name]))
    deadline = time.monotonic() + 5
    while not scene.heard and time.monotonic() < deadline:
        time.sleep(0.01)
    assert scene.heard
    scene.heard.clear()


def number(name):
    import pyseccomp

    return pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)


def test_the_kernel_refuses_all_that_is_not_listed(scene, box):
    numbers = {name: number(name) for name in kernel.REFUSED}
    numbers = {name: value for name, value in numbers.items() if value >= 0}
    assert len(numbers) > 80
    cell = scene.looking(kernel.SYSCALLS, NUMBERS=numbers)
    assert attack(scene, box, cell).earned == 0
    assert "none" in hostile.ask(box, cell)
    assert "OPENED" not in hostile.ask(box, cell)


def test_clone_makes_no_process_whatever_its_flags(scene, box):
    cell = scene.looking(kernel.CLONE, CLONE=number("clone"))
    assert attack(scene, box, cell).earned == 0
    said = hostile.ask(box, cell)
    assert "none" in said
    assert "OPENED" not in said


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code for x86_64")
@pytest.mark.parametrize("name", CODES)
def test_numbers_of_another_architecture_are_refused(scene, box, name):
    outcome = attack(scene, box, scene.looking(kernel.MACHINE_CODE, CODE=repr(CODES[name])))
    assert outcome.earned == 0


@pytest.mark.parametrize("name", odd.ANSWERS)
def test_an_odd_but_right_answer_gets_all_points(scene, box, name):
    outcome = attack(scene, box, scene.cell(odd.ANSWERS[name]))
    assert outcome.earned == 2, outcome


def test_points_and_locked_cells_of_the_notebook_do_not_count(scene, box):
    cheat = "import numpy as np\nnp.tanh = lambda a: a\ndef rnn_step(*a): return 0, 0\n"
    wrong = hostile.submission(
        "def rnn_step(x, h, *weights):\n    return 0 * h, None\n", setup=cheat, checker=cheat
    )
    wrong = wrong.replace(b'"points": 2', b'"points": 1000').replace(b'"locked": true', b'"locked": false')
    outcome = grade.grade_bytes(wrong, seed=1, box=box)
    assert outcome.earned == 0
    assert [verdict.points for verdict in outcome.verdicts] == [2, 3, 2, 3]


def test_a_submission_that_hangs_everywhere_takes_its_total_and_no_more(scene, box, monkeypatch):
    monkeypatch.setattr(grade, "SandboxPlayer", functools.partial(grade.SandboxPlayer, total=3.0))
    hang = scene.cell("_ = sum(iter(int, 1))\n")
    others = ("rnn_step_backward", "rnn_forward", "cross_entropy")
    started = time.perf_counter()
    data = hostile.submission(hang, **dict.fromkeys(others, hang))
    outcome = grade.grade_bytes(data, seed=1, box=box)
    assert outcome.status == "graded"
    assert outcome.earned == 0
    assert "used up its time" in outcome.verdicts[-1].failures[0].detail
    assert time.perf_counter() - started < 3 + 5
    assert hostile.wait_for_none(box) == []


def test_after_all_that_the_right_answers_still_get_all_points(box):
    for seed in range(3):
        outcome = grade.grade_bytes(hostile.right_answers(), seed=seed, box=box)
        assert outcome.earned == 10, outcome


def test_a_watchdog_that_comes_late_leaves_the_next_worker_alone(box):
    first = box.open()
    first.close()
    second = box.open()
    try:
        first._on_time_out(threading.Event())
        assert second.ask({"op": "define", "cells": [], "imports": []}, 5)[0] == {"cell": None}
    finally:
        second.close()


def test_there_are_enough():
    assert len(ATTACKS) + len(SECRETS) + len(NETWORK) + len(BLIND) >= 150
