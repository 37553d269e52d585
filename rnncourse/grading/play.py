"""Call a student's functions, and say what came of it. Runs in the notebook and inside the sandbox.

Needs the standard library and NumPy alone, and no other file of the package: the sandbox holds no more.
"""

import copy
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

CELL_NAME = "<cell {}>"


class Seed(NamedTuple):
    """An argument that reaches the function as numpy.random.default_rng(value)."""

    value: int


class Opaque(NamedTuple):
    """A result that is no data: only the name of its type crosses the boundary of the sandbox."""

    kind: str


def snapshot(value: Any) -> Any:
    """A copy that shares no memory with `value`."""
    return copy.deepcopy(value)


def same(a: Any, b: Any) -> bool:
    """Bit for bit the same data; NaN equals itself."""
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return type(a) is type(b) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a is b or a == b or (a != a and b != b)


def fault(error: BaseException) -> dict[str, Any]:
    """Type of an exception and where in the student's cell it arose; its text only for the student's eyes."""
    line, cell, function, trace = None, None, None, error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(("<cell ", "<ipython")) or "ipykernel" in name:
            line, cell = trace.tb_lineno, name[6:-1] if name.startswith("<cell ") else None
            function = trace.tb_frame.f_code.co_name
        trace = trace.tb_next
    place = {"line": line, "cell": cell, "function": function}
    return {"type": type(error).__name__, "text": str(error), **place}


def play(
    namespace: dict[str, Any],
    calls: list,
    inputs: dict[str, Any],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Run `calls`, each [function, arguments]; an argument is an input's name or [call, index] of a result.

    Returns {"results": entries of what the last call returned} or {"error": see `fault`}, with "wrote",
    the inputs that a function changed, and "seconds" of the last call by `clock`.
    """
    kept: list[Any] = []
    handed: list[tuple[str, Any]] = []  # also what a later call finds in an earlier one's cache
    seconds = 0.0

    def wrote() -> list[str]:
        return sorted({name for name, given in handed if not same(given, inputs[name])})

    for function, arguments in calls:
        if not callable(namespace.get(function)):
            return {"missing": function, "wrote": wrote(), "seconds": seconds}
        values = []
        for argument in arguments:
            if isinstance(argument, str):
                values.append(snapshot(inputs[argument]))
                if not isinstance(inputs[argument], np.random.Generator):
                    handed.append((argument, values[-1]))
            else:
                values.append(_result(kept, argument))
        started = clock()
        try:
            kept.append(namespace[function](*values))
        except (Exception, SystemExit) as error:
            seconds = clock() - started
            return {"error": fault(error), "wrote": wrote(), "seconds": seconds}
        seconds = clock() - started
    last = kept[-1]
    results = list(last) if isinstance(last, tuple | list) else [last]
    return {"results": results, "wrote": wrote(), "seconds": seconds}


def _result(kept: list, where: Any) -> Any:
    call, index = where
    return kept[call] if index is None else kept[call][index]


def define(source: str, cell: str, namespace: dict[str, Any]) -> None:
    """Run a cell's source in `namespace`, so that errors name the cell and its line."""
    exec(compile(source, CELL_NAME.format(cell), "exec"), namespace)


def fresh_namespace() -> dict[str, Any]:
    """Where a student's cells run: a module of its own, so that dataclasses and pickling names work."""
    module = type(sys)("submission")
    sys.modules["submission"] = module
    return vars(module)
