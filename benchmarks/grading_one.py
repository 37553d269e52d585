"""How long does one right submission take in the sandbox, from its bytes to its verdicts?

Each exercise's source notebook, its solutions in place, graded one after another as the grader does it: a
new sandbox for each. Median and extremes of 15, in seconds, one thread.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "exercises"))

import _record as record
import sheet

from rnncourse.grading.boxes import open_box
from rnncourse.grading.grade import grade_bytes

ROUNDS = 15


def main() -> None:
    results = {}
    with open_box("bubblewrap") as box:
        for name, exercise in sheet.EXERCISES.items():
            data, seconds = sheet.source_bytes(name), []
            for seed in range(ROUNDS):
                started = time.perf_counter()
                outcome = grade_bytes(data, seed=seed, box=box)
                seconds.append(time.perf_counter() - started)
                if outcome.earned != exercise.points:
                    lost = [v.failures for v in outcome.verdicts if v.failures]
                    raise RuntimeError(f"exercise {name}: a right submission lost points: {lost}")
            results[name] = {
                "median": round(statistics.median(seconds), 3),
                "least": round(min(seconds), 3),
                "most": round(max(seconds), 3),
            }
            print(f"{name:<4} {results[name]['median']:.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")
    record.save("grading_one", results)


if __name__ == "__main__":
    main()
