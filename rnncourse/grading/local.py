"""Play in the student's own notebook: no sandbox, because it is the student's machine and code."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnncourse.fast.measure import CLOCK
from rnncourse.grading import play as playing
from rnncourse.grading.judge import Fault, Played
from rnncourse.grading.spec import Call, Seed


class LocalPlayer:
    """A `Player` over the functions of a namespace, such as a notebook's globals()."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.clock = CLOCK

    def play(self, calls: tuple[Call, ...], inputs: Mapping[str, Any], seconds: float | int) -> Played:
        del seconds  # the student's own Ctrl-C
        data = {n: np.random.default_rng(v.value) if isinstance(v, Seed) else v for n, v in inputs.items()}
        return played(playing.play(dict(self.namespace), list(calls), data, self.clock))


def played(reply: Mapping[str, Any]) -> Played:
    """The dict that `play.play` returns, as a `Played`."""
    error = reply.get("error")
    return Played(
        results=reply.get("results"),
        fault=Fault(**error) if error else None,
        missing=reply.get("missing"),
        wrote=tuple(reply["wrote"]),
        seconds=reply["seconds"],
    )
