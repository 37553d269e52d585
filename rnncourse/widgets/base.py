"""What the explorers share: how numbers travel to the browser, and the widget they stand on.

A norm travels as log10 in hundredths of a decade, in 16 bits: from 1e−320 to 1e320, at most 1.2 % off.
Three codes are kept for what is no number: exactly 0, not finite, and "there is no such value".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import numpy as np
import traitlets

from rnncourse import _checks, gradflow

Array = np.ndarray

SCALE = 100
NONE, ZERO, OVERFLOW = -32768, -32767, 32767
LIMIT = (OVERFLOW - 1) / SCALE  # decades
CODES = {"scale": SCALE, "none": NONE, "zero": ZERO, "overflow": OVERFLOW}

_INFO = np.finfo(np.float32)
# log10 of float32's borders. Below "smallest" it holds 0; between that and "normal" it has fewer digits.
FLOAT32 = {
    "smallest": float(np.log10(float(_INFO.smallest_subnormal))),
    "normal": float(np.log10(float(_INFO.tiny))),
    "largest": float(np.log10(float(_INFO.max))),
}

STATIC = Path(__file__).parent / "static"


def log10_norm(vectors: Array) -> Array:
    """log10 of the Euclidean norm over the last axis, (..., N) -> (...), float64.

    −inf for a vector of zeros, +inf where an entry is not finite.
    """
    norms = gradflow.norms(vectors)
    with np.errstate(divide="ignore"):
        return np.where(np.isfinite(norms), np.log10(norms), np.inf)


def median(decades: Array) -> Array:
    """The median over the last axis, the sequences. An odd number of them: no mean of 0 and 1e−9."""
    return np.median(decades, axis=-1)


def offsets(lengths: list[int]) -> tuple[list[int], int]:
    """Where the curve of each length starts in one block of T + 1 values for each, and the block's size."""
    ends = np.cumsum([length + 1 for length in lengths])
    return [0, *ends[:-1].tolist()], int(ends[-1])


def encode(decades: Array) -> Array:
    """int16 codes of log10 values of any shape: −inf is ZERO, +inf OVERFLOW, nan NONE.

    Rounding keeps the order of two values. ValueError for finite values that 16 bits cannot hold.
    """
    decades = np.asarray(decades, np.float64)
    finite = np.isfinite(decades)
    rounded = np.rint(np.where(finite, decades, 0) * SCALE)
    if np.abs(rounded).max(initial=0) >= OVERFLOW:
        raise ValueError(f"encode: decades must lie within ±{LIMIT}; got {decades[finite]}")
    codes = np.where(np.isneginf(decades), ZERO, np.where(np.isposinf(decades), OVERFLOW, NONE))
    return np.where(finite, rounded, codes).astype(np.int16)


def decode(codes: Array) -> Array:
    """log10 values of `codes`; the inverse of `encode` up to 0.005 decades."""
    values = codes.astype(np.float64) / SCALE
    for code, value in ((ZERO, -np.inf), (OVERFLOW, np.inf), (NONE, np.nan)):
        values[codes == code] = value
    return values


def pack(codes: Array) -> bytes:
    """Codes as bytes that compress well: differences modulo 2^16, all low bytes, then all high bytes."""
    flat = np.ascontiguousarray(codes, np.int16).reshape(-1).view(np.uint16)
    steps = np.diff(flat, prepend=np.uint16(0))  # wraps around, and so loses nothing
    return (steps & 0xFF).astype(np.uint8).tobytes() + (steps >> 8).astype(np.uint8).tobytes()


def unpack(data: bytes) -> Array:
    """The codes of `pack`, flat."""
    low, high = np.frombuffer(data, np.uint8).reshape(2, -1).astype(np.uint16)
    return np.cumsum(low + 256 * high, dtype=np.uint16).view(np.int16)


def power_text(decades: float) -> str:
    """10^decades to two digits, as the browser shows it: "3.2e−12", "0.45", "exactly 0"."""
    if not np.isfinite(decades):
        return {-np.inf: "exactly 0", np.inf: "not finite"}.get(decades, "–")
    exponent = int(np.floor(decades + 1e-9))
    mantissa = float(f"{10 ** (decades - exponent):.1f}")
    if mantissa >= 10:
        mantissa, exponent = 1.0, exponent + 1
    if -3 <= exponent <= 3:
        return f"{mantissa * 10.0**exponent:.{max(0, 1 - exponent)}f}"
    return f"{mantissa:.1f}e{exponent}".replace("-", "\N{MINUS SIGN}")


