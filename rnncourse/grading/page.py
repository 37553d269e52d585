"""An exercise at the end of its chapter: the student's notebook to read, with the hints folded."""

import html
import re
from typing import Any

from rnncourse.grading import shelf


def exercise(name: str) -> Any:
    """One exercise as Markdown, which the page and JupyterLab both render; it holds no solution.

    Raises ValueError for an exercise that does not exist.
    """
    from IPython.display import Markdown

    return Markdown(text(name))


def text(name: str) -> str:
    """Title, how to start it, and for each part the task, its hints and the function to fill in."""
    found = shelf.load(name)
    size = f"{len(found.parts)} parts, {found.points} points"
    blocks = [
        f"**Exercise {name}: {found.title}** ({size}). Your own copy, to work in:",
        f"```text\nrnncourse exercise start {name}\n```",
    ]
    for cell in shelf.student_notebook(name)["cells"]:
        block = _block(cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("nbgrader", {}))
        blocks += [block] if block else []
    return "\n\n".join(blocks)


def _block(kind: str, source: str, marks: dict[str, Any]) -> str:
    """What the page shows of a cell: text, setup, the functions to write; not the calls of `check`."""
    if kind == "markdown":
        return _text(source)
    if marks.get("solution") or marks.get("grade_id", "").startswith("setup"):
        return f"```python\n{source}\n```"
    return ""


def _text(source: str) -> str:
    # A heading in an output would stand in the page's table of contents, at the wrong level.
    source = re.sub(r"\A# .*\n+", "", source)
    source = re.sub(r"^#{2,6} (.+)$", _bold, source, flags=re.MULTILINE)
    # The class of the answers under "Check yourself", which the book's style knows.
    return source.replace("<details>", '<details class="answer">')


def _bold(heading: re.Match[str]) -> str:
    return f'<p class="part"><strong>{html.escape(heading[1], quote=False)}</strong></p>'
