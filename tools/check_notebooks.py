"""Notebook hygiene: what may be stored in a notebook of this repository, and what may not.

    python tools/check_notebooks.py

Outputs make differences unreadable and grow stale, so only the figures that a test compares are
stored. What a machine leaves behind (paths, times, kernel names) never is.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("book", "exercises")
# Lines that are not blank. Folded code is not in the reader's way.
MAX_LINES, MAX_FOLDED_LINES = 25, 40
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
CELL_METADATA = {"tags", "mystnb", "editable", "deletable", "nbgrader"}
NOTEBOOK_METADATA = {"kernelspec", "language_info", "mystnb", "title", "rnncourse"}
MACHINE_PATH = re.compile(r"(/home/|/Users/|/root/|/tmp/|[A-Z]:\\\\?Users\b)")
FORBIDDEN = {
    r"^\s*[!%]\s*(pip|conda)\b": "pip in a notebook: the installation brings what it needs",
    r"\bsys\.path\b": "sys.path in a notebook: import from the installed package",
}
# Made by builds; a repository that holds them shows readers yesterday's book.
BUILT = re.compile(r"(^|/)(_build|node_modules|\.ipynb_checkpoints)/|^book/_assets/vendor/")


def _text(value: object) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def _check_code(cell: dict) -> list[str]:
    source, problems = _text(cell["source"]), []
    outputs, count = cell.get("outputs"), cell.get("execution_count")
    if re.match(r"\s*#\s*NBVAL_CHECK_OUTPUT", source):
        if not outputs or count is None:
            problems.append(
                "a cell with NBVAL_CHECK_OUTPUT must keep its output and its number: run it and save"
            )
    elif outputs:
        problems.append("stored output: expected none (or mark the cell NBVAL_CHECK_OUTPUT)")
    elif count is not None:
        problems.append(f"execution_count is {count}: expected null")
    for pattern, reason in FORBIDDEN.items():
        if re.search(pattern, source, re.MULTILINE):
            problems.append(reason)
    lines = sum(bool(line.strip()) for line in source.splitlines())
    folded = FOLDED & set(cell.get("metadata", {}).get("tags", []))
    limit = MAX_FOLDED_LINES if folded else MAX_LINES
    if lines > limit:
        problems.append(f"{lines} lines: expected at most {limit}; split the cell")
    return problems


def check_file(path: Path) -> list[str]:
    """Return what is wrong with a notebook, one line each, or an empty list."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells, metadata = notebook["cells"], notebook["metadata"]
    except (ValueError, KeyError) as error:
        return [f"{path.name}: not a notebook of format 4 ({error})"]
    problems = []
    kernel = metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        problems.append(f"the kernel is {kernel!r}: expected 'python3', which every machine has")
    if extra := set(metadata) - NOTEBOOK_METADATA:
        problems.append(f"metadata {sorted(extra)}: expected only {sorted(NOTEBOOK_METADATA)}")
    if "version" in metadata.get("language_info", {}):
        problems.append("language_info names the Python version of one machine: remove it")
    ids = [cell.get("id") for cell in cells]
    if None in ids or len(set(ids)) < len(ids):
        problems.append("each cell needs an id of its own (nbformat 4.5)")
    for number, cell in enumerate(cells, 1):
        found = _check_code(cell) if cell["cell_type"] == "code" else []
        if extra := set(cell.get("metadata", {})) - CELL_METADATA:
            found.append(f"metadata {sorted(extra)}: expected only {sorted(CELL_METADATA)}")
        stored = _text(cell["source"]) + json.dumps(cell.get("outputs", []))
        if match := MACHINE_PATH.search(stored):
            found.append(f"a machine's path ({match.group(0)}...)")
        problems += [f"cell {number}: {problem}" for problem in found]
    return [f"{path.name}: {problem}" for problem in problems]


class GitError(Exception):
    """Why git does not say which files it holds."""


def tracked(root: Path) -> list[str] | None:
    """The files that git holds; None where nothing can be committed: an unpacked archive, or no git."""
    if not (root / ".git").exists():
        return None
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=root, capture_output=True, encoding="utf-8", errors="replace"
        )
    except OSError:
        return None
    if listed.returncode:
        reason = listed.stderr.partition("\n")[0] or f"exit status {listed.returncode}"
        raise GitError(f"git ls-files failed: {reason}")
    return listed.stdout.rstrip("\0").split("\0")


def check_repository(root: Path) -> list[str]:
    """Check every notebook, and that git holds nothing that a build makes."""
    problems = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.ipynb")):
            if ".ipynb_checkpoints" not in path.parts:
                problems += check_file(path)
    try:
        names = tracked(root) or []
    except GitError as error:
        return [*problems, str(error)]
    return problems + [f"{name}: built, so not to be committed" for name in names if BUILT.search(name)]


def main() -> int:
    problems = check_repository(ROOT)
    print("\n".join(problems) if problems else "notebooks: clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
