"""How long do fast/ in NumPy and in PyTorch take, against torch.nn?

Forward and backward of one layer with the gradient of its inputs, float32, one thread, at five sizes of
(T, B, I, H): CPU time, the three interleaved in one process, one round to warm up. A ratio is the median
over rounds of ours / torch.nn of the same round, with the smallest and the largest.

Where NumPy's library takes kernels of an older processor than this one, another run shows what that costs:

    OPENBLAS_CORETYPE=SkylakeX python benchmarks/fast.py fast_avx512     # the name of the record
"""

import sys
from collections.abc import Callable
from typing import Any

import _record as record
import numpy as np
import torch
from _peers import layer
from threadpoolctl import threadpool_limits

from rnncourse.fast import gru, gru_torch, lstm, lstm_torch, vanilla, vanilla_torch
from rnncourse.fast.measure import interleave
from rnncourse.params import Params

SIZES = ((50, 32, 64, 128), (100, 64, 128, 256), (200, 64, 256, 512), (35, 20, 650, 650), (1000, 1, 64, 128))
CELLS = {
    "vanilla": (torch.nn.RNN, vanilla, vanilla_torch.RNN),
    "gru": (torch.nn.GRU, gru, gru_torch.GRU),
    "lstm": (torch.nn.LSTM, lstm, lstm_torch.LSTM),
}


def ratios(cell: str, size: tuple[int, int, int, int]) -> dict[str, list[float]]:
    """torch.nn's median in ms, and for each of ours the ratio: median, least, most."""
    standard, arranged, ours = CELLS[cell]
    steps, batch, size_in, hidden = size
    rng = np.random.default_rng(0)
    params = Params(*(w.detach().numpy().copy() for w in standard(size_in, hidden).parameters()))
    inputs = rng.standard_normal((steps, batch, size_in), np.float32)
    doutputs = rng.standard_normal((steps, batch, hidden), np.float32)
    actions: dict[str, Callable[[], Any]] = {
        "torch.nn": layer(standard, params, inputs, doutputs).run,
        "NumPy": lambda: arranged.backward(doutputs, arranged.forward(params, inputs)[2]),
        "PyTorch": layer(ours, params, inputs, doutputs).run,
    }
    taken = interleave(actions, rounds=15 if steps * batch * hidden < 10**6 else 5)
    base = taken.pop("torch.nn")
    found = {"torch.nn, ms": [round(1e3 * float(np.median(base)), 2)]}
    for name, seconds in taken.items():
        ratio = seconds / base
        found[name] = [round(float(of(ratio)), 2) for of in (np.median, np.min, np.max)]
    return found


def main(name: str = "fast") -> None:
    torch.set_num_threads(1)
    results = {}
    with threadpool_limits(1):
        for cell in CELLS:
            for size in SIZES:
                key = f"{cell} {','.join(map(str, size))}"
                results[key] = found = ratios(cell, size)
                told = (
                    f"{n} {found[n][0]:.2f} ({found[n][1]:.2f} to {found[n][2]:.2f})"
                    for n in ("NumPy", "PyTorch")
                )
                print(f"{key:<26} {', '.join(told)}", flush=True)
    record.save(name, results)


if __name__ == "__main__":
    main(*sys.argv[1:])
