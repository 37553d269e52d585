"""Look at every submission before grading: what can be read, of which exercise it is, whether it is late.

The trusted process only hashes the file and reads its JSON; no code of a student runs here.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from rnncourse.grading import submission
from rnncourse.grading.roster import Submission
from rnncourse.grading.submission import SubmissionFault
from rnncourse.grading.tables import Seen, clean


def survey(
    found: Iterable[Submission],
    root: Path,
    *,
    exercise: str | None,
    deadline: datetime | None,
    code: Callable[[str], str],
) -> Iterator[Seen]:
    """What the store keeps of each submission below `root`.

    `exercise` is the one that each notebook must be of, by default any. `code(exercise)` names the version of
    spec and grader, or raises ValueError where there is no such exercise.
    """
    for item in found:
        seen = _seen(item, deadline)
        yield seen if item.problem else _looked_into(seen, item.path, root, exercise, code)


def settled(everything: list[Seen], exercise: str | None) -> list[Seen]:
    """What is of no known exercise counts for `exercise`, or for the one that all the others are of.

    Only for a student who has nothing better there: a broken file does not push out one that can be read.
    """
    exercises = {seen.exercise for seen in everything} - {""}
    only = exercise or (exercises.pop() if len(exercises) == 1 else None)
    if only is None:
        return everything
    better = {seen.student for seen in everything if seen.exercise == only}
    return [
        seen if seen.exercise or seen.student in better else seen._replace(exercise=only)
        for seen in everything
    ]


def _seen(item: Submission, deadline: datetime | None) -> Seen:
    who = item.person
    return Seen(
        student=who.key,
        place=item.place,
        sha256="",
        exercise="",
        code="",
        name=who.name,
        canvas=who.canvas,
        moodle=who.moodle,
        submitted=item.submitted.isoformat(timespec="microseconds"),
        late=item.late or (deadline is not None and item.submitted > deadline),
        problem=clean(item.problem),
        ours=item.ours,
    )


def _looked_into(
    seen: Seen, path: Path, root: Path, exercise: str | None, code: Callable[[str], str]
) -> Seen:
    try:
        data = submission.read_bytes(path, root)
    except SubmissionFault as error:
        # That we may not read it is no fault of the student.
        return seen._replace(problem=clean(str(error)), ours=isinstance(error.__cause__, PermissionError))
    seen = seen._replace(sha256=hashlib.sha256(data).hexdigest())
    try:
        name = submission.parse(data).exercise
    except SubmissionFault as error:
        return seen._replace(problem=clean(str(error)))
    if exercise not in (None, name):
        problem = f"a notebook of another exercise: expected {exercise}; got {name}"
        return seen._replace(problem=clean(problem))
    try:
        return seen._replace(exercise=name, code=code(name))
    except ValueError:
        problem = f"a notebook of an exercise that does not exist here: {name}"
        return seen._replace(problem=clean(problem))
