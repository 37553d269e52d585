"""What runs the steps of a sequence: the loop, plain or as a CUDA graph, or one kernel for all of them."""

import warnings

import torch
from torch import Tensor

from rnncourse.fast.steps_torch import Steps

_said: set[str] = set()


def steps_for(steps: Steps, wanted: str, x: Tensor, hidden: int) -> Steps:
    """`steps`, or the same cell as one kernel, for x (T, B, I) and H = `hidden`.

    `wanted`: "loop"; "triton", the kernel (ValueError with the reason where it does not run); or "auto", the
    kernel on a GPU where it runs, and else the loop. Why it does not run there is said once, as a warning.
    """
    if wanted not in ("auto", "loop", "triton"):
        raise ValueError(f'backend must be "auto", "loop" or "triton"; got {wanted!r}')
    if wanted == "loop" or (wanted == "auto" and not _worth_trying(x)):
        return steps
    try:
        found = kernel_for(steps, x, hidden)
    except ValueError as reason:
        if wanted == "triton":
            raise
        _say_once(f"{reason}. The plain loop runs instead.")
        return steps
    if found is None and wanted == "triton":
        raise ValueError(f'backend="triton" is there for LSTM and GRU; got {type(steps).__name__}')
    return found or steps


def kernel_for(steps: Steps, x: Tensor, hidden: int) -> Steps | None:
    """`steps.kernel` for x (T, B, ·); ValueError, with the reason, also where Triton is missing."""
    try:
        return steps.kernel(x, hidden)
    except ImportError as missing:
        raise ValueError(f"persistent kernel: Triton must be importable; got: {missing}") from missing


def _worth_trying(x: Tensor) -> bool:
    # Within a recording of the caller's own nothing can be compiled.
    return x.is_cuda and not torch.cuda.is_current_stream_capturing()


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        warnings.warn(text, stacklevel=2)
