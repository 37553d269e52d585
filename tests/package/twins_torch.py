"""The torch side of each cell of the contract: our twin, and torch.nn's own layer where there is one."""

from functools import partial

import torch
from contract import CELLS, Problem
from torch import nn

from rnncourse.cells.gru_torch import GRUCell
from rnncourse.cells.lstm_torch import LSTMCell
from rnncourse.cells.vanilla_torch import RNNCell
from rnncourse.params import to_torch

TWINS = {
    "vanilla-tanh": (RNNCell, partial(nn.RNN, nonlinearity="tanh")),
    "vanilla-relu": (partial(RNNCell, activation="relu"), partial(nn.RNN, nonlinearity="relu")),
    "vanilla-linear": (partial(RNNCell, activation="linear"), None),
    "gru-after": (GRUCell, nn.GRU),
    "gru-before": (partial(GRUCell, reset="before"), None),
    "lstm": (LSTMCell, nn.LSTM),
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
