"""The part of ``rnncourse doctor`` that asks torch about its devices."""

from collections.abc import Iterator

import torch

from rnncourse.doctor import Finding


def examine_torch() -> Iterator[Finding]:
    """Findings on the processor, CUDA and Apple's GPUs, with a product computed on each that is there."""
    yield _tried("torch cpu", "cpu", f"{torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        name = f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}"
        yield _tried("torch cuda", "cuda", f"{name}, CUDA {torch.version.cuda}")
    elif torch.version.cuda:
        yield Finding("torch cuda", "no device", "Is a driver installed? nvidia-smi says.")
    else:
        advice = "With an NVIDIA GPU: see 'A CUDA build of torch' in the README."
        yield Finding("torch cuda", f"torch {torch.__version__} is a build for the CPU only", advice)
    if torch.backends.mps.is_available():
        yield _tried("torch mps", "mps", "available")


def _tried(subject: str, device: str, found: str) -> Finding:
    """`found`, and whether a product on this device is right."""
    try:
        ones = torch.ones(8, 8, device=device)
        right = bool((ones @ ones == 8).all())
    except RuntimeError as error:  # no kernel for this device, no memory left, a driver too old
        reason = str(error).splitlines()[0]
        return Finding(subject, f"{found}; it fails: {reason}", "Does this torch build support the device?")
    if not right:
        return Finding(
            subject, f"{found}; a product is WRONG", "Do not trust this device; install torch again."
        )
    return Finding(subject, f"{found}; a product is right")
