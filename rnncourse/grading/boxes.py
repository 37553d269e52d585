"""Which sandbox this machine offers, whether it holds, and why another does not work."""

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rnncourse.doctor import Finding, show
from rnncourse.grading.session import Limits, Session, Trouble

KINDS = ("auto", "bubblewrap", "container", "unsafe")


@runtime_checkable
class Box(Protocol):
    """Starts workers; a context manager. `unsafe` where nothing holds them."""

    name: str
    unsafe: bool

    def open(self) -> Session:
        """A fresh worker; `Trouble` where it does not start."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> "Box": ...

    def __exit__(self, *_: object) -> None: ...


class NoSandbox(Exception):
    """This machine offers no sandbox that holds; the message says for each why, and what to do."""


def open_box(kind: str = "auto", slot: int = 0, limits: Limits | None = None) -> Box:
    """The box of this kind, tested; "auto" takes the first that holds: bubblewrap, then a container.

    "unsafe" is none at all, and never taken unless asked for. `slot` is the number of the caller's thread.
    Raises NoSandbox, or ValueError for another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"open_box: kind must be one of {', '.join(KINDS)}; got {kind!r}")
    if kind == "unsafe":
        from rnncourse.grading.plain import PlainBox

        return PlainBox(slot, limits)
    reasons = []
    for name, maker in _makers().items():
        if kind in ("auto", name):
            try:
                return _tested(maker, slot, limits)
            except (OSError, Trouble, ImportError) as error:
                reasons.append(f"{name}: {str(error).removeprefix(f'{name}: ')}")
    raise NoSandbox(
        "no sandbox on this machine: " + "; ".join(reasons) + "; see `rnncourse grade --doctor`. "
        "--unsafe grades without one and marks each grade"
    )


def _makers() -> dict[str, Callable[..., Any]]:
    def bubblewrap(*arguments: Any) -> Any:
        from rnncourse.grading.bubblewrap import BubblewrapBox

        return BubblewrapBox(*arguments)

    def container(*arguments: Any) -> Any:
        from rnncourse.grading.container import ContainerBox

        return ContainerBox(*arguments)

    return {"bubblewrap": bubblewrap, "container": container}


def _tested(maker: Callable[..., Any], slot: int, limits: Limits | None) -> Box:
    box = maker(slot, limits)
    try:
        leaks = self_test(box)
    except BaseException:
        box.close()
        raise
    if leaks:
        box.close()
        raise OSError(f"does not hold: {'; '.join(leaks)}")
    return box


# What the worker tries against its own box; each answer must be "held".
PROBE = """
def attempt(action):
    try:
        action()
    except BaseException as error:
        return "held"
    return "open"

def probe(secret, port):
    import os, socket, subprocess, ctypes
    def connect():
        with socket.create_connection(("127.0.0.1", port), 1):
            pass
    def signal_others():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.kill(1, 0):
            raise OSError
    return (
        attempt(lambda: open(secret).read()),
        attempt(connect),
        attempt(os.fork),
        attempt(lambda: os.execv("/bin/sh", ["sh", "-c", "true"])),
        attempt(lambda: open("/grader/worker.py", "a").close()),
        attempt(lambda: os.environ["RNNCOURSE_PROBE"]),
        attempt(lambda: os.listdir("/proc/1")),
        attempt(signal_others),
    )
"""
PROBED = (
    "a file of the grader can be read",
    "the network can be reached",
    "a process can be made",
    "a program can be started",
    "the worker's code can be changed",
    "the grader's environment can be read",
    "other processes can be seen",
    "processes can be signalled",
)


def self_test(box: Box) -> list[str]:
    """What a worker in this box can do that it must not: sentences, empty where the box holds.

    `Trouble` where no worker starts.
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        secret = Path(folder, "secret")
        secret.write_text("secret")
        threading.Thread(target=_accept_once, args=(server,), daemon=True).start()
        session = box.open()
        try:
            session.ask({"op": "define", "cells": [["probe", PROBE, True]], "imports": []}, 10)
            inputs = {"secret": str(secret), "port": server.getsockname()[1]}
            reply, _ = session.ask({"op": "play", "calls": [["probe", list(inputs)]], "inputs": inputs}, 10)
        except Exception as error:
            raise Trouble(f"the self-test did not run: {error}") from error
        finally:
            session.close()
    answers = reply.get("results") if isinstance(reply, dict) else None
    if not isinstance(answers, list) or len(answers) != len(PROBED):
        raise Trouble(f"the self-test gave no answer: {reply}")
    return [text for text, answer in zip(PROBED, answers, strict=True) if answer != "held"]


def _accept_once(server: socket.socket) -> None:
    try:
        server.accept()[0].close()
    except OSError:
        return


def examine() -> Iterator[Finding]:
    """What `rnncourse grade --doctor` finds: each kind of sandbox, whether it holds, and what to do."""
    for name, maker in _makers().items():
        try:
            with _tested(maker, 0, None) as box:
                yield Finding(name, f"holds: {len(PROBED)} attempts to get out failed")
                if getattr(box, "cgroup", box) is None:
                    advice = (
                        "Memory is limited per process by rlimits. A writable cgroup would count all of it."
                    )
                    yield Finding("memory cgroup", "not writable here", advice)
        except (OSError, Trouble, ImportError) as error:
            yield Finding(name, f"not available: {error}", ADVICE[name])


ADVICE = {
    "bubblewrap": "Linux: apt install bubblewrap libseccomp2, and pip install 'rnncourse[grade]'.",
    "container": "Docker or Podman with an image that holds Python, NumPy and msgpack: see For instructors.",
}


def doctor(write: Callable[[str], object] = print) -> int:
    """Write which sandbox this machine offers and why; 0 where one holds, else 1."""
    findings = list(examine())
    show(findings, write)
    holds = any(finding.subject in ADVICE and not finding.advice for finding in findings)
    write(
        "Submissions can be graded on this machine."
        if holds
        else "No sandbox: grading is refused here, except with --unsafe, which marks every grade."
    )
    return 0 if holds else 1
