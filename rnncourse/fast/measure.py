"""Measuring time and memory so that figures can be compared: interleaved, warmed up, with their spread."""

import gc
import os
import time
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from rnncourse import _checks

Array = np.ndarray

# CPU time leaves out what other programs do meanwhile. Windows counts it in ticks of 16 ms, too coarse here.
CLOCK: Callable[[], float] = time.perf_counter if os.name == "nt" else time.process_time


def interleave(
    actions: Mapping[str, Callable[[], Any]],
    *,
    rounds: int,
    clock: Callable[[], float] = CLOCK,
) -> dict[str, Float[Array, "rounds"]]:
    """Seconds of each action in each of `rounds` rounds, after one that is not counted.

    Every round runs all actions, one after the other: what disturbs the machine for a while disturbs all of
    them. `clock` is CPU time by default, which is right for one thread; with several take
    `time.perf_counter`. Raises ValueError for rounds < 1.
    """
    _checks.positive_int("interleave", "rounds", rounds)
    found = {name: np.empty(rounds) for name in actions}
    enabled = gc.isenabled()
    gc.disable()  # else what one action leaves behind is collected in another's time
    try:
        for n in range(-1, rounds):
            for name, action in actions.items():
                begin = clock()
                action()
                if n >= 0:
                    found[name][n] = clock() - begin
    finally:
        if enabled:
            gc.enable()
    return found


def peak_bytes(action: Callable[[], Any]) -> int:
    """The most bytes that Python and NumPy held at one time while `action` ran, beyond those before.

    Memory that torch takes is not seen. Raises RuntimeError where tracemalloc runs already.
    """
    if tracemalloc.is_tracing():
        raise RuntimeError("peak_bytes: tracemalloc must be off; got one that runs. Call tracemalloc.stop()")
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
