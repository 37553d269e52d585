"""Where bubblewrap cannot run: the worker in a container of Docker or Podman, without network, with limits.

The image needs Python, NumPy and msgpack, and is the instructor's to build (docs: For instructors); its name
stands in RNNCOURSE_GRADE_IMAGE. A container starts in about a second, so a class takes longer.
"""

import contextlib
import os
import shutil
import subprocess
import uuid

from rnncourse.grading.session import WORKER_FILES, Limits, Session, Start

DEFAULT_IMAGE = "rnncourse-grade"
NOBODY = "65534:65534"


class ContainerBox:
    """Starts workers in containers. OSError where neither engine answers, or the image is missing."""

    name = "container"
    unsafe = False

    def __init__(self, slot: int = 0, limits: Limits | None = None) -> None:
        del slot
        self.limits = limits or Limits()
        self.image = os.environ.get("RNNCOURSE_GRADE_IMAGE", DEFAULT_IMAGE)
        self.engine = _engine()
        if subprocess.run([self.engine, "image", "inspect", self.image], capture_output=True).returncode:
            raise OSError(
                f"container: expected an image {self.image} with Python, NumPy and msgpack; build one, or "
                f"name it in RNNCOURSE_GRADE_IMAGE"
            )

    def open(self) -> Session:
        """A fresh worker; `Trouble` where it does not start."""
        name = f"rnncourse-{uuid.uuid4().hex}"

        def end(process: subprocess.Popen) -> None:
            # Ending the client leaves the container running: the engine must end it.
            subprocess.run([self.engine, "kill", name], capture_output=True)
            process.kill()

        limits = self.limits.rlimits()
        del limits["RLIMIT_NPROC"]  # the engine counts
        return Session(
            Start(
                command=container_command(self.engine, self.image, name, self.limits),
                armour={"limits": limits, "uid": None, "filter": None},
                environment=dict(os.environ),  # the client's; the container gets none of it
                end=end,
            )
        )

    def close(self) -> None: ...

    def __enter__(self) -> "ContainerBox":
        return self

    def __exit__(self, *_: object) -> None: ...


def container_command(engine: str, image: str, name: str, limits: Limits) -> list[str]:
    """The engine's command line: no network, no rights, read-only, limits on memory, processes and /tmp."""
    files = [part for file in WORKER_FILES for part in ("--volume", f"{file}:/grader/{file.name}:ro")]
    return [
        *(engine, "run", "--rm", "--interactive", "--name", name, "--network", "none"),
        *("--read-only", "--tmpfs", "/tmp:size=64m", "--user", NOBODY, "--cap-drop", "ALL"),
        *("--security-opt", "no-new-privileges", "--pids-limit", str(limits.threads)),
        *("--memory", str(limits.memory), "--memory-swap", str(limits.memory), "--ipc", "none"),
        *("--env", "OPENBLAS_NUM_THREADS=1", "--env", "PYTHONUTF8=1", "--workdir", "/tmp"),
        *files,
        *(image, "python3", "-I", "-B", "/grader/worker.py"),
    ]


def _engine() -> str:
    for name in ("docker", "podman"):
        program = shutil.which(name)
        if program:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                if subprocess.run([program, "info"], capture_output=True, timeout=20).returncode == 0:
                    return program
    raise OSError("container: expected Docker or Podman with an engine that answers; got none")
