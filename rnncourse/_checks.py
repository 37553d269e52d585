"""Checks at the public entries: each names the subject, what was expected and what came.

They look at types, dtypes and shapes, which costs microseconds. `finite` reads every number and so
stands only at the entries of whole sequences: inside a loop a state that explodes is a result.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray
PARAMS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
PEEPHOLE_PARAMS = (*PARAMS, "weight_ch")
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def array(subject: str, name: str, value: Any) -> Array:
    """`value`, if it is an array of float32 or float64; TypeError otherwise."""
    # A masked array is an ndarray, but what computes in place would not see its mask.
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{subject}: {name} must be a numpy array of float32 or float64; got {type(value).__name__}"
        )
    if value.dtype not in FLOATS:
        raise TypeError(
            f"{subject}: {name} must have dtype float32 or float64; got {value.dtype}. "
            f"Convert it with .astype(np.float32)"
        )
    return value


def shaped(subject: str, name: str, value: Any, dims: str, shape: tuple, why: str = "") -> Array:
    """`value`, if it is a float array of this `shape` (None: any length); ValueError otherwise."""
    got = array(subject, name, value).shape
    if len(got) != len(shape) or any(
        want is not None and want != have for want, have in zip(shape, got, strict=True)
    ):
        names = dims.split()
        want = _tuple(n if s is None else s for n, s in zip(names, shape, strict=True))
        raise ValueError(
            f"{subject}: {name} must have shape {_tuple(names)} = {want}{why}; got {_tuple(got)}"
        )
    return value


def same_dtype(subject: str, name: str, value: Array, dtype: np.dtype) -> None:
    if value.dtype != dtype:
        raise TypeError(
            f"{subject}: {name} must have the dtype of the parameters, {dtype}; got {value.dtype}. "
            f"Convert it with .astype(np.{dtype})"
        )


def finite(subject: str, name: str, value: Array) -> None:
    if not np.isfinite(value).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
        raise ValueError(f"{subject}: {name} must be finite; got {value[where]} at index {where}")


def positive_int(subject: str, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{subject}: {name} must be an int; got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{subject}: {name} must be at least 1; got {value}")
    return int(value)


def number(subject: str, name: str, value: Any) -> float:
    """`value` as a float, if it is one real finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{subject}: {name} must be a number; got {type(value).__name__}")
    if not np.isfinite(value):
        raise ValueError(f"{subject}: {name} must be a finite number; got {value}")
    return float(value)


def float_dtype(subject: str, value: Any) -> np.dtype:
    """`value` as a dtype, if it is float32 or float64."""
    try:
        found = np.dtype(value) if value is not None else None
    except TypeError:
        found = None
    if found not in FLOATS:
        raise TypeError(f"{subject}: dtype must be float32 or float64; got {found or value}")
    return found


def dropout(subject: str, value: Any) -> float:
    """A probability of dropping: ValueError unless it lies in [0, 1), TypeError unless it is a number."""
    if not 0 <= number(subject, "dropout", value) < 1:
        raise ValueError(f"{subject}: dropout must lie in [0, 1); got {value}")
    return float(value)


def marks(subject: str, value: Any) -> tuple[int, ...]:
    """Numbers of updates at which something is looked at: ValueError unless they rise from 1 or later."""
    found = tuple(value)
    if not found or list(found) != sorted(set(found)) or found[0] < 1:
        raise ValueError(f"{subject}: marks must be numbers of updates that rise from 1; got {found}")
    return found


def drawing(subject: str, rng: Any, dtype: Any, **sizes: Any) -> np.dtype:
    """What every generator of data is given: sizes of at least 1, a generator, and a dtype, the result."""
    for name, value in sizes.items():
        positive_int(subject, name, value)
    generator(subject, rng)
    return float_dtype(subject, dtype)


def choice(subject: str, name: str, value: Any, options: Iterable[str]) -> str:
    options = tuple(options)
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{subject}: {name} must be one of {', '.join(options)}; got {value!r}")
    return value


def generator(subject: str, rng: Any) -> np.random.Generator:
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{subject}: rng must be a numpy.random.Generator, as from np.random.default_rng(0); "
            f"got {type(rng).__name__}"
        )
    return rng


