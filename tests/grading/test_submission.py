"""Files that are no submission, or a damaged or hostile one: each gets an outcome, none stops the grader."""

import copy
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sheet

from rnncourse.grading import grade, shelf, submission
from rnncourse.grading.boxes import Box
from rnncourse.grading.session import Trouble
from rnncourse.grading.submission import MAX_BYTES, MAX_CELLS, MAX_SOURCE, SubmissionFault, parse

STUDENT = shelf.student_notebook("02")
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="about files of POSIX")


class NoBox:
    """A box in which no worker starts: what is graded without one was refused before."""

    name = "none"
    unsafe = False

    def open(self):
        raise Trouble("no worker here")

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def graded(data, **more):
    box = NoBox()
    assert isinstance(box, Box)
    return grade.grade_bytes(data, seed=0, box=box, **more)


def changed(change):
    """The bytes of the student's notebook after `change` was applied to it."""
    notebook = copy.deepcopy(STUDENT)
    change(notebook)
    return json.dumps(notebook).encode()


def cell(notebook, name):
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def label(**values):
    return changed(lambda notebook: notebook["metadata"]["rnncourse"].update(values))


def test_a_submission_is_read():
    found = parse(json.dumps(STUDENT).encode())
    assert (found.exercise, found.version, found.twice) == ("02", 1, frozenset())
    assert "rnn_step" in found.cells
    assert "def rnn_step(" in found.cells["rnn_step"]


def test_sources_may_be_lists_and_a_mark_may_come_first():
    def to_lists(notebook):
        for found in notebook["cells"]:
            found["source"] = found["source"].splitlines(keepends=True)

    assert parse(b"\xef\xbb\xbf" + changed(to_lists)) == parse(json.dumps(STUDENT).encode())


def test_what_is_no_cell_of_ours_is_passed_over():
    def clutter(notebook):
        notebook["cells"] += [
            {"cell_type": "code", "source": 5, "metadata": {}},
            {"cell_type": "markdown", "source": None, "metadata": {"nbgrader": {"grade_id": "rnn_step"}}},
            {"cell_type": "code", "source": "x", "metadata": {"nbgrader": {"grade_id": ["rnn_step"]}}},
            None,
            [],
            "cell",
        ]

    assert parse(changed(clutter)) == parse(json.dumps(STUDENT).encode())


