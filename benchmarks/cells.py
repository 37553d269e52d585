"""Which cell learns which task? Seven cells, four tasks, the same search and the same budget for each.

    python benchmarks/cells.py [--jobs 2] [--keep FILE]

1. Settings: each cell, with H = 24, tries every learning rate with every bias of its keeping gate on two
   seeds that are not used again. The best mean score over all exams called "valid" wins.
2. Report: five other seeds with these settings on the exams called "test", once with H = 24 and once with
   the largest H at which the cell has at most as many parameters as the LSTM.

About 20 minutes of one core. `--keep` names a file of finished trials, so that a run that was ended goes on.
The result is written after each task. Chapter 7 shows it, and tests/package/test_trials.py repeats a part.
"""

import os
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small products: a second thread costs more than it brings

import _record as record
import _trials
import numpy as np

from rnncourse.cells import coupled, gru, lstm, mgu, peephole, vanilla
from rnncourse.data.exams import task
from rnncourse.training.trials import hidden_for, parameters, trial

CELLS: dict[str, Any] = {
    "vanilla": vanilla,
    "LSTM": lstm,
    "LSTM, peepholes": peephole,
    "LSTM, coupled": coupled,
    "GRU, after": gru,
    "GRU, before": gru.reset_before,
    "MGU": mgu,
}
TASKS = ("counting", "adding", "copying", "text")
HIDDEN, MARKS = 24, 10
RATES, KEEPS = (0.01, 0.03, 0.1), (0.0, 2.0)
SEARCH_SEEDS, SEEDS = (100, 101), tuple(range(5))


class Job(NamedTuple):
    cell: str
    task: str
    hidden: int
    lr: float
    keep: float
    seed: int
    part: str


def run(job: Job) -> dict[str, Any]:
    """The last score by exam, and the first exam's score at MARKS equal distances."""
    chosen = task(job.task)
    marks = tuple(chosen.updates * k // MARKS for k in range(1, MARKS + 1))
    if job.part == "valid":
        marks = marks[-1:]
    with np.errstate(all="ignore"):  # a trial that explodes is a result
        found = trial(
            CELLS[job.cell],
            chosen,
            job.hidden,
            seed=job.seed,
            lr=job.lr,
            keep=job.keep,
            marks=marks,
            part=job.part,
        )
        scores = [mark.scores for mark in found]
    first = next(iter(scores[-1]))
    return {"last": scores[-1], "curve": [s[first] for s in scores]}


def search_jobs(name: str) -> list[Job]:
    return [
        Job(cell, name, HIDDEN, lr, keep, seed, "valid")
        for cell in CELLS
        for lr in RATES
        for keep in (KEEPS if cell != "vanilla" else KEEPS[:1])
        for seed in SEARCH_SEEDS
    ]


def best_settings(results: dict[Job, dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """cell -> (lr, keep) of the best mean in one task's search; what is not finite never wins."""
    scores: dict[str, dict[tuple[float, float], list[float]]] = {}
    for job, result in results.items():
        sign = 1 if task(job.task).score == "accuracy" else -1
        value = sign * np.mean(list(result["last"].values()))
        settings = scores.setdefault(job.cell, {})
        settings.setdefault((job.lr, job.keep), []).append(value if np.isfinite(value) else -np.inf)
    return {cell: max(found, key=lambda s: np.mean(found[s])) for cell, found in scores.items()}


def report_jobs(name: str, chosen: dict[str, tuple[float, float]]) -> list[tuple[str, list[Job]]]:
    """(what is equal, the jobs of one row) for each cell."""
    rows, budget = [], parameters(lstm, task(name), HIDDEN)
    for cell, (lr, keep) in chosen.items():
        for same, hidden in (("H", HIDDEN), ("parameters", hidden_for(CELLS[cell], task(name), budget))):
            rows.append((same, [Job(cell, name, hidden, lr, keep, seed, "test") for seed in SEEDS]))
    return rows


def row(same: str, jobs: list[Job], results: dict[Job, dict[str, Any]]) -> dict[str, Any]:
    job, found = jobs[0], [results[j] for j in jobs]
    return {
        "cell": job.cell, "task": job.task, "same": same, "hidden": job.hidden,
        "parameters": parameters(CELLS[job.cell], task(job.task), job.hidden),
        "lr": job.lr, "keep": job.keep,
        "last": {exam: [round(f["last"][exam], 5) for f in found] for exam in found[0]["last"]},
        "curves": [[round(v, 5) for v in f["curve"]] for f in found],
    }  # fmt: skip


def main() -> None:
    options = _trials.options()
    rows: list[dict[str, Any]] = []
    search: list[list[Any]] = []
    for name in TASKS:
        searched = _trials.run_all(run, search_jobs(name), options)
        reports = report_jobs(name, best_settings(searched))
        jobs = list(dict.fromkeys(job for _, row_jobs in reports for job in row_jobs))
        results = _trials.run_all(run, jobs, options)
        rows += [row(same, row_jobs, results) for same, row_jobs in reports]
        for job, result in searched.items():
            last = {exam: round(score, 5) for exam, score in result["last"].items()}
            search.append([job.cell, job.task, job.lr, job.keep, job.seed, last])
        record.save("cells", {"seeds": SEEDS, "rows": rows, "search": search})


if __name__ == "__main__":
    main()
