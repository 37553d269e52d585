"""How does the time of an LSTM layer grow with T, B and H, and how far above the roofline does it stay?

Forward and backward with the gradient of the inputs, float32, one thread: CPU time, all interleaved in one
process, median with the smallest and the largest. One of T, B and H = I varies, the others stand at BASE.

The roofline is max(FLOP / peak, bytes / bandwidth), with `ladder.operations` and `ladder.least_bytes`. The
peak is the fastest seen here: in a large product of NumPy or torch (by oneDNN where that is quicker), or in a
layer. The bandwidth is that of copying 256 kB in the cache.
"""

from collections.abc import Callable
from typing import Any

import _record as record
import numpy as np
import torch
from _peers import layer
from threadpoolctl import threadpool_limits

from rnncourse import unroll
from rnncourse.cells import lstm
from rnncourse.fast import ladder
from rnncourse.fast.lstm_torch import LSTM
from rnncourse.fast.measure import interleave
from rnncourse.fast.product_torch import linear

BASE = {"T": 50, "B": 16, "H": 128}
VALUES = {
    "T": (1, 3, 10, 30, 100, 300, 1000),
    "B": (1, 2, 4, 8, 16, 32, 64, 128),
    "H": (8, 16, 32, 64, 128, 256, 512),
}


def products_and_copies() -> tuple[float, float]:
    """FLOP/s of a large product, by NumPy or torch, and bytes/s of a copy in the cache, at their fastest."""
    big, small = np.ones((2, 1024, 1024), np.float32), np.ones((2, 2**16), np.float32)
    out, in_torch = np.empty((1024, 1024), np.float32), torch.ones(2, 1024, 1024)
    seconds = interleave(
        {
            "NumPy": lambda: np.matmul(big[0], big[1], out=out),
            "torch": lambda: linear(in_torch[0], in_torch[1]),
            "copy": lambda: [np.copyto(small[1], small[0]) for _ in range(200)],
        },
        rounds=9,
    )
    fastest = min(seconds["NumPy"].min(), seconds["torch"].min())
    return 2 * 1024**3 / fastest, 200 * 2 * small[0].nbytes / seconds["copy"].min()


def plain(params: Any, inputs: np.ndarray, doutputs: np.ndarray) -> object:
    return unroll.backward(lstm, doutputs, unroll.forward(lstm, params, inputs)[2])


def at(steps: int, batch: int, hidden: int) -> dict[str, np.ndarray]:
    """Seconds of each round for each implementation."""
    problem = ladder.problem(steps, batch, hidden, hidden, rng=np.random.default_rng(0))
    actions: dict[str, Callable[[], Any]] = {
        "a loop of cells": lambda: plain(*problem),
        "arranged, NumPy": lambda: ladder.arranged(*problem),
        "arranged, PyTorch": layer(LSTM, *problem).run,
        "torch.nn": layer(torch.nn.LSTM, *problem).run,
    }
    large = ladder.operations(steps, batch, hidden, hidden) > 10**10
    return interleave(actions, rounds=5 if large else 9)


def three(seconds: np.ndarray) -> list[float]:
    return [float(f"{1e3 * of(seconds):.4g}") for of in (np.median, np.min, np.max)]


def shape(axis: str, value: int) -> tuple[int, int, int, int]:
    size = BASE | {axis: value}
    return size["T"], size["B"], size["H"], size["H"]


def main() -> None:
    torch.set_num_threads(1)
    over: dict[str, Any] = {}
    with threadpool_limits(1):
        peak, bandwidth = products_and_copies()
        for axis, values in VALUES.items():
            found = over[axis] = {"values": list(values), "ms": {}}
            for value in values:
                for name, seconds in at(*shape(axis, value)[:3]).items():
                    found["ms"].setdefault(name, []).append(three(seconds))
                    peak = max(peak, ladder.operations(*shape(axis, value)) / seconds.min())
                told = ", ".join(f"{name} {ms[-1][0]:.3g}" for name, ms in found["ms"].items())
                print(f"{axis} = {value:<5} ms: {told}", flush=True)
    for axis, found in over.items():
        sizes = [shape(axis, value) for value in found["values"]]
        bounds = [max(ladder.operations(*s) / peak, ladder.least_bytes(*s) / bandwidth) for s in sizes]
        found["roofline, ms"] = [float(f"{1e3 * bound:.4g}") for bound in bounds]
    roofs = {"GFLOP/s": round(peak / 1e9, 1), "GB/s": round(bandwidth / 1e9, 1)}
    record.save("cost", {"base": BASE, **roofs, "over": over})


if __name__ == "__main__":
    main()
