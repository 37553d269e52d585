"""Trials side by side in several processes, kept as they end, so that an ended run goes on."""

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any


def options() -> argparse.Namespace:
    """--jobs, how many processes; --keep, a file of finished trials."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


def run_all(run: Callable[[Any], Any], jobs: list[Any], chosen: argparse.Namespace) -> dict[Any, Any]:
    """The result of ``run(job)`` for each of `jobs`, NamedTuples of one kind, in their order."""
    done = {}
    if chosen.keep and chosen.keep.exists():
        lines = [json.loads(line) for line in chosen.keep.read_text().splitlines()]
        done = {type(jobs[0])(*job): result for job, result in lines}
    waiting = [job for job in jobs if job not in done]
    with ProcessPoolExecutor(chosen.jobs) as pool:
        futures = {pool.submit(run, job): job for job in waiting}
        for n, future in enumerate(as_completed(futures), start=1):
            job = futures[future]
            done[job] = future.result()
            if chosen.keep:
                with chosen.keep.open("a") as file:
                    file.write(json.dumps([job, done[job]]) + "\n")
            print(f"{n} of {len(waiting)}: {job}", flush=True)
    return {job: done[job] for job in jobs}
