"""`rnncourse grade`: grade a folder of submissions, and write what an instructor hands on."""

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EXTRAS = {"distributed": "cluster", "nbgrader": "nbgrader", "psycopg": "postgres"}
SANDBOXES = ("auto", "bubblewrap", "container")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command. Needs the standard library alone."""
    parser.description = (
        "Grade notebooks in a sandbox. Stopped at any moment, it goes on where it was when the same command "
        "is given again; nothing is graded twice. RESULTS then holds class.html, outcomes.csv, a file an "
        "exercise for Canvas and for Moodle, and a page for each student in feedback/."
    )
    add = parser.add_argument
    add(
        "submissions", nargs="?", type=Path, metavar="SUBMISSIONS",
        help="a folder with STUDENT/ASSIGNMENT/*.ipynb (nbgrader), STUDENT/*.ipynb, or *.ipynb as Canvas "
        "and Moodle pack them",
    )  # fmt: skip
    add("--out", type=Path, metavar="RESULTS", help="a folder for the results, not inside SUBMISSIONS")
    add("--doctor", action="store_true", help="say which sandbox this machine offers, and why")
    add("--exercise", metavar="NN", help="expect this exercise; by default each notebook says its own")
    add("--deadline", metavar="TIME", help="mark what is later, such as 2026-05-01T23:59+02:00; local time "
        "without a zone")  # fmt: skip
    add("--jobs", type=_positive, default=cores(), metavar="N", help="so many at once (%(default)s)")
    add("--seed", type=int, metavar="X", help="of all random inputs; fresh by default, kept with the results")
    add("--specs", type=Path, metavar="FOLDER", help="private specs, NN_topic.py, before the public ones")
    add("--database", metavar="URL", help="postgresql://USER@HOST/NAME, or sqlite:///FILE; by default "
        "RESULTS/results.sqlite")  # fmt: skip
    add("--sandbox", choices=SANDBOXES, default="auto", help="which one; the first that holds by default")
    add("--unsafe", action="store_true", help="grade without a sandbox, and mark every grade")
    add("--scheduler", metavar="URL", help="spread over the workers of a Dask scheduler: tls://HOST:PORT, "
        "tcp:// in a trusted network")  # fmt: skip
    for name, what in (("ca", "authority's certificate"), ("cert", "certificate"), ("key", "key")):
        add(f"--tls-{name}", type=Path, metavar="FILE", help=f"the {what} for tls:// (PEM)")
    add("--nbgrader", type=Path, metavar="GRADEBOOK", help="write the scores into this gradebook.db, too")
    add("--assignment", metavar="NAME", help="its assignment there, where the exercise is in more than one")


def run(arguments: argparse.Namespace) -> int:
    """Do what the options say; return 1 where some submissions have no grade yet, else 0.

    Raises ValueError, OSError, RuntimeError or ImportError, each with a message for the instructor.
    """
    try:
        if arguments.doctor:
            from rnncourse.grading.boxes import doctor

            return doctor()
        return _grade(arguments)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("rnncourse"):
            raise
        extra = EXTRAS.get(error.name, "grade")
        raise ImportError(f"needs {error.name}: pip install 'rnncourse[{extra}]'") from error


def _grade(arguments: argparse.Namespace) -> int:
    root, out = _folders(arguments)
    if arguments.nbgrader:
        from rnncourse.grading.nbgrader_export import check, export

        check(arguments.nbgrader)

    from rnncourse.grading import cohort, database, reports, roster, shelf
    from rnncourse.grading.boxes import NoSandbox

    deadline = roster.parse_time(arguments.deadline) if arguments.deadline else None
    exercise = shelf.folder(arguments.exercise).name.partition("_")[0] if arguments.exercise else None
    plan = cohort.Plan(root, exercise, deadline, _specs(arguments.specs), arguments.unsafe)
    url = arguments.database or database.sqlite_url(out / "results.sqlite")
    with database.claimed(out / "grade.lock", str(out)), database.opened(url) as store:
        try:
            with _engine(arguments, plan) as engine:
                tally = cohort.grade_class(plan, store, engine, arguments.seed)
        except NoSandbox as error:
            raise RuntimeError(str(error)) from error
        exercises = cohort.load(store.exercises(), plan.specs)
        ungraded = reports.write(store, exercises, out)
        if arguments.nbgrader:
            print(export(store, exercises, arguments.nbgrader, arguments.assignment))
    page = out / "class.html"
    graded = f"{tally.graded} graded now, {tally.before} before"
    print(f"{tally.found} submissions: {graded}, {tally.refused} that cannot be graded. See {page}")
    if ungraded:
        print(f"{ungraded} without a grade yet: see {out / 'outcomes.csv'}, then give the same command again")
    return 1 if ungraded else 0


def _folders(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """SUBMISSIONS and RESULTS, the latter made where it is missing."""
    if arguments.submissions is None or arguments.out is None:
        raise ValueError("expected a folder of submissions and --out RESULTS, or --doctor")
    root, out = arguments.submissions.resolve(), arguments.out.resolve()
    if not root.is_dir():
        raise ValueError(f"{arguments.submissions}: expected a folder of submissions; there is none")
    if out.is_relative_to(root) or root.is_relative_to(out):
        raise ValueError(f"--out: expected a folder outside of {arguments.submissions}; got {arguments.out}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--out: {arguments.out} cannot be made: {error.strerror}") from error
    if not os.access(out, os.W_OK):
        raise PermissionError(f"--out: {arguments.out} cannot be written to; choose another folder")
    return root, out


def _specs(folder: Path | None) -> Path | None:
    if folder is not None and not folder.is_dir():
        raise ValueError(f"--specs: expected a folder; got {folder}")
    if folder is None:
        return None
    from rnncourse.grading import shelf

    known = {f"{place.name}.py" for place in shelf.folders().values()}
    found = {path.name for path in folder.glob("*.py")}
    misnamed = sorted(name for name in found - known if name[0].isdigit())
    if misnamed or not found & known:
        got = ", ".join(misnamed) or "none"
        raise ValueError(f"--specs: expected files among {', '.join(sorted(known))}; got {got}")
    return folder.resolve()


@contextlib.contextmanager
def _engine(arguments: argparse.Namespace, plan: Any) -> Iterator[Any]:
    """What grades: threads on this machine, or a Dask cluster."""
    kind = "unsafe" if arguments.unsafe else arguments.sandbox
    if arguments.scheduler:
        from rnncourse.grading.cluster import Tls, connected

        tls = Tls(arguments.tls_ca, arguments.tls_cert, arguments.tls_key)
        with connected(arguments.scheduler, tls, plan, kind) as engine:
            yield engine
        return
    from rnncourse.grading import pool
    from rnncourse.grading.boxes import open_box

    yield lambda jobs: pool.run(jobs, plan.course, lambda slot: open_box(kind, slot), arguments.jobs)


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 200:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 200; got {text}")
    return number
