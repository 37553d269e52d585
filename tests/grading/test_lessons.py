"""What was found the hard way by those who graded before: each lesson has a test that fails without it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import sheet

from rnncourse.grading import boxes, bubblewrap, grade
from rnncourse.grading.grade import grade_bytes
from rnncourse.grading.judge import StudentFault
from rnncourse.grading.session import Limits

NO_FILTER = None
# Runs without the filter, so that each layer is seen to hold alone.
ASK_KERNEL = """
import ctypes, os

def ask():
    libc = ctypes.CDLL(None, use_errno=True)
    class Head(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]
    class Data(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]
    head, data = Head(0x20080522, 0), (Data * 2)()
    assert libc.syscall({"x86_64": 125, "aarch64": 90}[os.uname().machine], ctypes.byref(head), data) == 0
    rights = 0
    for part in data:
        rights |= part.effective | part.permitted
    try:
        os.setuid(0)
        root = True
    except OSError:
        root = False
    return os.getuid(), rights, root
"""


def call(session, source, function, **inputs):
    defined, _ = session.ask({"op": "define", "cells": [["cell", source, True]], "imports": []}, 5)
    assert defined == {"cell": None}
    reply, _ = session.ask({"op": "play", "calls": [[function, list(inputs)]], "inputs": inputs}, 10)
    return reply


@pytest.fixture
def open_boxes(sandbox_works):
    made = []

    def make(**options):
        made.append(bubblewrap.BubblewrapBox(**options))
        return made[-1]

    yield make
    for box in made:
        box.close()


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="about bubblewrap started by root"
)
def test_1_root_gives_up_its_rights_and_each_slot_has_a_uid(open_boxes):
    uids = set()
    for slot in (0, 1):
        box = open_boxes(slot=slot)
        box._filter = NO_FILTER
        session = box.open()
        uid, rights, root = call(session, ASK_KERNEL, "ask")["results"]
        session.close()
        assert rights == 0
        assert not root
        assert uid >= bubblewrap.FIRST_UID
        uids.add(uid)
    assert len(uids) == 2


def test_2_no_process_of_the_sandbox_has_the_graders_environment(box, monkeypatch):
    monkeypatch.setenv("RNNCOURSE_SENTINEL", "secret of the grader")
    session = box.open()
    try:
        started = [session._process.pid]
        for pid in started:
            started += [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        assert len(started) >= 2
        for pid in started:
            assert b"secret of the grader" not in Path(f"/proc/{pid}/environ").read_bytes()
        source = "import os\ndef look():\n    return str(dict(os.environ)), os.path.exists('/proc')"
        environment, has_proc = call(session, source, "look")["results"]
        assert "secret" not in environment
        assert not has_proc
    finally:
        session.close()


def test_2_each_worker_has_namespaces_of_its_own(box):
    """One by one: the system-call filter would hide that one of them is shared."""
    session = box.open()
    try:
        outer = session._process.pid
        (inner,) = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        for kind in ("net", "pid", "ipc", "uts", "mnt"):
            assert os.readlink(f"/proc/{inner}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    finally:
        session.close()


MAKERS = {
    "fork": "os.fork()",
    "posix_spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "memfd": "os.memfd_create('x')",
    "shared memory": "shared_memory.SharedMemory(create=True, size=1000)",
    "socket": "socket.socket()",
    "unix socket": "socket.socket(socket.AF_UNIX)",
    "socket pair": "socket.socketpair()",
}


@pytest.mark.parametrize("action", MAKERS.values(), ids=MAKERS)
def test_3_neither_processes_nor_shared_memory_nor_sockets(box, action):
    source = f"""
import os, socket
try:
    from multiprocessing import shared_memory
except ImportError as error:
    shared_memory = None

def attempt():
    try:
        {action}
    except BaseException as error:
        return "refused"
    return "done"
"""
    session = box.open()
    try:
        assert call(session, source, "attempt")["results"] == ["refused"]
    finally:
        session.close()


def test_3_threads_run(box):
    source = """
import threading