def params(subject: str, params: Any, gates: int, peepholes: int = 0) -> tuple[int, int]:
    """(I, H) of these parameters, whose arrays must fit each other and the numbers of gates and peepholes."""
    fields, kind = (PEEPHOLE_PARAMS, "PeepholeParams") if peepholes else (PARAMS, "Params")
    if getattr(params, "_fields", None) != fields:
        raise TypeError(f"{subject}: params must be rnncourse.params.{kind}; got {type(params).__name__}")
    weight_hh = shaped(subject, "params.weight_hh", params.weight_hh, "GH H", (None, None))
    rows, hidden = weight_hh.shape
    if hidden == 0 or rows != gates * hidden:
        raise ValueError(
            f"{subject}: params.weight_hh must have shape (GH, H) with G = {gates}, "
            f"such as ({gates * max(hidden, 1)}, {max(hidden, 1)}); got {weight_hh.shape}"
        )
    why = f" for weight_hh {weight_hh.shape}"
    shaped(subject, "params.weight_ih", params.weight_ih, "GH I", (rows, None), why)
    shaped(subject, "params.bias_ih", params.bias_ih, "GH", (rows,), why)
    shaped(subject, "params.bias_hh", params.bias_hh, "GH", (rows,), why)
    if peepholes:
        shaped(subject, "params.weight_ch", params.weight_ch, "P H", (peepholes, hidden), why)
    for name, value in zip(params._fields, params, strict=True):
        same_dtype(subject, f"params.{name}", value, weight_hh.dtype)
    return params.weight_ih.shape[1], hidden


def state(subject: str, name: str, value: Any, fields: tuple, shape: tuple, dtype: Any) -> None:
    """A State of these fields, each (B, H) and of this dtype."""
    if getattr(value, "_fields", None) != fields:
        raise TypeError(
            f"{subject}: {name} must be a State with the fields {', '.join(fields)}; "
            f"got {type(value).__name__}"
        )
    for field, part in zip(fields, value, strict=True):
        shaped(subject, f"{name}.{field}", part, "B H", shape)
        same_dtype(subject, f"{name}.{field}", part, dtype)


def lengths(subject: str, value: Any, steps: int, batch: int) -> Array:
    """`value` as integers (B,), each in 1..T."""
    try:
        found = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):  # a ragged list, or a tensor on another device
        found = np.empty(0, object)
    has_bool = isinstance(value, list | tuple) and any(isinstance(n, bool) for n in value)
    if (not np.issubdtype(found.dtype, np.integer) and found.size) or has_bool or found.dtype == object:
        raise TypeError(f"{subject}: lengths must be {batch} integers; got {value!r}")
    if found.shape != (batch,):
        raise ValueError(f"{subject}: lengths must have shape (B,) = ({batch},); got {found.shape}")
    if found.min() < 1 or found.max() > steps:
        raise ValueError(
            f"{subject}: lengths must lie in 1..T = 1..{steps}; got {found.min()}..{found.max()}"
        )
    return found.astype(np.int64)


def mask(subject: str, value: Any, shape: tuple) -> None:
    """A bool array of exactly this shape: a mask never broadcasts."""
    if not isinstance(value, np.ndarray) or value.shape != shape or value.dtype != bool:
        got = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"{subject}: mask must be a bool array of shape {shape}; got {got}")


def step(subject: str, p: Any, x: Any, s: Any, gates: int, fields: tuple, peepholes: int = 0) -> None:
    """The arguments of one step: parameters, x (B, I) and a state of (B, H)."""
    # A step is small, and a loop takes many. So the whole question is asked at once; the checks below
    # find the words when the answer is no.
    if _fits(p, x, s, gates, fields, peepholes):
        return
    inputs, hidden = params(subject, p, gates, peepholes)
    why = f" for weight_ih {p.weight_ih.shape}"
    shaped(subject, "x", x, "B I", (None, inputs), why)
    if x.shape[0] == 0:
        raise ValueError(f"{subject}: x must hold at least one sequence, B >= 1; got shape {x.shape}")
    same_dtype(subject, "x", x, p.weight_hh.dtype)
    state(subject, "state", s, fields, (x.shape[0], hidden), x.dtype)


def _fits(p: Any, x: Any, s: Any, gates: int, fields: tuple, peepholes: int) -> bool:
    try:
        weight_ih, weight_hh, bias_ih, bias_hh, *more = p
        (batch, inputs), (rows, hidden), dtype = x.shape, weight_hh.shape, x.dtype
        return (
            p._fields == (PEEPHOLE_PARAMS if peepholes else PARAMS)
            and rows == gates * hidden
            and batch > 0
            and weight_ih.shape == (rows, inputs)
            and bias_ih.shape == bias_hh.shape == (rows,)
            and all(w.shape == (peepholes, hidden) and w.dtype == dtype for w in more)
            and s._fields == fields
            and all(part.shape == (batch, hidden) and part.dtype == dtype for part in s)
            and dtype in FLOATS
            and weight_ih.dtype == weight_hh.dtype == bias_ih.dtype == bias_hh.dtype == dtype
            and isinstance(x, np.ndarray)
        )
    except (AttributeError, TypeError, ValueError):
        return False


def _tuple(items: Iterable) -> str:
    parts = [str(i) for i in items]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
