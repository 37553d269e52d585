"""What crosses the boundary of the sandbox: it comes back as it went in, and nothing else is believed."""

import math
import struct
import tempfile
import time

import msgpack
import numpy as np
import pytest

from rnncourse.grading import play, wire
from rnncourse.grading.judge import StudentFault
from rnncourse.grading.sandboxed import _read

PLAIN = {
    "nothing": None,
    "truth": True,
    "whole numbers": [0, -1, 2**63 - 1, -(2**63)],
    "numbers": [0.0, -0.5, 1e300, math.inf],
    "text": "h_0 · ∂L/∂h 🙂",
    "bytes": b"\x00\xff",
    "lists in lists": [[], [[1], [2, [3]]]],
    "a map": {"x": 1, "y": {"z": []}},
}
ARRAYS = [
    np.arange(6).astype(dtype).reshape(shape)
    for dtype in wire.DTYPES
    for shape in ((6,), (2, 3), (1, 6, 1), (3, 1, 2))
] + [np.zeros(()), np.zeros((0, 3)), np.array(7), np.asfortranarray(np.eye(3)), np.arange(9.0)[::-2]]


def round_trip(value):
    return wire.decode(wire.encode(value))


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_plain_data_comes_back(value):
    assert round_trip(value) == value


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype} {a.shape}")
def test_an_array_comes_back(array):
    found = round_trip(array)
    assert type(found) is np.ndarray
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert np.array_equal(found, array)
    found[...] = 1  # one's own, to write into


def test_nan_comes_back():
    assert math.isnan(round_trip(math.nan))
    assert np.isnan(round_trip(np.full(3, np.nan))).all()


def test_a_scalar_of_numpy_is_an_array_without_axes():
    found = round_trip(np.float32(1.5))
    assert found.dtype == np.float32
    assert found.shape == ()


def test_a_tuple_is_a_list_and_a_seed_a_generator():
    assert round_trip((1, (2,))) == [1, [2]]
    drawn = round_trip(play.Seed(7))
    assert drawn.integers(10**9) == np.random.default_rng(7).integers(10**9)


class Endless(list):
    def __iter__(self):
        while True:
            yield 1


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "object"),
        (1 + 2j, "complex"),
        ({1, 2}, "set"),
        (2**63, "int"),
        ({1: 2}, "dict"),
        (Endless(), "Endless"),
        (iter([]), "list_iterator"),
        (np.zeros(2, complex), "ndarray"),
        (np.zeros(2, object), "ndarray"),
        (np.zeros(2, ">f8"), "ndarray"),
        (np.ma.zeros(2), "MaskedArray"),
        (np.random.default_rng(), "Generator"),
        (type("LEAK 12.5\n<b>", (), {})(), "LEAK125b"),
        ([0] * (wire.MAX_LENGTH + 1), "list"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_no_data_is_a_name(value, kind):
    assert round_trip([value]) == [play.Opaque(kind)]


def nested(depth, last):
    for _ in range(depth):
        last = [last]
    return last


@pytest.mark.parametrize("last", [1, [], {}, (), np.zeros(2), object()], ids=repr)
@pytest.mark.parametrize("depth", range(wire.MAX_DEPTH - 2, wire.MAX_DEPTH + 4))
def test_whatever_is_encoded_is_decoded(depth, last):
    """Also where it is too deep: a right answer beside a deep cache counts."""
    found = round_trip(nested(depth, last))
    assert isinstance(found, list)


def test_a_list_that_holds_itself_ends():
    value = []
    value.append(value)
    assert isinstance(round_trip({"results": value}), dict)


@pytest.fixture
def stream():
    with tempfile.TemporaryFile() as file:
        yield file


def test_frames_follow_each_other(stream):
    for value in PLAIN.values():
        wire.write(stream, value)
    stream.seek(0)
    assert [wire.read(stream) for _ in PLAIN] == list(PLAIN.values())
    with pytest.raises(EOFError):
        wire.read(stream)


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 20])
def test_a_stream_that_ends_within_a_frame(stream, length):
    wire.write(stream, "twenty and more characters")
    stream.truncate(length)
    stream.seek(0)
    with pytest.raises(EOFError, match="expected"):
        wire.read(stream)


def test_a_frame_that_announces_too_much_is_not_read(stream):
    stream.write(struct.pack(">I", wire.MAX_FRAME + 1))
    stream.seek(0)
    with pytest.raises(wire.WireError, match="at most"):
        wire.read(stream)


def test_too_much_is_not_written():
    with pytest.raises(wire.WireError, match="at most"):
        wire.encode(np.zeros(wire.MAX_FRAME, bool))


def array(*body):
    return msgpack.packb(msgpack.ExtType(wire.ARRAY, msgpack.packb(list(body))))


def extension(code, body):
    return b"\xc9" + struct.pack(">IB", len(body), code) + body


def items(body, count):
    return b"\xdd" + struct.pack(">I", count) + body * count


