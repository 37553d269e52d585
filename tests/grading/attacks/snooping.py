"""Looks for what is not its own: other submissions, the spec, the grader's environment, the network.

Each defines `look()`, which returns what it found. LOOKS and NETWORK are proved to work where there is no
sandbox; BLIND cannot be, or must not be tried there. In a source, @PATHS@ is a list of files that hold
@TOKEN@, @PORT@ a port that listens, @NAME@ the name of an abstract socket, @ROOT@ the package's folder.
"""

CONNECT = """
def _send(socket, family, address, kind=1):
    with socket.socket(family, kind) as connection:
        connection.settimeout(1)
        connection.connect(address)
        if kind == 2:
            connection.send(b"@TOKEN@")
        return "connected"
"""

LOOKS = {
    "files by name": """
def look():
    return _all(lambda path: open(path, errors="replace").read())
""",
    "files by way of the root": """
def look():
    return _all(lambda path: open("../" * 30 + path, errors="replace").read())
""",
    "files through numpy": """
def look():
    return _all(lambda path: bytes(np.fromfile(path, np.uint8)))
""",
    "files mapped by numpy": """
def look():
    return _all(lambda path: bytes(np.memmap(path, np.uint8, "r")))
""",
    "files through libc": """
def look():
    libc = ctypes.CDLL(None)
    def read(path):
        data = ctypes.create_string_buffer(10**6)
        descriptor = libc.open(path.encode(), 0)
        length = libc.read(descriptor, data, len(data))
        return data.raw[: max(length, 0)]
    return _all(read)
""",
    "files through another root": """
def look():
    return _all(lambda path: open("/proc/self/root" + path, errors="replace").read())
""",
    "files through a link": """
def look():
    def read(path):
        link = f"/tmp/link-{os.getpid()}-{time.monotonic_ns()}"
        os.symlink(path, link)
        try:
            return open(link, errors="replace").read()
        finally:
            os.unlink(link)
    return _all(read)
""",
    "the environment": """
def look():
    return str(dict(os.environ))
""",
    "the environment in libc": """
def look():
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    found = []
    while environ[len(found)]:
        found.append(environ[len(found)])
    return str(found)
""",
    "the environments of all processes": """
def look():
    numbers = [n for n in os.listdir("/proc") if n.isdigit()]
    return _all(lambda n: open(f"/proc/{n}/environ", "rb").read(), numbers)
""",
    "the package's spec by import": """
def look():
    sys.path += ["@ROOT@"]
    shelf = __import__("rnncourse.grading.shelf", fromlist=["shelf"])
    return (shelf.folder("02") / "spec.py").read_text()
""",
}

NETWORK = {
    "loopback": CONNECT
    + """
def look():
    return _send(__import__("socket"), 2, ("127.0.0.1", @PORT@))
""",
    "loopback, a datagram": CONNECT
    + """
def look():
    return _send(__import__("socket"), 2, ("127.0.0.1", @PORT@), 2)
""",
    "an abstract socket": CONNECT
    + """
def look():
    return _send(__import__("socket"), 1, "\\0@NAME@")
""",
    "loopback through libc": """
def look():
    libc = ctypes.CDLL(None)
    connection = libc.socket(2, 1, 0)
    address = struct.pack("=H", 2) + struct.pack(">H", @PORT@) + bytes([127, 0, 0, 1]) + bytes(8)
    return "connected" if libc.connect(connection, address, len(address)) == 0 else "refused"
""",
}

BLIND = {
    "every file there is": """
def look():
    found = []
    for folder, _, names in os.walk("/"):
        for name in names:
            if "exercise" in name or "spec" in name or name.endswith((".ipynb", ".db", ".csv")):
                try:
                    found.append(os.path.join(folder, name) + open(os.path.join(folder, name)).read())
                except Exception:
                    pass
    return str(found)
""",
    "every open descriptor": """
def look():
    found = []
    for descriptor in range(256):
        try:
            found.append(os.pread(descriptor, 10**6, 0))
        except OSError:
            pass
    return str(found)
""",
    "folders behind open descriptors": """
def look():
    found = []
    for descriptor in range(256):
        try:
            found.append(os.listdir(descriptor))
        except OSError:
            pass
    return f"OPENED {found}" if found else "none"
""",
    "/proc": """
def look():
    return "OPENED " + str(os.listdir("/proc"))
""",
    "/sys": """
def look():
    return "OPENED " + str(os.listdir("/sys"))
""",
    "devices": """
def look():
    harmless = {"null", "zero", "urandom"}
    return "OPENED" if set(os.listdir("/dev")) - harmless else "none"
""",
    "home and accounts": """
def look():
    places = ("/etc/passwd", "/etc/hostname", "/home", "/root/.ssh", "@ROOT@")
    found = [p for p in places if os.path.exists(p)]
    return f"OPENED {found}" if found else "none"
""",
    "the interpreter's other packages": """
def look():
    found = []
    for name in ("rnncourse", "torch", "pip", "pytest", "nbformat", "jupyter_client", "matplotlib"):
        try:
            found.append(__import__(name))
        except ImportError:
            pass
    return f"OPENED {found}" if found else "none"
""",
    "another root by chroot": """
def look():
    libc = ctypes.CDLL(None)
    os.mkdir("/tmp/a")
    if libc.chroot(b"/tmp/a") == 0:
        return "OPENED"
    return "none"
""",
    "memory of other processes": """
def look():
    for number in (1, os.getppid()):
        with open(f"/proc/{number}/mem", "rb") as memory:
            return f"OPENED {memory}"
    return "none"
""",
    "other families of sockets": """
def look():
    socket, found = __import__("socket"), []
    for family in (1, 2, 10, 16, 17, 31, 38, 40, 44):
        for kind in (1, 2, 3, 5):
            try:
                found.append((family, kind, socket.socket(family, kind)))
            except OSError:
                pass
    return f"OPENED {found}" if found else "none"
""",
    "a pair of sockets": """
def look():
    return f"OPENED {__import__('socket').socketpair()}"
""",
}
