"""How long does a class of 1,000 take to grade, and does every run of it give the same grades?

A class of mixed quality, 2 % of it hostile, is made and graded three times with one seed: straight through,
once more, and killed in the middle (SIGKILL) and begun again. The three must agree in every grade. While the
first runs, the memory of the grader itself is measured; it must not grow with the submissions.

The goals on two cores: 5 minutes for 1,000, memory flat. `--size 50` for a quick look.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import _record as record
import psutil

from rnncourse.grading import shelf, student

HOSTILE_SHARE = 0.02
# Put in front of a right answer's first function, or in its body; none may cost more than its own points.
HOSTILE = (
    "while True: pass",
    "x = bytearray(30 * 2**30)",
    "import os; os._exit(0)",
    "import os; os.fork()",
    "import socket; socket.create_connection(('127.0.0.1', 22), 1)",
    "import os; os.kill(1, 9)",
    "print('x' * 10**8)",
    "open('/etc/passwd').read()",
    "import sys; sys.setrecursionlimit(10**9); f = lambda n: f(n + 1); f(0)",
    "np.testing.assert_allclose = np.allclose = lambda *a, **k: True",
)
# Slips that leave Python as it is.
SLIPS = ((" + ", " - "), (" - ", " + "), (" * ", " + "), (".T", ""), ("axis=0", "axis=1"), ("1 - ", "1 + "))


def make_class(folder: Path, size: int, exercise: str, rng: random.Random) -> None:
    """STUDENT/exercise.ipynb for each student."""
    source = json.loads((shelf.folder(exercise) / "exercise.ipynb").read_text(encoding="utf-8"))
    stubs = student.student_version(source)
    for n in range(size):
        path = folder / f"student{n:05}" / "exercise.ipynb"
        path.parent.mkdir(parents=True)
        if n < HOSTILE_SHARE * size:
            path.write_bytes(hostile(source, n))
        else:
            path.write_bytes(student.encode(answered(source, stubs, rng)))


def answered(source: dict[str, Any], stubs: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A notebook whose solution cells are right, wrong or not written; each student has a talent."""
    notebook = json.loads(json.dumps(stubs))
    talent = rng.betavariate(3, 1.5)
    for cell, right in zip(notebook["cells"], source["cells"], strict=True):
        if not right["metadata"].get("nbgrader", {}).get("solution") or rng.random() > 0.3 + talent:
            continue
        text = "".join(right["source"])
        cell["source"] = text if rng.random() < talent else with_slip(text, rng)
    notebook["metadata"]["student"] = rng.random()  # no two files alike, as in a real class
    return notebook


def with_slip(text: str, rng: random.Random) -> str:
    """The text with one slip, if there is a place for one."""
    possible = [slip for slip in SLIPS if slip[0] in text]
    if not possible:
        return text.replace("return ", "return None and ", 1)
    old, new = rng.choice(possible)
    parts = text.split(old)
    place = rng.randrange(1, len(parts))
    return old.join(parts[:place]) + new + old.join(parts[place:])


def hostile(source: dict[str, Any], n: int) -> bytes:
    """One of a dozen kinds: broken files, attacks at the top of a cell, attacks inside a function."""
    if n % 6 == 5:
        return (b"{", b"\xff\xfe", b'{"nbformat": 4}', b"[" * 10**5)[n // 6 % 4]
    notebook = json.loads(json.dumps(source))
    cells = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]
    attack = HOSTILE[n % len(HOSTILE)]
    lines = "".join(cells[0]["source"]).split("\n")
    lines.insert(1, f"    {attack}")
    cells[0]["source"] = "\n".join(lines)
    notebook["metadata"]["student"] = n
    return student.encode(notebook)


class Run:
    """`rnncourse grade` as a process of its own."""

    def __init__(self, submissions: Path, out: Path, jobs: int, *more: str) -> None:
        self.out, self.began = out, time.perf_counter()
        command = [sys.executable, "-m", "rnncourse", "grade", str(submissions), "--out", str(out)]
        self.process = subprocess.Popen([*command, "--jobs", str(jobs), *more], stdout=subprocess.DEVNULL)

    def graded(self) -> int:
        try:
            return len(self.grades())
        except sqlite3.OperationalError:  # not there yet
            return 0

    def grades(self) -> dict[str, Any]:
        """What the runs must agree on."""
        connection = sqlite3.connect(f"{(self.out / 'results.sqlite').as_uri()}?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT student, status, points, verdicts FROM outcomes").fetchall()
        finally:
            connection.close()
        return {who: (status, points, json.loads(verdicts)) for who, status, points, verdicts in rows}

    def wait(self) -> float:
        if self.process.wait() not in (0, 1):
            raise RuntimeError(f"rnncourse grade ended with {self.process.returncode}")
        return time.perf_counter() - self.began


def memory_of(run: Run) -> list[tuple[int, float]]:
    """(graded, MB of the grader itself) every few seconds, until it ends."""
    found, process = [], psutil.Process(run.process.pid)
    while run.process.poll() is None:
        try:
            found.append((run.graded(), round(process.memory_info().rss / 2**20, 1)))
        except psutil.NoSuchProcess:
            break
        time.sleep(2)
    return found


def flat(samples: list[tuple[int, float]], size: int) -> tuple[float, float]:
    """MB while the second tenth, and while the last tenth of the class was graded."""

    def typical(low: float, high: float) -> float:
        values = sorted(mb for graded, mb in samples if low * size <= graded < high * size)
        return values[len(values) // 2] if values else float("nan")

    return typical(0.1, 0.2), typical(0.9, 1.0)


def killed_and_resumed(
    submissions: Path, out: Path, jobs: int, half: int, *more: str
) -> tuple[int, dict[str, Any]]:
    """SIGKILL once `half` are graded, then the same command again: (graded before, grades)."""
    first = Run(submissions, out, jobs, *more)
    while first.graded() < half and first.process.poll() is None:
        time.sleep(0.1)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    before = first.graded()
    again = Run(submissions, out, jobs)
    again.wait()
    return before, again.grades()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--exercise", default="02")
    chosen = parser.parse_args()
    more = ["--seed", "1", "--sandbox", "bubblewrap"]
    with tempfile.TemporaryDirectory() as place:
        submissions = Path(place, "submissions")
        make_class(submissions, chosen.size, chosen.exercise, random.Random(0))
        first = Run(submissions, Path(place, "first"), chosen.jobs, *more)
        samples = memory_of(first)
        seconds = first.wait()
        second = Run(submissions, Path(place, "second"), chosen.jobs, *more)
        second.wait()
        before, resumed = killed_and_resumed(
            submissions, Path(place, "third"), chosen.jobs, chosen.size // 2, *more
        )
        grades = first.grades()
        early, late = flat(samples, chosen.size)
        results = {
            "exercise": chosen.exercise,
            "submissions": chosen.size,
            "jobs": chosen.jobs,
            "seconds": round(seconds, 1),
            "seconds each": round(seconds / chosen.size, 3),
            "two runs agree": grades == second.grades(),
            "killed after": before,
            "killed and resumed agree": grades == resumed,
            "MB in the second tenth": early,
            "MB in the last tenth": late,
            "graded": sum(status == "graded" for status, *_ in grades.values()),
            "mean points": round(sum(points for _, points, _ in grades.values()) / len(grades), 2),
        }
    for name, value in results.items():
        print(f"{name:<26} {value}")
    record.save("grading_class", results)


if __name__ == "__main__":
    main()
