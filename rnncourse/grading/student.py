"""Make the student's notebook from the source: the solutions go, all else stays.

What stands between ### BEGIN SOLUTION and ### END SOLUTION becomes a line to write at, as nbgrader's
ClearSolutions does it, so that both tools make the same notebook.
"""

import copy
import json
import re
from typing import Any

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")


def student_version(source: dict[str, Any]) -> dict[str, Any]:
    """A copy of the notebook without solutions, outputs and counts.

    Raises ValueError for a solution cell without a marked solution, a marker outside a solution cell, or
    markers that do not pair.
    """
    notebook = copy.deepcopy(source)
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        name = marks.get("grade_id", cell.get("id"))
        text = "".join(cell["source"])
        if marks:  # Jupyter keeps the student from losing what the grader looks for
            cell["metadata"]["deletable"] = False
        if marks.get("locked"):
            cell["metadata"]["editable"] = False
        if marks.get("solution"):
            text = _clear(text, name)
        elif re.search("BEGIN SOLUTION|END SOLUTION", text):
            raise ValueError(f"cell {name}: a solution is marked, but the cell is no solution cell")
        cell["source"] = text
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return notebook


def encode(notebook: dict[str, Any]) -> bytes:
    """The file of a notebook, laid out as Jupyter does it."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _clear(text: str, name: str) -> str:
    kept: list[str] = []
    inside = False
    cleared = False
    for line in text.split("\n"):
        if BEGIN in line or END in line:
            if (BEGIN in line) == inside:
                raise ValueError(f"cell {name}: {BEGIN} and {END} must come in pairs")
            inside = not inside
            if inside:
                indent = line[: len(line) - len(line.lstrip())]
                kept += [indent + stub for stub in STUB]
                cleared = True
        elif not inside:
            kept.append(line)
    if inside or not cleared:
        raise ValueError(f"cell {name}: expected a solution between {BEGIN} and {END}")
    return "\n".join(kept)
