"""One worker process and the talk with it: frames over pipes, each answer within a time limit.

The same for every kind of box; only the command, what limits it and how it is ended differ.
"""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from rnncourse.grading import wire
from rnncourse.grading.judge import StudentFault

HERE = Path(__file__).resolve().parent
# All that the sandbox holds of the package.
WORKER_FILES = tuple(HERE / name for name in ("worker.py", "wire.py", "play.py", "tidy.py"))
START_SECONDS = 30.0
# For the way there and back of a frame, beside the time that the student's code may take.
GRACE_SECONDS = 0.5


class Trouble(Exception):
    """The grader's or the machine's fault, never the student's: to be tried again, never a 0."""


@dataclass(frozen=True)
class Limits:
    """What one worker may take. `memory` in bytes; `cpu` in seconds, over its whole life."""

    memory: int = 768 * 2**20
    cpu: int = 60
    threads: int = 64
    files: int = 64
    file_size: int = 64 * 2**20

    def rlimits(self) -> dict[str, int]:
        """As the worker sets them, by the names of the module `resource`."""
        return {
            "RLIMIT_AS": 2 * self.memory,
            "RLIMIT_DATA": self.memory,
            "RLIMIT_CPU": self.cpu,
            "RLIMIT_FSIZE": self.file_size,
            "RLIMIT_NOFILE": self.files,
            "RLIMIT_NPROC": self.threads,
            "RLIMIT_CORE": 0,
        }


@dataclass
class Start:
    """How a box starts a worker and what it must know to end it."""

    command: list[str]
    armour: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    own_session: bool = False
    # Called with the process once it runs, and to end all that belongs to it.
    started: Callable[[subprocess.Popen], None] = lambda process: None
    end: Callable[[subprocess.Popen], None] = lambda process: process.kill()
    # Whether the kernel ended the worker because it took too much memory.
    was_out_of_memory: Callable[[], bool] = lambda: False


class Session:
    """A worker that is ready; `ask` sends a command and waits for the reply. Close it, always."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._ended = False
        self._last_words = ""  # what the worker, or what starts it, wrote before it went away
        self._ending = threading.Lock()  # the watchdog and `close` may both come to end it
        try:
            self._process = subprocess.Popen(
                start.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=start.environment,
                pass_fds=start.pass_fds,
                cwd="/" if Path("/").is_dir() else None,
                start_new_session=start.own_session,
            )
        except OSError as error:
            raise Trouble(f"the worker did not start: {error}") from error
        _widen(self._process)
        try:
            start.started(self._process)
            ready = self._exchange(wire.encode(start.armour), START_SECONDS)
        except (EOFError, OSError, wire.WireError, TimeoutError) as error:
            self.close()
            raise Trouble(f"the worker did not get ready: {self._last_words or error}") from error
        except BaseException:
            self.close()
            raise
        if not isinstance(ready, dict) or ready.get("ready") is not True:
            self.close()
            raise Trouble("the worker did not say that it is ready")

    def ask(self, command: Mapping[str, Any], seconds: float | int) -> tuple[Any, float]:
        """(reply, seconds it took). `StudentFault` where none came in time or none can be read.

        The process is gone then; open another session.
        """
        started = time.perf_counter()
        try:
            packed = wire.encode(command)
        except wire.WireError as error:
            raise Trouble(f"a case of the spec is too large to send: {error}") from error
        try:
            reply = self._exchange(packed, seconds + GRACE_SECONDS)
        except TimeoutError:
            self.close()
            raise StudentFault("time", f"stopped after {seconds:.1f} s") from None
        except (EOFError, OSError):
            out_of_memory = self._start.was_out_of_memory()
            self.close()
            if out_of_memory:
                raise StudentFault("memory", "stopped: took more memory than is allowed") from None
            raise StudentFault("ended", "the code ended its process") from None
        except wire.WireError:
            self.close()
            raise StudentFault("reply", "what came back is no data, or too much of it") from None
        return reply, time.perf_counter() - started

    def _exchange(self, packed: bytes, seconds: float | int) -> Any:
        """Write and read, or TimeoutError: a watchdog ends the process, whereupon the pipes break."""
        assert self._process.stdin and self._process.stdout
        late = threading.Event()
        watchdog = threading.Timer(seconds, self._on_time_out, (late,))
        watchdog.daemon = True
        watchdog.start()
        try:
            wire.send(cast(BinaryIO, self._process.stdin), packed)
            return wire.read(cast(BinaryIO, self._process.stdout))
        except (EOFError, OSError):
            if late.is_set():
                raise TimeoutError from None
            raise
        finally:
            watchdog.cancel()

    def _on_time_out(self, late: threading.Event) -> None:
        late.set()
        with self._ending:
            if not self._ended:  # else it would end the next worker of this slot
                self._start.end(self._process)

    def close(self) -> None:
        """End the worker and all that it started, and give back its pipes. May be called twice."""
        if self._ended:
            return
        with self._ending:
            self._ended = True
            self._start.end(self._process)
        assert self._process.stdin and self._process.stdout and self._process.stderr
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        with contextlib.suppress(OSError):
            lines = self._process.stderr.read(10_000).decode("utf-8", "replace").strip().splitlines()
            self._last_words = lines[-1] if lines else ""
        self._process.stderr.close()
        self._process.wait(START_SECONDS)


def _widen(process: subprocess.Popen) -> None:
    """Let a large array pass the pipes in few turns between two processes; Linux only, and only faster."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        for stream in (process.stdin, process.stdout):
            fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, 2**20)  # type: ignore[arg-type]
