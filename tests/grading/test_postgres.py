"""The same class in PostgreSQL, on a server of the test's own, where its programs are installed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from classroom import Engine, grade, hand_in, summary

from rnncourse.grading import database
from rnncourse.grading.grade import Outcome

REQUIRED = bool(os.environ.get("RNNCOURSE_REQUIRE_POSTGRES"))


def without(reason):
    if REQUIRED:
        pytest.fail(f"RNNCOURSE_REQUIRE_POSTGRES is set, and {reason}")
    pytest.skip(reason)


def program(name):
    """Debian keeps the server's programs out of PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = str(places[0]) if places else shutil.which(name)
    return found or without(f"there is no {name}: install postgresql")


@pytest.fixture(scope="module")
def server():
    """The URL of a server that listens on a socket in a folder of its own; it refuses to run as root."""
    if os.name != "posix":
        without("this test starts PostgreSQL on a Unix socket")
    pytest.importorskip("psycopg") if not REQUIRED else __import__("psycopg")
    initdb, control = program("initdb"), program("pg_ctl")
    # Short: the name of a socket has at most 107 bytes. Not pytest's: other users may not enter there.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        user = None
        if os.geteuid() == 0:
            user = "nobody"
            shutil.chown(folder, user)

        def run(*command):
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=120)

        run(initdb, "-D", f"{folder}/data", "-U", "grader", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        run(control, "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", options, "start")
        try:
            yield f"postgresql://grader@/postgres?host={folder}"
        finally:
            run(control, "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")


@pytest.fixture
def url(server):
    """A database with nothing in it."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS class")
        connection.execute("CREATE DATABASE class")
    return server.replace("/postgres?", "/class?")


def test_a_class_has_the_same_outcomes_as_in_sqlite(url, tmp_path):
    root = tmp_path / "submissions"
    for name, answer in (
        ("ada", "all"),
        ("bob", "right"),
        ("cleo", "fault"),
        ("=d\n", "retry"),
        ("Ё", "right"),
    ):
        hand_in(root, f"{name}/x.ipynb", answer)
    hand_in(root, "eve/x.ipynb", b"{")
    engine = Engine()
    rows = grade(root, tmp_path / "a", engine, seed=1, url=url)
    assert summary(rows) == summary(grade(root, tmp_path / "b", Engine(), seed=1))
    graded = list(engine.graded)
    grade(root, tmp_path / "a", engine, url=url)
    assert engine.graded[len(graded) :] == ["=d\n", "=d\n"]  # only the one without a grade, in two rounds
    for name in ("outcomes.csv", "canvas_02.csv"):
        mine, other = ((tmp_path / place / name).read_text(encoding="utf-8") for place in "ab")
        assert sorted(mine.splitlines()) == sorted(other.splitlines())


def test_hostile_texts_do_not_stop_the_class(url, tmp_path):
    hand_in(tmp_path / "submissions", "ada/x.ipynb")

    class Evil(Engine):
        def outcome(self, job):
            return Outcome("fault", "NUL \0, half \ud800, '; DROP TABLE outcomes; --" + "x" * 10_000)

    (row,) = grade(tmp_path / "submissions", tmp_path / "a", Evil(), url=url)
    assert row.reason.startswith("NUL \N{REPLACEMENT CHARACTER}, half ?, '; DROP TABLE")


def test_two_graders_at_once_are_refused(url):
    refused = pytest.raises(RuntimeError, match="another `rnncourse grade` is using postgresql")
    with database.opened(url), refused, database.opened(url):
        pass
    with database.opened(url):
        pass


def test_a_server_that_is_not_there_is_said_in_one_line(url):
    away = "postgresql://grader:secret@127.0.0.1:9/class"
    refused = pytest.raises(RuntimeError, match=r"database postgresql\+psycopg://grader:\*\*\*@127")
    with refused as error, database.opened(away):
        pass
    assert "\n" not in str(error.value) and "secret" not in str(error.value)
