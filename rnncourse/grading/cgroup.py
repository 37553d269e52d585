"""A memory cgroup for one slot, where this machine lets us make one: version 1 or 2.

rlimits count per process and per mapping; a cgroup counts what is really used, by all together.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

PREFIX = "rnncourse-"
MOUNT = Path("/sys/fs/cgroup")


class Cgroup:
    """A group of its own below ours. OSError where none can be made; `remove` it at the end."""

    def __init__(self, name: str, memory: int, tasks: int) -> None:
        parent, self.version = _memory_parent()
        _sweep(parent)
        self.path = parent / f"{PREFIX}{os.getpid()}-{name}"
        self.path.mkdir(exist_ok=True)
        try:
            if self.version == 1:
                self._set("memory.limit_in_bytes", memory)
                with contextlib.suppress(OSError):  # no swap accounting
                    self._set("memory.memsw.limit_in_bytes", memory)
            else:
                self._set("memory.max", memory)
                with contextlib.suppress(OSError):
                    self._set("memory.swap.max", 0)
                with contextlib.suppress(OSError):
                    self._set("pids.max", tasks)
        except OSError:
            self.remove()
            raise
        self._kills = self._count()

    @property
    def entrance(self) -> Path:
        """The file to which a process writes its number to be counted here."""
        return self.path / "cgroup.procs"

    def kill_all(self) -> None:
        """End every process in the group."""
        _kill_all(self.path)

    def was_out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of the group since the last call."""
        before, self._kills = self._kills, self._count()
        return self._kills > before

    def remove(self) -> None:
        """Empty the group and take it away."""
        _remove(self.path)

    def _set(self, name: str, value: int) -> None:
        (self.path / name).write_text(str(value))

    def _count(self) -> int:
        file = "memory.oom_control" if self.version == 1 else "memory.events"
        with contextlib.suppress(OSError, ValueError):
            for line in (self.path / file).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
        return 0


def _memory_parent() -> tuple[Path, int]:
    """Our own group in the hierarchy that counts memory, and its version."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            base = MOUNT / "memory"
            own = base / path.lstrip("/")
            return (own if os.access(own, os.W_OK) else base), 1
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            own = MOUNT / line[3:].lstrip("/")
            # A group that has processes of its own cannot hand out memory: then beside it.
            for group in (own, own.parent):
                control = group / "cgroup.subtree_control"
                if (
                    control.is_file()
                    and "memory" in control.read_text().split()
                    and os.access(group, os.W_OK)
                ):
                    return group, 2
    raise OSError("no memory cgroup that this user may divide")


def _kill_all(group: Path) -> None:
    with contextlib.suppress(OSError):
        for line in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(line), signal.SIGKILL)


def _remove(group: Path) -> None:
    for _ in range(50):
        _kill_all(group)
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:  # the kernel has not yet seen the last one go
            time.sleep(0.02)


def _sweep(parent: Path) -> None:
    """Take away the groups of graders that were killed.

    With what is in them: a bubblewrap whose outer half died before it was ready waits for ever.
    """
    for old in parent.glob(f"{PREFIX}*"):
        number = old.name.removeprefix(PREFIX).partition("-")[0]
        if number.isdigit() and not Path("/proc", number).exists():
            _remove(old)
