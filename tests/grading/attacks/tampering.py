"""Changes what the worker runs on: it must not change what the grader thinks."""

from attacks import STEP, WRONG

VALUE = "value of h_new"

ATTACKS = {
    "numpy's comparisons": (
        VALUE,
        """
yes = lambda *arguments, **more: True
np.allclose = np.array_equal = np.isclose = np.all = yes
np.testing = type(sys)("testing")
np.testing.assert_allclose = np.testing.assert_array_equal = yes
np.abs = np.absolute = np.subtract = lambda *arguments, **more: np.zeros(1)
np.isfinite = yes
"""
        + WRONG,
    ),
    "builtins": (
        "ended|reply",
        """
builtins = __import__("builtins")
_wrong = np.zeros_like
builtins.all = builtins.any = builtins.isinstance = builtins.callable = lambda *arguments: True
builtins.len = lambda value: 2
builtins.abs = builtins.max = lambda *arguments, **more: 0.0
"""
        + WRONG,
    ),
    "msgpack": (
        "reply",
        """
msgpack = sys.modules["msgpack"]
_pack = msgpack.packb
msgpack.packb = lambda *arguments, **more: _pack({"earned": 2, "points": 2, "right": True, "failures": []})
"""
        + WRONG,
    ),
    "the worker's encoder": (
        "reply",
        """
_pack = sys.modules["msgpack"].packb
sys.modules["wire"].encode = lambda value: _pack({"status": "graded", "earned": 100, "verdicts": []})
"""
        + WRONG,
    ),
    "the worker's writer": (
        "number of results",
        """
_encode = sys.modules["wire"].encode
sys.modules["wire"].encode = lambda value: _encode({"cell": None, "results": [], "wrote": []})
"""
        + WRONG,
    ),
    "the worker's player": (
        VALUE,
        """
def _play(namespace, calls, inputs):
    return {"results": [np.zeros_like(inputs["h"]), None], "wrote": [], "seconds": 0.0, "right": True}
sys.modules["play"].play = _play
"""
        + WRONG,
    ),
    "the player's code object": (
        VALUE,
        """
def _play(namespace, calls, inputs):
    return {"results": [inputs["h"], None], "wrote": [], "seconds": 0.0}
sys.modules["play"].play.__code__ = _play.__code__
"""
        + WRONG,
    ),
    "another module in the place of play": (
        VALUE,
        """
_fake = type(sys)("play")
_fake.play = lambda namespace, calls, inputs: {"results": [inputs["h"], None], "wrote": []}
_fake.fresh_namespace = dict
_fake.fault = lambda error: {}
sys.modules["play"] = sys.modules["__main__"].play = _fake
"""
        + WRONG,
    ),
    "the comparison of arguments": (
        VALUE,
        "sys.modules['play'].same = lambda a, b: True\n"
        + STEP
        + "for array in (x, h, weight_ih, weight_hh, bias):\n        array[...] = 0\n    return h, None\n",
    ),
    "writes zeros into its arguments": (
        "leaves x as it was",
        STEP
        + "for array in (x, h, weight_ih, weight_hh, bias):\n        array[...] = 0\n    return h, None\n",
    ),
    "writes zeros into the worker's own inputs": (
        VALUE,
        STEP
        + """frame = sys._getframe(1)
    while "inputs" not in frame.f_locals:
        frame = frame.f_back
    for array in frame.f_locals["inputs"].values():
        array[...] = 0
    for array in (x, h, weight_ih, weight_hh, bias):
        array[...] = 0
    return np.zeros_like(h), None
""",
    ),
    "the clock": (
        VALUE,
        "time.perf_counter = time.monotonic = time.time = lambda: 0.0\n" + WRONG,
    ),
    "a clock that stands still does not stop the time": (
        "time",
        "_sleep = time.sleep\ntime.perf_counter = lambda: 0.0\n" + STEP + "_sleep(60)\n",
    ),
    "settrace": (
        VALUE,
        """
def _trace(frame, event, argument):
    for name in ("want", "wanted", "failures", "wrote"):
        if name in frame.f_locals and isinstance(frame.f_locals[name], list):
            frame.f_locals[name].clear()
    return _trace
_ = sys.settrace(_trace), sys.setprofile(_trace)
"""
        + WRONG,
    ),
    "atexit": (
        VALUE,
        "_ = __import__('atexit').register(lambda: time.sleep(60))\n" + WRONG,
    ),
    "atexit, and then the end": (
        "ended|time",
        "_ = __import__('atexit').register(lambda: time.sleep(60))\n" + STEP + "raise KeyboardInterrupt\n",
    ),
    "import hooks": (
        VALUE,
        """
builtins = __import__("builtins")
class _Finder:
    def find_spec(self, name, path=None, target=None):
        raise ModuleNotFoundError(name)
_ = sys.meta_path.insert(0, _Finder())
builtins.__import__ = lambda *arguments, **more: np
sys.path[:] = ["/tmp"]
"""
        + WRONG,
    ),
    "no modules": (
        "ended|runs|value of h_new",
        "_step = np.zeros_like\n_ = sys.modules.clear()\n" + WRONG,
    ),
    "garbage collector": (
        VALUE,
        STEP
        + """best = np.zeros_like(h)
    for thing in gc.get_objects():
        try:
            name = getattr(thing, "__name__", "") or type(thing).__name__
            if name in ("reference", "step", "EXERCISE", "Exercise", "Part", "Case", "vanilla", "judge"):
                best = thing(x, h, weight_ih, weight_hh, bias)[0]
            if isinstance(thing, dict) and ("want" in thing or "reference" in thing):
                best = thing.get("want", best)
        except Exception:
            pass
    return best, None
""",
    ),
    "frames": (
        VALUE,
        STEP
        + """best, frame = np.zeros_like(h), sys._getframe()
    while frame:
        for space in (frame.f_locals, frame.f_globals):
            for name in ("want", "wanted", "reference", "part", "exercise", "case", "EXERCISE"):
                if name in space:
                    best = space[name]
        frame = frame.f_back
    return best, None
""",
    ),
    "the package's own cell": (
        "runs",
        STEP
        + """sys.path += ["@ROOT@", "/grader"]
    vanilla = __import__("rnncourse.cells.vanilla", fromlist=["step"])
    params = __import__("rnncourse.params", fromlist=["Params"]).Params
    state = vanilla.step(params(weight_ih, weight_hh, bias, 0 * bias), x, vanilla.State(h))[0]
    return state.h, None
""",
    ),
    "the random generator": (
        VALUE,
        """
np.random.default_rng = lambda *arguments: None
np.random.seed(0)
_ = np.random.seed(0)
"""
        + WRONG,
    ),
    "audit hooks that refuse everything": (
        "ended|runs",
        """
def _refuse(event, arguments):
    raise RuntimeError(event)
_ = sys.addaudithook(_refuse)
"""
        + STEP
        + "open('/dev/null')\n    return h, None\n",
    ),
}
