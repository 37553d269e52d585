"""A class for the tests: submissions on the disk, and a grader that needs no sandbox."""

import hashlib
import json
from pathlib import Path

from rnncourse.grading import cohort, database, reports, shelf
from rnncourse.grading.grade import Outcome
from rnncourse.grading.judge import Verdict
from rnncourse.grading.spec import Failure

EXERCISE = "02"


def notebook(answer="right", exercise=EXERCISE):
    """The bytes of a notebook of this exercise; `answer` decides what `engine` makes of it."""
    cell = {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "rnn_step"}}, "source": answer}
    label = {"rnncourse": {"exercise": exercise, "version": 1}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": label, "cells": [cell]}).encode()


def hand_in(root, place, answer="right", exercise=EXERCISE):
    path = Path(root, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(answer if isinstance(answer, bytes) else notebook(answer, exercise))
    return path


def verdicts(answer, exercise=EXERCISE):
    """The first part right, the others wrong; "all" has all of them right."""
    failure = Failure("value of h", "it differs", "at T = 1")
    return tuple(
        Verdict(
            part.id, part.points, () if answer == "all" or n == 0 else (failure,), ("at T = 1", "at T > 1")
        )
        for n, part in enumerate(shelf.load(exercise).parts)
    )


class Engine:
    """Counts what it grades. An answer "retry" or "fault" ends so; every `outcome` names its seed."""

    def __init__(self):
        self.graded = []
        self.seeds = {}
        self.cured = False

    def __call__(self, jobs):
        for job in jobs:
            yield job, self.outcome(job)

    def outcome(self, job):
        self.graded.append(job.work.student)
        self.seeds[job.work.student] = job.seed
        try:
            answer = json.loads(job.path.read_bytes())["cells"][0]["source"]
        except ValueError:
            return Outcome("fault", "not a notebook")
        if answer == "retry" and not self.cured:
            return Outcome("retry", "the machine is ill")
        if answer == "fault":
            return Outcome("fault", "too <b>wrong</b>")
        return Outcome("graded", "", verdicts(answer), 0.25)


def grade(root, out, engine=None, seed=None, url=None, **plan):
    """What `rnncourse grade` does, with this engine; returns the rows of the store."""
    out.mkdir(exist_ok=True)
    with database.opened(url or database.sqlite_url(out / "results.sqlite")) as store:
        cohort.grade_class(cohort.Plan(root, **plan), store, engine or Engine(), seed)
        reports.write(store, cohort.load(store.exercises(), None), out)
        return list(store.rows())


def summary(rows):
    """What two runs over one class must agree on."""
    return sorted((r.seen.student, r.seen.place, r.status, r.points, r.verdicts, r.counts) for r in rows)


def sha256(data):
    return hashlib.sha256(data).hexdigest()
