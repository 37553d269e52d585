"""Other people's layouts of the same parameters, each converter with its inverse.

torch.nn keeps two biases a gate; most others keep one. Where the cell adds both in the same place only
their sum matters: it goes to bias_ih and bias_hh becomes 0. The GRU that resets *after* the product
multiplies the hidden bias of "n" by r, so there a single bias cannot hold both, and the inverse says so.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.params.initialise import AnyParams, Params, PeepholeParams, gates_of

Array = np.ndarray

# The order of the gates elsewhere, in our names, for each of our orders.
_VANILLA, _LSTM, _GRU = ("h",), ("i", "f", "g", "o"), ("r", "z", "n")
_CS231N = {_VANILLA: _VANILLA, _LSTM: ("i", "f", "o", "g")}
_ONNX = {_VANILLA: _VANILLA, _LSTM: ("i", "o", "f", "g"), _GRU: ("z", "r", "n")}
_KERAS = {_VANILLA: _VANILLA, _LSTM: ("i", "f", "g", "o"), _GRU: ("z", "r", "n")}


def from_cs231n(
    Wx: Float[Array, "I GH"], Wh: Float[Array, "H GH"], b: Float[Array, "GH"], cell: Any
) -> Params:
    """CS231n's assignment 3: a = x·Wx + h·Wh + b, gates i, f, o, g. Vanilla and LSTM only.

    Raises ValueError for a GRU and for shapes that do not fit.
    """
    gates = _gates("from_cs231n", cell, _CS231N)
    rows, _ = _kernels("from_cs231n", gates, {"Wx": Wx, "Wh": Wh})
    _checks.shaped("from_cs231n", "b", b, "GH", (rows,), f" for Wh {Wh.shape}")
    return _build("from_cs231n", gates, _CS231N[gates], Wx.T, Wh.T, b, np.zeros_like(b))


def to_cs231n(
    params: Params, cell: Any
) -> tuple[Float[Array, "I GH"], Float[Array, "H GH"], Float[Array, "GH"]]:
    """The inverse of `from_cs231n`: (Wx (I, GH), Wh (H, GH), b (GH,)), with b the sum of both biases.

    Raises ValueError for a GRU, and ValueError or TypeError for params that do not fit the cell.
    """
    gates = _gates("to_cs231n", cell, _CS231N)
    p = _reorder("to_cs231n", params, gates, gates, _CS231N[gates])
    return p.weight_ih.T.copy(), p.weight_hh.T.copy(), p.bias_ih + p.bias_hh


def from_onnx(
    W: Float[Array, "D GH I"],
    R: Float[Array, "D GH H"],
    B: Float[Array, "D 2*GH"],
    cell: Any,
    *,
    direction: int = 0,
) -> Params:
    """ONNX operators RNN, GRU and LSTM; gates z, r, h and i, o, f, c; B holds input biases, then hidden ones.

    torch's GRU is ONNX's with ``linear_before_reset=1``; the Cho form is the one with 0.
    Raises ValueError where the shapes do not fit or the direction does not exist.
    """
    gates = _gates("from_onnx", cell, _ONNX)
    subject = "from_onnx"
    _checks.shaped(subject, "R", R, "D GH H", (None, None, None))
    directions, rows, hidden = R.shape
    if rows != len(gates) * hidden:
        raise ValueError(f"{subject}: R must have shape (D, GH, H) with G = {len(gates)}; got {R.shape}")
    _checks.shaped(subject, "W", W, "D GH I", (directions, rows, None), f" for R {R.shape}")
    _checks.shaped(subject, "B", B, "D 2GH", (directions, 2 * rows), f" for R {R.shape}")
    if not isinstance(direction, int) or not 0 <= direction < directions:
        raise ValueError(f"{subject}: direction must be in 0..{directions - 1}; got {direction}")
    bias_ih, bias_hh = np.split(B[direction], 2)
    return _build("from_onnx", gates, _ONNX[gates], W[direction], R[direction], bias_ih, bias_hh)


def to_onnx(
    params: Params, cell: Any
) -> tuple[Float[Array, "1 GH I"], Float[Array, "1 GH H"], Float[Array, "1 2*GH"]]:
    """The inverse of `from_onnx`: (W (1, GH, I), R (1, GH, H), B (1, 2GH)) of one direction.

    Raises ValueError or TypeError for params that do not fit the cell.
    """
    gates = _gates("to_onnx", cell, _ONNX)
    p = _reorder("to_onnx", params, gates, gates, _ONNX[gates])
    return p.weight_ih[None], p.weight_hh[None], np.concatenate([p.bias_ih, p.bias_hh])[None]


def from_keras(
    kernel: Float[Array, "I GH"],
    recurrent_kernel: Float[Array, "H GH"],
    bias: Float[Array, "..."],
    cell: Any,
) -> Params:
    """Keras' SimpleRNN, LSTM (gates i, f, c, o) and GRU (gates z, r, h).

    `bias` is (GH,), or (2, GH) for the GRU with ``reset_after=True``, which is torch's form: first the
    input bias, then the hidden one. Raises ValueError where the shapes do not fit.
    """
    gates = _gates("from_keras", cell, _KERAS)
    subject = "from_keras"
    rows, _ = _kernels(subject, gates, {"kernel": kernel, "recurrent_kernel": recurrent_kernel})
    if gates == _GRU and _checks.array(subject, "bias", bias).ndim == 2:
        bias_ih, bias_hh = _checks.shaped(subject, "bias", bias, "2 GH", (2, rows))
    else:
        _checks.shaped(subject, "bias", bias, "GH", (rows,), f" for kernel {kernel.shape}")
        bias_ih, bias_hh = bias, np.zeros_like(bias)
    return _build("from_keras", gates, _KERAS[gates], kernel.T, recurrent_kernel.T, bias_ih, bias_hh)


def to_keras(
    params: Params, cell: Any
) -> tuple[Float[Array, "I GH"], Float[Array, "H GH"], Float[Array, "... GH"]]:
    """The inverse of `from_keras`: (kernel (I, GH), recurrent_kernel (H, GH), bias).

    The bias is (GH,), for the GRU (2, GH), Keras' ``reset_after=True``. For ``reset_after=False`` (the cell
    `gru.reset_before`) add its two rows. Raises ValueError or TypeError for params that do not fit the cell.
    """
    gates = _gates("to_keras", cell, _KERAS)
    p = _reorder("to_keras", params, gates, gates, _KERAS[gates])
    bias = np.stack([p.bias_ih, p.bias_hh]) if gates == _GRU else p.bias_ih + p.bias_hh
    return p.weight_ih.T.copy(), p.weight_hh.T.copy(), bias


def from_separate(
    weights: dict[str, Float[Array, "H H_plus_I"]], biases: dict[str, Float[Array, "H"]], cell: Any
) -> Params:
    """One matrix a gate over the concatenation [h; x]: weights[gate] (H, H+I), biases[gate] (H,).

    The layout of Olah (2015) and of many lecture notes; keys are the names in ``cell.GATES``.
    For the GRU mind z: Olah's takes the new state, ours keeps the old one; flip the sign of his z rows.
    Raises ValueError for missing or extra keys and for shapes that do not fit.
    """
    subject = "from_separate"
    gates = gates_of(subject, cell)
    for name, given in (("weights", weights), ("biases", biases)):
        if not isinstance(given, dict) or set(given) != set(gates):
            got = ", ".join(map(str, given)) if isinstance(given, dict) else type(given).__name__
            raise ValueError(f"{subject}: {name} must be a dict with the keys {', '.join(gates)}; got {got}")
    hidden, columns = _checks.shaped(
        subject, f"weights[{gates[0]!r}]", weights[gates[0]], "H H+I", (None, None)
    ).shape
    if columns <= hidden:
        raise ValueError(
            f"{subject}: weights[{gates[0]!r}] must have shape (H, H+I); got {(hidden, columns)}"
        )
    for gate in gates:
        _checks.shaped(subject, f"weights[{gate!r}]", weights[gate], "H H+I", (hidden, columns))
        _checks.shaped(subject, f"biases[{gate!r}]", biases[gate], "H", (hidden,))
    both = np.concatenate([weights[g] for g in gates])
    bias = np.concatenate([biases[g] for g in gates])
    return _build(
        "from_separate", gates, gates, both[:, hidden:], both[:, :hidden], bias, np.zeros_like(bias)
    )


def to_separate(
    params: Params, cell: Any
) -> tuple[dict[str, Float[Array, "H H_plus_I"]], dict[str, Float[Array, "H"]]]:
    """The inverse of `from_separate`: (weights, biases), a dict by gate each.

    Raises ValueError for a GRU whose hidden bias of "n" is not 0: r multiplies it in torch's form, so
    one bias cannot hold both. (In `gru.reset_before` both biases are added in one place: add bias_hh to
    bias_ih first.)
    """
    gates = gates_of("to_separate", cell)
    _, hidden = _checks.params("to_separate", params, len(gates))
    if gates == _GRU and params.bias_hh[2 * hidden :].any():
        raise ValueError(
            'to_separate: bias_hh of gate "n" must be 0 to be merged with bias_ih; '
            f"got a largest entry of {np.abs(params.bias_hh[2 * hidden :]).max():.3g}"
        )
    both = np.concatenate([params.weight_hh, params.weight_ih], axis=1)
    bias = params.bias_ih + params.bias_hh
    rows = {g: slice(k * hidden, (k + 1) * hidden) for k, g in enumerate(gates)}
    return {g: both[r].copy() for g, r in rows.items()}, {g: bias[r] for g, r in rows.items()}


def from_torch(module: Any, layer: int = 0, *, reverse: bool = False) -> Any:
    """`Params`: those of a torch.nn.RNN/GRU/LSTM layer, or of a cell (ours or torch's), as arrays (copies).

    `reverse` picks the backward direction. Without biases in the module they are 0. A cell with a weight_ch
    gives `PeepholeParams`. This file does not import torch: it asks the module.

    Raises ValueError where the module has no such layer or projects its state (proj_size), TypeError for a
    dtype other than float32 or float64.
    """
    subject = "from_torch"
    if getattr(module, "proj_size", 0):
        raise ValueError(f"{subject}: module must have proj_size 0; got {module.proj_size}")
    kind, tensors = _torch_tensors(subject, module, layer, reverse)
    for name, tensor in zip(kind._fields, tensors, strict=True):
        if tensor is not None and str(tensor.dtype) not in ("torch.float32", "torch.float64"):
            raise TypeError(f"{subject}: {name} must be float32 or float64; got {tensor.dtype}")
    arrays: list[Any] = [None if t is None else t.detach().cpu().numpy().copy() for t in tensors]
    zero = np.zeros_like(arrays[0][:, 0])
    return kind(*(zero.copy() if a is None else a for a in arrays))


def to_torch(params: AnyParams, module: Any, layer: int = 0, *, reverse: bool = False) -> None:
    """The inverse of `from_torch`: write the values into the module's own parameters, in its dtype.

    Raises ValueError where shapes differ, or where the module has no bias and ours is not 0.
    """
    kind, tensors = _torch_tensors("to_torch", module, layer, reverse)
    if getattr(params, "_fields", None) != kind._fields:
        raise TypeError(
            f"to_torch: params must be rnncourse.params.{kind.__name__}; got {type(params).__name__}"
        )
    for name, tensor, value in zip(kind._fields, tensors, params, strict=True):
        if tensor is None:
            if value.any():
                raise ValueError(f"to_torch: {name} must be 0 for a module without biases")
            continue
        if tuple(tensor.shape) != value.shape:
            raise ValueError(f"to_torch: {name} must have shape {tuple(tensor.shape)}; got {value.shape}")
    for tensor, value in zip(tensors, params, strict=True):
        if tensor is not None:
            tensor.data.copy_(tensor.data.new_tensor(np.ascontiguousarray(value)))


def _torch_tensors(subject: str, module: Any, layer: int, reverse: bool) -> tuple[Any, list]:
    """The kind of parameters that the module has, and its tensors; None where it has no bias."""
    suffix = f"_l{layer}" + ("_reverse" if reverse else "")
    if not hasattr(module, "weight_ih" + suffix) and layer == 0 and not reverse:
        suffix = ""  # a cell, which has one layer and no number in its names
    if not hasattr(module, "weight_ih" + suffix):
        raise ValueError(
            f"{subject}: module must have a parameter weight_ih{suffix}; "
            f"got {type(module).__name__} without one"
        )
    kind = PeepholeParams if hasattr(module, "weight_ch" + suffix) else Params
    return kind, [getattr(module, name + suffix, None) for name in kind._fields]


def _gates(subject: str, cell: Any, known: dict) -> tuple[str, ...]:
    gates = gates_of(subject, cell)
    if gates not in known:
        options = "; ".join(", ".join(g) for g in known)
        raise ValueError(
            f"{subject}: cell must have one of the gate orders ({options}); got {', '.join(gates)}"
        )
    return gates


def _kernels(subject: str, gates: tuple, given: dict[str, Any]) -> tuple[int, int]:
    """(GH, H) of two matrices that multiply from the right: the first (I, GH), the second (H, GH)."""
    (first, of_input), (second, of_state) = given.items()
    hidden, rows = _checks.shaped(subject, second, of_state, "H GH", (None, None)).shape
    if rows != len(gates) * hidden:
        raise ValueError(
            f"{subject}: {second} must have shape (H, GH) with G = {len(gates)}; got {of_state.shape}"
        )
    _checks.shaped(subject, first, of_input, "I GH", (None, rows), f" for {second} {of_state.shape}")
    return rows, hidden


def _build(subject, gates, order, weight_ih, weight_hh, bias_ih, bias_hh) -> Params:
    given = Params(weight_ih, weight_hh, bias_ih, bias_hh)
    return _reorder(subject, given, gates, order, gates)


def _reorder(subject: str, params: Params, gates: tuple, order: tuple, wanted: tuple) -> Params:
    """Copies of the arrays with their blocks of H rows taken from `order` to `wanted`."""
    _, hidden = _checks.params(subject, params, len(gates))
    rows = np.concatenate([np.arange(hidden) + order.index(gate) * hidden for gate in wanted])
    return Params(*(np.ascontiguousarray(a[rows]) for a in params))
