"""Ends the worker, or tries to end others."""

from attacks import STEP, WRONG

VALUE = "value of h_new"


def ends(text: str) -> str:
    return STEP + text.replace("\n", "\n    ") + "\n    return np.zeros_like(h), None\n"


ATTACKS = {
    "sys.exit": ("runs", ends("sys.exit(0)")),
    "sys.exit at import": ("runs", "_ = sys.exit(0)\n" + WRONG),
    "os._exit": ("ended", ends("os._exit(0)")),
    "os._exit at import": ("ended", "_ = os._exit(0)\n" + WRONG),
    "abort": ("ended", ends("os.abort()")),
    "address 0": ("ended", ends("ctypes.string_at(0)")),
    "KeyboardInterrupt": ("ended", ends("raise KeyboardInterrupt")),
    "an exception below all others": ("ended", "class Last(BaseException): pass\n" + ends("raise Last")),
    "signals to all": ("runs", ends("os.kill(-1, 9)")),
    "signals to all, in C": (
        VALUE,
        ends(
            "libc = ctypes.CDLL(None)\n"
            "for number in (-1, 0, 1, os.getppid(), 2, 3):\n    libc.kill(number, 9)"
        ),
    ),
    "a signal by the owner of a pipe": (
        VALUE + "|runs|ended",
        ends(
            """fcntl = __import__("fcntl")
for target in (1, -1, os.getppid()):
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(reading, fcntl.F_SETOWN, target)
        fcntl.fcntl(reading, 10, 9)
        fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
        os.write(writing, b"0")
    except OSError:
        pass"""
        ),
    ),
    "the interpreter is taken apart": (
        "ended",
        ends("ctypes.memset(id(None), 0, 64)\nctypes.memset(id(int), 0, 400)"),
    ),
    "ends in a thread": (
        "ended|value of h_new",
        ends("__import__('threading').Thread(target=os._exit, args=(0,)).start()\ntime.sleep(0.1)"),
    ),
}
