"""The sandbox proper: bubblewrap, with an own view of files, processes and network.

Inside there are the interpreter's library, NumPy, msgpack and the worker's four files, all read-only, /tmp of
64 MB, three harmless devices, and nothing else: no /proc, no home, no network (loopback neither), no
process but its own, no package `rnncourse`. The worker then gives up its uid and takes the system-call
filter (seccomp.py). Linux only.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import msgpack
import numpy as np

from rnncourse.grading import seccomp
from rnncourse.grading.cgroup import Cgroup
from rnncourse.grading.session import WORKER_FILES, Limits, Session, Start, Trouble

INSIDE = "/grader"
TMP_BYTES = 64 * 2**20
# A uid of its own for each slot of each grader, because RLIMIT_NPROC counts per uid.
FIRST_UID = 3_000_000
# Modules for screens, terminals, databases and the network: the libraries that they load stay outside.
UNNEEDED = ("_tkinter", "_curses", "readline", "_ssl", "_sqlite3", "nis", "_gdbm", "_dbm", "_test", "xx")
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
# Adds itself to the cgroup before there is anything to count, then becomes bubblewrap.
ENTER = 'echo $$ > "$1" && shift && exec "$@"'


class BubblewrapBox:
    """Starts workers in bubblewrap, one after another, for one slot. OSError where it cannot."""

    name = "bubblewrap"
    unsafe = False

    def __init__(self, slot: int = 0, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.program = shutil.which("bwrap")
        if self.program is None:
            raise OSError(
                "bubblewrap: expected the program bwrap; install it (Debian: apt install bubblewrap)"
            )
        try:
            self._filter = seccomp.program()
        except (ImportError, RuntimeError, OSError) as error:
            raise OSError(
                f"bubblewrap: needs libseccomp and pyseccomp ({error}); install libseccomp2, rnncourse[grade]"
            ) from error
        self.is_root = os.geteuid() == 0
        self.uid = FIRST_UID + (os.getpid() % 100_000) * 256 + slot if self.is_root else None
        self.cgroup: Cgroup | None
        try:
            self.cgroup = Cgroup(f"{slot}", self.limits.memory, self.limits.threads)
        except OSError:
            self.cgroup = None  # rlimits alone; the doctor says so

    def open(self) -> Session:
        """A fresh worker; `Trouble` where it does not start."""
        reading, writing = os.pipe()
        inner: list[int] = []  # a descriptor, not a number: numbers are given out again

        def started(process: subprocess.Popen) -> None:
            nonlocal writing
            os.close(writing)
            writing = -1
            with contextlib.suppress(ProcessLookupError):
                inner.extend(os.pidfd_open(number) for number in _inner_process(reading))

        def end(process: subprocess.Popen) -> None:
            # bubblewrap's end ends the sandbox only if it came to say so: the inner process goes first.
            while inner:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(inner[0], signal.SIGKILL)
                os.close(inner.pop())
            process.kill()
            if self.cgroup:
                self.cgroup.kill_all()

        try:
            return Session(
                Start(
                    command=self._command(writing),
                    armour={"limits": self.limits.rlimits(), "uid": self.uid, "filter": self._filter},
                    pass_fds=(writing,),
                    started=started,
                    end=end,
                    was_out_of_memory=self.cgroup.was_out_of_memory if self.cgroup else lambda: False,
                )
            )
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)

    def close(self) -> None:
        if self.cgroup:
            self.cgroup.remove()

    def __enter__(self) -> "BubblewrapBox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _command(self, status: int) -> list[str]:
        assert self.program
        enter = ["/bin/sh", "-c", ENTER, "sh", str(self.cgroup.entrance)] if self.cgroup else []
        user = (
            # Only what it takes to give up the rest.
            ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
            if self.is_root
            else ["--unshare-user", "--disable-userns"]
        )
        spaces = ["pid", "net", "ipc", "uts", "cgroup-try"]
        return [
            *enter,
            self.program,
            *user,
            *(f"--unshare-{space}" for space in spaces),
            *("--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"),
            *(part for name, value in ENVIRONMENT.items() for part in ("--setenv", name, value)),
            *mounts(),
            *("--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", "/tmp", "--chdir", "/tmp"),
            *("--remount-ro", "/", "--json-status-fd", str(status)),
            # Isolated, without site-packages: the module path is the worker's folder and the library.
            *("--", str(interpreter()), "-I", "-S", "-B", f"{INSIDE}/worker.py"),
        ]


def interpreter() -> Path:
    """The real program behind this environment's Python."""
    return Path(sys._base_executable).resolve()  # type: ignore[attr-defined]


@functools.cache
def mounts() -> tuple[str, ...]:
    """bubblewrap's arguments for everything the worker reads, and no more."""
    python = interpreter()
    library = Path(sysconfig.get_path("stdlib")).resolve()
    packages = {"numpy": Path(np.__file__).parent, "msgpack": Path(msgpack.__file__).parent}
    bundled = packages["numpy"].parent / "numpy.libs"
    modules = [file for file in library.glob("lib-dynload/*.so") if not file.name.startswith(UNNEEDED)]
    shared = shared_libraries([python, *modules, *packages["numpy"].rglob("*.so")])
    view = _View()
    view.bind(python, python)
    view.bind(library, library)
    for name in ("site-packages", "dist-packages"):
        if (library / name).is_dir():
            view.arguments += ["--perms", "0755", "--tmpfs", str(library / name)]
    for file in shared:
        if bundled not in file.parents:
            view.bind(file, file)
    for name, folder in packages.items():
        view.bind(folder, Path(INSIDE, name))
    if bundled.is_dir():
        view.bind(bundled, Path(INSIDE, bundled.name))
    for file in WORKER_FILES:
        view.bind(file, Path(INSIDE, file.name))
    for device in ("null", "zero", "urandom"):
        view.parents(Path("/dev", device))
        view.arguments += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return tuple(view.arguments)


class _View:
    """Collects mounts. bubblewrap makes missing parents with mode 0700, which nobody but root can enter."""

    def __init__(self) -> None:
        self.arguments: list[str] = []
        self.made: set[Path] = {Path("/")}

    def parents(self, path: Path) -> None:
        for folder in reversed(path.parents):
            if folder not in self.made:
                self.made.add(folder)
                self.arguments += ["--perms", "0755", "--dir", str(folder)]

    def bind(self, source: Path, target: Path) -> None:
        self.parents(target)
        self.made.add(target)
        self.arguments += ["--ro-bind", str(source), str(target)]


def shared_libraries(files: list[Path]) -> list[Path]:
    """The shared libraries that these programs and modules load, with the loader, as ldd finds them."""
    done = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True)
    found = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE)
    return sorted({Path(os.path.normpath(name)) for name in found})


def _inner_process(status: int) -> list[int]:
    """The number of the process inside, which bubblewrap writes as soon as there is one."""
    data = b""
    while b"\n" not in data:
        more = os.read(status, 4096)
        if not more:
            return []  # it ended before; the session says why
        data += more
    try:
        return [int(json.loads(data.splitlines()[0])["child-pid"])]
    except (ValueError, KeyError) as error:
        raise Trouble(f"bubblewrap: its status cannot be read ({error})") from error
