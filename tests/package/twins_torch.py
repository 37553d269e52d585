"""The torch side of each cell of the contract: our twin, torch.nn's layer, and how far NumPy is from each.

The tests assert limits on these differences; benchmarks/twins.py prints them.
"""

from functools import partial

import numpy as np
import torch
from contract import CELLS, Case, Problem, problem, run
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import unroll_torch
from rnncourse.cells.coupled_torch import CoupledLSTMCell
from rnncourse.cells.gru_torch import GRUCell
from rnncourse.cells.lstm_torch import LSTMCell
from rnncourse.cells.mgu_torch import MGUCell
from rnncourse.cells.peephole_torch import PeepholeLSTMCell
from rnncourse.cells.vanilla_torch import RNNCell
from rnncourse.params import to_torch

TWINS = {
    "vanilla-tanh": (RNNCell, partial(nn.RNN, nonlinearity="tanh")),
    "vanilla-relu": (partial(RNNCell, activation="relu"), partial(nn.RNN, nonlinearity="relu")),
    "vanilla-linear": (partial(RNNCell, activation="linear"), None),
    "gru-after": (GRUCell, nn.GRU),
    "gru-before": (partial(GRUCell, reset="before"), None),
    "lstm": (LSTMCell, nn.LSTM),
    "lstm-peephole": (PeepholeLSTMCell, None),
    "lstm-coupled": (CoupledLSTMCell, None),
    "mgu": (MGUCell, None),
}
assert TWINS.keys() == CELLS.keys()


def tensor(array, device, *, grad=False):
    return torch.tensor(array, device=device, requires_grad=grad)


def module_like(make, problem: Problem, device):
    """A module (ours or torch.nn's) with the parameters of the problem."""
    inputs, hidden = problem.params.weight_ih.shape[1], problem.params.weight_hh.shape[1]
    dtype = getattr(torch, str(problem.inputs.dtype))
    module = make(inputs, hidden, device=device, dtype=dtype)
    to_torch(problem.params, module)
    return module


def relative_difference(got, expected) -> float:
    """The largest difference, relative to the largest entry of the array."""
    got = got.detach().cpu().numpy()
    return float(np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-30))


def twin_differences(name: str, case: Case, dtype, device) -> dict[str, float]:
    """NumPy by hand against the autograd twin: outputs, states, and every gradient, by name."""
    p = problem(CELLS[name], case, dtype)
    outputs, final, trace = run(CELLS[name], p)
    twin = module_like(TWINS[name][0], p, device)
    inputs = tensor(p.inputs, device, grad=True)
    start = twin.state_type(*(tensor(s, device, grad=True) for s in p.state))
    got, states = unroll_torch.forward(twin, inputs, start, lengths=p.lengths)
    loss = _loss(got, states[-1], p, device)
    grads = unroll_torch.state_gradients(loss, states)
    loss.backward()
    pairs = {"outputs": (got, outputs), "dinputs": (inputs.grad, trace.dinputs)}
    for k, field in enumerate(twin.state_type._fields):
        pairs[f"final {field}"] = (states[-1][k], final[k])
        pairs[f"d{field} of the start"] = (start[k].grad, trace.dstates[0][k])
        pairs |= {f"d{field}[{t}]": (grads[t][k], ours[k]) for t, ours in enumerate(trace.dstates)}
    for field, ours in zip(p.params._fields, trace.dparams, strict=True):
        pairs[f"d{field}"] = (getattr(twin, field).grad, ours)
    return {what: relative_difference(*pair) for what, pair in pairs.items()}


def layer_differences(name: str, case: Case, dtype, device) -> dict[str, float]:
    """NumPy by hand against torch.nn's layer (packed where there are lengths), by name."""
    p = problem(CELLS[name], case, dtype)
    outputs, final, trace = run(CELLS[name], p)
    layer = module_like(TWINS[name][1], p, device)
    inputs = tensor(p.inputs, device, grad=True)
    start = [tensor(s, device, grad=True) for s in p.state]
    hx = [s[None] for s in start]
    x = inputs
    if case.lengths:
        x = pack_padded_sequence(inputs, torch.tensor(case.lengths), enforce_sorted=False)
    got, last = layer(x, tuple(hx) if len(hx) > 1 else hx[0])
    if case.lengths:
        got, _ = pad_packed_sequence(got, total_length=case.T)
    last = [s[0] for s in (last if isinstance(last, tuple) else (last,))]
    _loss(got, last, p, device).backward()
    pairs = {"outputs": (got, outputs), "dinputs": (inputs.grad, trace.dinputs)}
    for k, field in enumerate(p.state._fields):
        pairs[f"final {field}"] = (last[k], final[k])
        pairs[f"d{field} of the start"] = (start[k].grad, trace.dstates[0][k])
    for field, ours in zip(p.params._fields, trace.dparams, strict=True):
        pairs[f"d{field}"] = (getattr(layer, f"{field}_l0").grad, ours)
    return {what: relative_difference(*pair) for what, pair in pairs.items()}


def _loss(outputs, final, p: Problem, device):
    """The random loss of the problem: a weighting of all outputs and of the last state."""
    loss = (outputs * tensor(p.doutputs, device)).sum()
    return loss + sum((s * tensor(d, device)).sum() for s, d in zip(final, p.dfinal, strict=True))
