"""How arguments and results cross the boundary of the sandbox: as data, never as objects.

A frame is four bytes of length, big-endian, and that many bytes of msgpack. An array is its dtype, its
shape and its bytes; dtypes outside `DTYPES` do not cross. What is read is believed in nothing: a frame longer
than the limit, more entries, another dtype, a shape that does not fit its bytes, too deep a nest are
`WireError`.

Runs in the grader and inside the sandbox: needs NumPy and msgpack, and of the package only play.py.
msgpack was chosen because it holds numbers, bytes and lists, and cannot hold code.
"""

import math
import struct
from collections.abc import Iterable
from typing import Any, BinaryIO

import msgpack
import numpy as np

try:
    from play import Opaque, Seed  # inside the sandbox, where play.py lies beside this file
except ModuleNotFoundError:
    from rnncourse.grading.play import Opaque, Seed

DTYPES = ("float32", "float64", "int32", "int64", "bool")
ARRAY, SEED, OPAQUE = 1, 2, 3
MAX_DEPTH = 8
MAX_FRAME = 32 * 2**20
# Of one list or map, and of all in a frame. Bytes alone are no limit: 32 MB hold 30 million empty lists, over
# which the reader sits for half a minute.
MAX_LENGTH, MAX_ENTRIES = 1000, 50_000
HEAD = struct.Struct(">I")


class WireError(Exception):
    """What was read is no frame, or what was to be written fits in none."""


def encode(value: Any) -> bytes:
    """The bytes of one value. What no reader would accept becomes `Opaque`, which only has a name."""
    packed = msgpack.packb(_plain(value, 0), use_bin_type=True)
    if len(packed) > MAX_FRAME:
        raise WireError(f"frame: expected at most {MAX_FRAME} bytes; got {len(packed)}")
    return packed


def decode(data: bytes) -> Any:
    """The value of `encode`, with lists for tuples; `WireError` for anything else."""
    reader = _Reader()
    hooks = {"list_hook": reader.container, "object_hook": reader.container, "ext_hook": reader.extension}
    try:
        value = _unpack(data, MAX_LENGTH, **hooks)
    except WireError:
        raise
    except Exception as error:  # msgpack raises ValueError and its kin, struct.error, UnicodeDecodeError
        raise WireError(f"frame: not readable ({type(error).__name__})") from None
    _check_depth(value, 0)
    return value


class _Reader:
    """What msgpack calls at each list, map and extension, innermost first: counts them."""

    def __init__(self) -> None:
        self.entries = 0

    def container(self, value: list | dict) -> list | dict:
        self._count(1 + len(value))
        return value

    def extension(self, code: int, data: bytes) -> Any:
        self._count(1)
        return _from_ext(code, data)

    def _count(self, more: int) -> None:
        self.entries += more
        if self.entries > MAX_ENTRIES:
            raise WireError(f"frame: expected at most {MAX_ENTRIES} entries")


def _unpack(data: bytes, length: int, **hooks: Any) -> Any:
    """msgpack's reader, which refuses a longer list or map before it makes one."""
    return msgpack.unpackb(
        data, raw=False, strict_map_key=True, max_array_len=length, max_map_len=length, **hooks
    )


def write(stream: BinaryIO, value: Any) -> None:
    """Write one frame, at once."""
    send(stream, encode(value))


def send(stream: BinaryIO, packed: bytes) -> None:
    """Write what `encode` gave, as one frame."""
    stream.write(HEAD.pack(len(packed)) + packed)
    stream.flush()


def read(stream: BinaryIO) -> Any:
    """Read one frame; EOFError where the stream ends before or within it."""
    (length,) = HEAD.unpack(_exactly(stream, HEAD.size))
    if length > MAX_FRAME:
        raise WireError(f"frame: expected at most {MAX_FRAME} bytes; got {length}")
    return decode(_exactly(stream, length))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError(f"frame: expected {size} bytes; got {len(data)}")
    return data


def _plain(value: Any, depth: int) -> Any:
    """The value in msgpack's types. Exact types only: a subclass may lie about its contents."""
    kind = type(value)
    if depth > MAX_DEPTH:
        return _opaque(value)
    if value is None or kind in (bool, float, str, bytes):
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else _opaque(value)
    if kind is np.ndarray or isinstance(value, np.generic):
        return _plain_array(value)
    if kind is np.random.Generator:
        return _opaque(value)
    if kind is list or isinstance(value, tuple):
        if isinstance(value, Seed):
            return msgpack.ExtType(SEED, msgpack.packb(value.value))
        if isinstance(value, Opaque):
            return msgpack.ExtType(OPAQUE, value.kind.encode()[:60])
        return [_plain(item, depth + 1) for item in value] if len(value) <= MAX_LENGTH else _opaque(value)
    if kind is dict and len(value) <= MAX_LENGTH and all(type(key) is str for key in value):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    return _opaque(value)


def _plain_array(value: Any) -> msgpack.ExtType:
    array = np.asarray(value)
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        return _opaque(value)
    body = [array.dtype.name, list(array.shape), array.tobytes()]
    return msgpack.ExtType(ARRAY, msgpack.packb(body, use_bin_type=True))


def _opaque(value: Any) -> msgpack.ExtType:
    return msgpack.ExtType(OPAQUE, type(value).__name__.encode()[:60])


def _from_ext(code: int, data: bytes) -> Any:
    if code == ARRAY:
        return _array(_unpack(data, 8))
    if code == SEED:
        seed = _unpack(data, 0)
        if type(seed) is not int:  # the generator's constructor takes much else, slowly
            raise WireError("seed: expected an int")
        return np.random.default_rng(seed)
    if code == OPAQUE:
        return Opaque("".join(c for c in data[:60].decode("ascii", "replace") if c.isalnum() or c == "_"))
    raise WireError(f"frame: unknown extension {code}")


def _array(body: Any) -> np.ndarray:
    if not isinstance(body, list) or len(body) != 3 or body[0] not in DTYPES:
        raise WireError("array: expected dtype, shape, bytes")
    name, shape, data = body
    dtype = np.dtype(name)
    if (
        not isinstance(shape, list)
        or len(shape) > 8
        or not all(type(n) is int and 0 <= n < 2**31 for n in shape)
        or not isinstance(data, bytes)
        or math.prod(shape) * dtype.itemsize != len(data)
    ):
        raise WireError("array: the shape does not fit its bytes")
    # frombuffer is read-only: a copy, so that a function that writes into it is seen to do so.
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _check_depth(value: Any, depth: int) -> None:
    if isinstance(value, list | dict):
        if depth > MAX_DEPTH:
            raise WireError(f"frame: expected at most {MAX_DEPTH} nested lists")
        items: Iterable[Any] = value.values() if isinstance(value, dict) else value
        for item in items:
            _check_depth(item, depth + 1)
