"""Layers on layers, in one direction or both, forward and backward.

    h^l_t = cell^l(x^l_t, h^l_{t−1})          t = 1 … T;  x^1_t = inputs, x^{l+1}_t = h^l_t       (B, H)
    ĥ^l_t = cell^l_rev(x^l_t, ĥ^l_{t+1})      t = T … 1;  with both directions x^{l+1}_t = [h^l_t, ĥ^l_t]

Dropout acts between layers only, never in time: x^{l+1}_t = m^l_t ⊙ h^l_t, every entry of m 0 with
probability p and 1/(1 − p) otherwise; L − 1 masks, as in torch. Backward, ∂L/∂x^{l+1}_t comes down from the
layer above and ∂L/∂h^l_{t+1} back in time; both add up at h^l_t.

Parameters, states and gradients are tuples in torch's order: layer 1, layer 1 reverse, layer 2, …
Source: Schuster and Paliwal (1997) for the two directions; Zaremba et al. (2014) for the dropout, who also
mask x^1_t and h^L_t: L + 1 masks.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from rnncourse import _checks, unroll
from rnncourse.cells import Cell
from rnncourse.params import AnyParams, init_params, layouts
from rnncourse.params.initialise import gates_of, peepholes_of

Array = np.ndarray


class Tape(NamedTuple):
    """What `backward` needs of the run: the caches of each layer and direction, and how they were joined.

    `masks[l]` is the dropout mask on the inputs of layer l + 1, None where there was none.
    """

    caches: tuple[unroll.Caches, ...]
    masks: tuple[Float[Array, "T B DH"] | None, ...]
    bidirectional: bool
    lengths: Int[Array, "B"] | Sequence[int] | None


class StackTrace(NamedTuple):
    """Every gradient of one backward pass.

    `traces` has the `unroll.Trace` of each layer and direction; that of a reverse direction counts time in
    the order in which it read: dstates[k] is the gradient at its state after k steps, from the end.
    """

    dparams: tuple[AnyParams, ...]
    dinputs: Float[Array, "T B I"]
    dinitial: tuple[Any, ...]
    traces: tuple[unroll.Trace, ...]


def init_stack(
    cell: Any,
    input_size: int,
    hidden_size: int,
    *,
    layers: int = 1,
    bidirectional: bool = False,
    rng: np.random.Generator,
    **start: Any,
) -> tuple[AnyParams, ...]:
    """Fresh parameters of L = `layers` layers; `start` goes to `init_params`, as do its errors.

    The first layer reads I = `input_size` numbers, every other D·H. ValueError for layers < 1.
    """
    directions = 2 if bidirectional else 1
    widths = [input_size] + [directions * hidden_size] * (
        _checks.positive_int("init_stack", "layers", layers) - 1
    )
    return tuple(
        init_params(cell, width, hidden_size, rng=rng, **start) for width in widths for _ in range(directions)
    )


def forward(
    cell: Cell,
    params: Sequence[AnyParams],
    inputs: Float[Array, "T B I"],
    states: Sequence[Any] | None = None,
    *,
    bidirectional: bool = False,
    lengths: Int[Array, "B"] | Sequence[int] | None = None,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
) -> tuple[Float[Array, "T B DH"], tuple[Any, ...], Tape]:
    """(outputs of the last layer (T, B, D·H), last states, tape) over `inputs` (T, B, I).

    `params` has L·D entries, `states` as many (zeros by default). The last state of a reverse direction is
    the one after it has read the first step. `lengths` (B,) as in `unroll.forward`: the reverse direction of
    a sequence starts at its own last step, so padding never matters. `dropout` is the p above, in [0, 1);
    where it is not 0 and L > 1 it needs `rng`. To evaluate, leave it at 0.

    Raises ValueError for a wrong number of params or states, widths that do not fit each other, dropout
    outside [0, 1), a layer whose outputs overflow, and what `unroll.forward` raises; TypeError for types.
    """
    subject = "stack.forward"
    directions = 2 if bidirectional else 1
    hidden = _check_params(subject, cell, params, directions)
    size_in = params[0].weight_ih.shape[1]
    why = f" for weight_ih {params[0].weight_ih.shape}"
    _checks.shaped(subject, "inputs", inputs, "T B I", (None, None, size_in), why)
    _checks.same_dtype(subject, "inputs", inputs, params[0].weight_hh.dtype)
    if 0 in inputs.shape[:2]:
        raise ValueError(f"{subject}: inputs must have T >= 1 and B >= 1; got shape {inputs.shape}")
    if lengths is not None:
        lengths = _checks.lengths(subject, lengths, *inputs.shape[:2])
    starts = _check_states(subject, "states", cell, states, hidden, inputs)
    _checks.dropout(subject, dropout)

    x, finals, caches, masks = inputs, [], [], []
    for first in range(0, len(params), directions):
        mask = _dropout_mask(subject, rng, dropout, x) if first and dropout else None
        if first:
            _checks.finite(subject, f"the outputs of layer {first // directions}", x)
        layer = slice(first, first + directions)
        x = x if mask is None else x * mask
        x, last, cached = layer_forward(cell, params[layer], x, starts[layer], lengths)
        finals += last
        caches += cached
        masks.append(mask)
    return x, tuple(finals), Tape(tuple(caches), tuple(masks), bidirectional, lengths)


def backward(
    cell: Cell, doutputs: Float[Array, "T B DH"], tape: Tape, *, dfinal: Sequence[Any] | None = None
) -> StackTrace:
    """Every gradient of a loss with ∂L/∂outputs = `doutputs` (T, B, D·H); the same dropout masks apply.

    `dfinal` is what the loss takes from the last states directly: a tuple of L·D States, zeros by default.
    Raises ValueError or TypeError where doutputs, dfinal or the cell do not fit the tape.
    """
    subject = "stack.backward"
    if not isinstance(tape, Tape):
        raise TypeError(f"{subject}: tape must be what stack.forward returned; got {type(tape).__name__}")
    gates_of(subject, cell)
    directions = 2 if tape.bidirectional else 1
    hidden = [caches.params.weight_hh.shape[1] for caches in tape.caches]
    shape = (*tape.caches[0].inputs_shape[:2], directions * hidden[-1])
    _checks.shaped(subject, "doutputs", doutputs, "T B DH", shape)
    ends = _check_states(subject, "dfinal", cell, dfinal, hidden, doutputs)

    traces: list[unroll.Trace] = []
    dx = doutputs
    for number, mask in reversed(list(enumerate(tape.masks))):
        layer = slice(number * directions, (number + 1) * directions)
        dx, found = layer_backward(cell, dx, tape.caches[layer], ends[layer], tape.lengths)
        dx = dx if mask is None else dx * mask
        traces = found + traces
    return StackTrace(
        tuple(t.dparams for t in traces), dx, tuple(t.dstates[0] for t in traces), tuple(traces)
    )


def layer_forward(
    cell: Cell,
    params: Sequence[AnyParams],
    x: Float[Array, "T B I"],
    states: Sequence[Any],
    lengths: Any = None,
) -> tuple[Float[Array, "T B DH"], list[Any], list[unroll.Caches]]:
    """(outputs (T, B, D·H), last states, caches) of one layer; `params` has one entry for each direction."""
    outputs, finals, caches = [], [], []
    for k, (p, start) in enumerate(zip(params, states, strict=True)):
        seen = reverse(x, lengths) if k else x
        out, final, cached = unroll.forward(cell, p, seen, start, lengths=lengths)
        outputs.append(reverse(out, lengths) if k else out)
        finals.append(final)
        caches.append(cached)
    return np.concatenate(outputs, axis=2), finals, caches


def layer_backward(
    cell: Cell,
    doutputs: Float[Array, "T B DH"],
    caches: Sequence[unroll.Caches],
    dfinal: Sequence[Any],
    lengths: Any = None,
) -> tuple[Float[Array, "T B I"], list[unroll.Trace]]:
    """(∂L/∂x (T, B, I), the trace of each direction) of one layer: both directions read x, so both add up."""
    dx, traces = np.zeros(caches[0].inputs_shape, doutputs.dtype), []
    for k, dout in enumerate(np.split(doutputs, len(caches), axis=2)):
        read = reverse(dout, lengths) if k else dout
        trace = unroll.backward(cell, read, caches[k], dfinal=dfinal[k])
        dx += reverse(trace.dinputs, lengths) if k else trace.dinputs
        traces.append(trace)
    return dx, traces


def reverse(
    sequences: Float[Array, "T B N"], lengths: Int[Array, "B"] | Sequence[int] | None = None
) -> Float[Array, "T B N"]:
    """Each sequence from its own last step to its first, padding left where it is; its own inverse.

    Without lengths it is a view. Raises ValueError or TypeError where `sequences` or `lengths` (B,) do not
    fit.
    """
    steps, batch, _ = _checks.shaped("reverse", "sequences", sequences, "T B N", (None, None, None)).shape
    if lengths is None:
        return sequences[::-1]
    order = reversed_order("reverse", lengths, steps, batch)
    return np.take_along_axis(sequences, order[:, :, None], axis=0)


def reversed_order(subject: str, lengths: Any, steps: int, batch: int) -> Int[Array, "T B"]:
    """(T, B): which step the reverse direction reads; lengths − 1, …, 1, 0, then the padding in place.

    Raises ValueError or TypeError where the lengths (B,) do not fit T = `steps` and B = `batch`.
    """
    ends, t = _checks.lengths(subject, lengths, steps, batch), np.arange(steps)[:, None]
    return np.where(t < ends, ends - 1 - t, t)


def from_torch(module: Any) -> tuple[AnyParams, ...]:
    """The parameters of all layers and directions of a torch.nn.RNN/GRU/LSTM or our `Stack`, as arrays.

    Raises what `rnncourse.params.from_torch` raises, TypeError for a module without num_layers.
    """
    return tuple(layouts.from_torch(module, layer, reverse=r) for layer, r in _places("from_torch", module))


def to_torch(params: Sequence[AnyParams], module: Any) -> None:
    """The inverse of `from_torch`: write the values into the module's own parameters, in its dtype.

    Raises ValueError where the number of params is not L·D of the module, and what
    `rnncourse.params.to_torch` raises.
    """
    places = _places("to_torch", module)
    if len(params) != len(places):
        raise ValueError(
            f"to_torch: params must have one entry for each layer and direction of the module, "
            f"{len(places)}; got {len(params)}"
        )
    for p, (layer, r) in zip(params, places, strict=True):
        layouts.to_torch(p, module, layer, reverse=r)


def _check_params(subject: str, cell: Any, params: Any, directions: int) -> list[int]:
    """H of each layer and direction, whose parameters must fit the cell and the layer below."""
    counts = len(gates_of(subject, cell)), len(peepholes_of(cell))
    if not isinstance(params, list | tuple) or hasattr(params, "_fields"):
        raise TypeError(
            f"{subject}: params must be a tuple of Params, one for each layer and direction, as init_stack "
            f"makes; got {type(params).__name__}"
        )
    if not params or len(params) % directions:
        raise ValueError(
            f"{subject}: params must have L·D entries with L >= 1 and D = {directions}; got {len(params)}"
        )
    found = [_checks.params(f"{subject}: params[{n}]", p, *counts) for n, p in enumerate(params)]
    for n, (size_in, hidden) in enumerate(found):
        layer, k = divmod(n, directions)
        if hidden != found[n - k][1]:
            raise ValueError(
                f"{subject}: both directions of layer {layer + 1} must have the same H = {found[n - k][1]}; "
                f"got {hidden} in params[{n}]"
            )
        width = directions * found[n - k - directions][1] if layer else found[0][0]
        if size_in != width:
            below = f"D·H of layer {layer}" if layer else "as the forward direction"
            raise ValueError(
                f"{subject}: params[{n}].weight_ih must have I = {width}, {below}; "
                f"got shape {params[n].weight_ih.shape}"
            )
        _checks.same_dtype(subject, f"params[{n}]", params[n].weight_hh, params[0].weight_hh.dtype)
    return [hidden for _, hidden in found]


def _check_states(subject: str, name: str, cell: Any, states: Any, hidden: list[int], like: Array) -> list:
    """The States of all layers and directions; without any, zeros in the dtype of `like` (T, B, ·)."""
    batch, dtype = like.shape[1], like.dtype
    if states is None:
        return [cell.initial_state(batch, size, dtype) for size in hidden]
    if not isinstance(states, list | tuple) or isinstance(states, cell.State):
        raise TypeError(
            f"{subject}: {name} must be a tuple of States, one for each layer and direction; "
            f"got {type(states).__name__}"
        )
    if len(states) != len(hidden):
        raise ValueError(f"{subject}: {name} must have L·D = {len(hidden)} entries; got {len(states)}")
    for n, (state, size) in enumerate(zip(states, hidden, strict=True)):
        _checks.state(subject, f"{name}[{n}]", state, cell.State._fields, (batch, size), dtype)
    return list(states)


def _dropout_mask(subject: str, rng: Any, dropout: float, like: Array) -> Array:
    """0 with probability `dropout`, else 1 / (1 − dropout), so that the mean stays what it was."""
    keep = _checks.generator(subject, rng).random(like.shape) >= dropout
    return keep.astype(like.dtype) / like.dtype.type(1 - dropout)


def _places(subject: str, module: Any) -> list[tuple[int, bool]]:
    """(layer, reverse) of every layer and direction of a torch module, in its order."""
    if not isinstance(getattr(module, "num_layers", None), int):
        raise TypeError(
            f"{subject}: module must be a torch.nn.RNN, GRU or LSTM, or a Stack; got {type(module).__name__}"
        )
    directions = (False, True) if module.bidirectional else (False,)
    return [(layer, r) for layer in range(module.num_layers) for r in directions]
