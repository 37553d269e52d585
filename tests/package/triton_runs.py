"""The kernels on a CPU, run as a script: Triton's interpreter in place of a GPU.

What makes a kernel an interpreted one is set before Triton is imported, so this is a process of its own. The
interpreter runs one program after the other. Where programs wait for each other, each gets a process here:
memory is shared, and the interpreter's atomics are the processor's.

    triton_runs.py lstm|gru arithmetic | exchange PROGRAMS GROUPS | mutants

prints one line of JSON.
"""

import json
import multiprocessing
import os
import sys
import time

os.environ["TRITON_INTERPRET"] = "1"

import numpy as np
import torch
import triton
import triton.language as tl  # noqa: F401  a kernel's own module must have it
from contract import Case, problem
from triton.runtime import interpreter

from rnncourse import unroll
from rnncourse.cells import gru, lstm
from rnncourse.fast import gru_triton, lstm_triton, persistent_triton
from rnncourse.fast.gru_torch import GRU
from rnncourse.fast.lstm_torch import LSTM
from rnncourse.fast.persistent_triton import tiles_for

# The plain definition, the layer, and where its kernels are.
CELLS = {"lstm": (lstm, LSTM, lstm_triton), "gru": (gru, GRU, gru_triton)}
cell, make, kernels = CELLS[sys.argv[1]]
DTYPES = {"float32": torch.float32, "float16": torch.float16}
CASES = {
    "plain": Case(T=6, B=3, I=4, H=5),
    "T=1": Case(T=1, B=3, I=4, H=5),
    "B=1": Case(T=6, B=1, I=4, H=5),
    "one of all": Case(T=1, B=1, I=1, H=1),
    "whole tiles": Case(T=5, B=16, I=8, H=16),
    "a row and a unit more than tiles": Case(T=5, B=33, I=7, H=17),
    "lengths": Case(T=6, B=5, I=4, H=9).ragged,
    "T=40": Case(T=40, B=2, I=4, H=8),
}
HANGS_AFTER = 60.0


def layer_of(p, dtype):
    """`fast`'s LSTM with the parameters of the problem, run by the kernel."""
    layer = make(p.inputs.shape[2], p.state.h.shape[1], dtype=dtype)
    layer.backend = "triton"
    with torch.no_grad():
        for name, value in p.params._asdict().items():
            getattr(layer, f"{name}_l0").copy_(torch.from_numpy(value))
    return layer


def run(p, dtype):
    """Outputs, last state and all gradients, by name, in float64."""
    layer = layer_of(p, dtype)
    x, *start = (torch.tensor(v, dtype=dtype).requires_grad_() for v in (p.inputs, *p.state))
    outputs, last = layer(
        x, tuple(s[None] for s in start) if len(start) > 1 else start[0][None], lengths=p.lengths
    )
    last = last if isinstance(last, tuple) else (last,)
    arriving = [torch.tensor(v, dtype=dtype) for v in (p.doutputs, *(d[None] for d in p.dfinal))]
    torch.autograd.backward((outputs, *last), arriving)
    found = {"outputs": outputs, "dx": x.grad}
    for name, before, after in zip(p.state._fields, start, last, strict=True):
        found |= {name: after[0], f"d{name}": before.grad}
    found |= {f"d{name}": parameter.grad for name, parameter in layer.named_parameters()}
    return {name: value.detach().double().numpy() for name, value in found.items()}


def reference(p):
    """The same from the plain definition, in float64."""
    outputs, final, caches = unroll.forward(cell, p.params, p.inputs, p.state, lengths=p.lengths)
    trace = unroll.backward(cell, p.doutputs, caches, dfinal=p.dfinal)
    found = {"outputs": outputs, "dx": trace.dinputs} | final._asdict()
    found |= {f"d{name}": value for name, value in trace.dstates[0]._asdict().items()}
    return found | {f"d{name}_l0": value for name, value in trace.dparams._asdict().items()}


def errors(found, wanted):
    """The largest difference of each, relative to its largest entry; NaN is infinite, as JSON has none."""
    assert found.keys() == wanted.keys()
    largest = {k: np.abs(found[k] - wanted[k]).max() / max(np.abs(wanted[k]).max(), 1e-3) for k in wanted}
    return {k: float(np.nan_to_num(v, nan=np.inf)) for k, v in largest.items()}


def rounded(p, dtype):
    """The problem in float64, with numbers that `dtype` can hold: what is measured is the kernel alone."""

    def round_all(parts):
        return type(parts)(*(torch.from_numpy(v).to(dtype).double().numpy() for v in parts))

    inputs, doutputs = (torch.from_numpy(v).to(dtype).double().numpy() for v in (p.inputs, p.doutputs))
    return p._replace(
        params=round_all(p.params),
        inputs=inputs,
        state=round_all(p.state),
        doutputs=doutputs,
        dfinal=round_all(p.dfinal),
    )


