"""What data parallel training costs: the gradient of an LSTM in one process, and shared by several.

    process p:   g_p = ∂L/∂θ on its share of the batch, B/P sequences
    all-reduce:  g = (1/P) Σ_p g_p, which is the gradient of the whole batch for a mean loss

`measure` starts the processes itself and has them meet through a file. torchrun may start the module too, on
one machine or on many: `torchrun --nproc-per-node=2 -m rnncourse.training.data_parallel_torch OUT.npz`.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from rnncourse import _checks
from rnncourse._files import write_atomically

Array = np.ndarray
SIZE = (50, 32, 64, 256)
MESSAGES = (4, 2**12, 2**16, 2**20, 2**22)


class Costs(NamedTuple):
    """Seconds in each round, as process 0 sees them, the first round left out; and the two gradients."""

    alone: Float[Array, "R"]  # the whole batch in one process, while the others wait
    share: Float[Array, "R"]  # its own share of the batch
    together: Float[Array, "R"]  # the share and the all-reduce, waiting for the slowest included
    reduce: Float[Array, "M R"]  # one all-reduce of each message size
    bytes: Float[Array, "M"]  # the message sizes
    gradient: Float[Array, "N"]  # of the whole batch
    reduced: Float[Array, "N"]  # averaged over the processes


def measure(
    *,
    processes: int = 2,
    size: tuple[int, int, int, int] = SIZE,
    rounds: int = 10,
    messages: Sequence[int] = MESSAGES,
    timeout: float = 120,
) -> Costs:
    """The costs with `processes` processes of one thread each on this machine; `size` is (T, B, I, H).

    Raises ValueError for sizes below 1 and where B is no multiple of `processes`; RuntimeError with the
    words of a process that failed, or where one did not end in `timeout` seconds.
    """
    _checks.positive_int("measure", "processes", processes)
    _checks.positive_int("measure", "rounds", rounds)
    for name, value in zip("TBIH", size, strict=True):
        _checks.positive_int("measure", name, value)
    if size[1] % processes:
        raise ValueError(f"measure: B must be a multiple of the {processes} processes; got {size[1]}")
    with tempfile.TemporaryDirectory() as folder:
        out, meet = Path(folder, "costs.npz"), Path(folder, "meet").as_uri()
        words = [out, "--meet", meet, "--rounds", rounds, "--size", *size, "--messages", *messages]
        command = [sys.executable, "-m", "rnncourse.training.data_parallel_torch", *map(str, words)]
        started = [
            subprocess.Popen(
                command,
                env=os.environ | {"RANK": str(rank), "WORLD_SIZE": str(processes), "OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(processes)
        ]
        try:
            for rank, process in enumerate(started):
                _, said = process.communicate(timeout=timeout)
                if process.returncode:
                    raise RuntimeError(f"measure: process {rank} must end well; it said: {said[-1000:]}")
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"measure: expected an end within {timeout} s; got none") from error
        finally:
            for process in started:
                process.kill()
                process.wait()
        with np.load(out) as found:
            return Costs(**found)


def gradient_of(size: tuple[int, int, int, int], columns: slice) -> Callable[[], Tensor]:
    """A function that computes ∂L/∂θ as one vector, on those columns of the batch; all from seed 0."""
    steps, batch, size_in, hidden = size
    torch.manual_seed(0)
    model = nn.LSTM(size_in, hidden)
    inputs = torch.randn(steps, batch, size_in)[:, columns].contiguous()
    targets = torch.randn(steps, batch, hidden)[:, columns].contiguous()

    def gradient() -> Tensor:
        model.zero_grad()
        nn.functional.mse_loss(model(inputs)[0], targets).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    return gradient


def work(size: tuple[int, int, int, int], rounds: int, messages: Sequence[int]) -> Costs:
    """What one process does, once it has met the others."""
    rank, processes = dist.get_rank(), dist.get_world_size()
    each = size[1] // processes
    whole, share = (gradient_of(size, c) for c in (slice(None), slice(rank * each, (rank + 1) * each)))
    times = np.zeros((3 + len(messages), rounds + 1))  # the first round warms up
    vectors = [torch.ones(max(1, length // 4)) for length in messages]
    gradient = reduced = torch.empty(0)
    for n in range(rounds + 1):
        if rank == 0:
            begin = time.perf_counter()
            gradient = whole()
            times[0, n] = time.perf_counter() - begin
        dist.barrier()
        begin = time.perf_counter()
        reduced = share()
        times[1, n] = time.perf_counter() - begin
        dist.all_reduce(reduced)
        reduced /= processes
        times[2, n] = time.perf_counter() - begin
        for row, vector in enumerate(vectors, start=3):
            dist.barrier()
            begin = time.perf_counter()
            dist.all_reduce(vector)
            times[row, n] = time.perf_counter() - begin
        dist.barrier()
    times, lengths = times[:, 1:], np.array([4.0 * len(v) for v in vectors])
    alone, share, together = times[:3]
    return Costs(alone, share, together, times[3:], lengths, gradient.numpy(), reduced.numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--meet", default="env://")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--size", type=int, nargs=4, default=SIZE)
    parser.add_argument("--messages", type=int, nargs="*", default=MESSAGES)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rank, processes = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    dist.init_process_group("gloo", init_method=chosen.meet, rank=rank, world_size=processes)
    costs = work(tuple(chosen.size), chosen.rounds, chosen.messages)
    dist.destroy_process_group()
    if rank == 0:
        buffer = io.BytesIO()
        np.savez(buffer, **costs._asdict())
        write_atomically(chosen.out, buffer.getvalue())


if __name__ == "__main__":
    main()
