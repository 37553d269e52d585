"""Takes time, memory, processes, descriptors or space until something breaks: only its own box may."""

from attacks import STEP, WRONG

MEMORY = "runs|memory|ended"
VALUE = "value of h_new"


def loops(text: str, before: str = "") -> str:
    return before + STEP + text.replace("\n", "\n    ") + "\n    return np.zeros_like(h), None\n"


ATTACKS = {
    "a loop at import": ("time", "_ = sum(iter(int, 1))\n" + WRONG),
    "a loop at the call": ("time", loops("while True:\n    pass")),
    "a regular expression": (
        "time",
        loops("__import__('re').match('(a|aa)+$', 'a' * 200 + 'b')"),
    ),
    "a loop that catches what it can": (
        "time",
        loops(
            """signal = __import__("signal")
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
try:
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
except (OSError, ValueError):
    pass
while True:
    try:
        while True:
            pass
    except BaseException:
        pass"""
        ),
    ),
    "output without end": (
        "time",
        loops("while True:\n    os.write(1, b'0' * 2**20)\n    os.write(2, b'0' * 2**20)\n    print(10**99)"),
    ),
    "a fork bomb": ("runs", loops("while True:\n    os.fork()")),
    "a fork bomb in C": (
        VALUE,
        loops(
            "libc = ctypes.CDLL(None)\nfor _ in range(1000):\n    if libc.fork() == 0 or libc.vfork() == 0:\n"
            "        time.sleep(60)"
        ),
    ),
    "a daemon": (
        "runs",
        loops(
            "if os.fork() == 0:\n    os.setsid()\n"
            "    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)"
        ),
    ),
    "another program": ("runs", loops("os.execv('/bin/sh', ['sh', '-c', 'sleep 600 & sleep 600'])")),
    "a shell": ("runs", loops("__import__('subprocess').Popen('sleep 600 &', shell=True)")),
    "ten thousand threads": (
        "runs|memory",
        loops(
            """threading = __import__("threading")
for _ in range(10_000):
    threading.Thread(target=time.sleep, args=(600,)).start()"""
        ),
    ),
    "forty busy threads left behind": (
        VALUE + "|time",
        loops(
            """threading = __import__("threading")
for _ in range(40):
    threading.Thread(target=sum, args=(iter(int, 1),)).start()"""
        ),
    ),
    "ever more memory, slowly": (
        MEMORY + "|time",
        loops("big = []\nwhile True:\n    big.append(np.ones(2**17))\n    time.sleep(0.001)"),
    ),
    "30 GB of zeros, touched": (
        MEMORY,
        loops("big = [np.zeros(2**24) for _ in range(240)]\nfor array in big:\n    array[::512] = 1"),
    ),
    "shared memory": (
        MEMORY,
        loops(
            """mmap, big = __import__("mmap"), []
while True:
    big.append(mmap.mmap(-1, 2**24))
    big[-1].write(b"0" * 2**24)"""
        ),
    ),
    "memory at import": (MEMORY, "_big = bytearray(2**33)\n" + WRONG),
    "memory, caught and tried again": (
        "time|memory|ended",
        loops(
            """big = []
while True:
    try:
        big.append(bytearray(2**20))
    except MemoryError:
        pass"""
        ),
    ),
    "all of /tmp": (
        "runs",
        loops("for i in range(100):\n    open(f'/tmp/{i}', 'wb').write(b'0' * 2**23)"),
    ),
    "a file that is too long": ("runs|ended", loops("open('/tmp/a', 'wb').truncate(2**40)")),
    "a million small files": (
        "runs|time|memory|ended",
        loops("for i in range(1_000_000):\n    open(f'/tmp/{i}', 'wb').close()"),
    ),
    "folders in folders": (
        "runs|time|memory|ended",
        loops("while True:\n    os.mkdir('a')\n    os.chdir('a')"),
    ),
    "every descriptor": ("runs", loops("kept = []\nwhile True:\n    kept.append(open('/dev/null'))")),
    "recursion": (
        "ended|runs|memory|time",
        loops("sys.setrecursionlimit(10**9)\nrnn_step(x, h, weight_ih, weight_hh, bias)"),
    ),
    "recursion in C": (
        "ended|runs|memory|time",
        loops(
            "sys.setrecursionlimit(10**9)\ndeep = []\nfor _ in range(10**6):\n    deep = [deep]\nrepr(deep)"
        ),
    ),
}
