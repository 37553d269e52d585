"""Grade a class: survey the folder, grade what has no final outcome yet, keep each outcome as it ends."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from rnncourse.grading import roster, shelf
from rnncourse.grading.pool import Course, Job, Outcomes
from rnncourse.grading.spec import Exercise
from rnncourse.grading.store import Store
from rnncourse.grading.survey import settled, survey
from rnncourse.grading.version import code_of

# What ended in "retry" is graded once more when all others are done; then the next run has to.
ROUNDS = 2
# So many in a row are no bad luck: the machine does not grade.
TROUBLES = 25

Engine = Callable[[Sequence[Job]], Outcomes]


@dataclass(frozen=True)
class Plan:
    """What is to be graded and how: `exercise` None takes what each notebook says."""

    root: Path
    exercise: str | None = None
    deadline: datetime | None = None
    specs: Path | None = None
    unsafe: bool = False

    @property
    def course(self) -> Course:
        """What every submission has in common."""
        return Course(self.root, self.specs)

    def code(self, exercise: str) -> str:
        """The version that grades this exercise; ValueError where there is no such exercise."""
        return code_of(exercise, self.specs, self.unsafe)


class Tally(NamedTuple):
    """What one run did: files found, graded now, had been graded, not to be graded."""

    found: int
    graded: int
    before: int
    refused: int


def grade_class(plan: Plan, store: Store, engine: Engine, seed: int | None) -> Tally:
    """Bring the store up to date with the folder. May be stopped at any moment, and begun again.

    Raises ValueError for an empty folder, or where `seed` is not the one that the class was begun with;
    RuntimeError where nothing can be graded on this machine; OSError where the folder cannot be listed.
    """
    entropy = _entropy(store, seed)
    found = roster.find(plan.root)
    if not found:
        raise ValueError(f"{plan.root}: expected notebooks, or a folder for each student; found none")
    rules = {"exercise": plan.exercise, "deadline": plan.deadline, "code": plan.code}
    looked = survey(found, plan.root, **rules)  # type: ignore[arg-type]
    read = list(tqdm(looked, "reading", len(found), unit=" files", leave=False, disable=None))
    everything = settled(read, plan.exercise)
    # A spec that does not load must stop us before anything is graded.
    load({seen.exercise for seen in everything if seen.exercise}, plan.specs)
    store.take_roll(everything)
    paths = {(item.person.key, item.place): item.path for item in found}
    jobs = [
        Job(work, paths[work.student, work.place], seed_of(entropy, work.exercise, work.sha256))
        for work in store.waiting()
    ]
    refused = sum(bool(seen.problem) for seen in everything)
    readable = len({(s.student, s.exercise, s.sha256) for s in everything if not s.problem})
    waiting = _grade(jobs, store, engine, before=readable - len(jobs))
    return Tally(len(found), len(jobs) - waiting, readable - len(jobs), refused)


def _grade(jobs: Sequence[Job], store: Store, engine: Engine, before: int) -> int:
    """Grade, with a second round for what is to be tried again; return how many are left."""
    in_a_row = 0
    with tqdm(desc="grading", total=len(jobs) + before, initial=before, disable=None) as bar:
        for _ in range(ROUNDS):
            if not jobs:
                break
            again = []
            # Closed at once when something stops us: threads and workers end what they are at.
            with contextlib.closing(engine(jobs)) as done:
                for job, outcome in done:
                    store.put(job.work, outcome)
                    if outcome.status != "retry":
                        in_a_row = 0
                        bar.update()
                        continue
                    in_a_row += 1
                    again.append(job)
                    if in_a_row >= TROUBLES:
                        raise RuntimeError(
                            f"{in_a_row} submissions one after another could not be graded, the last because "
                            f"{outcome.reason!r}. See `rnncourse grade --doctor`; what was graded is kept"
                        )
            jobs = again
    return len(jobs)


def load(names: Iterable[str], specs: Path | None) -> dict[str, Exercise]:
    """The spec of each of these exercises. RuntimeError where one does not load."""
    found = {}
    for name in sorted(names):
        try:
            found[name] = shelf.load(name, specs)
        except Exception as error:  # whatever an instructor's own spec throws
            path = shelf.spec_path(name, specs)
            raise RuntimeError(f"spec {path}: does not load: {type(error).__name__}: {error}") from error
    return found


def _entropy(store: Store, seed: int | None) -> str:
    """What all random inputs of this class come from: the same for every run over it."""
    fresh = int.from_bytes(os.urandom(16), "big") if seed is None else seed
    kept = store.setting("seed", str(fresh))
    if seed is not None and kept != str(seed):
        raise ValueError(
            f"--seed: this class was begun with another seed; expected none, or that one; got {seed}. "
            "To grade with another seed, choose another folder for the results"
        )
    return kept


def seed_of(entropy: str, exercise: str, sha256: str) -> int:
    """The seed of one submission, whatever the order in which the class is graded."""
    digest = hashlib.sha256(f"{entropy} {exercise} {sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
