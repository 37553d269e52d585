"""`rnncourse grade` as it is typed: what it writes, what wrong input gets, killed and begun again."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from classroom import hand_in

from rnncourse import cli
from rnncourse.grading import boxes, database, pool, roster, shelf
from rnncourse.grading.grade import Outcome

SOLUTION = (shelf.folder("02") / "exercise.ipynb").read_bytes()


@pytest.fixture
def root(tmp_path):
    hand_in(tmp_path / "submissions", "ada/x.ipynb", SOLUTION)
    return tmp_path / "submissions"


def run(*arguments):
    return cli.main(["grade", *map(str, arguments)])


def outcomes(out):
    with sqlite3.connect(out / "results.sqlite") as connection:
        rows = connection.execute(
            "SELECT student, status, points, verdicts, unsafe FROM outcomes ORDER BY student"
        )
        found = rows.fetchall()
    connection.close()
    return found


def test_a_class_without_a_sandbox_is_graded_and_marked(root, tmp_path, capsys):
    hand_in(root, "bob/x.ipynb", SOLUTION.replace(b"np.tanh(", b"2 * np.tanh(", 1))
    out = tmp_path / "results"
    assert run(root, "--out", out, "--unsafe", "--jobs", 2) == 0
    assert "2 submissions: 2 graded now, 0 before, 0 that cannot be graded." in capsys.readouterr().out
    ada, bob = outcomes(out)
    assert ada[:3] == ("ada", "graded", shelf.load("02").points) and ada[4] and bob[2] < ada[2]
    assert "2 graded without a sandbox" in (out / "class.html").read_text(encoding="utf-8")
    assert run(root, "--out", out, "--unsafe") == 0
    assert "0 graded now, 2 before" in capsys.readouterr().out


def test_a_class_in_the_sandbox(root, tmp_path, sandbox_works):
    hand_in(root, "eve.ipynb", SOLUTION.replace(b"h_new = np", b"import os; os._exit(0); h_new = np", 1))
    assert run(root, "--out", tmp_path / "results", "--jobs", 2) == 0
    ada, eve = outcomes(tmp_path / "results")
    assert ada[2] == shelf.load("02").points and not ada[4]
    assert eve[1] == "graded" and eve[2] < ada[2]


def test_private_specs_go_before_the_public_ones(root, tmp_path):
    specs = tmp_path / "specs"
    specs.mkdir()
    place = shelf.folder("02")
    text = (place / "spec.py").read_text(encoding="utf-8").replace("points=2", "points=7")
    (specs / f"{place.name}.py").write_text(text, encoding="utf-8")
    assert run(root, "--out", tmp_path / "results", "--unsafe", "--specs", specs) == 0
    assert outcomes(tmp_path / "results")[0][2] > shelf.load("02").points


def test_where_no_sandbox_holds_nothing_is_graded(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(boxes, "_makers", dict)
    assert run(root, "--out", tmp_path / "results") == 1
    error = capsys.readouterr().err
    assert error.startswith("rnncourse grade: no sandbox on this machine") and error.count("\n") == 1
    assert outcomes(tmp_path / "results") == []


def test_what_has_no_grade_yet_is_said(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pool, "grade_bytes", lambda *_, **__: Outcome("retry", "ill"))
    assert run(root, "--out", tmp_path / "results", "--unsafe") == 1
    assert "1 without a grade yet: see" in capsys.readouterr().out


def test_an_error_of_the_grader_is_no_zero(root, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("a reference divides by zero")

    monkeypatch.setattr(pool, "grade_bytes", broken)
    assert run(root, "--out", tmp_path / "results", "--unsafe") == 1
    assert outcomes(tmp_path / "results")[0][1] == "retry"


def test_a_file_that_changes_meanwhile_is_no_zero(root, tmp_path, monkeypatch):
    take_roll = roster.find

    def changing(folder):
        found = take_roll(folder)
        read = pool.submission.read_bytes
        monkeypatch.setattr(pool, "submission", type("later", (), {"read_bytes": lambda *a: read(*a) + b" "}))
        return found

    monkeypatch.setattr(roster, "find", changing)
    assert run(root, "--out", tmp_path / "results", "--unsafe") == 1
    assert outcomes(tmp_path / "results")[0][1] == "retry"


# Wrong input


def wrong(capsys, *arguments):
    assert run(*arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def test_wrong_folders_are_said_in_one_line(root, tmp_path, capsys):
    out = tmp_path / "results"
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    assert "expected a folder of submissions and --out" in wrong(capsys, root)
    assert "expected a folder of submissions; there is none" in wrong(
        capsys, tmp_path / "nowhere", "--out", out
    )
    assert "expected a folder of submissions" in wrong(capsys, tmp_path / "file", "--out", out)
    assert "found none" in wrong(capsys, tmp_path / "empty", "--out", out)
    for inside in (root / "results", root, root / "ada" / ".." / "x", tmp_path):
        assert "--out: expected a folder outside of" in wrong(capsys, root, "--out", inside)
    assert "cannot be made" in wrong(capsys, root, "--out", tmp_path / "file" / "results")
    assert "--specs: expected a folder" in wrong(capsys, root, "--out", out, "--specs", tmp_path / "no")


def test_results_that_cannot_be_written_are_said(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be written to; choose another" in wrong(capsys, root, "--out", tmp_path / "results")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--exercise", "99", "expected the number of an exercise, one of 0"),
        ("--deadline", "soon", "time: expected one such as"),
        ("--database", "mysql://x/y", "--database: expected postgresql"),
        ("--nbgrader", "no.db", "there is no file no.db"),
    ],
)
def test_wrong_options_are_said_in_one_line(root, tmp_path, capsys, option, value, message):
    assert message in wrong(capsys, root, "--out", tmp_path / "results", "--unsafe", option, value)


@pytest.mark.parametrize(
    "arguments", [["--jobs", "0"], ["--jobs", "x"], ["--sandbox", "none"], ["--seed", "x"]]
)
def test_what_no_option_is_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        run("x", "--out", "y", *arguments)
    assert stop.value.code == 2


@pytest.mark.parametrize("name", ["sqlalchemy", "jinja2"])
def test_a_missing_library_is_named_with_its_extra(root, tmp_path, name):
    code = f"import sys; sys.modules[{name!r}] = None; from rnncourse.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "grade", str(root), "--out", str(tmp_path / "results")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"needs {name}: pip install 'rnncourse[grade]'" in done.stderr


def test_the_doctor_answers(capsys, monkeypatch):
    monkeypatch.setattr(boxes, "_makers", dict)
    assert run("--doctor") == 1
    assert "No sandbox" in capsys.readouterr().out


# Killed


def start(root, out, *more):
    command = [
        sys.executable,
        "-m",
        "rnncourse",
        "grade",
        root,
        "--out",
        out,
        "--unsafe",
        "--jobs",
        "1",
        *more,
    ]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def graded(out):
    try:
        return len(outcomes(out))
    except sqlite3.OperationalError:
        return 0


def wait_until(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def without_time(rows):
    return [(student, status, points, json.loads(verdicts)) for student, status, points, verdicts, _ in rows]


@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_killed_in_the_middle_and_begun_again_gives_the_same(root, tmp_path, how):
    if how == "interrupt" and sys.platform == "win32":
        pytest.skip("Windows has no SIGINT for one process")
    for n in range(5):
        hand_in(root, f"s{n}/x.ipynb", SOLUTION.replace(b"np.tanh(", b"%d * np.tanh(" % n, 1))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    first = start(root, whole, "--seed", 5)
    first.communicate(timeout=120)
    assert first.returncode == 0

    process = start(root, killed, "--seed", 5)
    wait_until(lambda: graded(killed) >= 2)
    if how == "kill":
        process.kill()
    else:
        process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode != 0
    if how == "interrupt":
        assert "give the same command again to go on" in error
    before = graded(killed)
    assert 2 <= before < 6

    again = start(root, killed)
    said, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    assert f"{6 - before} graded now, {before} before" in said
    assert without_time(outcomes(killed)) == without_time(outcomes(whole))


def test_a_second_grader_on_the_same_results_is_refused(root, tmp_path, capsys):
    out = tmp_path / "results"
    out.mkdir()
    with database.claimed(out / "grade.lock", "x"):
        assert f"another `rnncourse grade` is using {out}; wait" in wrong(capsys, root, "--out", out)
    assert run(root, "--out", out, "--unsafe") == 0
