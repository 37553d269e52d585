"""Grade on this machine: threads, each with a sandbox of its own, take one submission after another.

Threads are enough: a student's code runs in the worker process of the sandbox, not here.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from rnncourse.grading import submission
from rnncourse.grading.boxes import Box
from rnncourse.grading.grade import Outcome, grade_bytes
from rnncourse.grading.submission import SubmissionFault
from rnncourse.grading.tables import Work

# A worker in the middle of a part is waited for so long when the class is stopped.
PATIENCE_SECONDS = 20.0


class Job(NamedTuple):
    """One submission to grade: where it lies, and the seed of its random inputs."""

    work: Work
    path: Path
    seed: int


class Course(NamedTuple):
    """What is the same for all submissions: the folder they lie in, and private specs."""

    root: Path
    specs: Path | None = None


# The outcome of each job, as it ends.
Outcomes = Generator[tuple[Job, Outcome], None, None]


def run(
    jobs: Sequence[Job], course: Course, open_box: Callable[[int], AbstractContextManager[Box]], threads: int
) -> Outcomes:
    """The outcome of each job, as it ends. `open_box(slot)` gives each thread its sandbox.

    Raises what `open_box` raises. Closing the iterator lets each thread end what it is at, no more.
    """
    todo: SimpleQueue[Job] = SimpleQueue()
    done: SimpleQueue[Any] = SimpleQueue()
    for job in jobs:
        todo.put(job)
    stop = threading.Event()

    def work(slot: int) -> None:
        try:
            with open_box(slot) as box, contextlib.suppress(Empty):
                while not stop.is_set():
                    job = todo.get_nowait()
                    done.put((job, grade_file(job, course, box)))
        except BaseException as error:
            done.put(error)

    workers = [
        threading.Thread(target=work, args=(slot,), daemon=True) for slot in range(min(threads, len(jobs)))
    ]
    try:
        for worker in workers:
            worker.start()
        for _ in jobs:
            result = _next(done)
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        stop.set()
        for worker in workers:
            if worker.is_alive():
                worker.join(PATIENCE_SECONDS)


def _next(done: SimpleQueue) -> Any:
    """Wait in short pieces: Windows does not interrupt a longer wait on Ctrl-C."""
    while True:
        with contextlib.suppress(Empty):
            return done.get(timeout=0.5)


def grade_file(job: Job, course: Course, box: Box) -> Outcome:
    """The outcome of one job whose file lies on this machine."""
    data = read(job, course)
    if isinstance(data, Outcome):
        return data
    return grade_data(data, job.work.exercise, course.specs, job.seed, box)


def read(job: Job, course: Course) -> bytes | Outcome:
    """The file's bytes, or what came of it where they are not those that the class was surveyed with."""
    try:
        data = submission.read_bytes(job.path, course.root)
    except SubmissionFault as error:
        return Outcome("retry", f"was there a moment ago: {error}")
    if hashlib.sha256(data).hexdigest() != job.work.sha256:
        return Outcome("retry", "the file changed while the class was graded: grade again")
    return data


def grade_data(data: bytes, exercise: str, specs: Path | None, seed: int, box: Box) -> Outcome:
    """`grade_bytes`, and an error of the grader itself as what it is: not a 0, and no end of the class."""
    try:
        return grade_bytes(data, expected=exercise, specs=specs, seed=seed, box=box)
    except Exception as error:
        trace, where = error.__traceback__, ""
        while trace is not None:
            where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
            trace = trace.tb_next
        return Outcome("retry", f"the grader failed: {type(error).__name__} at {where}", unsafe=box.unsafe)
