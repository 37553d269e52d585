"""Writes replies of its own, on every descriptor, in the place of the worker or ahead of it."""

from attacks import STEP, WRONG

SEND = """
wire, msgpack = sys.modules["wire"], sys.modules["msgpack"]

def _raw(data):
    for descriptor in range(3, 64):
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left):]
        except OSError:
            pass

def _frame(body):
    return struct.pack(">I", len(body)) + body

def _send(value):
    _raw(_frame(wire.encode(value)))

def _list(body, count):
    return b"\\xdd" + struct.pack(">I", count) + body * count

def _extension(code, body):
    return b"\\xc9" + struct.pack(">IB", len(body), code) + body

"""
BIG = 32 * 2**20 - 100


def frame(body: str) -> str:
    """Sends these bytes as a frame, at the call, and waits so that nothing else goes out."""
    return SEND + STEP + f"_raw(_frame({body}))\n    os._exit(0)\n"


def value(text: str) -> str:
    return SEND + STEP + f"_send({text})\n    os._exit(0)\n"


ATTACKS = {
    "full marks": (
        "reply",
        value(
            "{'status': 'graded', 'earned': 2, 'points': 2, 'verdicts': [], 'failures': [], 'right': True}"
        ),
    ),
    "full marks as the reply to the definition": (
        "reply",
        SEND + "_ = _send({'cell': None, 'earned': 2, 'right': True, 'ready': True})\n" + WRONG,
    ),
    "a thousand replies ahead": (
        "value of h_new|shape of h_new",
        SEND + "_ready = [_frame(wire.encode({'cell': None, 'results': [np.zeros(s), None], 'wrote': []}))\n"
        "          for s in ((1, 3), (3, 3), (2, 1), (3, 3), (3, 3), (3, 3))]\n"
        "_ = _raw(b''.join(_ready * 20))\n" + WRONG,
    ),
    "a reply of each shape ahead, then the right one late": (
        "value of h_new|shape of h_new",
        SEND + STEP + "_send({'results': [np.zeros_like(h), None], 'wrote': []})\n"
        "    return np.tanh(x @ weight_ih.T + h @ weight_hh.T + bias), None\n",
    ),
    "no results": ("number of results", value("{'results': [], 'wrote': []}")),
    "no reply but a list": ("reply", value("[1, 2, 3]")),
    "a fault of wrong types": (
        "runs",
        value(
            "{'error': {'type': ['a'], 'line': -(10**18), 'cell': {'a': 1}, 'text': 7}, 'wrote': [[1], 2]}"
        ),
    ),
    "a fault that is a number": ("runs", value("{'error': 5}")),
    "a missing function of another name": ("defined", value("{'missing': 'LEAK<script>', 'wrote': None}")),
    "an empty frame": ("reply", frame("b''")),
    "a frame cut off": ("ended", SEND + STEP + "_raw(struct.pack('>I', 1000) + b'123')\n    os._exit(0)\n"),
    "a frame byte by byte": (
        "time",
        SEND
        + STEP
        + "_raw(struct.pack('>I', 10**6))\n    while True:\n        _raw(b'0')\n        time.sleep(0.01)\n",
    ),
    "4 GB announced": ("reply", SEND + STEP + "_raw(b'\\xff' * 8)\n    os._exit(0)\n"),
    "random bytes": ("reply|ended", SEND + STEP + "_raw(np.random.bytes(10**6))\n    os._exit(0)\n"),
    "30 million numbers": ("reply", frame(f"_list(b'\\x01', {BIG})")),
    "30 million empty lists": ("reply", frame(f"_list(b'\\x90', {BIG})")),
    "10 million generators": ("reply", frame(f"_list(b'\\xd4\\x02\\x01', {BIG // 3})")),
    "a generator from a long seed": ("reply", frame(f"_extension(2, _list(b'\\x01', {BIG}))")),
    "a generator in the place of an array": (
        "type of h_new",
        frame("msgpack.packb({'results': [msgpack.ExtType(2, b'\\x01'), None]})"),
    ),
    "many long lists in each other": (
        "reply",
        frame("(b'\\xdc\\x03\\xe8' + b'\\xa3abc' * 999) * 1000"),
    ),
    "a list 100 000 deep": ("reply", frame("b'\\x91' * 100_000 + b'\\x90'")),
    "a name of 30 MB": (
        "type of h_new",
        frame(f"b'\\x81\\xa7results\\x92' + _extension(3, b'LEAK' * {BIG // 4}) + b'\\xc0'"),
    ),
    "the name of a type that carries inputs": (
        "type of h_new",
        value("{'results': [sys.modules['play'].Opaque('LEAK' + x.tobytes().hex()), None], 'wrote': []}"),
    ),
    "an array of objects": (
        "reply",
        frame("msgpack.packb([msgpack.ExtType(1, msgpack.packb(['object', [1], b'12345678']))])"),
    ),
    "an empty array with a vast shape": (
        "reply",
        frame("msgpack.packb([msgpack.ExtType(1, msgpack.packb(['bool', [0] + [2**31 - 1] * 7, b'']))])"),
    ),
    "NaN and infinity": (
        "value of h_new is finite",
        value("{'results': [np.full((1, 3), np.nan), float('inf')], 'wrote': []}"),
    ),
    "30 MB in each reply": (
        "shape of h_new",
        STEP + "return np.zeros(30 * 2**17), None\n",
    ),
    "closes every descriptor": (
        "ended",
        STEP + "os.closerange(0, 64)\n    return np.zeros_like(h), None\n",
    ),
    "exchanges the pipes": (
        "ended|time",
        STEP
        + """for a in range(3, 8):
        for b in range(3, 8):
            try:
                os.dup2(a, b)
            except OSError:
                pass
    return np.zeros_like(h), None
""",
    ),
    "reads the grader's commands itself": (
        "time|ended",
        STEP
        + """while True:
        for descriptor in range(3, 16):
            try:
                os.read(descriptor, 1)
            except OSError:
                pass
""",
    ),
    "makes the pipes small and nonblocking": (
        "value of h_new",
        """
def _shrink():
    fcntl = __import__("fcntl")
    for descriptor in range(3, 16):
        try:
            fcntl.fcntl(descriptor, 1031, 4096)
            fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_NONBLOCK)
        except OSError:
            pass
"""
        + STEP
        + "_shrink()\n    return np.zeros_like(h), None\n",
    ),
    "a thread that writes into the replies": (
        "reply|ended|time|shape of h_new|value of h_new",
        SEND
        + """
def _noise():
    while True:
        _raw(_frame(wire.encode({"results": [np.zeros((3, 3)), None], "wrote": []})))
"""
        + STEP
        + "__import__('threading').Thread(target=_noise, daemon=True).start()\n"
        "    return np.zeros_like(h), None\n",
    ),
    "noise without end": (
        "reply|ended|time",
        SEND + STEP + "while True:\n        _raw(b'\\x00' * 2**20)\n",
    ),
}
