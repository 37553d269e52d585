"""What a chapter shows: source code as it stands, figures with alternative text, tables, recorded results.

All of it works in JupyterLab and in the rendered page; nothing here computes.
"""

import ast
import base64
import html
import inspect
import io
import json
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def source(*objects: Any) -> Any:
    """The current source of functions or classes, without their docstrings, as highlighted Markdown.

    The page is made from the package itself, so what it shows cannot go stale. Raises TypeError for an
    object without Python source.
    """
    from IPython.display import Markdown

    blocks = "\n\n\n".join(_without_docstring(inspect.getsource(obj)) for obj in objects)
    return Markdown(f"```python\n{blocks}\n```")


def show(figure: Any, alt: str) -> None:
    """Display a matplotlib figure with alternative text, as SVG; then close it.

    `alt` says what the picture shows, with its numbers. Raises ValueError where it is empty.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    if not alt.strip():
        raise ValueError("show: alt must say what the figure shows; got an empty text")
    buffer = io.BytesIO()
    # Without a date and with fixed ids the same figure is the same file.
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    image = f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}">'
    display({"text/html": image, "text/plain": alt}, raw=True)


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Any:
    """A table as HTML, which the page and JupyterLab both render; cells are texts, or anything with str().

    Raises ValueError for a row that is not as long as the head.
    """
    from IPython.display import HTML

    lines = [_row("th", head)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"table: each row must have {len(head)} cells, as the head; got {list(row)}")
        lines.append(_row("td", row))
    return HTML(f'<table class="table">{"".join(lines)}</table>')


def spread(values: Any, form: str = ".3f") -> str:
    """The text "median (lowest to highest)" of an array or list of values over seeds.

    `form` is a format for floats. One number stands where the three are written alike, NaN where one is NaN.
    Raises ValueError where there is no value.
    """
    found = np.asarray(values, np.float64)
    if not found.size:
        raise ValueError("spread: values must hold at least one number; got none")
    # z: what rounds to zero has no sign.
    low, middle, high = (f"{f(found):z{form}}".replace("-", "−") for f in (np.min, np.median, np.max))
    return middle if low == high else f"{middle} ({low} to {high})"


def recorded(question: str) -> dict[str, Any]:
    """What benchmarks/<question>.py found when it last ran: its "date", "machine" and "results".

    The records lie beside the chapters and not in the installed package. Raises FileNotFoundError where there
    is none.
    """
    path = Path(__file__).parents[1] / "benchmarks" / "results" / f"{question}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"recorded: {question!r} has no record, expected {path}; run the chapter in a checkout of the "
            f"book, or python benchmarks/{question}.py"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _row(tag: str, cells: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(str(cell))}</{tag}>' for cell in cells)}</tr>"


def _without_docstring(code: str) -> str:
    """The code less every docstring in it, those of a class's methods too."""
    lines: list[str | None] = list(textwrap.dedent(code).rstrip().splitlines())
    for node in ast.walk(ast.parse("\n".join(map(str, lines)))):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or len(node.body) == 1:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
            last = first.end_lineno or first.lineno
            if not lines[last]:  # the blank line that parted it from the rest
                last += 1
            lines[first.lineno - 1 : last] = [None] * (last - first.lineno + 1)
    return "\n".join(line for line in lines if line is not None)
