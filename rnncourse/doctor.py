"""What works on this machine, and what to do about what does not: the ``rnncourse doctor`` command.

It imports no optional library before it has seen that the library is there.
"""

import importlib.metadata
import importlib.util
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Finding(NamedTuple):
    """One line of the report: what was looked at, what was found, and what to do if it is not well."""

    subject: str
    found: str
    advice: str = ""
    essential: bool = False


LIBRARIES = {
    # library: (what it is for, extra that brings it, essential)
    "numpy": ("every cell", "", True),
    "jaxtyping": ("shapes in signatures", "", True),
    "torch": ("the twins, and the GPU", "torch", False),
    "matplotlib": ("figures", "widgets", False),
    "anywidget": ("widgets", "widgets", False),
    "jupyterlab": ("running the chapters", "book", False),
    "jupyter-book": ("building the book", "book", False),
    "pytest": ("tests", "dev", False),
}


def report(write: Callable[[str], object] = print) -> int:
    """Write the findings, one a line; return 1 where an essential one needs advice, else 0."""
    findings = list(examine())
    show(findings, write)
    bad = [f.subject for f in findings if f.advice and f.essential]
    write(f"Not usable: {', '.join(bad)}." if bad else "The NumPy side works on this machine.")
    return 1 if bad else 0


def show(findings: Sequence[Finding], write: Callable[[str], object]) -> None:
    """Write each finding in a line, and its advice below it."""
    width = max((len(f.subject) for f in findings), default=0)
    for f in findings:
        mark = "ok " if not f.advice else ("BAD" if f.essential else "-- ")
        write(f"{mark} {f.subject:<{width}}  {f.found}")
        if f.advice:
            write(f"    {'':<{width}}  {f.advice}")


def examine() -> Iterator[Finding]:
    """Look at Python, the machine, each library, one gradient by hand, the widgets, torch."""
    version = platform.python_version()
    old = sys.version_info < (3, 11)
    yield Finding("python", version, "Install Python 3.11 or newer." if old else "", essential=True)
    yield Finding("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    for name, (purpose, extra, essential) in LIBRARIES.items():
        yield _library(name, purpose, extra, essential)
    yield from _survive("gradient", _gradient, essential=True)
    yield _front_end()
    if importlib.util.find_spec("torch"):
        yield from _survive("torch", _torch)


def _survive(
    subject: str, look: Callable[[], Iterator[Finding]], *, essential: bool = False
) -> Iterator[Finding]:
    """What `look` finds; where it breaks, that: a doctor must not fall ill with the patient."""
    try:
        yield from look()
    except Exception as error:  # whatever a broken library throws
        found = f"does not work: {type(error).__name__}: {error}"
        yield Finding(
            subject, found, f"Install {subject if not essential else 'rnncourse'} again.", essential
        )


def _torch() -> Iterator[Finding]:
    from rnncourse.doctor_torch import examine_torch

    yield from examine_torch()


def _library(name: str, purpose: str, extra: str, essential: bool) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        advice = f'In the checkout: pip install ".[{extra}]"' if extra else f"pip install {name}"
        return Finding(name, f"not installed; needed for {purpose}", advice, essential)


def _gradient() -> Iterator[Finding]:
    """Run one LSTM forward and backward and compare with finite differences, here and now."""
    import numpy as np

    from rnncourse import gradcheck
    from rnncourse.cells import lstm
    from rnncourse.params import init_params

    rng = np.random.default_rng(0)
    params = init_params(lstm, 3, 4, rng=rng, dtype=np.float64)
    started = time.perf_counter()
    errors = gradcheck.check_unroll(lstm, params, rng.standard_normal((5, 2, 3)), rng=rng)
    worst, seconds = float(np.max(list(errors.values()))), time.perf_counter() - started
    found = f"LSTM backward against finite differences: {worst:.0e} in {seconds:.2f} s"
    advice = "" if worst < 1e-7 else "Expected at most 1e-7: reinstall NumPy, or report this."
    yield Finding("gradient", found, advice, essential=True)


def _front_end() -> Finding:
    scripts = sorted((Path(__file__).parent / "widgets" / "static").glob("*.js"))
    if not scripts:
        advice = 'In the checkout: pip install ".[widgets]", or make book'
        return Finding("front end", "the widgets' scripts are not built", advice)
    return Finding("front end", f"built, {sum(s.stat().st_size for s in scripts) / 1000:.0f} kB")
