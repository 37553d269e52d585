"""No sandbox: the worker as a plain process, for the student's own machine and for `--unsafe`.

It keeps the time limits of code that does not set out to break them, and on POSIX the rlimits; it keeps no
one from reading files or the network. Every grade given so is marked unsafe.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from rnncourse.grading.session import WORKER_FILES, Limits, Session, Start

# Libraries of the system, and on Windows the folders that Python needs to start.
KEPT = ("LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "PATH")


class PlainBox:
    """Starts workers without a sandbox."""

    name = "plain"
    unsafe = True

    def __init__(self, slot: int = 0, limits: Limits | None = None) -> None:
        del slot
        rlimits = (limits or Limits()).rlimits()
        for name in ("RLIMIT_NPROC", "RLIMIT_NOFILE"):
            del rlimits[name]  # these would count what else the user runs
        if sys.platform == "darwin":
            rlimits = {name: rlimits[name] for name in ("RLIMIT_CPU", "RLIMIT_CORE")}
        self._limits = rlimits if os.name == "posix" else None

    def open(self) -> Session:
        """A fresh worker; `Trouble` where it does not start."""
        worker = Path(WORKER_FILES[0])
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        return Session(
            Start(
                command=[sys.executable, "-I", "-B", str(worker)],
                armour={"limits": self._limits, "uid": None, "filter": None},
                environment=environment,
                own_session=os.name == "posix",
                end=_end,
            )
        )

    def close(self) -> None: ...

    def __enter__(self) -> "PlainBox":
        return self

    def __exit__(self, *_: object) -> None: ...


def _end(process: subprocess.Popen) -> None:
    """End the worker and what it forked; what hides in a session of its own goes on."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
