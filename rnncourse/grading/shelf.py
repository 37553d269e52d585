"""Where the exercises are: in the installed package, or in the checkout beside it.

A wheel holds for each exercise its student notebook and its spec, never a solution; `hatch_build.py` puts
them there. In a checkout the source notebook, with solutions, stands in `exercises/NN_topic`.
"""

import ast
import functools
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from rnncourse.grading.spec import Exercise
from rnncourse.grading.student import student_version

PACKAGED = Path(__file__).resolve().parent.parent / "exercises"
CHECKOUT = Path(__file__).resolve().parent.parent.parent / "exercises"


def folders() -> dict[str, Path]:
    """The folder of each exercise by its id, in order; empty where the installation holds none."""
    root = PACKAGED if PACKAGED.is_dir() else CHECKOUT
    found = sorted(path.parent for path in root.glob("*_*/spec.py"))
    return {folder.name.partition("_")[0]: folder for folder in found}


def folder(exercise: str) -> Path:
    """The folder of one exercise; ValueError where there is none."""
    known = folders()
    exercise = exercise.zfill(2) if exercise.isdigit() else exercise  # 5 is 05
    if exercise not in known:
        names = ", ".join(known) or "none: this installation holds no exercises"
        raise ValueError(f"expected the number of an exercise, one of {names}; got {exercise!r}")
    return known[exercise]


def load(exercise: str, specs: Path | None = None) -> Exercise:
    """The spec of one exercise; one in the folder `specs` (NN_topic.py) goes before the public one.

    Raises ValueError where there is none, and what the spec itself raises.
    """
    return load_file(spec_path(exercise, specs))


def spec_path(exercise: str, specs: Path | None = None) -> Path:
    """The file of the spec that `load` takes; ValueError where there is none."""
    place = folder(exercise)
    private = specs / f"{place.name}.py" if specs else None
    return private if private and private.is_file() else place / "spec.py"


def load_file(path: Path) -> Exercise:
    """`EXERCISE` of a spec file; TypeError where it holds none."""
    name = f"rnncourse_spec_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up by module
    spec.loader.exec_module(module)
    exercise = getattr(module, "EXERCISE", None)
    if not isinstance(exercise, Exercise):
        raise TypeError(
            f"{path}: expected a rnncourse.grading.spec.Exercise named EXERCISE; got {exercise!r}"
        )
    return exercise


def student_notebook(exercise: str) -> dict[str, Any]:
    """The notebook that a student gets, without any solution."""
    place = folder(exercise)
    packaged = place / "student.ipynb"
    if packaged.is_file():
        return json.loads(packaged.read_text(encoding="utf-8"))
    return student_version(json.loads((place / "exercise.ipynb").read_text(encoding="utf-8")))


@functools.cache
def given_cells(exercise: str) -> dict[str, str]:
    """The code that every student is given and the grader takes from here: locked cells named setup…."""
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"])
        for cell in student_notebook(exercise)["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id", "").startswith("setup")
    }


@functools.cache
def functions_in(exercise: str, cell: str) -> tuple[str, ...]:
    """The functions that a student is to write in this cell, as its stub names them."""
    for found in student_notebook(exercise)["cells"]:
        if found["metadata"].get("nbgrader", {}).get("grade_id") == cell:
            tree = ast.parse("".join(found["source"]))
            return tuple(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return ()
