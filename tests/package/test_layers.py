"""The package's layout: one-way imports, torch only where the name says so, an import that costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

import rnncourse
from rnncourse.functional import linear

PACKAGE = Path(rnncourse.__file__).parent
FILES = sorted(p.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py"))
# From the ground up: a file may import its own layer and those before it.
LAYERS = [
    ["_checks", "_files"],
    ["params"],
    ["functional"],
    ["cells"],
    ["unroll", "unroll_torch"],
    ["stack", "stack_torch"],
    ["fast"],
    ["gradcheck", "gradflow", "truncation"],
    ["data"],
    ["models"],
    ["training"],
    ["figures"],
    ["notebook"],
    ["widgets"],
    ["doctor", "doctor_torch"],
    ["grading"],
    ["cli_grade"],
    ["cli"],
    ["__main__"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imports(path):
    """Every module the file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            if node.module == "rnncourse":
                yield from (f"rnncourse.{alias.name}" for alias in node.names)


def layer_of(path):
    return path.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_go_one_way(path):
    if path == Path("__init__.py"):
        assert not list(imports(path))
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "rnncourse" and len(parts) > 1 and parts[1] != "__version__":
            assert RANK[parts[1]] <= RANK[layer_of(path)], f"{path} imports {name}, which stands above it"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_torch_is_imported_where_the_name_says_so(path):
    uses = any(name.split(".")[0] == "torch" for name in imports(path))
    assert uses == path.stem.endswith(("_torch", "_triton"))


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "figures"], ids=str)
def test_figures_know_numpy_and_matplotlib_only(path):
    outside = {n.split(".")[0] for n in imports(path)} - sys.stdlib_module_names
    assert outside <= {"numpy", "matplotlib", "jaxtyping", "rnncourse"}
    assert all(n.startswith("rnncourse.figures") for n in imports(path) if n.startswith("rnncourse."))


def test_importing_the_package_imports_nothing_else():
    code = "import sys, rnncourse; print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'torch'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# The student's check; the grader itself needs the extra `grade`.
STUDENTS_SIDE = (
    "checker", "draws", "judge", "local", "page", "play", "shelf", "spec", "start", "status", "student",
    "tidy",
)  # fmt: skip


def test_the_numpy_side_never_loads_torch():
    modules = [
        ".".join(("rnncourse", *p.with_suffix("").parts))
        for p in FILES
        if p.name != "__init__.py" and not p.stem.endswith(("_torch", "_triton"))
        and p.parts[0] not in ("figures", "widgets")
        and (p.parts[0] != "grading" or p.stem in STUDENTS_SIDE)
    ]  # fmt: skip
    code = f"import sys; [__import__(m) for m in {modules}]; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_shapes_are_checked_while_tests_run():
    pytest.importorskip("beartype", reason="the shape checker is not installed here")
    with pytest.raises(jaxtyping.TypeCheckError):
        linear(np.ones((2, 3)), np.ones((5, 4)), np.ones(5))


def test_shapes_cost_nothing_otherwise():
    code = "from rnncourse.functional import linear; assert not hasattr(linear, '__wrapped__')"
    subprocess.run([sys.executable, "-c", code], check=True)