def count():
    found = []
    threads = [threading.Thread(target=found.append, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(found)
"""
    session = box.open()
    try:
        assert call(session, source, "count")["results"] == [8]
    finally:
        session.close()


def test_3_the_cgroup_counts_what_rlimits_do_not(open_boxes):
    box = open_boxes(limits=Limits(memory=128 * 2**20))
    if box.cgroup is None:
        pytest.skip("no memory cgroup that this user may divide")
    box.limits = Limits(memory=4 * 2**30)  # rlimits far away: only the group's limit is left
    source = "import numpy as np\ndef take():\n    return float(np.ones(2**27).sum())"
    session = box.open()
    with pytest.raises(StudentFault) as caught:
        call(session, source, "take")
    assert caught.value.reason == "memory"


def test_4_every_folder_on_the_way_can_be_entered():
    arguments = bubblewrap.mounts()
    folders = [i for i, argument in enumerate(arguments) if argument in ("--dir", "--tmpfs")]
    assert folders
    assert all(arguments[i - 2 : i] == ("--perms", "0755") for i in folders)
    made = {arguments[i + 1] for i in folders}
    targets = [arguments[i + 2] for i, argument in enumerate(arguments) if argument == "--ro-bind"]
    for target in targets:
        parents = {str(p) for p in Path(target).parents} - {"/"}
        assert parents <= made | set(targets), target


def test_5_five_hundred_in_one_process_leave_nothing_open(box):
    source = sheet.source_bytes("02")
    before = set(os.listdir("/proc/self/fd"))
    earned = set()
    for i in range(500):
        if i % 50 == 0:
            earned.add(grade_bytes(source, seed=i, box=box).earned)
        else:
            box.open().close()
    assert earned == {sheet.EXERCISES["02"].points}
    after = set(os.listdir("/proc/self/fd"))
    assert len(after) <= len(before)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not [c for c in children if "bwrap" in Path(f"/proc/{c}/comm").read_text()]


GRADER = """
import sys
from rnncourse.grading import boxes
box = boxes.open_box("bubblewrap")
print("open", flush=True)
while True:
    session = box.open()
    print(session._process.pid, flush=True)
    session.close()
"""


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.06, 0.1, 0.15])
def test_6_no_sandbox_survives_its_grader(sandbox_works, delay):
    grader = subprocess.Popen([sys.executable, "-c", GRADER], stdout=subprocess.PIPE, text=True)
    assert grader.stdout.readline() == "open\n"
    time.sleep(delay)
    mine = descendants(grader.pid)
    grader.send_signal(signal.SIGKILL)
    grader.wait(10)
    started = {int(line) for line in grader.stdout.read().split()} | mine
    grader.stdout.close()
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in started):
        assert time.monotonic() < deadline, [
            Path(f"/proc/{p}/cmdline").read_bytes() for p in started if alive(p)
        ]
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/sys/fs/cgroup/memory").is_dir(), reason="about cgroups of version 1")
def test_6_the_next_grader_clears_up_after_one_that_was_killed(open_boxes):
    box = open_boxes(slot=9)
    if box.cgroup is None:
        pytest.skip("no memory cgroup that this user may divide")
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    left = box.cgroup.path.parent / f"rnncourse-{dead.pid}-0"
    left.mkdir()
    sleeper = subprocess.Popen(["sleep", "60"])
    (left / "cgroup.procs").write_text(str(sleeper.pid))
    open_boxes(slot=10)
    assert not left.exists()
    assert sleeper.wait(5) == -signal.SIGKILL


def descendants(pid):
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = {int(n) for n in (task / "children").read_text().split()}
        except OSError:
            continue
        found |= children | {g for child in children for g in descendants(child)}
    return found


def alive(pid):
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text() and bool(
            Path(f"/proc/{pid}/cmdline").read_bytes()
        )
    except OSError:
        return False


def test_7_what_an_exception_says_stays_inside(box):
    cell = textwrap.dedent(
        """
        def rnn_step(x, h, weight_ih, weight_hh, bias):
            secret = "the inputs are " + str(float(x[0, 0]))
            name = "Secret" + str(abs(hash(secret)))
            raise type(name, (Exception,), {})(secret)
        """
    )
    outcome = grade_bytes(sheet.submission_bytes("02", {"rnn_step": cell}), seed=0, box=box)
    first = outcome.verdicts[0].failures[0]
    assert first.property == "runs"
    assert "line 5 of the cell rnn_step" in first.detail
    told = repr([(f.property, f.detail, f.expected, f.got) for v in outcome.verdicts for f in v.failures])
    assert "secret" not in told.lower()
    assert "an exception of its own" in first.detail


def test_the_self_test_bites():
    """A box that holds nothing is seen to be one: the plain process, less the attempts that would harm it."""
    box = boxes.open_box("unsafe")
    harmless = boxes.PROBE.replace("attempt(os.fork)", '"open"').replace(
        'attempt(lambda: os.execv("/bin/sh", ["sh", "-c", "true"]))', '"open"'
    )
    original, boxes.PROBE = boxes.PROBE, harmless
    try:
        leaks = boxes.self_test(box)
    finally:
        boxes.PROBE = original
    assert "the network can be reached" in leaks
    assert "a file of the grader can be read" in leaks
    assert "other processes can be seen" in leaks


def test_a_box_that_leaks_is_refused(sandbox_works, monkeypatch):
    monkeypatch.setattr(boxes, "self_test", lambda box: ["the network can be reached"])
    with pytest.raises(boxes.NoSandbox, match="the network can be reached"):
        boxes.open_box("bubblewrap")


def test_the_same_seed_gives_the_same_inputs(box, monkeypatch):
    cell = "def rnn_step(x, h, weight_ih, weight_hh, bias):\n    return h * 0, None\n"
    data = sheet.submission_bytes("02", {"rnn_step": cell})
    drawn = []
    monkeypatch.setattr(grade, "_without_values", lambda verdict: drawn.append(verdict) or verdict)
    for seed in (1, 1, 2):
        grade_bytes(data, seed=seed, box=box)
    parts = len(sheet.EXERCISES["02"].parts)
    first, again, other = ([f.expected for f in drawn[i * parts].failures] for i in range(3))
    assert first
    assert all(map(np.array_equal, first, again))
    assert not any(map(np.array_equal, first, other))


def test_no_value_of_a_hidden_case_leaves_the_grader(box):
    cell = "def rnn_step(x, h, weight_ih, weight_hh, bias):\n    return h * 0, None\n"
    outcome = grade_bytes(sheet.submission_bytes("02", {"rnn_step": cell}), seed=1, box=box)
    failures = [f for verdict in outcome.verdicts for f in verdict.failures]
    assert failures
    assert all(f.expected is f.got is f.inputs is None for f in failures)