def numbers(
    subject: str, name: str, values: Any, *, above: float = -np.inf, rising: bool = True
) -> list[float]:
    """`values` as floats, if they are different finite numbers > `above`, at least one, in rising order.

    Raises TypeError or ValueError with the caller's `subject` and the argument's `name`.
    """
    kind = "a list of numbers" if np.isneginf(above) else f"a list of numbers > {above:g}"
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
        raise TypeError(f"{subject}: {name} must be {kind}; got {type(values).__name__}")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise TypeError(f"{subject}: {name} must be {kind}; got {value!r} in it")
        if not (np.isfinite(value) and value > above):
            raise ValueError(f"{subject}: {name} must be {kind}, all finite; got {value} in it")
    found = [float(value) for value in values]
    if not found:
        raise ValueError(f"{subject}: {name} must hold at least one number; got none")
    if len(set(found)) < len(found) or (rising and sorted(found) != found):
        order = "rise from value to value" if rising else "be all different"
        raise ValueError(f"{subject}: {name} must {order}; got {found}")
    return found


def counts(subject: str, name: str, values: Any) -> list[int]:
    """`values` as ints >= 1 in rising order; raises as `numbers` does."""
    numbers(subject, name, values, above=0.0)
    return [_checks.positive_int(subject, name, value) for value in values]


def seed(subject: str, value: Any) -> int:
    """`value`, if it is an int >= 0; TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{subject}: seed must be an int >= 0; got {value!r}")
    if value < 0:
        raise ValueError(f"{subject}: seed must be an int >= 0; got {value}")
    return int(value)


def front_end(name: str) -> Path:
    """A file of the bundle; FileNotFoundError that says how to make it where it is missing."""
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"rnncourse.widgets: the front end {path.name} has not been built; "
            "install the package again (pip install -e .), or run python hatch_build.py"
        )
    return path


class Explorer(anywidget.AnyWidget):
    """A widget whose values were all computed beforehand; the browser looks them up and draws.

    A subclass sets `_kind` and names its knobs in KNOBS: trait -> key of `_grid` with the values it may
    take. Setting a knob in Python moves the slider, and the slider sets the knob where there is a kernel.
    """

    _esm = front_end("widgets.js")
    _css = front_end("widgets.css")
    _kind = traitlets.Unicode().tag(sync=True)
    _grid = traitlets.Dict().tag(sync=True)

    KNOBS: ClassVar[dict[str, str]] = {}

    def find(self, knob: str, value: Any) -> int:
        """Where `value` stands on the grid of `knob`; TraitError if nowhere."""
        options = [o["key"] if isinstance(o, dict) else o for o in self._grid[self.KNOBS[knob]]]
        for place, option in enumerate(options):
            near = isinstance(option, float | int) and isinstance(value, float | int)
            if option == value or (near and abs(option - value) < 1e-9):
                return place
        raise traitlets.TraitError(
            f"{type(self).__name__}: {knob} must be one of {', '.join(map(str, options))}; got {value!r}"
        )

    def position(self, knob: str) -> int:
        """Where the present value of `knob` stands on its grid."""
        return self.find(knob, getattr(self, knob))

    @traitlets.validate("cell", "loss", "clip", "gain", "length", "forget_bias", "hidden_size")
    def _on_grid(self, proposal: Any) -> Any:
        self.find(proposal["trait"].name, proposal["value"])
        return proposal["value"]

    def static(self) -> Any:
        """A matplotlib figure of the present position, for print and for readers without JavaScript.

        Each explorer draws its own; NotImplementedError from one that does not.
        """
        raise NotImplementedError(f"{type(self).__name__}: static() must be written for each explorer")

    def alt_text(self) -> str:
        """What the picture shows, in words and numbers. Each explorer says its own, as for `static`."""
        raise NotImplementedError(f"{type(self).__name__}: alt_text() must be written for each explorer")