def poison():
    """Memory that is not yet written holds NaN, so that what a kernel forgets to write shows."""
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()


def arithmetic():
    found = {}
    for name, case in CASES.items():
        for kind, dtype in DTYPES.items():
            p = rounded(problem(cell, case), dtype)
            found[f"{name}, {kind}"] = errors(run(p, dtype), reference(p))
    return found


def start_in_processes(kernel, grid, arguments, compiled_for, later=0.0):
    """In place of a launch: each program of the grid in a process of its own, all at the same time.

    Or each so many seconds `later` than the one before.
    """
    for argument in arguments:
        if isinstance(argument, torch.Tensor):
            argument.share_memory_()
    fork = multiprocessing.get_context("fork")
    started = [
        fork.Process(target=one_program, args=(kernel, grid, (x, y, 0), arguments, compiled_for, later))
        for x in range(grid[0])
        for y in range(grid[1])
    ]
    for process in started:
        process.start()
    until = time.monotonic() + HANGS_AFTER
    for process in started:
        process.join(max(0.0, until - time.monotonic()))
    hung = [process for process in started if process.is_alive()]
    for process in hung:
        process.kill()
        process.join()
    if hung or any(process.exitcode for process in started):
        raise RuntimeError(f"{len(hung)} programs hang; exit codes {[p.exitcode for p in started]}")


def one_program(kernel, grid, index, arguments, compiled_for, later):
    time.sleep(later * index[0])
    builder = interpreter.interpreter_builder
    set_dim, set_idx = builder.set_grid_dim, builder.set_grid_idx
    builder.set_grid_dim = lambda *_: set_dim(*grid, 1)
    builder.set_grid_idx = lambda *_: set_idx(*index)
    # It would copy each tensor onto itself, over what others have just written.
    interpreter.GridExecutor._restore_args_dev = lambda *_: None
    # Who waits leaves the processor to the others.
    atomic = builder.create_atomic_rmw
    builder.create_atomic_rmw = lambda *given: (time.sleep(0.001), atomic(*given))[1]
    kernel[(1, 1)](*arguments, **compiled_for)
    os._exit(0)  # taking down what was forked takes longer than the kernel


def exchange(programs, groups, runs=10, start=start_in_processes):
    """Runs of the same problem, with so many programs that exchange what they write."""
    # Two programs have two tiles of rows, in one group or in two; no size is that of whole tiles.
    batch = 18 if programs == 2 else 5
    p = rounded(problem(cell, Case(T=3, B=batch, I=3, H=8 * programs - 3)), torch.float32)
    persistent_triton.start = start
    persistent_triton.chip_of = lambda device: persistent_triton.Chip(programs * groups, 2**40)
    persistent_triton.tiles_for = lambda hidden, terms, batch, item, chip: tiles_for(
        hidden, terms, batch, item, chip
    )._replace(units=8, rows=16, programs=programs, groups=groups)
    wanted, first, same, worst = reference(p), None, True, {}
    for _ in range(runs):
        found = run(p, torch.float32)
        first = first or found
        same = same and all(np.array_equal(first[k], found[k], equal_nan=True) for k in found)
        worst = {k: max(v, worst.get(k, 0.0)) for k, v in errors(found, wanted).items()}
    return {"same": same, "errors": worst}


meet = kernels.meet


@triton.jit
def none(counters, times):
    pass


@triton.jit
def one_late(counters, times):
    meet(counters, times - 1)


def starting_apart(mutant, where):
    """Programs that start apart, with another meeting in the kernel `where`."""

    def start(kernel, grid, arguments, compiled_for):
        kernels.meet = mutant if kernel is where else meet
        start_in_processes(kernel, grid, arguments, compiled_for, later=0.3)

    return start


def mutants():
    """What two programs make of it that do not meet as they should, forward or backward."""
    forward, backward = kernels.forward_kernel, kernels.backward_kernel
    cases = {
        "as it should be": (meet, forward),
        "none forward": (none, forward),
        "none backward": (none, backward),
        "late forward": (one_late, forward),
        "late backward": (one_late, backward),
    }
    return {name: exchange(2, 1, 1, starting_apart(*case))["errors"] for name, case in cases.items()}


def main(what, *numbers):
    torch.set_num_threads(1)
    poison()
    # What the interpreter makes of the kernels on the first run, processes that are forked find ready.
    run(problem(cell, Case(T=1, B=1, I=1, H=1), np.float32), torch.float32)
    return {"arithmetic": arithmetic, "exchange": exchange, "mutants": mutants}[what](*map(int, numbers))


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[2:])))
