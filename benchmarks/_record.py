"""Where a benchmark writes what it measured: one JSON file a question, with the machine's description."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("numpy", "torch", "jupyter-book", "anywidget")


def machine() -> dict[str, Any]:
    """What the figures depend on; nothing that names a host or a user."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "blas": blas(),
        "gpu": torch.cuda.get_device_name() if gpu else None,
        "cuda": torch.version.cuda if gpu else None,
        "cudnn": torch.backends.cudnn.version() if gpu else None,
        "python": platform.python_version(),
        **{name: installed(name) for name in LIBRARIES},
    }


def cpu() -> str:
    """The processor's own name where Linux tells it, else its kind."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.is_file() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def blas() -> str | None:
    """NumPy's libraries for products, with the processor they chose their kernels for; None: none is seen."""
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))  # so that it is loaded
    found = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    named = (f"{lib['internal_api']} {lib['version']} {lib.get('architecture', '')}".strip() for lib in found)
    return ", ".join(sorted(set(named))) or None


def installed(name: str) -> str | None:
    """Its version; a machine with a GPU may lack what only the book needs."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def save(question: str, results: Any) -> Path:
    """Write results/<question>.json: first complete under another name, then renamed into place."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{question}.json"
    day = datetime.now(UTC).date().isoformat()
    text = json.dumps({"date": day, "machine": machine(), "results": results}, indent=1)
    partial = target.with_suffix(".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(target)
    print(f"written: {target.relative_to(RESULTS.parent.parent)}", file=sys.stderr)
    return target
