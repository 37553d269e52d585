"""What a chapter shows: source code as it stands in the package, and figures with alternative text.

Both work in JupyterLab and in the rendered page; nothing here computes.
"""

import ast
import base64
import html
import inspect
import io
import textwrap
from typing import Any


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


def _without_docstring(code: str) -> str:
    code = textwrap.dedent(code).rstrip()
    node: Any = ast.parse(code).body[0]
    first = getattr(node, "body", [None])[0]
    is_docstring = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    if not is_docstring or len(node.body) == 1:
        return code
    lines = code.splitlines()
    rest = lines[: first.lineno - 1] + lines[first.end_lineno :]
    return "\n".join(rest).rstrip()
