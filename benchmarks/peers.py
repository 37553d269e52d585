"""How do the ways in which well-known courses write a recurrent layer compare with ours and with torch.nn?

Forward and backward of one layer with the gradient of its inputs and of all parameters, float32 where nothing
else is said, one thread: CPU time, all peers interleaved in one process, one round to warm up. The vanilla
cell reads one sequence of one-hot inputs, as min-char-rnn does. A ratio is to torch.nn in the same round;
every figure is a median with the least and the most. Before it is timed, each peer must equal torch.nn.

FlashRNN is not among them: its kernels need a GPU, where another script compares.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import _record as record
import numpy as np
import torch
from _peers import Peer, cs231n_lstm, d2l_lstm, layer, min_char_rnn
from threadpoolctl import threadpool_limits

from rnncourse import unroll
from rnncourse.cells import lstm, vanilla
from rnncourse.fast import lstm as fast_lstm
from rnncourse.fast import lstm_torch, vanilla_torch
from rnncourse.fast import vanilla as fast_vanilla
from rnncourse.fast.ladder import Result
from rnncourse.fast.measure import interleave
from rnncourse.params import Params, init_params

Array = np.ndarray
Build = Callable[[Params, Array, Array], Peer]


def by_hand(forward: Callable, backward: Callable, params: Params, inputs: Array, doutputs: Array) -> Peer:
    """Ours in NumPy: `unroll` of a cell, or a module of fast/."""

    def run() -> tuple:
        outputs, _, tape = forward(params, inputs)
        return outputs, backward(doutputs, tape)

    return Peer(run, lambda found: Result(found[0], found[1].dinputs, found[1].dparams))


def definition(cell: Any) -> Build:
    return partial(by_hand, partial(unroll.forward, cell), partial(unroll.backward, cell))


CELLS = {"lstm": lstm, "vanilla": vanilla}
STANDARD = "torch.nn"
PEERS: dict[str, dict[str, Build]] = {
    "lstm": {
        STANDARD: partial(layer, torch.nn.LSTM),
        "d2l's structure, PyTorch": d2l_lstm,
        "CS231n's structure, NumPy": cs231n_lstm,
        "ours: unroll with cells.lstm": definition(lstm),
        "ours: fast.lstm": partial(by_hand, fast_lstm.forward, fast_lstm.backward),
        "ours: fast.lstm_torch.LSTM": partial(layer, lstm_torch.LSTM),
    },
    "vanilla": {
        STANDARD: partial(layer, torch.nn.RNN),
        "min-char-rnn's structure, float64": min_char_rnn,
        "min-char-rnn's structure, float32": partial(min_char_rnn, dtype=np.float32),
        "ours: unroll with cells.vanilla": definition(vanilla),
        "ours: fast.vanilla": partial(by_hand, fast_vanilla.forward, fast_vanilla.backward),
        "ours: fast.vanilla_torch.RNN": partial(layer, vanilla_torch.RNN),
    },
}
RUNS = (  # cell, (T, B, I, H), rounds: few where one takes a second
    ("lstm", (50, 32, 64, 128), 15),
    ("lstm", (100, 64, 128, 256), 9),
    ("lstm", (1000, 1, 64, 128), 9),
    ("vanilla", (25, 1, 65, 100), 101),  # min-char-rnn's own size
    ("vanilla", (1000, 1, 65, 128), 15),
)


def problem(cell: str, size: tuple[int, ...], dtype: Any = np.float32) -> tuple[Params, Array, Array]:
    """(params, inputs, doutputs), random; one-hot inputs for the vanilla cell."""
    steps, batch, size_in, hidden = size
    rng = np.random.default_rng(0)
    params = init_params(CELLS[cell], size_in, hidden, rng=rng, dtype=dtype)
    if cell == "vanilla":
        inputs = np.eye(size_in, dtype=dtype)[rng.integers(size_in, size=(steps, batch))]
    else:
        inputs = rng.standard_normal((steps, batch, size_in)).astype(dtype)
    return params, inputs, rng.standard_normal((steps, batch, hidden)).astype(dtype)


def difference(name: str, got: Result, want: Result, tolerance: float = 1e-4) -> float:
    """The largest difference of `got` from torch.nn's `want`, relative to the largest entry of each array.

    Raises AssertionError where it is beyond `tolerance`, or a shape differs.
    """
    worst = 0.0
    mine, theirs = ((*r[:2], *r.dparams) for r in (got, want))
    for field, a, b in zip(("outputs", "dinputs", *Params._fields), mine, theirs, strict=True):
        found = np.abs(a - b).max() / max(np.abs(b).max(), 1e-30) if a.shape == b.shape else np.inf
        if not found <= tolerance:  # NaN is beyond it too
            raise AssertionError(
                f"{name}: {field} {a.shape} must equal torch.nn's {b.shape} within {tolerance:g} of its "
                f"largest entry; got {found:.2g}. Correct this peer before it is timed"
            )
        worst = max(worst, float(found))
    return worst


def compare(cell: str, size: tuple[int, ...], rounds: int) -> dict[str, dict[str, Any]]:
    """For each peer how far its values are from torch.nn's, its seconds, and their ratio to torch.nn's."""
    peers = {name: build(*problem(cell, size)) for name, build in PEERS[cell].items()}
    results = {name: peer.read(peer.run()) for name, peer in peers.items()}
    far = {name: difference(name, result, results[STANDARD]) for name, result in results.items()}
    taken = interleave({name: peer.run for name, peer in peers.items()}, rounds=rounds)
    found: dict[str, dict[str, Any]] = {}
    for name, seconds in taken.items():
        found[name] = {"difference": float(f"{far[name]:.1e}")}
        for key, values in (("seconds", seconds), ("ratio", seconds / taken[STANDARD])):
            found[name][key] = [float(f"{of(values):.4g}") for of in (np.median, np.min, np.max)]
    return found


def main() -> None:
    torch.set_num_threads(1)
    results = {}
    with threadpool_limits(1):
        for cell, size, rounds in RUNS:
            key = f"{cell} {','.join(map(str, size))}"
            results[key] = {"rounds": rounds, "peers": compare(cell, size, rounds)}
            print(f"\n{key:<36} {'ms':>8}   {'/ torch.nn':>10}  least to most", flush=True)
            for name, found in results[key]["peers"].items():
                median, least, most = found["ratio"]
                ms = 1e3 * found["seconds"][0]
                print(f"{name:<36} {ms:8.2f}   {median:10.2f}  {least:.2f} to {most:.2f}", flush=True)
    record.save("peers", results)


if __name__ == "__main__":
    main()
