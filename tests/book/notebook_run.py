"""Run one notebook under nbval, as the suite does for each."""

import subprocess
import sys
import time
from pathlib import Path

from places import ROOT

SANITIZE = Path(__file__).with_name("nbval.cfg")


def run_nbval(notebook: Path) -> tuple[int, str, float]:
    """Return the exit status, what was printed and the seconds it took."""
    begin = time.monotonic()
    options = ["--nbval-lax", f"--nbval-sanitize-with={SANITIZE}", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, f"--rootdir={notebook.parent}", notebook],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - begin
