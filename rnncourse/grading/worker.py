"""The untrusted side: holds a student's functions and calls them on what comes over a pipe.

Started by session.py, inside the sandbox, with wire.py, play.py and tidy.py beside it and nothing else of
the package: no reference, no spec, no hidden test. Commands come on descriptor 0, replies go to descriptor 1;
whatever the student's code prints goes nowhere.

First comes the armour: limits, a uid without rights, the system-call filter. Only then is any code of the
student's read. It can tamper with this process as it likes: a reply is data, and the grader knows the answer.
"""

import ctypes
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import play
import tidy
import wire

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


def main() -> None:
    """Serve commands until the pipe ends."""
    commands = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    silence()
    put_on(wire.read(commands))
    wire.write(replies, {"ready": True, "uid": os.getuid() if hasattr(os, "getuid") else None})
    namespace: dict = {}
    while True:
        try:
            command = wire.read(commands)
        except EOFError:
            return
        if command["op"] == "define":
            namespace = play.fresh_namespace()
            reply = define(namespace, command["cells"], command["imports"])
        else:
            reply = play.play(namespace, command["calls"], command["inputs"])
            if "error" in reply:
                # Its text can echo the inputs; it does not leave the sandbox.
                reply["error"]["text"] = None
        try:
            packed = wire.encode(reply)
        except wire.WireError:
            # Too much in all: a cache perhaps, which nobody compares. Without the largest the rest may do.
            reply["results"] = [fitting(result) for result in reply["results"]]
            packed = wire.encode(reply)
        wire.send(replies, packed)


def fitting(result: object) -> object:
    """The result, or only its name where it is large."""
    try:
        return result if len(wire.encode(result)) < wire.MAX_FRAME // 8 else play.Opaque("too much data")
    except wire.WireError:
        return play.Opaque("too much data")


def define(namespace: dict, cells: list, imports: list) -> dict:
    """Run the cells' definitions, [name, source, given]; what is given may import anything."""
    for name, source, given in cells:
        try:
            tree = tidy.tidy(source, None if given else imports)
        except tidy.ImportNotAllowed as error:
            return {"cell": name, "import": str(error)}
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            return {"cell": name, "syntax": {"type": type(error).__name__, "line": line}}
        try:
            exec(compile(tree, play.CELL_NAME.format(name), "exec"), namespace)
        except (Exception, SystemExit) as error:
            return {"cell": name, "error": play.fault(error) | {"text": None}}
    return {"cell": None}


def silence() -> None:
    """Nothing that the student's code prints or reads is ours."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def put_on(armour: dict) -> None:
    """Limits, then the uid, then the filter: each of them takes away the right to undo the ones before."""
    if armour["limits"]:
        import resource  # POSIX

        for name, value in armour["limits"].items():
            resource.setrlimit(getattr(resource, name), (value, value))
    if armour["uid"] is not None:
        os.setgroups([])
        os.setresgid(armour["uid"], armour["uid"], armour["uid"])
        os.setresuid(armour["uid"], armour["uid"], armour["uid"])
    if armour["filter"] is not None:
        install_filter(armour["filter"])


def install_filter(program: bytes) -> None:
    """Give the kernel a compiled seccomp filter, for this process and all its threads to come."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    libc = ctypes.CDLL(None, use_errno=True)
    code = Program(len(program) // 8, program)  # an instruction has eight bytes
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(code))):
        padded = [*arguments, *[0] * (5 - len(arguments))]
        if libc.prctl(*padded):
            raise OSError(ctypes.get_errno(), "prctl refused the system-call filter")


if __name__ == "__main__":
    main()
