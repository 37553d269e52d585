"""What the Makefile's targets do. Started by bootstrap.py; needs the standard library alone."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import environment
import slower
from environment import ROOT, SetupError
from prune_widgets import prune_folder

HTML = ROOT / "_build" / "html"
STAMP = ROOT / "_build" / "html.complete"
# Not the console script: that holds the path of the environment it was installed in. A cell that
# fails is a warning, so without -W the book would be built and say nothing.
BUILD_BOOK = [
    "-c",
    "from jupyter_book.cli.main import main; main(prog_name='jupyter-book')",
    *("build", "book", "--path-output", ".", "-W", "-n", "--keep-going"),
]
# What runs with NumPy alone: the package's tests, less those that name what they need besides, and a
# student's check.
NUMPY_TESTS = [
    "tests/package",
    "tests/exercises/test_specs.py",
    "--ignore-glob=*_torch.py",
    "--ignore-glob=*test_widgets*",
    "--ignore-glob=*test_figures*",
]


def run(*command: object, **options) -> None:
    """Run a command in the repository's root; its failure is ours."""
    # The products here are small: a second thread costs more than it brings, and on a busy machine far more.
    env = {"OMP_NUM_THREADS": "1"} | os.environ | {"PYTHONUTF8": "1"} | options.pop("env", {})
    code = subprocess.run([str(part) for part in command], cwd=ROOT, env=env, **options).returncode
    if code:
        raise SystemExit(code)


def book_hash() -> str:
    names = ["_config.yml", "book", "exercises", "rnncourse", "constraints.txt", "pyproject.toml", "tools"]
    return environment.digest([ROOT / name for name in names], str(environment.NEWEST))


def book(python: Path) -> None:
    """Execute every notebook afresh and build the pages."""
    environment.ensure_browser_files(python)
    STAMP.unlink(missing_ok=True)
    # Nothing of an earlier build is used: neither outputs nor pages that are gone by now.
    for name in ("html", ".doctrees", "jupyter_execute", ".jupyter_cache"):
        shutil.rmtree(ROOT / "_build" / name, ignore_errors=True)
    value, begin = book_hash(), time.monotonic()
    run(python, *BUILD_BOOK)
    prune_folder(HTML)
    STAMP.write_text(value)
    print(f"\nThe book was built in {time.monotonic() - begin:.0f} s. Open it in a browser:")
    print(f"  {(HTML / 'index.html').as_uri()}\nor run 'make serve'.", flush=True)


def book_if_needed(python: Path) -> None:
    environment.ensure_browser_files(python)
    if not (environment.is_stamped(STAMP, book_hash()) and (HTML / "index.html").is_file()):
        book(python)


def chosen_port() -> int:
    given = os.environ.get("PORT") or "8000"
    try:
        port = int(given)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise SetupError(f"PORT: expected a number in 1..65535; got {given}")
    return port


def serve(python: Path) -> None:
    port = chosen_port()
    book_if_needed(python)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(HTML))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise SetupError(
            f"port {port} cannot be used ({error.strerror}): expected a free one; "
            f"name another: make serve PORT={8001 if port == 8000 else 8000}"
        ) from error
    print(f"The book is at http://localhost:{port}/ (Ctrl-C stops it)", flush=True)
    server.serve_forever()


def lab(python: Path) -> None:
    # Jupyter asks root, the only user of many containers, to say so.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    run(python, "-m", "jupyterlab", "book", *root)


def test(python: Path) -> None:
    chosen = os.environ.get("TESTS", "").split()
    if not chosen:
        book_if_needed(python)
        numpy_python = environment.ensure_numpy_venv()
        print("\nThe NumPy side, in an environment without torch", flush=True)
        run(numpy_python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *NUMPY_TESTS)
        print("\nEverything", flush=True)
    run(python, "-m", "pytest", *(chosen or ["tests"]))


def check(python: Path) -> None:
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "ruff", "format", "--check", ".")
    run(python, "-m", "mypy", "rnncourse")
    run(python, "tools/check_notebooks.py")


def bench(python: Path) -> None:
    scripts = sorted((ROOT / "benchmarks").glob("[!_]*.py"))
    run_benchmarks(python, [s for s in scripts if not s.stem.endswith("_gpu")])


def bench_gpu(python: Path) -> None:
    """The benchmarks that need an NVIDIA GPU; without one the first says so and fails."""
    run_benchmarks(python, sorted((ROOT / "benchmarks").glob("[!_]*_gpu.py")))


def run_benchmarks(python: Path, scripts: list[Path]) -> None:
    """Run each, and say at the end what got slower than the committed record by more than its spread."""
    for script in scripts:
        print(f"\n{script.relative_to(ROOT)}", flush=True)
        run(python, script)
    print("\nAgainst the committed results")
    lines = slower.report(ROOT, [script.stem for script in scripts])
    print("\n".join(lines) or "nothing is slower by more than the spread")


def clean() -> None:
    folders = [ROOT / "_build", environment.VENDOR]
    folders += [ROOT / f".{name}_cache" for name in ("pytest", "ruff", "mypy")]
    for top in ("rnncourse", "tests", "tools", "benchmarks", "book", "exercises"):
        folders += (ROOT / top).rglob("__pycache__")
        folders += (ROOT / top).rglob(".ipynb_checkpoints")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    targets = (book, serve, lab, test, check, bench, bench_gpu)
    tasks = {task.__name__.replace("_", "-"): task for task in targets}
    for name in arguments:
        try:
            if name == "clean":
                clean()
            elif name in tasks:
                tasks[name](environment.ensure_venv())
            else:
                known = ", ".join([*tasks, "clean"])
                raise SetupError(f"unknown target {name!r}: expected one of {known}")
        except SetupError as error:
            print(f"make: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