BAD = {
    "nothing": b"",
    "more than one": b"\x01\x02",
    "cut off": msgpack.packb([1, 2, "three"])[:-1],
    "an unused byte": b"\xc1",
    "text that is not UTF-8": b"\xa2\xff\xfe",
    "keys that are no text": msgpack.packb({1: 2}),
    "a list as a key": b"\x81\x90\x01",
    "an unknown extension": msgpack.packb(msgpack.ExtType(99, b"")),
    "20 lists in each other": b"\x91" * 20 + b"\x90",
    "100 000 lists in each other": b"\x91" * 100_000 + b"\x90",
    "20 maps in each other": b"\x81\xa1a" * 20 + b"\x01",
    "no array": msgpack.packb(msgpack.ExtType(wire.ARRAY, b"\x01")),
    "an empty array": msgpack.packb(msgpack.ExtType(wire.ARRAY, b"")),
    "an array of objects": array("object", [1], b"12345678"),
    "an array of structures": array("f8,f8", [1], b"0" * 16),
    "an array of another byte order": array(">f8", [1], b"0" * 8),
    "an array whose dtype is a list": array(["float64"], [1], b"0" * 8),
    "less than the shape": array("float64", [1000], b"0" * 8),
    "more than the shape": array("float64", [], b"0" * 16),
    "a negative shape": array("float64", [-1, -1], b"0" * 8),
    "a shape of NaN": array("float64", [math.nan], b""),
    "a shape of truth": array("float64", [True], b"0" * 8),
    "a shape that is a number": array("float64", 1, b"0" * 8),
    "a shape too large": array("bool", [2**62, 0], b""),
    "too many axes": array("bool", [1] * 9, b"0"),
    "text for bytes": array("float64", [1], "0" * 8),
    "a seed that is a list": msgpack.packb(msgpack.ExtType(wire.SEED, msgpack.packb([1, 2]))),
    "a seed that is nothing": msgpack.packb(msgpack.ExtType(wire.SEED, msgpack.packb(None))),
    "a negative seed": msgpack.packb(msgpack.ExtType(wire.SEED, msgpack.packb(-1))),
    "too long a list": items(b"\x01", wire.MAX_LENGTH + 1),
    "too many entries": items(items(b"\x01", 900), 100),
    "too many arrays": items(items(array("bool", [0], b""), 900), 100),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_bad_frame_is_an_error(data):
    with pytest.raises(wire.WireError):
        wire.decode(data)


MILLIONS = wire.MAX_FRAME - 100
LONG = {
    "numbers": items(b"\x01", MILLIONS),
    "lists": items(b"\x90", MILLIONS),
    "maps": items(b"\x80", MILLIONS),
    "generators": items(b"\xd4\x02\x01", MILLIONS // 3),
    "a list as a seed": extension(wire.SEED, items(b"\x01", MILLIONS - 5)),
    "a list as an array": extension(wire.ARRAY, items(b"\x01", MILLIONS - 5)),
    "a list as a shape": extension(wire.ARRAY, b"\x93\xa4bool" + items(b"\x01", MILLIONS - 50) + b"\xc4\x00"),
    "long lists in each other": (b"\xdc\x03\xe8" + b"\xa3abc" * 999) * 8000,
    "a name": extension(wire.OPAQUE, b"a" * MILLIONS),
}


@pytest.mark.parametrize("data", LONG.values(), ids=LONG)
def test_a_long_frame_takes_the_reader_no_time(data):
    """30 million empty lists once took it half a minute."""
    started = time.perf_counter()
    try:
        found = wire.decode(data)
    except wire.WireError:
        found = None
    assert time.perf_counter() - started < 3
    assert len(repr(found)) < 100


def test_a_name_is_plain_and_short():
    for name in (b"a" * 10_000, b"<b>\n=1+1,\xff\xe2\x80\xae", b""):
        found = wire.decode(extension(wire.OPAQUE, name))
        assert found.kind.isascii()
        assert len(found.kind) <= 60
        assert all(c.isalnum() or c == "_" for c in found.kind)


def test_noise_is_an_error_or_data():
    """Random bytes, and good frames with a few bytes changed: only a value or a WireError comes out."""
    rng = np.random.default_rng(0)
    frames = [wire.encode(value) for value in (*PLAIN.values(), *ARRAYS, play.Seed(3), object())]
    frames.append(wire.encode({"results": [ARRAYS[1], None], "wrote": ["x"], "seconds": 0.5}))
    for turn in range(3000):
        if turn % 5:
            data = bytearray(frames[rng.integers(len(frames))])
            for _ in range(rng.integers(1, 4)):
                data[rng.integers(len(data))] = rng.integers(256)
        else:
            data = rng.bytes(rng.integers(1, 40))
        try:
            value = wire.decode(bytes(data))
        except wire.WireError:
            continue
        wire.encode(value)  # of the kinds that we know


REPLIES = {
    "nothing": {},
    "results that are a map": {"results": {"h_new": 1}},
    "results that are text": {"results": "ab"},
    "too many results": {"results": [1] * 65},
    "an error that is a number": {"error": 5},
    "an error of wrong types": {"error": {"type": ["a"], "line": "1", "cell": {"a": 1}}},
    "an error on a line that cannot be": {"error": {"type": "ValueError", "line": 10**12, "cell": "LEAK"}},
    "an error of an unknown type": {"error": {"type": "LEAK", "line": -1, "cell": 3, "text": "LEAK"}},
    "a missing function of another name": {"missing": "LEAK"},
    "a missing function that is a list": {"missing": [1]},
    "inputs that were never given": {"results": [1], "wrote": ["LEAK", 5, ["x"], None]},
    "inputs that are a number": {"results": [1], "wrote": 7},
    "names of types": {"results": [play.Opaque("LEAK"), [play.Opaque("LEAK")], {"a": play.Opaque("LEAK")}]},
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_no_name_in_a_reply_is_believed(reply):
    try:
        played = _read(reply, ["f"], ["x"], [["cell", "", False]], 0.1)
    except StudentFault as error:
        assert error.reason == "reply"
        return
    assert "LEAK" not in repr(played)
    assert set(played.wrote) <= {"x"}
    assert played.missing in (None, "f")
    assert played.seconds == 0.1
