"""How deep? LSTMs of one to five layers with equally many parameters, on three tasks of different nature.

    python benchmarks/depth.py [--jobs 2] [--keep FILE]

Each depth tries two learning rates on three seeds and is scored at growing budgets of updates, on a part for
choosing the rate ("valid") and on another ("test"). Vanilla and GRU layers, one and three, get the same
chances up to half of the longest budget.

About 30 minutes of one core: 162 trials of 1000 or 2000 updates. `--keep` names a file of finished trials, so
that an ended run goes on; the seeds come one after the other. Chapter 8 shows the result and repeats a part.
"""

import os
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small products: a second thread costs more than it brings

import _record as record
import _trials

from rnncourse.models.labeller_torch import hidden_for, parameters
from rnncourse.training.depth_torch import BUDGETS, NAMES, RATES, depth_trial, problem

MARKS = (250, 500, 1000, 2000)
DEPTHS, SEEDS = (1, 2, 3, 4, 5), (0, 1, 2)
OTHERS, OTHER_DEPTHS = ("vanilla", "gru"), (1, 3)


class Job(NamedTuple):
    task: str
    cell: str
    layers: int
    lr: float
    seed: int

    @property
    def marks(self) -> tuple[int, ...]:
        return MARKS if self.cell == "lstm" else MARKS[:-1]


def run(job: Job) -> dict[str, list[float]]:
    """The bits at each mark, on the two parts."""
    scores = [
        s for _, s in depth_trial(job.task, job.layers, budget=BUDGETS[job.task], seed=job.seed, lr=job.lr,
                                  marks=job.marks, cell=job.cell)
    ]  # fmt: skip
    return {part: [round(s[part], 5) for s in scores] for part in ("valid", "test")}


def jobs() -> list[Job]:
    nets = [("lstm", n) for n in DEPTHS] + [(cell, n) for cell in OTHERS for n in OTHER_DEPTHS]
    return [Job(t, cell, n, lr, s) for s in SEEDS for t in NAMES for lr in RATES for cell, n in nets]


def main() -> None:
    chosen = _trials.options()
    groups: dict[tuple, list[Job]] = {}
    for job in jobs():
        groups.setdefault(job[:-1], []).append(job)
    results = _trials.run_all(run, jobs(), chosen)
    rows = []
    for (name, cell, layers, lr), group in groups.items():
        task = problem(name)
        sizes = {"layers": layers, "cell": cell}
        hidden = hidden_for(BUDGETS[name], task.inputs, task.outputs, **sizes)
        rows.append({
            "task": name, "cell": cell, "layers": layers, "lr": lr, "hidden": hidden,
            "parameters": parameters(task.inputs, hidden, task.outputs, **sizes),
            "seeds": [job.seed for job in group], "marks": group[0].marks,
            **{part: [results[job][part] for job in group] for part in ("valid", "test")},
        })  # fmt: skip
    record.save("depth", rows)


if __name__ == "__main__":
    main()
