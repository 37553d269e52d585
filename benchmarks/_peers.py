"""One recurrent layer, forward and backward, as well-known courses lay it out, and as a module of PyTorch.

    build(params, inputs, doutputs) -> Peer        inputs (T, B, I), doutputs (T, B, H), from a zero state

A peer keeps its parameters and data in its own layout: what goes in is converted before `run`, which is what
is timed, and what comes out by `read`, after it. All are written anew here: what is taken from a course is
the structure. Nothing is checked inside a run; `peers.py` compares each with torch.nn before it is timed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from rnncourse.cells import lstm
from rnncourse.fast.ladder import Result
from rnncourse.params import Params, from_cs231n, from_separate, to_cs231n, to_separate, to_torch

Array = np.ndarray


class Peer(NamedTuple):
    run: Callable[[], Any]  # forward and backward, as often as one likes
    read: Callable[[Any], Result]  # what the latest run returned, in our layout


def layer(made: Any, params: Params, inputs: Array, doutputs: Array) -> Peer:
    """A layer of torch.nn, or one of ours that takes its place; `made` is its class."""
    module = made(inputs.shape[2], doutputs.shape[2], dtype=torch.tensor(inputs).dtype)
    to_torch(params, module)
    weights = [getattr(module, f"{name}_l0") for name in Params._fields]
    return _by_autograd(lambda x: module(x)[0], weights, lambda *grads: Params(*grads), inputs, doutputs)


def d2l_lstm(params: Params, inputs: Array, doutputs: Array) -> Peer:
    """The LSTM "from scratch" of Dive into Deep Learning (Zhang, Lipton, Li and Smola), in PyTorch.

    Each gate has two matrices and a bias of its own, so that a step takes eight products; σ and tanh act on
    each gate alone; the outputs of the steps are stacked; autograd finds all gradients.
    """
    hidden = doutputs.shape[2]
    both, biases = to_separate(params, lstm)  # (H, H + I) a gate
    arrays = [a for k in lstm.GATES for a in (both[k][:, hidden:].T, both[k][:, :hidden].T, biases[k])]
    weights = [torch.tensor(a, requires_grad=True) for a in arrays]

    def forward(x: torch.Tensor) -> torch.Tensor:
        W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xg, W_hg, b_g, W_xo, W_ho, b_o = weights
        h = c = x.new_zeros(x.shape[1], hidden)
        outputs = []
        for x_t in x:
            i = torch.sigmoid(x_t @ W_xi + h @ W_hi + b_i)
            f = torch.sigmoid(x_t @ W_xf + h @ W_hf + b_f)
            o = torch.sigmoid(x_t @ W_xo + h @ W_ho + b_o)
            g = torch.tanh(x_t @ W_xg + h @ W_hg + b_g)
            c = f * c + i * g
            h = o * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs)

    def joined(*grads: Array) -> Params:
        gates = {k: grads[3 * n : 3 * n + 3] for n, k in enumerate(lstm.GATES)}
        matrices = {k: np.concatenate([dW_h.T, dW_x.T], axis=1) for k, (dW_x, dW_h, _) in gates.items()}
        return _both_biases(from_separate(matrices, {k: db for k, (_, _, db) in gates.items()}, lstm))

    return _by_autograd(forward, weights, joined, inputs, doutputs)


def _by_autograd(forward: Callable, weights: list, joined: Callable, inputs: Array, doutputs: Array) -> Peer:
    """`joined` makes Params of the weights' gradients."""
    x, dy = torch.tensor(inputs, requires_grad=True), torch.tensor(doutputs)

    def run() -> torch.Tensor:
        for leaf in (x, *weights):
            leaf.grad = None
        y = forward(x)
        y.backward(dy)
        return y.detach()

    def read(y: torch.Tensor) -> Result:
        return Result(y.numpy(), x.grad.numpy(), joined(*(w.grad.numpy() for w in weights)))

    return Peer(run, read)


