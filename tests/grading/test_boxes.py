"""Which sandbox is offered, and what is refused. A stand-in for Docker shows the command and the refusal."""

import sys
import time

import numpy as np
import pytest

from rnncourse.grading import boxes, container
from rnncourse.grading.judge import StudentFault
from rnncourse.grading.session import Limits, Trouble

# Answers like an engine; `run` starts the worker right here, in no container at all.
ENGINE = """#!{python}
import os, sys
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[1] == "run":
    os.execv(sys.executable, [sys.executable, "-I", "-B", {worker!r}])
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A program called docker that isolates nothing; returns the file in which it writes its arguments."""
    log = tmp_path / "log"
    program = tmp_path / "docker"
    worker = str(container.WORKER_FILES[0])
    program.write_text(ENGINE.format(python=sys.executable, log=str(log), worker=worker))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return log


needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with #!")


def test_the_container_has_no_network_no_rights_and_limits():
    command = container.container_command("docker", "image", "name", Limits(memory=2**28, threads=9))
    text = " ".join(command)
    for option in (
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        f"--memory {2**28}",
        f"--memory-swap {2**28}",
        "--pids-limit 9",
        "--user 65534:65534",
        "--ipc none",
        "--rm",
    ):
        assert option in text
    volumes = [command[i + 1] for i, part in enumerate(command) if part == "--volume"]
    assert len(volumes) == 4
    assert all(volume.endswith(":ro") for volume in volumes)
    assert command[-5:] == ["image", "python3", "-I", "-B", "/grader/worker.py"]


@needs_posix
def test_a_session_through_an_engine(engine):
    with container.ContainerBox() as box:
        session = box.open()
        try:
            cells = [["setup", "import numpy as np", True], ["f", "def f(x):\n    return 2 * x", False]]
            assert session.ask({"op": "define", "cells": cells, "imports": []}, 5)[0] == {"cell": None}
            command = {"op": "play", "calls": [["f", ["x"]]], "inputs": {"x": np.ones(2)}}
            reply, _ = session.ask(command, 5)
            assert np.array_equal(reply["results"][0], [2, 2])
        finally:
            session.close()
    said = engine.read_text()
    name = said.partition("--name ")[2].split()[0]
    assert f"kill {name}" in said  # ending the client would leave the container


@needs_posix
def test_an_engine_that_isolates_nothing_is_refused(engine, monkeypatch):
    harmless = boxes.PROBE.replace("attempt(os.fork)", '"open"').replace(
        'attempt(lambda: os.execv("/bin/sh", ["sh", "-c", "true"]))', '"open"'
    )
    monkeypatch.setattr(boxes, "PROBE", harmless)
    with pytest.raises(boxes.NoSandbox, match="container: does not hold.*the network can be reached"):
        boxes.open_box("container")


def test_nothing_is_offered_where_nothing_is_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(boxes.NoSandbox) as caught:
        boxes.open_box()
    for word in ("bubblewrap", "container", "--doctor", "--unsafe"):
        assert word in str(caught.value)


def test_the_doctor_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = []
    assert boxes.doctor(lines.append) == 1
    text = "\n".join(lines)
    assert "apt install bubblewrap" in text
    assert "For instructors" in text
    assert lines[-1].startswith("No sandbox: grading is refused here")


def test_the_doctor_finds_the_sandbox(sandbox_works):
    lines = []
    assert boxes.doctor(lines.append) == 0
    assert lines[0].startswith("ok  bubblewrap")


def test_a_kind_that_does_not_exist():
    with pytest.raises(ValueError, match="one of auto, bubblewrap, container, unsafe; got 'none'"):
        boxes.open_box("none")


@needs_posix
def test_a_worker_that_does_not_start_is_trouble(engine):
    with container.ContainerBox() as box:
        box.engine = str(engine.parent / "gone")
        with pytest.raises(Trouble, match="did not start"):
            box.open()


@needs_posix
def test_what_the_engine_says_when_it_fails_is_told(engine):
    program = engine.parent / "docker"
    with container.ContainerBox() as box:
        program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no space left')\n")
        with pytest.raises(Trouble, match="no space left"):
            box.open()


@pytest.mark.skipif(sys.platform == "win32", reason="about fork")
def test_a_fork_does_not_keep_the_plain_worker_beyond_its_time():
    cell = "import os, time\n_ = [os.fork() or time.sleep(20)]\n_ = os._exit(0)\n"
    with boxes.open_box("unsafe") as box:
        session = box.open()
        started = time.monotonic()
        with pytest.raises(StudentFault):
            session.ask({"op": "define", "cells": [["cell", cell, True]], "imports": []}, 0.5)
        assert time.monotonic() - started < 10


def test_a_large_cache_costs_only_itself():
    cell = "import numpy as np\ndef f():\n    return 1.5, np.zeros(6 * 2**20), [np.zeros(2**20)] * 3\n"
    with boxes.open_box("unsafe") as box:
        session = box.open()
        try:
            session.ask({"op": "define", "cells": [["cell", cell, True]], "imports": []}, 5)
            reply, _ = session.ask({"op": "play", "calls": [["f", []]], "inputs": {}}, 20)
        finally:
            session.close()
    assert reply["results"][0] == 1.5
    assert [type(r).__name__ for r in reply["results"][1:]] == ["Opaque", "Opaque"]


def test_a_case_that_is_too_large_is_the_specs_fault():
    with boxes.open_box("unsafe") as box:
        session = box.open()
        try:
            with pytest.raises(Trouble, match="too large to send"):
                session.ask({"op": "play", "calls": [], "inputs": {"x": np.zeros(2**23)}}, 5)
        finally:
            session.close()
