"""Hostile submissions: how they are made, and what must not be found after they were graded."""

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import sheet

from rnncourse.grading import draws, shelf

# Stands wherever nothing of the grader's or of another student's may be read; nobody can guess it.
TOKEN = f"Token{secrets.token_hex(8)}"
# Attacks put it before what they carry out; it stands in the spec; it says that something gave way.
TELLTALES = (TOKEN, "LEAK", "step_cases", "OPENED", "connected")
NAME = f"rnncourse-{secrets.token_hex(8)}"
PRELUDE = 'os, sys, time, ctypes, struct, gc = map(__import__, "os sys time ctypes struct gc".split())\n'

# Tells what it finds at import and at the call by every way that leads out: exception, type, result.
TELL = """
def _all(read, names=@PATHS@):
    found = []
    for name in names:
        try:
            found.append(str(read(name)))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return "\\n".join(found)

def _look():
    try:
        return str(look())
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

_found = _look()

def rnn_step(x, h, weight_ih, weight_hh, bias):
    found = _found + _look()
    name = "".join(c for c in found if c.isalnum()) or "nothing"
    if len(x) == 1:
        raise type(name, (Exception,), {})(found)
    if len(x) == 2:
        return found, [found], {found: found}
    return type(name, (), {})(), found
"""

# The exercise with its first part alone and half the time: an attack that hangs does so once and briefly.
SPEC = '''"""{token}"""
import dataclasses

from rnncourse.grading import shelf

_public = shelf.load("02")
_part = dataclasses.replace(_public.parts[0], seconds=1.0)
EXERCISE = dataclasses.replace(_public, parts=(_part,))
'''


class Scene:
    """What a grader has around it: submissions, a spec, a home, an environment, a neighbour, open ports."""

    def __init__(self, folder: Path) -> None:
        self.specs = folder / "specs"
        self.work = folder / "work"
        home = folder / "home"
        other = folder / "submissions" / "ada" / "02_vanilla_rnn.ipynb"
        for place in (self.specs, self.work, home, other.parent):
            place.mkdir(parents=True)
        spec = self.specs / f"{shelf.folder('02').name}.py"
        spec.write_text(SPEC.format(token=TOKEN))
        files = [other, self.work / "grades.csv", home / "notes.txt", folder / "sentinel.txt"]
        for file in files:
            file.write_text(TOKEN)
        self.paths = [str(file) for file in (spec, *files)]
        self.environment = {
            "HOME": str(home),
            "RNNCOURSE_SENTINEL": TOKEN,
            # One of the names that the plain process is given.
            "PATH": os.pathsep.join((os.environ["PATH"], f"/{TOKEN}")),
        }
        self.neighbour = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=os.environ | self.environment
        )
        self.heard: list[str] = []
        self._stream = socket.create_server(("127.0.0.1", 0))
        self.port = self._stream.getsockname()[1]
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(("127.0.0.1", self.port))
        self._abstract = socket.socket(socket.AF_UNIX)
        self._abstract.bind(f"\0{NAME}")
        self._abstract.listen()
        for listen in (self._accept_stream, self._accept_abstract, self._receive):
            threading.Thread(target=listen, daemon=True).start()

    def _accept_stream(self) -> None:
        self._accept(self._stream)

    def _accept_abstract(self) -> None:
        self._accept(self._abstract)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return
            self.heard.append("a connection")

    def _receive(self) -> None:
        while True:
            try:
                data = self._datagrams.recv(1000)
            except OSError:
                return
            if data == b"end":
                return
            self.heard.append("a datagram")

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", ("127.0.0.1", self.port))
        for server in (self._stream, self._abstract):
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in it
            server.close()
        time.sleep(0.05)
        self._datagrams.close()
        self.neighbour.communicate(b"\n")

    def cell(self, source: str, **more: object) -> str:
        """The cell with what it finds ready, and with the places it is after filled in."""
        known = {"PATHS": self.paths, "PORT": self.port, "NAME": NAME, "TOKEN": TOKEN}
        known["ROOT"] = str(Path(shelf.__file__).parents[2])
        for name, value in (known | more).items():
            source = source.replace(f"@{name}@", str(value))
        return PRELUDE + source

    def looking(self, look: str, **more: object) -> str:
        return self.cell(look + TELL, **more)


def submission(cell: str, **cells: str) -> bytes:
    """The student's notebook with this cell for rnn_step, and others by their grade_id."""
    notebook = shelf.student_notebook("02")
    cells["rnn_step"] = cell
    for found in notebook["cells"]:
        name = found["metadata"].get("nbgrader", {}).get("grade_id")
        if name in cells:
            found["source"] = cells[name]
    return json.dumps(notebook).encode()


def right_answers() -> bytes:
    return sheet.source_bytes("02")


def ask(box, cell: str) -> str:
    """What the worker itself says of a cell, past everything that the grader would not pass on."""
    session = box.open()
    try:
        cells = [["setup", "import numpy as np", True], ["rnn_step", cell, False]]
        defined, _ = session.ask({"op": "define", "cells": cells, "imports": ["numpy"]}, 10)
        inputs = draws.cell(np.random.default_rng(0), 1, 3, 4, x=(2, 3), h=(2, 4))
        arguments = ["x", "h", "weight_ih", "weight_hh", "bias"]
        reply, _ = session.ask({"op": "play", "calls": [["rnn_step", arguments]], "inputs": inputs}, 10)
    finally:
        session.close()
    return f"{defined} {reply}"


def strays(box) -> list[str]:
    """The processes that a box has left: its children, what runs as its user, what its group counts."""
    group = box.cgroup.path.name if box.cgroup else "no group"
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(
                line.split(":\t", 1) for line in (place / "status").read_text().splitlines() if ":\t" in line
            )
            groups = (place / "cgroup").read_text()
            name = (place / "cmdline").read_bytes().decode("utf-8", "replace").replace("\0", " ")
        except OSError:
            continue
        ours = box.uid is not None and str(box.uid) in status["Uid"].split()
        child = int(status["PPid"]) == os.getpid() and status["Name"].strip() == "bwrap"
        if ours or child or group in groups:
            found.append(f"{place.name} {status['Name']} {status['State']} {name[:80]}")
    return found


def wait_for_none(box, seconds: float = 5.0) -> list[str]:
    """What is still there after so long: the kernel takes its time to end what was killed."""
    deadline = time.monotonic() + seconds
    while (left := strays(box)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def descriptors() -> list[str]:
    """What this process has open, other than pipes of threads that end."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return sorted(found)