WHOLE = json.dumps(STUDENT).encode()
BAD = {
    "nothing": (b"", "no JSON"),
    "text": (b"my answers", "no JSON"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
    "a zip file": (b"PK\x03\x04" + bytes(100), "no JSON"),
    "the first half": (WHOLE[: len(WHOLE) // 2], "only the beginning"),
    "other UTF": (json.dumps(STUDENT).encode("utf-16"), "not UTF-8"),
    "Latin-1": ('{"nbformat": 4, "a": "é"}'.encode("latin-1"), "not UTF-8"),
    "a list": (b"[1, 2]", "format 4"),
    "a number": (b"4", "format 4"),
    "null": (b"null", "format 4"),
    "an old format": (changed(lambda n: n.update(nbformat=3)), "format 4"),
    "no format": (changed(lambda n: n.pop("nbformat")), "format 4"),
    "no cells": (changed(lambda n: n.pop("cells")), "a list of at most"),
    "cells that are a map": (changed(lambda n: n.update(cells={})), "a list of at most"),
    "too many cells": (changed(lambda n: n.update(cells=[{}] * (MAX_CELLS + 1))), "a list of at most"),
    "no metadata": (changed(lambda n: n.pop("metadata")), "its metadata names none"),
    "metadata that are a list": (changed(lambda n: n.update(metadata=[])), "its metadata names none"),
    "another's notebook": (changed(lambda n: n["metadata"].pop("rnncourse")), "rnncourse exercise start"),
    "no exercise": (label(exercise=None), "its metadata names none"),
    "an exercise that is a number": (label(exercise=2), "its metadata names none"),
    "an exercise with a long name": (label(exercise="0" * 10_000), "its metadata names none"),
    "a version that is text": (label(version="1"), "its metadata names none"),
    "a version that is true": (label(version=True), "its metadata names none"),
    "a version that is a fraction": (label(version=1.0), "its metadata names none"),
    "lists in lists": (b"[" * 200_000, "no JSON"),
    "maps in maps": (b'{"a":' * 200_000, "no JSON"),
    "closed lists in lists": (
        b'{"nbformat": 4, "cells": ' + b"[" * 99_999 + b"]" * 99_999 + b"}",
        "not a notebook",
    ),
    "a number of a million digits": (b'{"nbformat": ' + b"4" * 1_000_000 + b"}", "no JSON"),
    "a source that is a number": (changed(lambda n: cell(n, "rnn_step").update(source=5)), "no text"),
    "a source of numbers": (changed(lambda n: cell(n, "rnn_step").update(source=["a", 5])), "no text"),
    "no source": (changed(lambda n: cell(n, "rnn_step").pop("source")), "no text"),
    "a million lines": (
        changed(lambda n: cell(n, "rnn_step").update(source="x = 1\n" * 1_000_000)),
        f"more than {MAX_SOURCE} characters",
    ),
    "100 MB of outputs": (b'{"outputs": "' + b"0" * 100 * 2**20 + b'"}', "clear the outputs"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_a_fault_that_says_what_to_do(name):
    data, message = BAD[name]
    started = time.perf_counter()
    with pytest.raises(SubmissionFault, match=message):
        parse(data)
    outcome = graded(data)
    assert time.perf_counter() - started < 5
    assert outcome.status == "fault"
    assert outcome.earned == 0
    assert outcome.verdicts == ()
    assert len(outcome.reason) < 300


OTHER = {
    "another exercise than expected": (label(), {"expected": "04"}, "expected 04; got 02"),
    "an exercise that does not exist": (label(exercise="99"), {}, "does not exist here: 99"),
    "a path for an exercise": (label(exercise="../../etc"), {}, "does not exist here"),
    "an older version": (label(version=0), {}, "made for version 0 .* expected version 1"),
    "a vast version": (label(version=10**4000), {}, "expected version 1"),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_notebook_of_something_else_is_a_fault(name):
    data, more, message = OTHER[name]
    outcome = graded(data, **more)
    assert outcome.status == "fault"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(outcome.reason)


@pytest.mark.parametrize("exercise", ["\ud800", "0\n<script>", "\x1b[31m", "=1+1", "\u202e20"])
def test_a_hostile_name_of_an_exercise_can_be_stored_and_shown(exercise):
    reason = graded(label(exercise=exercise)).reason
    assert reason.encode("utf-8")
    assert reason.isprintable()


def verdict(change):
    """The verdict of 02.1 where no worker starts: it must be lost before one is asked for."""

    class Part(NoBox):
        pass

    found = submission.parse(changed(change))
    player = grade.SandboxPlayer(Part())
    given = shelf.given_cells("02")
    return grade._verdict(shelf.load("02").parts[0], found, given, 0, player)


def test_a_deleted_cell_loses_its_part_alone():
    found = verdict(lambda n: n["cells"].remove(cell(n, "rnn_step")))
    assert (found.earned, found.written) == (0, False)
    assert found.failures[0].property == "there"
    assert "rnn_step is missing" in found.failures[0].detail


@pytest.mark.parametrize("source", ["same", "other"])
def test_two_cells_of_one_name_lose_their_part_alone(source):
    def copy_cell(notebook):
        again = copy.deepcopy(cell(notebook, "rnn_step"))
        again["source"] = again["source"] if source == "same" else "rnn_step = 1"
        notebook["cells"].insert(0, again)

    found = verdict(copy_cell)
    assert found.earned == 0
    assert found.failures[0].property == "there once"


def test_a_missing_or_doubled_cell_costs_no_other_part(box):
    notebook = sheet.notebook("02")
    notebook["cells"].remove(cell(notebook, "rnn_forward"))
    notebook["cells"].append(cell(notebook, "cross_entropy"))
    outcome = grade.grade_bytes(json.dumps(notebook).encode(), seed=0, box=box)
    assert [v.earned for v in outcome.verdicts] == [2, 3, 0, 0]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / "good.ipynb").write_bytes(WHOLE)
    (tmp_path / "secret.ipynb").write_bytes(WHOLE)
    return folder


def reading(path, root):
    outcome = grade.grade(path, root, seed=0, box=NoBox())
    assert outcome.status == "fault"
    return outcome.reason


def test_a_file_in_the_folder_is_read(root):
    assert submission.read_bytes(root / "good.ipynb", root) == WHOLE
    assert submission.parse(submission.read_bytes(root / "good.ipynb", root)).exercise == "02"


@needs_posix
def test_a_link_to_another_submission_is_not_followed(root):
    os.symlink(root / "good.ipynb", root / "link.ipynb")
    assert "a link to another submission" in reading(root / "link.ipynb", root)
    (root / "ada").mkdir()
    os.symlink(root / "ada", root / "bob")
    os.rename(root / "good.ipynb", root / "ada" / "good.ipynb")
    assert submission.read_bytes(root / "ada" / "good.ipynb", root) == WHOLE
    assert "a link to another submission" in reading(root / "bob" / "good.ipynb", root)


@needs_posix
def test_the_folder_of_submissions_may_be_a_link_itself(root, tmp_path):
    os.symlink(root, tmp_path / "course")
    assert submission.read_bytes(tmp_path / "course" / "good.ipynb", tmp_path / "course") == WHOLE


@pytest.mark.parametrize("target", ["../secret.ipynb", "/etc/passwd", "/dev/zero", "/proc/self/environ"])
@needs_posix
def test_a_link_out_of_the_folder_is_not(root, target):
    if not Path(root, target).exists():
        pytest.skip(f"no {target} here")
    os.symlink(target, root / "link.ipynb")
    assert "leads out of the folder" in reading(root / "link.ipynb", root)


@needs_posix
def test_a_folder_that_leads_out_is_not_followed(root):
    os.symlink("..", root / "up")
    assert "leads out of the folder" in reading(root / "up" / "secret.ipynb", root)
    assert "leads out of the folder" in reading(root / ".." / "secret.ipynb", root)


@needs_posix
def test_links_that_lead_nowhere_or_in_a_circle(root):
    os.symlink(root / "gone", root / "broken.ipynb")
    os.symlink(root / "circle.ipynb", root / "circle.ipynb")
    assert "cannot be read" in reading(root / "broken.ipynb", root)
    assert "cannot be read" in reading(root / "circle.ipynb", root)


@needs_posix
def test_a_pipe_does_not_stop_the_grader(root):
    os.mkfifo(root / "pipe.ipynb")
    started = time.perf_counter()
    assert "expected a file" in reading(root / "pipe.ipynb", root)
    assert time.perf_counter() - started < 1


def test_a_folder_and_a_missing_file(root):
    (root / "folder.ipynb").mkdir()
    assert "expected a file" in reading(root / "folder.ipynb", root)
    assert "cannot be read" in reading(root / "missing.ipynb", root)


@needs_posix
def test_a_file_without_permission(root):
    if os.geteuid() == 0:
        pytest.skip("root reads any file")
    (root / "good.ipynb").chmod(0)
    assert "Permission denied" in reading(root / "good.ipynb", root)


def test_a_file_that_is_too_large_is_not_read(root):
    with open(root / "large.ipynb", "wb") as file:
        file.truncate(100 * 2**20)  # takes no room on the disk
    assert "100 MB: expected at most 8 MB; clear the outputs" in reading(root / "large.ipynb", root)
    with open(root / "limit.ipynb", "wb") as file:
        file.truncate(MAX_BYTES)
    assert "not a notebook" in reading(root / "limit.ipynb", root)


ATOMS = [
    None,
    True,
    False,
    0,
    1,
    -1,
    4,
    4.0,
    1e308,
    10**30,
    "",
    "02",
    "\ud800",
    "\x00",
    "rnn_step",
    [],
    {},
    [[]],
]


def places(value, path=()):
    """The path of every entry of a JSON value."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def mutate(notebook, rng):
    """The notebook with a few entries replaced, removed, exchanged or doubled."""
    notebook = copy.deepcopy(notebook)
    for _ in range(rng.integers(1, 5)):
        found = list(places(notebook))
        *path, last = found[rng.integers(len(found))]
        holder = notebook
        for key in path:
            holder = holder[key]
        match rng.integers(5):
            case 0:
                del holder[last]
            case 1:
                holder[last] = [holder[last]] * int(rng.integers(3))
            case 2:
                holder[last] = copy.deepcopy(STUDENT["cells"][rng.integers(len(STUDENT["cells"]))])
            case _:
                holder[last] = copy.deepcopy(ATOMS[rng.integers(len(ATOMS))])
        if not notebook:
            break
    return notebook


def read_or_fault(data):
    try:
        found = parse(data)
    except SubmissionFault as error:
        str(error).encode("utf-8")
        return "fault"
    assert isinstance(found.exercise, str)
    assert type(found.version) is int
    for source in found.cells.values():
        source.encode("utf-8")
    return "read"


def test_a_mutated_notebook_is_read_or_is_a_fault():
    rng = np.random.default_rng(0)
    came = [read_or_fault(json.dumps(mutate(STUDENT, rng)).encode()) for _ in range(500)]
    assert {"read", "fault"} == set(came)


def test_a_file_with_changed_bytes_is_read_or_is_a_fault():
    rng = np.random.default_rng(1)
    came = []
    for turn in range(500):
        data = bytearray(WHOLE)
        for place in rng.integers(len(data), size=rng.integers(1, 6)):
            data[place] = rng.integers(256)
        came.append(read_or_fault(bytes(data[: rng.integers(len(data))] if turn % 5 == 0 else data)))
    assert {"read", "fault"} == set(came)


def test_a_mutated_notebook_always_has_an_outcome():
    rng = np.random.default_rng(2)
    for _ in range(200):
        outcome = graded(json.dumps(mutate(STUDENT, rng)).encode())
        # "retry": it got as far as a worker, which does not start here.
        assert outcome.status in ("graded", "fault", "retry")
        assert outcome.earned == 0
        assert repr(outcome).encode()
