"""How long do fast/'s RNN, GRU and LSTM in PyTorch take on a GPU, against torch.nn and a loop of cells?

One layer, T = 1024, I = H; forward without gradients, and forward with backward (gradients of the inputs
and of all parameters). fast/ runs as a plain loop, with CUDA graphs, and as one kernel; torch.nn is cuDNN.
Nothing is timed before its outputs and ∂L/∂x equal torch.nn's. The two plain loops have fewer rounds. Last
comes FlashRNN, where it is installed. Each case is saved as soon as it is measured, by `_compare`.
"""

import itertools
import sys
from typing import Any, NamedTuple

import _record as record
import torch
from _compare import PASSES, compare, same_parameters
from _flashrnn import FlashRNN
from torch import Tensor, nn

from rnncourse import unroll_torch
from rnncourse.cells import gru_torch as gru_cell
from rnncourse.cells import lstm_torch as lstm_cell
from rnncourse.cells import vanilla_torch as vanilla_cell
from rnncourse.fast import gru_torch, lstm_torch, vanilla_torch
from rnncourse.fast.backend_torch import kernel_for

CELLS = {
    "vanilla": (nn.RNN, vanilla_cell.RNNCell, vanilla_torch.RNN),
    "gru": (nn.GRU, gru_cell.GRUCell, gru_torch.GRU),
    "lstm": (nn.LSTM, lstm_cell.LSTMCell, lstm_torch.LSTM),
}
STANDARD, CELL_LOOP, PLAIN, GRAPHS = "torch.nn", "loop of cells", "fast, plain loop", "fast, CUDA graphs"
KERNEL = "fast, Triton kernel"
SIZES = ((1024, 16, 512), (1024, 16, 768), (1024, 32, 768), (1024, 64, 1024))  # (T, B, H)
FLASHRNN_SIZE = (1024, 16, 768)  # one: it compiles a kernel for each, which takes minutes
# For fast/ with CUDA graphs; the second is loop of cells / fast, in each pass.
GOALS = {"forward, µs a step, at most": 11, "times as fast as the loop of cells, at least": 15}


class Kind(NamedTuple):
    dtype: torch.dtype
    tf32: bool  # both of torch's switches
    tolerance: float  # the largest difference from torch.nn, relative to the largest entry


# Of a factor TF32 and float16 keep 10 bits, bfloat16 keeps 7.
KINDS = {
    "float32, TF32 off": Kind(torch.float32, False, 1e-4),
    "float32, TF32 on": Kind(torch.float32, True, 2e-2),
    "bfloat16": Kind(torch.bfloat16, False, 1e-1),
    "float16": Kind(torch.float16, False, 2e-2),
}


class CellLoop(nn.Module):
    """One of our cells, step after step, followed by autograd."""

    def __init__(self, cell: nn.Module):
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        return unroll_torch.forward(self.cell, x)


def variants(cell: str, hidden: int, dtype: torch.dtype, device: torch.device) -> dict[str, nn.Module]:
    """The layers to compare, torch.nn's first: the same parameters, called alike; outputs come first."""
    standard, step, ours = CELLS[cell]
    make = {"device": device, "dtype": dtype}
    found = {STANDARD: standard(hidden, hidden, **make), CELL_LOOP: CellLoop(step(hidden, hidden, **make))}
    for name, graph in ((PLAIN, False), (GRAPHS, True)):
        if device.type == "cuda" or not graph:
            found[name] = ours(hidden, hidden, **make)
            found[name].graph = graph
    return same_parameters(found)


def case(cell: str, size: tuple[int, int, int], kind: Kind, device: torch.device, **more: nn.Module) -> dict:
    """What `compare` finds for this cell and `more` layers, and how much faster each is than the loop."""
    layers = same_parameters(variants(cell, size[2], kind.dtype, device) | more)
    slow = (CELL_LOOP, PLAIN)
    found = compare(layers, size, kind.dtype, device, tolerance=kind.tolerance, slow=slow)
    for which in PASSES:
        loop = found[which][CELL_LOOP]["ms"][0]
        for of in found[which].values():
            of["loop of cells /"] = round(loop / of["ms"][0], 2)
    return {"dtype": str(kind.dtype).removeprefix("torch."), "TF32": kind.tf32} | found


def kernel(cell: str, size: tuple[int, int, int], kind: Kind, device: torch.device) -> dict[str, nn.Module]:
    """fast/ with one Triton kernel for all steps, where there is one for such a cell, size and dtype."""
    _, batch, hidden = size
    layer = CELLS[cell][2](hidden, hidden, device=device, dtype=kind.dtype)
    layer.backend = "triton"
    try:
        x = torch.empty(1, batch, hidden, device=device, dtype=kind.dtype)
        found = kernel_for(layer.steps, x, hidden)
    except ValueError as reason:
        print(f"{cell} {','.join(map(str, size))}, without a kernel: {reason}", flush=True)
        return {}
    return {KERNEL: layer} if found else {}


def with_flashrnn(device: torch.device) -> dict[str, Any] | str:
    """The LSTM's case with FlashRNN in it, or why there is none."""
    kind = KINDS["bfloat16"]
    try:
        flash = FlashRNN(FLASHRNN_SIZE[2], device=device, dtype=kind.dtype)
        return case("lstm", FLASHRNN_SIZE, kind, device, FlashRNN=flash)
    except Exception as error:  # another's package, its compiler, its limits: whatever it says is told
        return f"left out: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def told(key: str, found: dict[str, Any] | str) -> None:
    if isinstance(found, str):
        print(f"{key}: {found}", flush=True)
        return
    for which in PASSES:
        each = (f"{name} {of['µs a step']} ({of['/ torch.nn']})" for name, of in found[which].items())
        print(f"{key}, {which}, µs a step (ratio to torch.nn): {', '.join(each)}", flush=True)


def told_goals(cases: list[dict[str, Any]]) -> None:
    step = [c[PASSES[0]][GRAPHS]["µs a step"] for c in cases]
    loop = [c[which][GRAPHS]["loop of cells /"] for c in cases for which in PASSES]
    for (goal, bound), reached in zip(GOALS.items(), (step, loop), strict=True):
        print(f"{GRAPHS}, {goal} {bound}: {min(reached)} to {max(reached)} here", flush=True)


def measure(device: torch.device) -> None:
    torch.manual_seed(0)
    results: dict[str, Any] = {"goals": GOALS}
    for size, cell, (label, kind) in itertools.product(SIZES, CELLS, KINDS.items()):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = kind.tf32
        key = f"{cell} {','.join(map(str, size))} {label}"
        results[key] = case(cell, size, kind, device, **kernel(cell, size, kind, device))
        told(key, results[key])
        record.save("layers_gpu", results)
    told_goals([found for key, found in results.items() if key != "goals"])
    key = f"FlashRNN, lstm {','.join(map(str, FLASHRNN_SIZE))} bfloat16"
    results[key] = "left out: the run ended while it was compiled"
    record.save("layers_gpu", results)
    results[key] = with_flashrnn(device)
    told(key, results[key])
    record.save("layers_gpu", results)


def main() -> None:
    if not torch.cuda.is_available():
        build = f"a build for CUDA {torch.version.cuda}" if torch.version.cuda else "a build for the CPU only"
        sys.exit(
            f"layers_gpu: expected a CUDA device; got none (torch {torch.__version__} is {build}). "
            "Run it on a machine with an NVIDIA GPU; there 'rnncourse doctor' says what is missing"
        )
    measure(torch.device("cuda"))


if __name__ == "__main__":
    main()
