"""The part of ``rnncourse doctor`` that asks torch about its devices."""

from collections.abc import Iterator

import torch

from rnncourse.doctor import Finding


def examine_torch() -> Iterator[Finding]:
    """Findings on the processor, CUDA and Apple's GPUs, with a product computed on each that is there."""
    yield Finding("torch cpu", f"{torch.get_num_threads()} threads; {_works('cpu')}")
    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        name = f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}"
        yield Finding("torch cuda", f"{name}, CUDA {torch.version.cuda}; {_works('cuda')}")
    elif torch.version.cuda:
        yield Finding("torch cuda", "no device", "Is a driver installed? nvidia-smi says.")
    else:
        advice = "With an NVIDIA GPU: see 'A CUDA build of torch' in the README."
        yield Finding("torch cuda", f"torch {torch.__version__} is a build for the CPU only", advice)
    if torch.backends.mps.is_available():
        yield Finding("torch mps", f"available; {_works('mps')}")


def _works(device: str) -> str:
    ones = torch.ones(8, 8, device=device)
    return "a product is right" if bool((ones @ ones == 8).all()) else "A PRODUCT IS WRONG"
