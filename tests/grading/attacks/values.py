"""Results that are no arrays, lie about what they are, or are right only where it is easy."""

from attacks import STEP, TRUE

TYPE = "type of h_new"
VALUE = "value of h_new"


def returns(text: str, before: str = "") -> str:
    return before + STEP + f"return {text}, None\n"


ATTACKS = {
    "equal to everything": (
        TYPE,
        returns(
            "Anything()",
            """
class Anything:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __le__(self, other): return True
    __lt__ = __ge__ = __gt__ = __eq__
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __mul__ = __sub__
    def __abs__(self): return 0.0
    def __float__(self): return 0.0
    def __array__(self, *arguments, **more): return np.zeros(1)
    def __len__(self): return 2
    def __hash__(self): return 0
    shape, dtype, ndim = (1, 3), np.dtype(float), 2
""",
        ),
    ),
    "an array of its own kind": (
        TYPE,
        returns(
            "np.zeros_like(h).view(Array)",
            """
class Array(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **more): return np.bool_(True)
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __reduce__(self): return (os.system, ("true",))
""",
        ),
    ),
    "an interface to any memory": (
        TYPE,
        returns(
            "Pointer()",
            """
class Pointer:
    __array_interface__ = {"shape": (10**6,), "typestr": "<f8", "data": (4096, False), "version": 3}
    __array_struct__ = property(lambda self: ctypes.string_at(0))
""",
        ),
    ),
    "memory past the end of an array": (
        "shape of h_new|ended|memory",
        returns("np.lib.stride_tricks.as_strided(h, (2**20,), (8,))"),
    ),
    "an array far larger than memory": (
        "ended|memory|runs",
        returns("np.broadcast_to(0.0, (2**40,))"),
    ),
    "says that it is a tuple": (
        "time",
        returns(
            "Endless()",
            """
class Endless:
    __class__ = property(lambda self: tuple)
    def __iter__(self):
        while True:
            yield 0.0
    def __len__(self): return 2
""",
        ),
    ),
    "a tuple that counts wrongly": (
        "number of results|ended",
        "class Pair(tuple):\n    def __iter__(self): return iter(range(7))\n    def __len__(self): return 2\n"
        + STEP
        + "return Pair((h, None))\n",
    ),
    "the name of a type that carries inputs": (
        TYPE,
        returns("type('LEAK' + x.tobytes().hex(), (), {})()"),
    ),
    "a type whose name is not plain text": (
        TYPE + "|ended",
        returns("type('LEAK\\u202e<script>\\n=1+1\\ud7ff', (), {})()"),
    ),
    "an exception that carries inputs": (
        "runs",
        STEP + "raise type('LEAK' + x.tobytes().hex(), (ValueError,), {})('LEAK', x.tobytes().hex())\n",
    ),
    "a file name in the traceback that carries inputs": (
        "runs",
        STEP + "exec(compile('1/0', '<cell LEAK' + x.tobytes().hex() + '>', 'exec'))\n",
    ),
    "an exception that cannot be told": (
        "ended|time",
        """
class Silent(Exception):
    def __str__(self):
        raise KeyboardInterrupt
"""
        + STEP
        + "raise Silent\n",
    ),
    "keys that carry inputs": (TYPE, returns("{'LEAK' + x.tobytes().hex(): 1}")),
    "a list that holds itself": (TYPE, "_list = []\n_ = _list.append(_list)\n" + returns("_list")),
    "a list that holds itself a thousand times": (
        "time",
        "_list = []\n_ = _list.extend([_list] * 1000)\n" + returns("_list"),
    ),
    "ten million results": (
        TYPE + "|reply|ended|memory|runs|number of results",
        STEP + "return [0.0] * 10_000_000\n",
    ),
    "a coroutine": ("number of results", "async " + STEP + "return np.zeros_like(h), None\n"),
    "objects in an array": (TYPE, returns(f"({TRUE}).astype(object)")),
    "half the precision": (VALUE, returns(f"({TRUE}).astype(np.float16).astype(h.dtype)")),
    "other byte order": (TYPE, returns(f"({TRUE}).astype('>f8')")),
    "a masked array": (TYPE, returns("np.ma.masked_all(h.shape)")),
    "the bytes of the answer": (TYPE, returns(f"({TRUE}).tobytes()")),
    "its own argument": (VALUE, returns("h")),
    "NaN": ("value of h_new is finite", returns("np.full_like(h, np.nan)")),
    "one NaN among right numbers": (
        "value of h_new is finite",
        STEP + f"right = {TRUE}\n    right[-1, -1] = np.nan\n    return right, None\n",
    ),
    "a shape that is vast and empty": (
        "shape of h_new|reply|ended",
        returns("np.zeros((0, 31337, 31337, 31337), bool)"),
    ),
    "the example of the text": (VALUE + "|shape of h_new", returns("np.array([[0.6351]])")),
    "right when the same inputs come again": (
        VALUE,
        "_seen = set()\n"
        + STEP
        + f"known = x.tobytes() in _seen\n    _seen.add(x.tobytes())\n    right = {TRUE}\n"
        "    return (right if known else 0 * right), None\n",
    ),
    "right for a batch of one": (VALUE, returns(f"({TRUE}) * (len(x) == 1)")),
    "right for the first five calls": (
        "dtype of h_new|value of h_new",
        "_calls = []\n" + STEP + f"_calls.append(1)\n    return ({TRUE}) * (len(_calls) < 6), None\n",
    ),
    "right by chance": (VALUE, returns(f"({TRUE}) * (np.random.random() < 0.5)")),
    "a constant function": ("number of results", "rnn_step = lambda *arguments: 0.0\n"),
}
