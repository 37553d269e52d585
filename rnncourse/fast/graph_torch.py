"""The steps of a sequence as CUDA graphs: some steps recorded once, and then started by one call.

A step is a handful of kernels of a few µs each, and to start one from Python takes longer than it runs. A
graph starts them all at once. It works on fixed memory, so STEPS steps are recorded over buffers of their
own; a sequence is copied through them, piece by piece, and what is left over runs step by step.
"""

import threading
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from rnncourse.fast.pointwise_torch import chosen
from rnncourse.fast.product_torch import Stepwise
from rnncourse.fast.steps_torch import Steps

STEPS = 32
# Graphs that are kept, the latest used: each holds buffers of STEPS steps.
KEPT = 16
_graphs: OrderedDict[tuple, "Graph"] = OrderedDict()
_lock = threading.Lock()


def graph_for(steps: Steps, wanted: bool | str, x: Tensor, hidden: int, bias: bool) -> "Graph | None":
    """The graph for this cell and x's (B, dtype, device), or None where the plain loop shall run.

    `wanted`: "auto" for sequences of at least STEPS steps on a GPU, True (ValueError without a GPU) or False.
    Inside a recording of the caller's own the loop runs plainly, and becomes part of that.
    """
    if wanted not in (True, False, "auto"):
        raise ValueError(f'graph must be True, False or "auto"; got {wanted!r}')
    if wanted is True and not x.is_cuda:
        raise ValueError(f"graph=True needs tensors on a CUDA device; got {x.device}")
    if wanted is False or not x.is_cuda or len(x) < STEPS or torch.cuda.is_current_stream_capturing():
        return None
    stream = torch.cuda.current_stream(x.device)
    key = (
        type(steps),
        getattr(steps, "relu", None),
        x.shape[1],
        hidden,
        bias,
        x.dtype,
        x.device,
        stream.cuda_stream,
    )
    with _lock:
        found = _graphs.pop(key, None) or Graph(steps, x, hidden, bias)
        _graphs[key] = found
        while len(_graphs) > KEPT:
            _graphs.popitem(last=False)
    return found


class Graph:
    """STEPS steps of one cell, forward and backward, for one B, dtype and device; recorded when first run."""

    def __init__(self, steps: Steps, x: Tensor, hidden: int, bias: bool):
        batch, rows = x.shape[1], steps.gates * hidden
        self.ops, self.lock, self.batch = chosen(x, batch * hidden), threading.Lock(), batch
        self.state = tuple(x.new_zeros(batch, hidden) for _ in steps.states)
        self.tape = steps.tape(x.new_zeros(STEPS, batch, rows))
        self.weight, self.bias = x.new_zeros(hidden, rows), x.new_zeros(rows) if bias else None
        self.local = tuple(torch.zeros_like(p) for p in steps.slopes(self.tape, self.tape[0], self.state))
        self.above, self.dstate = (
            x.new_zeros(STEPS, batch, hidden),
            tuple(torch.zeros_like(p) for p in self.state),
        )
        self.weight_back = x.new_zeros(rows, hidden)
        self.forth_graph: Any = None
        self.back_graph: Any = None

    def run(self, steps: Steps, tape: tuple, start: tuple, weight_hh: Tensor, bias_hh: Tensor | None) -> None:
        """What `Steps.run` does, for any number of steps."""
        with self.lock:
            self.weight.copy_(weight_hh.t())
            if self.bias is not None and bias_hh is not None:
                self.bias.copy_(bias_hh)
            if self.forth_graph is None:
                self.forth_graph = _record(lambda: self._forth(steps, self.tape, self.state))
            _copy(self.state, start)
            whole = len(tape[0]) // STEPS * STEPS
            for s in range(0, whole, STEPS):
                piece = tuple(part[s : s + STEPS] for part in tape)
                self.tape[-1].copy_(piece[-1])
                self.forth_graph.replay()
                _copy(piece, self.tape)
                _copy(self.state, steps.state_after(self.tape, STEPS - 1))
            if whole < len(tape[0]):
                self._forth(steps, tuple(part[whole:] for part in tape), self.state)

    def back(self, steps: Steps, local: tuple, weight_hh: Tensor, above: Tensor, dstate: tuple) -> None:
        """What `Steps.back` does, for any number of steps."""
        with self.lock:
            self.weight_back.copy_(weight_hh)
            if self.back_graph is None:
                self.back_graph = _record(lambda: self._back(steps, self.local, self.above, self.dstate))
            whole = len(above) // STEPS * STEPS
            if whole < len(above):
                self._back(steps, tuple(part[whole:] for part in local), above[whole:], dstate)
            _copy(self.dstate, dstate)
            for s in reversed(range(0, whole, STEPS)):
                piece = tuple(part[s : s + STEPS] for part in local)
                _copy((*self.local, self.above), (*piece, above[s : s + STEPS]))
                self.back_graph.replay()
                _copy(piece[: steps.made], self.local[: steps.made])
            _copy(dstate, self.dstate)

    def _forth(self, steps: Steps, tape: tuple, state: tuple) -> None:
        product = Stepwise(self.ops, self.weight, self.batch, STEPS)
        product.rows = [state[0], *tape[0].unbind()[:-1]]
        steps.run(self.ops, product, tape, state, self.bias)

    def _back(self, steps: Steps, local: tuple, above: Tensor, dstate: tuple) -> None:
        product = Stepwise(self.ops, self.weight_back, self.batch, STEPS)
        product.rows = local[0].unbind()
        steps.back(self.ops, product, local, above, dstate)


def _copy(to: tuple, what: tuple) -> None:
    for a, b in zip(to, what, strict=True):
        a.copy_(b)


def _record(work: Any) -> Any:
    """A graph of `work`. That runs once before: what libraries prepare on a first call is not recorded."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Another thread (autograd has its own) may go on with the device meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    return graph
