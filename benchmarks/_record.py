"""Where a benchmark writes what it measured: one JSON file a question, with the machine's description."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("numpy", "torch", "jupyter-book", "anywidget")


def machine() -> dict[str, Any]:
    """What the figures depend on; nothing that names a host or a user."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


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
