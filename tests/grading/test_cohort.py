"""A class: nothing graded twice, nothing lost, the newest counts, each bad submission its own outcome."""

import os
import sys
from datetime import UTC, datetime

import pytest
from classroom import Engine, grade, hand_in, notebook, summary

from rnncourse.grading import cohort, database, feedback, shelf, survey, version
from rnncourse.grading.grade import Outcome
from rnncourse.grading.store import Store
from rnncourse.grading.tables import Work, clean, pack, unpack

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX links and rights")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "submissions"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


def at(path, seconds):
    os.utime(path, (seconds, seconds))


# Again, and again


def test_nothing_is_graded_twice(root, out):
    for name in ("ada", "bob"):
        hand_in(root, f"{name}/x.ipynb", name)
    engine = Engine()
    first = grade(root, out, engine)
    hand_in(root, "cleo/x.ipynb")
    again = grade(root, out, engine)
    assert engine.graded == ["ada", "bob", "cleo"]
    assert summary(first) == summary(again)[:2]


def test_what_was_begun_goes_on_with_the_same_inputs(root, out):
    """An engine that is killed after two: the others are graded as they would have been."""
    for name in "abcdef":
        hand_in(root, f"{name}/x.ipynb", name)
    whole, broken = Engine(), Engine()
    expected = grade(root, out.with_name("whole"), whole, seed=7)

    def killed(jobs):
        yield from ((job, broken.outcome(job)) for job in jobs[:2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(root, out, killed, seed=7)
    assert summary(grade(root, out, broken)) == summary(expected)
    assert sorted(broken.graded) == list("abcdef")
    assert broken.seeds == whole.seeds


def test_an_outcome_stands_when_the_next_one_breaks(root, out):
    hand_in(root, "a/x.ipynb")
    hand_in(root, "b/x.ipynb")

    def breaks(jobs):
        yield jobs[0], Engine().outcome(jobs[0])
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        grade(root, out, breaks)
    engine = Engine()
    grade(root, out, engine)
    assert engine.graded == ["b"]


def test_retry_is_no_zero_and_is_tried_again(root, out):
    hand_in(root, "ada/x.ipynb", "retry")
    hand_in(root, "bob/x.ipynb")
    engine = Engine()
    ada, bob = grade(root, out, engine)
    assert engine.graded == ["ada", "bob", "ada"]  # a second round after all others, then no more
    assert (ada.status, ada.reason) == ("retry", "the machine is ill")
    assert bob.status == "graded"
    engine.cured = True
    ada, _ = grade(root, out, engine)
    assert ada.status == "graded" and engine.graded[3:] == ["ada"]


def test_a_machine_that_grades_nothing_stops_the_class(root, out):
    for n in range(cohort.TROUBLES + 1):
        hand_in(root, f"{n}/x.ipynb", "retry")
    with pytest.raises(
        RuntimeError, match="25 submissions one after another .*'the machine is ill'.*--doctor"
    ):
        grade(root, out)


def test_another_version_of_the_grader_grades_afresh_and_keeps_the_old(root, out, monkeypatch):
    hand_in(root, "ada/x.ipynb")
    engine = Engine()
    grade(root, out, engine)
    monkeypatch.setattr(cohort, "code_of", lambda *_: "another")
    grade(root, out, engine)
    assert engine.graded == ["ada", "ada"]
    with (
        database.opened(database.sqlite_url(out / "results.sqlite")) as store,
        store.engine.connect() as connection,
    ):
        assert len(list(connection.exec_driver_sql("SELECT * FROM outcomes"))) == 2


def test_the_version_names_all_that_decides_a_grade(tmp_path, monkeypatch):
    plain = version.code_of("02")
    assert version.code_of("02", None, True) != plain
    name = f"{shelf.folder('02').name}.py"
    (tmp_path / name).write_text("# private")
    assert version.code_of("02", tmp_path) != plain
    version.code_of.cache_clear()
    assert version.code_of("02") == plain
    version.code_of.cache_clear()
    monkeypatch.setattr(version.shelf, "given_cells", lambda _: {"setup": "import math"})
    assert version.code_of("02") != plain
    version.code_of.cache_clear()


def test_a_final_outcome_is_never_replaced(tmp_path):
    work = Work("ada", "02", "0" * 64, "code", "x")
    with database.opened(database.sqlite_url(tmp_path / "x.sqlite")) as store:
        for status in ("retry", "graded", "retry", "fault"):
            store.put(work, Outcome(status, status))
        with store.engine.connect() as connection:
            assert list(connection.exec_driver_sql("SELECT status, attempts FROM outcomes")) == [
                ("graded", 2)
            ]


# Seeds


def test_a_seed_decides_all_inputs_whatever_the_order(root, out):
    engines = [Engine(), Engine(), Engine()]
    for name in "abc":
        hand_in(root, f"{name}/x.ipynb", name)
    grade(root, out, engines[0], seed=1)
    grade(root, out.with_name("b"), lambda jobs: engines[1](jobs[::-1]), seed=1)
    grade(root, out.with_name("c"), engines[2])
    assert engines[0].seeds == engines[1].seeds
    assert len(set(engines[0].seeds.values())) == 3
    assert not set(engines[0].seeds.values()) & set(engines[2].seeds.values())


def test_another_seed_for_the_same_class_is_refused(root, out):
    hand_in(root, "a/x.ipynb")
    grade(root, out, seed=1)
    grade(root, out, seed=1)
    with pytest.raises(
        ValueError, match="--seed: .*got 2. To grade with another seed, choose another folder"
    ):
        grade(root, out, seed=2)


# Late, repeated


def test_the_newest_counts_and_all_are_kept(root, out):
    for name, seconds in (("first", 1e9), ("newest", 3e9), ("second", 2e9)):
        at(hand_in(root, f"ada/{name}.ipynb", name), seconds)
    hand_in(root, "ada/other.ipynb", exercise="02")
    at(root / "ada" / "other.ipynb", 0)
    rows = grade(root, out, deadline=datetime.fromtimestamp(2.5e9, UTC))
    assert [(r.seen.place[4:], r.counts, r.seen.late) for r in rows] == [
        ("other.ipynb", False, False),
        ("first.ipynb", False, False),
        ("second.ipynb", False, False),
        ("newest.ipynb", True, True),
    ]
    assert all(row.status == "graded" for row in rows)


def test_a_file_that_is_written_over_or_taken_away_is_kept_and_counts_no_more(root, out):
    path = hand_in(root, "ada/x.ipynb", "old")
    hand_in(root, "bob/x.ipynb")
    grade(root, out)
    hand_in(root, "ada/x.ipynb", "new")
    at(path, 0)  # older by its time, but what lies there is what was handed in
    (root / "bob" / "x.ipynb").unlink()
    rows = grade(root, out)
    ada = [(r.present, r.counts, r.status) for r in rows if r.seen.student == "ada"]
    assert ada == [(False, False, "graded"), (True, True, "graded")]
    bob = [(r.present, r.counts, r.status) for r in rows if r.seen.student == "bob"]
    assert bob == [(False, False, "graded"), (True, True, "fault")]


def test_the_same_file_twice_is_graded_once(root, out):
    hand_in(root, "ada/x.ipynb")
    hand_in(root, "ada/y.ipynb")
    engine = Engine()
    rows = grade(root, out, engine)
    assert engine.graded == ["ada"]
    assert [r.status for r in rows] == ["graded", "graded"] and sum(r.counts for r in rows) == 1


# Bad input


def test_each_bad_submission_is_its_own_outcome_and_the_rest_is_graded(root, out):
    hand_in(root, "ada/x.ipynb")
    hand_in(root, "bob/x.ipynb", b'{"nbformat": 4, "cel')
    hand_in(root, "cleo/x.ipynb", b"\xff\xfe")
    hand_in(root, "dora/x.ipynb", notebook(exercise="99"))
    hand_in(root, "emil/x.ipynb", notebook(exercise="0\0<b>"))
    hand_in(root, "fay/x.ipynb", b"x" * (9 * 2**20))
    (root / "gil").mkdir()
    (root / "hal" / "x.ipynb").mkdir(parents=True)
    rows = {r.seen.student: r for r in grade(root, out)}
    assert rows["ada"].status == "graded"
    faults = {name: row.reason for name, row in rows.items() if name != "ada"}
    assert {row.status for name, row in rows.items() if name != "ada"} == {"fault"}
    for name, expected in {
        "bob": "not a notebook: no JSON",
        "cleo": "not UTF-8",
        "dora": "an exercise that does not exist here: 99",
        "emil": "not one of our exercises",
        "fay": "expected at most 8 MB",
        "gil": "holds no notebook",
        "hal": "holds no notebook",
    }.items():
        assert expected in faults[name]
    # All others are of one exercise: it is the one that these are 0 points of.
    assert {row.seen.exercise for row in rows.values()} == {"02"}


@needs_posix
def test_links_pipes_and_files_without_access(root, out, tmp_path, monkeypatch):
    hand_in(root, "ada/x.ipynb")
    secret = hand_in(tmp_path, "secret.ipynb")
    for name in ("bob", "cleo", "dora"):
        (root / name).mkdir()
    (root / "bob" / "x.ipynb").symlink_to(secret)
    os.mkfifo(root / "cleo" / "x.ipynb")
    hand_in(root, "dora/x.ipynb")
    open_file = survey.submission.Path.open

    def refuse(path, *arguments, **named):
        if path.parent.name == "dora":
            raise PermissionError(13, "Permission denied", str(path))
        return open_file(path, *arguments, **named)

    monkeypatch.setattr(survey.submission.Path, "open", refuse)
    rows = {r.seen.student: r for r in grade(root, out)}
    assert rows["ada"].status == "graded"
    assert rows["bob"].status == "fault" and "leads out of the folder" in rows["bob"].reason
    assert rows["cleo"].status == "fault" and "expected a file" in rows["cleo"].reason
    # That we may not read it costs the student nothing.
    assert rows["dora"].status == "retry" and "Permission denied" in rows["dora"].reason
    monkeypatch.undo()
    rows = {r.seen.student: r for r in grade(root, out)}
    assert rows["dora"].status == "graded"


@pytest.fixture
def two_exercises(monkeypatch):
    """Exercises 02 and 04, whatever is on the shelf."""
    places = {"02": shelf.folder("02"), "04": shelf.folders().get("04", shelf.folder("02"))}
    monkeypatch.setattr(shelf, "folders", lambda: places)


def test_without_one_exercise_for_all_the_unreadable_has_none(root, out, two_exercises):
    hand_in(root, "ada/x.ipynb")
    hand_in(root, "bob/x.ipynb", exercise="04")
    hand_in(root, "cleo/x.ipynb", b"{")
    rows = {r.seen.student: r for r in grade(root, out)}
    assert (rows["cleo"].seen.exercise, rows["cleo"].status) == ("", "fault")


def test_an_exercise_that_is_asked_for_holds_for_all(root, out, two_exercises):
    hand_in(root, "ada/x.ipynb")
    at(hand_in(root, "ada/y.ipynb", exercise="04"), 4e9)
    hand_in(root, "bob/x.ipynb", exercise="04")
    hand_in(root, "cleo/x.ipynb", b"{")
    engine = Engine()
    rows = {r.seen.place.replace("\\", "/"): r for r in grade(root, out, engine, exercise="02")}
    assert engine.graded == ["ada"]
    assert rows["bob/x.ipynb"].reason == "a notebook of another exercise: expected 02; got 04"
    for place in ("bob/x.ipynb", "cleo/x.ipynb"):
        row = rows[place]
        assert (row.seen.exercise, row.status, row.points, row.counts) == ("02", "fault", 0, True)
    # Ada's other notebook, though newer, is no submission to this exercise.
    assert rows["ada/x.ipynb"].counts and rows["ada/x.ipynb"].points
    assert rows["ada/y.ipynb"].seen.exercise == ""
    assert engine.graded == ["ada"]


def test_a_broken_file_does_not_push_out_one_that_can_be_read(root, out):
    at(hand_in(root, "ada/x.ipynb"), 1e9)
    at(hand_in(root, "ada/y.ipynb", b"{"), 2e9)
    rows = [(r.seen.exercise, r.status, r.counts) for r in grade(root, out)]
    assert rows == [("", "fault", True), ("02", "graded", True)]
    assert "Files that cannot be graded" in " ".join(
        (out / "feedback" / feedback.file_name("ada")).read_text(encoding="utf-8").split()
    )


def test_an_empty_folder_is_an_error(root, out):
    root.mkdir()
    with pytest.raises(ValueError, match="expected notebooks, or a folder for each student; found none"):
        grade(root, out)


def test_a_private_spec_that_does_not_load_stops_us_before_anything_is_graded(root, out, tmp_path):
    hand_in(root, "ada/x.ipynb")
    (tmp_path / f"{shelf.folder('02').name}.py").write_text("EXERCISE = 1 / 0")
    engine = Engine()
    with pytest.raises(RuntimeError, match=r"spec .*02_\w+\.py: does not load: ZeroDivisionError"):
        grade(root, out, engine, specs=tmp_path)
    assert engine.graded == []


# The database


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("results.db", r"expected postgresql://USER@HOST/NAME or sqlite:///FILE; got something else"),
        ("mysql://ada:secret@host/x", r"expected postgresql.*got mysql://ada:\*\*\*@host/x"),
        ("sqlite://", "expected postgresql"),
        ("nonsense://x", "expected postgresql"),
    ],
)
def test_a_wrong_url_is_said_without_its_password(url, message):
    with pytest.raises(ValueError, match=message) as error, database.opened(url):
        pass
    assert "secret" not in str(error.value)