def cs231n_lstm(params: Params, inputs: Array, doutputs: Array) -> Peer:
    """The LSTM of Stanford CS231n's assignment on captioning, as it asks students to write it in NumPy.

    Batch first: x (N, T, D). One function for a step, which returns a tuple for the way back, and one for
    its backward, which returns the gradients of this step alone: they are added up over the steps. σ guards
    against overflow with masks. The state is float32 here; from `np.zeros` alone it would be float64.
    """
    Wx, Wh, b = to_cs231n(params, lstm)
    x, dh = (np.ascontiguousarray(a.swapaxes(0, 1)) for a in (inputs, doutputs))

    def run() -> tuple:
        h, dx = np.zeros_like(dh), np.zeros_like(x)
        h_t = c_t = dh_t = dc_t = np.zeros_like(dh[:, 0])
        dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
        caches = []
        for t in range(x.shape[1]):
            h_t, c_t, cache = _step(x[:, t], h_t, c_t, Wx, Wh, b)
            h[:, t] = h_t
            caches.append(cache)
        for t in reversed(range(x.shape[1])):
            dx[:, t], dh_t, dc_t, dWx_t, dWh_t, db_t = _step_backward(dh[:, t] + dh_t, dc_t, caches[t])
            dWx += dWx_t
            dWh += dWh_t
            db += db_t
        return h, dx, dWx, dWh, db

    def read(found: tuple) -> Result:
        h, dx, *dweights = found
        return Result(h.swapaxes(0, 1), dx.swapaxes(0, 1), _both_biases(from_cs231n(*dweights, lstm)))

    return Peer(run, read)


def _guarded_sigmoid(a: Array) -> Array:
    below = a < 0
    above = ~below
    small, top = np.zeros_like(a), np.ones_like(a)  # small = exp(−|a|)
    small[above] = np.exp(-a[above])
    small[below] = np.exp(a[below])
    top[below] = small[below]
    return top / (1 + small)


def _step(x: Array, h_prev: Array, c_prev: Array, Wx: Array, Wh: Array, b: Array) -> tuple:
    a_i, a_f, a_o, a_g = np.split(x.dot(Wx) + h_prev.dot(Wh) + b, 4, axis=1)
    i, f, o, g = _guarded_sigmoid(a_i), _guarded_sigmoid(a_f), _guarded_sigmoid(a_o), np.tanh(a_g)
    c = f * c_prev + i * g
    tanh_c = np.tanh(c)
    return o * tanh_c, c, (x, h_prev, c_prev, Wx, Wh, i, f, o, g, tanh_c)


def _step_backward(dh: Array, dc: Array, cache: tuple) -> tuple:
    x, h_prev, c_prev, Wx, Wh, i, f, o, g, tanh_c = cache
    dc = dc + dh * o * (1 - tanh_c**2)
    da_i, da_f = dc * g * i * (1 - i), dc * c_prev * f * (1 - f)
    da = np.hstack((da_i, da_f, dh * tanh_c * o * (1 - o), dc * i * (1 - g**2)))
    return da.dot(Wx.T), da.dot(Wh.T), dc * f, x.T.dot(da), h_prev.T.dot(da), da.sum(axis=0)


def min_char_rnn(params: Params, inputs: Array, doutputs: Array, dtype: Any = np.float64) -> Peer:
    """Karpathy's min-char-rnn: one sequence of numbers of characters, in columns.

    Each input is made inside the loop, a one-hot column (V, 1); states are kept in dicts by step; a step adds
    its outer products to the weights' gradients. float64 is what it runs in, as NumPy's default. The original
    needs no gradient of its inputs; here it is taken, as by all the others. Its output layer, loss and
    clipping are left out.
    """
    if inputs.shape[1] != 1 or not np.array_equal(inputs, np.eye(inputs.shape[2])[inputs.argmax(2)]):
        raise ValueError(f"min_char_rnn: inputs must be one-hot (T, 1, V); got others in {inputs.shape}")
    chars = inputs[:, 0].argmax(axis=1).tolist()
    Wxh, Whh, bias = (w.astype(dtype) for w in (*params[:2], params.bias_ih + params.bias_hh))
    bh, above = bias[:, None], doutputs.transpose(0, 2, 1).astype(dtype)

    def run() -> tuple:
        xs, hs, dxs = {}, {-1: np.zeros_like(bh)}, {}
        for t, char in enumerate(chars):
            xs[t] = np.zeros((Wxh.shape[1], 1), dtype)
            xs[t][char] = 1
            hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        dWxh, dWhh, dbh, dnext = (np.zeros_like(w) for w in (Wxh, Whh, bh, bh))
        for t in reversed(range(len(chars))):
            da = (1 - hs[t] * hs[t]) * (above[t] + dnext)
            dbh += da
            dWxh += np.dot(da, xs[t].T)
            dWhh += np.dot(da, hs[t - 1].T)
            dxs[t] = np.dot(Wxh.T, da)
            dnext = np.dot(Whh.T, da)
        return hs, dxs, Params(dWxh, dWhh, dbh[:, 0], dbh[:, 0])

    def read(found: tuple) -> Result:
        outputs, dinputs = (np.stack([by_step[t].T for t in range(len(chars))]) for by_step in found[:2])
        return Result(outputs, dinputs, found[2])

    return Peer(run, read)


def _both_biases(dparams: Params) -> Params:
    """Where only one bias is kept, its gradient is that of each of the two."""
    return dparams._replace(bias_hh=dparams.bias_ih.copy())
