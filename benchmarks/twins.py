"""How far apart are NumPy by hand, the autograd twin, torch.nn and finite differences?

The largest difference over all cells of the contract, over outputs and every gradient, relative to the
largest entry of each array; T = 1 and T = 200, with and without lengths. The tests assert the limits
(1e-12 in float64, 1e-5 in float32, 1e-7 for finite differences); this prints how much of them is used.
"""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "package"))

import _record as record
from contract import CASES, CELLS, problem
from twins_torch import TWINS, layer_differences, twin_differences

from rnncourse import gradcheck


def differences(name, case) -> float:
    p = problem(CELLS[name], case)
    rng = np.random.default_rng(1)
    some = 4 if case.T > 20 else None
    errors = gradcheck.check_unroll(
        CELLS[name], p.params, p.inputs, p.state, rng=rng, lengths=p.lengths, directions=some
    )
    return max(errors.values())


def worst(differences_of, *arguments) -> float:
    return max(differences_of(*arguments).values())


def main() -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    results = {"finite differences, float64": max(differences(n, c) for n in CELLS for c in CASES.values())}
    for device in devices:
        for dtype in (np.float64, np.float32):
            label = f"{np.dtype(dtype).name}, {device}"
            results[f"twin, {label}"] = max(
                worst(twin_differences, n, c, dtype, device) for n in CELLS for c in CASES.values()
            )
            with_layer = [n for n, (_, made) in TWINS.items() if made]
            results[f"torch.nn, {label}"] = max(
                worst(layer_differences, n, c, dtype, device) for n in with_layer for c in CASES.values()
            )
    for name, value in results.items():
        print(f"{name:<32} {value:.1e}")
    record.save("twins", results)


if __name__ == "__main__":
    main()