def test_what_is_no_database_is_said_in_one_line(tmp_path):
    (tmp_path / "x.sqlite").write_text("no database, but a text that is long enough to be looked at")
    url = database.sqlite_url(tmp_path / "x.sqlite")
    with (
        pytest.raises(RuntimeError, match="database sqlite:///.*: file is not a database") as error,
        database.opened(url),
    ):
        pass
    assert "\n" not in str(error.value)


def test_a_database_of_another_format_is_refused(tmp_path, monkeypatch):
    url = database.sqlite_url(tmp_path / "x.sqlite")
    with database.opened(url):
        pass
    monkeypatch.setattr(database, "FORMAT", "2")
    with pytest.raises(RuntimeError, match="expected format 2; got 1"), database.opened(url):
        pass


def test_two_graders_at_once_are_refused(tmp_path):
    url = database.sqlite_url(tmp_path / "x.sqlite")
    refused = pytest.raises(RuntimeError, match="another `rnncourse grade` is using sqlite.*wait")
    with database.opened(url), refused, database.opened(url):
        pass
    with database.opened(url) as store:
        assert isinstance(store, Store)


def test_sqlite_writes_ahead_and_to_the_disk(tmp_path):
    with (
        database.opened(database.sqlite_url(tmp_path / "x.sqlite")) as store,
        store.engine.connect() as connection,
    ):
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.parametrize("text", ["", "a\0b", "half \ud800", "x" * 10_000])
def test_every_text_fits_into_every_database(text):
    assert "\0" not in clean(text) and len(clean(text)) <= 500
    clean(text).encode("utf-8")


def test_verdicts_pass_through_the_store_without_values():
    import numpy as np
    from classroom import verdicts

    right, wrong, *_ = verdicts("right")
    secret = wrong.failures[0]._replace(expected=np.ones(3), got=np.zeros(3), inputs={"x": np.ones(3)})
    packed = pack((right, type(wrong)(wrong.part, wrong.points, (secret,), wrong.kinds)))
    assert unpack(packed) == (right, wrong)
