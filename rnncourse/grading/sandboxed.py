"""Play inside a box: the same calls as in the student's notebook, in a worker that is trusted in nothing."""

import builtins
import time
from collections.abc import Mapping
from typing import Any

from rnncourse.grading.boxes import Box
from rnncourse.grading.judge import Fault, Played, StudentFault
from rnncourse.grading.play import Opaque
from rnncourse.grading.session import Session
from rnncourse.grading.spec import Call

# What one submission may take in all: each of its parts may hang.
TOTAL_SECONDS = 10.0
# Of one reply: more entries than any part asks for are not looked at.
MAX_RESULTS = 64


class CellFault(Exception):
    """A cell cannot be run: the property that fails, and a sentence."""

    def __init__(self, property: str, detail: str) -> None:
        super().__init__(detail)
        self.property, self.detail = property, detail


class SandboxPlayer:
    """A `Player` over a submission's cells. One worker serves it as long as it lives; close it at the end."""

    def __init__(self, box: Box, total: float | int = TOTAL_SECONDS) -> None:
        self._box, self._left = box, total
        self.clock = time.perf_counter  # what the worker itself would tell cannot be trusted
        self._session: Session | None = None
        self._cells: list = []
        self._imports: list = []

    def define(
        self, cells: list[tuple[str, str, bool]], imports: tuple[str, ...], seconds: float | int
    ) -> None:
        """Take these cells (grade_id, source, given) from now on. `CellFault` where one does not run."""
        self._cells, self._imports = [list(cell) for cell in cells], list(imports)
        reply, _ = self._ask({"op": "define", "cells": self._cells, "imports": self._imports}, seconds)
        cell = _known(reply.get("cell"), [name for name, _, _ in cells])
        if "import" in reply:
            # The name is the student's own text.
            allowed = ", ".join(imports)
            raise CellFault(
                "imports", f"the cell {cell} imports a module that is not allowed; expected: {allowed}"
            )
        if "syntax" in reply or "error" in reply:
            fault = _fault(reply.get("syntax") or reply.get("error"), [cell] if cell else [])
            where = f" at line {fault.line}" if fault.line else ""
            raise CellFault("runs", f"{fault.type}{where} of the cell {cell}")

    def play(self, calls: tuple[Call, ...], inputs: Mapping[str, Any], seconds: float | int) -> Played:
        """See `judge.Player`. The worker is gone after a `StudentFault`: `define` starts the next."""
        plain = [[call.function, [_argument(a) for a in call.arguments]] for call in calls]
        reply, took = self._ask({"op": "play", "calls": plain, "inputs": dict(inputs)}, seconds * len(calls))
        return _read(reply, [call.function for call in calls], list(inputs), self._cells, took)

    def _ask(self, command: Mapping[str, Any], seconds: float | int) -> tuple[dict[str, Any], float]:
        """(reply, seconds it took), within what is left of the submission's time."""
        if self._left <= 0:
            raise StudentFault("time", "not run: the submission as a whole had used up its time")
        if self._session is None:
            self._session = self._box.open()
        started = time.perf_counter()
        try:
            reply, took = self._session.ask(command, min(seconds, self._left))
        except StudentFault:
            self.close()
            raise
        finally:
            self._left -= time.perf_counter() - started
        if not isinstance(reply, dict):
            raise StudentFault("reply", "what came back is no reply")
        return reply, took

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _argument(argument: Any) -> Any:
    return argument if isinstance(argument, str) else list(argument)


def _known(value: Any, names: list[str]) -> str | None:
    """A name that we gave; anything else the worker made up."""
    return value if isinstance(value, str) and value in names else None


def _read(reply: dict, functions: list[str], inputs: list[str], cells: list, took: float) -> Played:
    """The reply as a `Played`, with nothing in it but data and names that we gave ourselves."""
    wrote = reply.get("wrote")
    wrote = tuple(
        n for n in inputs if isinstance(wrote, list) and n in [w for w in wrote if isinstance(w, str)]
    )
    if "missing" in reply:
        return Played(missing=_known(reply["missing"], functions) or functions[-1], seconds=took)
    if "error" in reply:
        names = [name for name, _, _ in cells]
        return Played(fault=_fault(reply["error"], names), wrote=wrote, seconds=took)
    results = reply.get("results")
    if not isinstance(results, list) or len(results) > MAX_RESULTS:
        raise StudentFault("reply", "what came back is no list of results, or too long a one")
    return Played(results=[_without_name(r) for r in results], wrote=wrote, seconds=took)


def _without_name(result: Any) -> Any:
    """A type of the submission's own may carry inputs in its name."""
    if isinstance(result, Opaque) and not isinstance(getattr(builtins, result.kind, None), type):
        return Opaque("object of another type")
    if isinstance(result, list):
        return [_without_name(entry) for entry in result]
    if isinstance(result, dict):
        return {key: _without_name(entry) for key, entry in result.items()}
    return result


def _fault(error: Any, cells: list[str]) -> Fault:
    """Type and place of an exception. A type of the submission's own may carry inputs in its name."""
    error = error if isinstance(error, dict) else {}
    kind, line = error.get("type"), error.get("line")
    known = isinstance(kind, str) and isinstance(getattr(builtins, kind, None), type)
    return Fault(
        type=kind if known or kind == "LinAlgError" else "an exception of its own",
        line=line if type(line) is int and 0 < line < 10**6 else None,
        cell=_known(error.get("cell"), cells),
    )
