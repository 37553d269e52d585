"""The exercises as the tests see them: sources of the solution cells, second answers, mutants."""

import importlib.util
import json
from pathlib import Path
from typing import NamedTuple

from rnncourse.grading import play, shelf

ANSWERS = Path(__file__).parent / "answers"
EXERCISES = {name: shelf.load(name) for name in shelf.folders()}
PARTS = [(exercise, part) for exercise in EXERCISES.values() for part in exercise.parts]


class Mutant(NamedTuple):
    exercise: str
    part: str
    name: str
    cells: dict  # grade_id -> source


def answers(exercise):
    path = ANSWERS / f"{shelf.folder(exercise).name}.py"
    spec = importlib.util.spec_from_file_location(f"answers_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def notebook(exercise):
    """The source notebook, with solutions."""
    return json.loads((shelf.folder(exercise) / "exercise.ipynb").read_text(encoding="utf-8"))


def code_cells(exercise, source=None):
    """Source of each code cell with nbgrader metadata, by its grade_id; of the notebook with solutions."""
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"])
        for cell in (source or notebook(exercise))["cells"]
        if cell["cell_type"] == "code"
    }


def mutant_cells(exercise, change):
    """The solution cells with one cell changed: (cell, source) or (cell, old, new)."""
    cells = code_cells(exercise)
    if len(change) == 2:
        cells[change[0]] = change[1]
    else:
        name, old, new = change
        assert cells[name].count(old) == 1, f"{name}: {old!r} occurs {cells[name].count(old)} times, not once"
        cells[name] = cells[name].replace(old, new)
    return cells


def mutants():
    return [
        Mutant(exercise, part, name, mutant_cells(exercise, change))
        for exercise in EXERCISES
        for part, changes in answers(exercise).MUTANTS.items()
        for name, change in changes.items()
    ]


def namespace(exercise, part, cells):
    """What a submission with these cells defines for one part."""
    space = play.fresh_namespace()
    play.define(code_cells(exercise)["setup"], "setup", space)
    for name in part.cells:
        play.define(cells[name], name, space)
    return space


def submission_bytes(exercise, cells):
    """A submission: the source notebook with some solution cells replaced."""
    found = notebook(exercise)
    for cell in found["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in cells:
            cell["source"] = cells[name]
    return json.dumps(found).encode()


def source_bytes(exercise):
    """A submission in which everything is right."""
    return submission_bytes(exercise, {})
