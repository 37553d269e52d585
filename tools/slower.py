"""Which times got slower: what the benchmarks have just written, against what is committed.

A time, or a ratio of times, is recorded as [median, least, most]. A machine runs faster on one day than on
another, and with it all that a record has in "ms" or "seconds": the median of their growth is said once, and
taken out of them. Ratios stay as they are. A time counts as slower where what is left of its growth is more
than the spread, most − least, of either record. A record of another machine is not compared.
"""

import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MACHINE = ("system", "cpu", "cores", "threads", "gpu")
FEW = 5  # times, below which their median growth may be that of the code
UNITS = {"ms", "seconds"}
CALM = 0.1  # a growth of all times up to here is not worth a line


def report(root: Path, names: list[str]) -> list[str]:
    """A line for each time of these results/<name>.json that got slower, or that nothing can be said of."""
    lines = []
    for name in names:
        path = f"benchmarks/results/{name}.json"
        before = committed(root, path)
        if before is None:
            lines.append(f"{name}: no committed result to compare with")
            continue
        after = json.loads((root / path).read_text(encoding="utf-8"))
        was, now = before["machine"], after["machine"]
        other = [key for key in MACHINE if key in was and was[key] != now[key]]
        if other:
            lines.append(f"{name}: the committed result is from a machine with other {', '.join(other)}")
            continue
        lines += [f"{name}: {line}" for line in slower(before["results"], after["results"])]
    return lines


def committed(root: Path, path: str) -> Any:
    """The JSON of `path` in the last commit, or None where there is none."""
    done = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=root, capture_output=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def slower(before: Any, after: Any) -> list[str]:
    """A line for what is missing, for the growth of all times together, and for each that is slower."""
    old, new = dict(times(before)), dict(times(after))
    lines = [f"{where} is no longer measured" for where in old if where not in new]
    drift = drift_of(old, new)
    if abs(drift - 1) > CALM:
        lines.append(f"all times are {drift:.2f} of what they were (median)")
    for where in (where for where in new if where in old):
        was, now = old[where], new[where]
        median, least, most = (number / drift if is_absolute(where) else number for number in now)
        if median - was[0] > max(most - least, was[2] - was[1]):
            lines.append(
                f"{where or 'it'} is slower: {was[0]:g} ({was[1]:g} to {was[2]:g}) → "
                f"{now[0]:g} ({now[1]:g} to {now[2]:g})"
            )
    return lines


def drift_of(old: dict[str, list[float]], new: dict[str, list[float]]) -> float:
    """The median growth of what is recorded in ms or seconds; 1 where that is too little to tell."""
    common = [where for where in old if where in new and is_absolute(where) and old[where][0]]
    growth = [new[where][0] / old[where][0] for where in common]
    return statistics.median(growth) if len(growth) >= FEW else 1.0


def is_absolute(where: str) -> bool:
    return not UNITS.isdisjoint(where.replace(",", " ").split())


def times(results: Any, where: str = "") -> Iterator[tuple[str, list[float]]]:
    """(place, [median, least, most]) of every time in a result."""
    if is_time(results):
        yield where, results
        return
    inner = results.items() if isinstance(results, dict) else enumerate(results)
    for key, value in inner:
        if isinstance(value, dict | list):
            yield from times(value, f"{where}, {key}" if where else str(key))


def is_time(value: Any) -> bool:
    """Whether this is three numbers, of which the first lies between the others."""
    if not (isinstance(value, list) and len(value) == 3):
        return False
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in value):
        return False
    return 0 <= value[1] <= value[0] <= value[2]
