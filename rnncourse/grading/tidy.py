"""From a notebook's cell to the code of a module: definitions, imports and assignments stay, the rest goes.

A cell may also hold calls that try things out, plots, magics; none of it is needed. This is hygiene: the
boundary is the sandbox, inside which this runs, because a parser can be attacked too. Standard library alone.
"""

import ast
import re
from collections.abc import Iterable

KEPT = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
)
MAGIC = re.compile(r"^(\s*)[%!][A-Za-z].*$", re.MULTILINE)


class ImportNotAllowed(Exception):
    """A cell imports a module that the part does not allow; the message is its name."""


def tidy(source: str, imports: Iterable[str] | None) -> ast.Module:
    """The parsed cell with what a module needs, at its own line numbers.

    `imports` are the modules that may be imported, None for any. Raises SyntaxError (for null bytes
    ValueError) where it is no Python, ImportNotAllowed for another import, wherever it stands.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        tree = ast.parse(MAGIC.sub(r"\1pass", source))
    for name in _imported(tree):
        if imports is not None and name not in imports:
            raise ImportNotAllowed(name)
    tree.body = [node for node in tree.body if isinstance(node, KEPT)]
    return tree


def _imported(tree: ast.Module) -> Iterable[str]:
    """The top-level name of each module that is imported anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0] if not node.level else "."
