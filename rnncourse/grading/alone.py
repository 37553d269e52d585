"""What a student's function uses that the grader will not have, found before it costs points.

The grader takes the cells to fill in and those that are given, and no other. In the notebook everything is at
hand, so a helper in a cell of its own would be right here and fail there.
"""

import ast
import builtins
import linecache
from collections.abc import Iterator, Mapping
from typing import Any

from rnncourse.grading import shelf, tidy
from rnncourse.grading.spec import Failure, Part


def strangers(exercise: str, part: Part, namespace: Mapping[str, Any]) -> Iterator[Failure]:
    """A failure for each import that is not allowed and each name that other cells define.

    Looks at the cells as Jupyter ran them; a script has none, and there is nothing to say.
    """
    trees = []
    for source in _cells(exercise, part, namespace):
        try:
            trees.append(tidy.tidy(source, part.imports))
        except tidy.ImportNotAllowed as error:
            yield Failure(
                "imports", f"{error} is not allowed in this part; allowed: {', '.join(part.imports)}"
            )
            return
        except (SyntaxError, ValueError):
            return  # it ran, so it is Python that only Jupyter reads
    given = [ast.parse(source) for source in shelf.given_cells(exercise).values()]
    bound = {name for tree in (*trees, *given) for name in _bound(tree)} | set(dir(builtins))
    missing = {name for tree in trees for name in _read(tree)} - bound
    for name in sorted(missing & set(namespace)):
        detail = f"{name} is defined in another cell, which the grader does not take; move it into this one"
        yield Failure("stands alone", detail)


def _cells(exercise: str, part: Part, namespace: Mapping[str, Any]) -> list[str]:
    """The source of each Jupyter cell that defines a function of the part."""
    names = [name for cell in part.cells for name in shelf.functions_in(exercise, cell)]
    files = {}
    for name in names:
        file = getattr(getattr(namespace.get(name), "__code__", None), "co_filename", "")
        if "ipykernel" in file or file.startswith("<ipython"):
            files[file] = "".join(linecache.getlines(file))
    return list(files.values())


def _bound(tree: ast.Module) -> Iterator[str]:
    """Every name that is bound anywhere: assigned, imported, defined, or an argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _read(tree: ast.Module) -> Iterator[str]:
    return (
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )
