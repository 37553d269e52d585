"""How long do fast/ in NumPy and in PyTorch take, against torch.nn?

Forward and backward of one layer with the gradient of its inputs, float32, one thread, at five sizes of
(T, B, I, H): CPU time, the three interleaved in one process, two rounds to warm up. A ratio is the median
over rounds of ours / torch.nn of the same round, with the smallest and the largest.
"""

import time
from collections.abc import Callable

import _record as record
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from rnncourse.fast import gru, gru_torch, lstm, lstm_torch, vanilla, vanilla_torch
from rnncourse.params import Params

SIZES = ((50, 32, 64, 128), (100, 64, 128, 256), (200, 64, 256, 512), (35, 20, 650, 650), (1000, 1, 64, 128))
CELLS = {
    "vanilla": (torch.nn.RNN, vanilla, vanilla_torch.RNN),
    "gru": (torch.nn.GRU, gru, gru_torch.GRU),
    "lstm": (torch.nn.LSTM, lstm, lstm_torch.LSTM),
}
WARM = 2


def layer_run(layer: torch.nn.Module, inputs: np.ndarray, doutputs: np.ndarray) -> Callable[[], object]:
    x, dy = torch.tensor(inputs, requires_grad=True), torch.tensor(doutputs)

    def run() -> None:
        layer.zero_grad()
        x.grad = None
        layer(x)[0].backward(dy)

    return run


def seconds(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    found: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(WARM + rounds):
        for name, action in actions.items():
            started = time.process_time()
            action()
            if number >= WARM:
                found[name].append(time.process_time() - started)
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    torch.set_num_threads(1)
    results: dict[str, dict[str, list[float]]] = {}
    with threadpool_limits(1):
        for cell, (standard, arranged, ours) in CELLS.items():
            for size in SIZES:
                steps, batch, size_in, hidden = size
                rng = np.random.default_rng(0)
                theirs, own = standard(size_in, hidden), ours(size_in, hidden)
                own.load_state_dict(theirs.state_dict())
                params = Params(*(w.detach().numpy().copy() for w in theirs.parameters()))
                inputs = rng.standard_normal((steps, batch, size_in), np.float32)
                doutputs = rng.standard_normal((steps, batch, hidden), np.float32)

                def in_numpy(arranged=arranged, params=params, inputs=inputs, doutputs=doutputs) -> None:
                    arranged.backward(doutputs, arranged.forward(params, inputs)[2])

                actions = {
                    "torch.nn": layer_run(theirs, inputs, doutputs),
                    "NumPy": in_numpy,
                    "PyTorch": layer_run(own, inputs, doutputs),
                }
                taken = seconds(actions, rounds=15 if steps * batch * hidden < 10**6 else 5)
                base = taken.pop("torch.nn")
                key = f"{cell} {','.join(map(str, size))}"
                results[key] = {"torch.nn, ms": [round(1e3 * float(np.median(base)), 2)]}
                for name, values in taken.items():
                    ratio = values / base
                    three = (float(np.median(ratio)), float(ratio.min()), float(ratio.max()))
                    results[key][name] = [round(value, 2) for value in three]
                told = ", ".join(
                    f"{name} {r[0]:.2f} ({r[1]:.2f} to {r[2]:.2f})"
                    for name, r in list(results[key].items())[1:]
                )
                print(f"{key:<26} {told}", flush=True)
    record.save("fast", results)


if __name__ == "__main__":
    main()
