"""Spread a class over the workers of a Dask scheduler, on one machine or many.

Whoever reaches a Dask scheduler can run code on its workers, and plain tcp:// neither encrypts nor asks who
is there. Between machines use tls://, with certificates of an authority that signs for this cluster alone:

    openssl req -x509 -newkey rsa:3072 -nodes -days 120 -subj /CN=grading-ca -keyout ca-key.pem -out ca.pem
    openssl req -newkey rsa:3072 -nodes -subj /CN=grading -keyout key.pem -out request.pem
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -days 120 -out cert.pem

    dask scheduler --protocol tls --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem
    dask worker tls://HOST:8786 --nworkers 4 --nthreads 1 --tls-ca-file ca.pem --tls-cert cert.pem \\
        --tls-key key.pem
    rnncourse grade SUBMISSIONS --out RESULTS --scheduler tls://HOST:8786 --tls-ca ca.pem \\
        --tls-cert cert.pem --tls-key key.pem

The workers need the same version of rnncourse (a worker with another grader or spec is refused) and a
sandbox of their own; they need no shared disk. A submission travels to the worker as bytes, private specs
as text, and both are gone from there in the end. Only this process writes to the results' database.
"""

import contextlib
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, NamedTuple

from distributed import Client, WorkerPlugin, as_completed, get_worker
from distributed.security import Security

from rnncourse.grading import pool
from rnncourse.grading.boxes import Box, open_box
from rnncourse.grading.cohort import Engine, Plan
from rnncourse.grading.grade import Outcome
from rnncourse.grading.pool import Job, Outcomes
from rnncourse.grading.version import code_of

NAME = "rnncourse-grader"
CONNECT_SECONDS = 30
# So many submissions for each thread are on their way at once: enough to keep it busy, few enough to hold.
AHEAD = 3


class Tls(NamedTuple):
    """Files in PEM: the authority's certificate, one's own certificate, its key."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class Grader(WorkerPlugin):
    """What a worker holds while a class is graded: the private specs, and a sandbox for each thread."""

    name = NAME

    def __init__(self, kind: str, specs: dict[str, str], codes: dict[str, str], unsafe: bool) -> None:
        self.kind, self.specs, self.codes, self.unsafe = kind, specs, codes, unsafe

    def setup(self, worker: Any) -> None:
        """RuntimeError where this worker would give other grades, NoSandbox where it cannot give any."""
        self._lock, self._boxes = threading.Lock(), dict[int, Box]()
        self._folder = Path(tempfile.mkdtemp(prefix="rnncourse-specs-"))
        try:
            for name, text in self.specs.items():
                (self._folder / name).write_text(text, encoding="utf-8", newline="")
            for exercise, code in self.codes.items():
                if code_of(exercise, self._folder, self.unsafe) != code:
                    raise RuntimeError(f"its rnncourse has another grader or spec of exercise {exercise}")
            open_box(self.kind).close()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def teardown(self, worker: Any) -> None:
        for box in self._boxes.values():
            box.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def grade(self, data: bytes, exercise: str, seed: int) -> Outcome:
        """The outcome of one submission, in the box of this thread."""
        thread = threading.get_ident()
        with self._lock:
            if thread not in self._boxes:
                self._boxes[thread] = open_box(self.kind, len(self._boxes))
        return pool.grade_data(data, exercise, self._folder, seed, self._boxes[thread])


def _grade(data: bytes, exercise: str, seed: int) -> Outcome:
    return get_worker().plugins[NAME].grade(data, exercise, seed)  # type: ignore[attr-defined]


@contextlib.contextmanager
def connected(address: str, tls: Tls, plan: Plan, kind: str) -> Iterator[Engine]:
    """What grades on the cluster at `address`. ValueError for an address or certificates that do not fit,
    RuntimeError where the scheduler is not reached."""
    security = _security(address, tls)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is raised
    try:
        client = Client(address, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TypeError, ValueError) as error:
        raise RuntimeError(f"--scheduler: {address} is not reached: {_line(error)}") from error
    with client:
        try:
            yield lambda jobs: _run(client, jobs, plan, kind)
        finally:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                client.unregister_worker_plugin(NAME)


def _run(client: Any, jobs: Sequence[Job], plan: Plan, kind: str) -> Outcomes:
    """The outcome of each job, as it ends; a few jobs ahead of the workers, whatever the class's size."""
    ahead = AHEAD * _prepare(client, jobs, plan, kind)
    waiting, running = iter(jobs), dict[str, tuple[Job, Any]]()
    done = as_completed(loop=client.loop)

    def send() -> Outcomes:
        for job in waiting:
            data = pool.read(job, plan.course)
            if isinstance(data, Outcome):
                yield job, data
                continue
            future = client.submit(_grade, data, job.work.exercise, job.seed, pure=False)
            running[future.key] = job, future
            done.add(future)
            if len(running) >= ahead:
                return

    yield from send()
    while running:
        future = next(done)
        job, _ = running.pop(future.key)
        yield job, _outcome(future)
        yield from send()


def _outcome(future: Any) -> Outcome:
    """What a task gave; where its worker was lost time and again, that."""
    if future.status == "finished":
        return future.result()
    try:
        error = future.exception()
    except CancelledError as cancelled:
        error = cancelled
    if future.status == "cancelled" or error is None:
        raise RuntimeError("--scheduler: lost; what was graded is kept, give the same command again to go on")
    return Outcome("retry", f"the cluster failed: {_line(error)}")


def _prepare(client: Any, jobs: Sequence[Job], plan: Plan, kind: str) -> int:
    """Make every worker a grader, those that join later too; return how many threads they have."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        raise RuntimeError("--scheduler: it has no worker; start one with `dask worker`") from error
    private = plan.specs.glob("*_*.py") if plan.specs else ()
    texts = {path.name: path.read_text(encoding="utf-8") for path in private}
    codes = {job.work.exercise: job.work.code for job in jobs}
    try:
        client.register_plugin(Grader(kind, texts, codes, plan.unsafe))
    except Exception as error:  # whatever a worker's `setup` raised
        raise RuntimeError(f"--scheduler: a worker cannot grade: {_line(error)}") from error
    return sum(client.nthreads().values())


def _security(address: str, tls: Tls) -> Security | None:
    scheme = address.partition("://")[0]
    given = [path for path in tls if path is not None]
    if scheme not in ("tcp", "tls"):
        raise ValueError(f"--scheduler: expected tls://HOST:PORT or tcp://HOST:PORT; got {address}")
    if len(given) != (3 if scheme == "tls" else 0):
        raise ValueError(
            f"--scheduler: tls:// needs --tls-ca, --tls-cert and --tls-key, tcp:// takes none; got {address} "
            f"and {len(given)} of them"
        )
    for path in given:
        if not path.is_file():
            raise FileNotFoundError(f"--tls: there is no file {path}")
    if scheme == "tcp":
        return None
    ca, cert, key = map(str, tls)
    return Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True)


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
