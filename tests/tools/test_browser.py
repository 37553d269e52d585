"""Finding a browser: what is said when there is none, and what .ci/run does about it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import pytest

ROOT = Path(__file__).resolve().parents[2]
ADVICE = "install Chrome, or name a browser in CHROMIUM"


def test_a_chromium_that_is_named_and_not_there(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/nowhere/chrome")
    assert browser.find_browser() is None
    assert browser.why_none().startswith("CHROMIUM=/nowhere/chrome was not found: install")
    monkeypatch.delenv("CHROMIUM")
    assert browser.why_none().startswith("no browser found: install")


def test_the_tool_prints_what_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("CHROMIUM", sys.executable)
    command = [sys.executable, ROOT / "tools" / "browser.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, sys.executable, "")
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", browser.why_none())


@pytest.mark.parametrize(("required", "result"), [("1", "1 error"), ("0", "1 skipped"), ("", "1 skipped")])
def test_without_a_browser_its_tests_fail_or_are_skipped(required, result):
    test = "tests/book/test_browser_checks_bite.py::test_a_sound_page_passes"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        cwd=ROOT,
        env=os.environ | {"CHROMIUM": "/nowhere/chrome", "RNNCOURSE_REQUIRE_BROWSER": required},
        capture_output=True,
        text=True,
    )
    assert result in done.stdout and "CHROMIUM=/nowhere/chrome was not found" in done.stdout, done.stdout
    assert ("The browser tests were SKIPPED" in done.stdout) is (result == "1 skipped")


class Machine:
    """A PATH with what every Linux has, and stand-ins; make writes down what it was asked for."""

    def __init__(self, folder: Path):
        self.bin, self.log = folder / "bin", folder / "log"
        self.bin.mkdir()
        for name in ("bash", "dirname", "env", "chmod"):
            (self.bin / name).symlink_to(shutil.which(name))
        self.has("python3", f'exec "{sys.executable}" "$@"')
        self.has("make", f'echo "$@" >> "{self.log}"')
        self.has("id", "echo 0")
        for name in ("bwrap", "openssl", "pg_lsclusters"):
            self.has(name, "exit 0")
        self.has("ldconfig", "echo libseccomp.so.2")

    def has(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def apt_installs(self, script: str) -> None:
        """An apt-get whose `install` gives a program named chromium."""
        path = self.bin / "chromium"
        write = f"printf '#!/bin/sh\\n{script}\\n' > {path}; chmod +x {path}"
        self.has("apt-get", f'case "$*" in *install*) {write};; esac')

    def run_ci(self, **env: str) -> str | list[str]:
        """The one line that it fails with, or the targets that it ran."""
        command = [self.bin / "bash", ROOT / ".ci" / "run"]
        env = {"PATH": str(self.bin)} | env
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode == 0:
            return self.log.read_text().split()
        assert not self.log.exists(), "it went on without a browser"
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.strip()


@pytest.fixture
def machine(tmp_path):
    if sys.platform != "linux":
        pytest.skip(".ci/run is for Linux")
    return Machine(tmp_path)


def test_ci_uses_a_browser_that_the_tests_find(machine):
    machine.has("microsoft-edge", "exit 0")
    assert machine.run_ci() == ["check", "book", "test"]


def test_ci_installs_chromium(machine):
    machine.apt_installs("exit 0")
    assert machine.run_ci() == ["check", "book", "test"]


def test_ci_installs_with_sudo(machine):
    machine.apt_installs("exit 0")
    machine.has("id", "echo 1000")
    assert machine.run_ci() == f".ci/run: no browser, and neither root nor sudo to install Chromium; {ADVICE}"
    machine.has("sudo", 'exec "$@"')
    assert machine.run_ci() == ["check", "book", "test"]


def test_ci_notices_that_the_package_is_a_stub(machine):
    machine.apt_installs("echo requires the chromium snap; exit 1")
    line = machine.run_ci()
    assert line == f".ci/run: apt-get installed no Chromium that starts (Ubuntu's is a snap); {ADVICE}"


def test_ci_says_that_nothing_can_be_installed(machine):
    assert machine.run_ci() == f".ci/run: no browser, and no apt-get to install Chromium with; {ADVICE}"
    machine.has("apt-get", "exit 100")
    assert machine.run_ci() == f".ci/run: apt-get could not install Chromium; {ADVICE}"


@pytest.mark.parametrize(
    ("program", "packages"),
    [
        ("bwrap", "bubblewrap libseccomp2"),
        ("ldconfig", "bubblewrap libseccomp2"),
        ("openssl", "openssl"),
        ("pg_lsclusters", "postgresql"),
    ],
)
def test_ci_installs_what_the_grader_needs(machine, tmp_path, program, packages):
    machine.has("chromium", "exit 0")
    machine.has(program, "exit 0") if program == "ldconfig" else (machine.bin / program).unlink()
    line = machine.run_ci()
    assert line.startswith(".ci/run: no ") and f"; install {packages.split()[0]}" in line
    machine.has("apt-get", f'echo "$@" >> "{tmp_path}/apt"')
    assert machine.run_ci() == ["check", "book", "test"]
    assert f"install -y -q --no-install-recommends {packages}" in (tmp_path / "apt").read_text()


def test_ci_installs_nothing_in_place_of_a_browser_that_is_named(machine):
    machine.apt_installs("exit 0")
    line = machine.run_ci(CHROMIUM="/nowhere/chrome")
    assert line == ".ci/run: CHROMIUM=/nowhere/chrome was not found or does not start; expected a browser"


def test_ci_needs_python(machine):
    line = machine.run_ci(PYTHON="python9")
    assert line == ".ci/run: no python9: install Python 3.11 or newer, or name one in PYTHON"
