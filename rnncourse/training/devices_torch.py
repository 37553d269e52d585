"""Device, precision and processes, by Lightning Fabric; started by torchrun, one process a device."""

import os
from typing import Any

import torch
from lightning_fabric import Fabric

from rnncourse import _checks

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(device: str = "auto") -> str:
    """The device named, if it is here, else ValueError; for "auto" the first of cuda, mps and cpu."""
    _checks.choice("device", "device", device, DEVICES)
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there[device]:
        found = ", ".join(name for name in ("cpu", "cuda", "mps") if there[name])
        raise ValueError(
            f"device: expected one that is here ({found}); got {device}. "
            "'rnncourse doctor' says what torch sees"
        )
    return device


def make_fabric(device: str = "auto", precision: Any = "32-true") -> Fabric:
    """A launched Fabric for this process: alone, or one of those that torchrun started.

    With several processes gradients are averaged by DistributedDataParallel (gloo on CPUs, NCCL on GPUs).
    Raises ValueError for a device that is not here, and for fp16 on the CPU.
    """
    device = choose_device(device)
    if precision == "16-mixed" and device == "cpu":
        raise ValueError("device: expected a GPU for precision 16-mixed; got cpu. Take bf16-mixed there")
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    fabric = Fabric(
        accelerator=device,
        devices=here,
        num_nodes=processes // here,
        strategy="ddp" if processes > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric
