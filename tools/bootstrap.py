"""Find a Python that is new enough and run tools/tasks.py with it.

Any Python may start this file, however old, to be told what is missing: so it keeps to a syntax
that old versions read (no f-strings, no annotations).
"""

import os
import subprocess
import sys

NEEDED = (3, 11)
NAMES = ["python3.13", "python3.12", "python3.11", "python3", "python"]
# Prints the version; fails where the parts that make a virtual environment are missing
# (Debian ships them as a package of their own).
PROBE = "import sys; print('%d.%d' % sys.version_info[:2]); import ensurepip, venv"


def probe(name):
    """Return (version or None, whether it can make a virtual environment)."""
    try:
        process = subprocess.Popen([name, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output = process.communicate()[0].decode("ascii", "replace").strip()
        version = tuple(int(part) for part in output.splitlines()[0].split("."))
    except (OSError, ValueError, IndexError):
        return None, False
    return version, process.returncode == 0


def find(names):
    """Return (the first Python that fits or None, a sentence on what was found instead)."""
    seen = []
    for name in names:
        version, complete = probe(name)
        if version is None:
            continue
        label = "%s (%d.%d)" % ((name,) + version)
        if version < NEEDED:
            seen.append(label)
        elif not complete:
            seen.append(label + " without the venv module (on Debian: python%d.%d-venv)" % version)
        else:
            return name, ""
    return None, "found " + ", ".join(seen) if seen else "found none"


def main(arguments):
    given = os.environ.get("PYTHON")
    python, found = find([given] if given else NAMES + [sys.executable])
    if python is None:
        where = "PYTHON=" + given if given else "PATH"
        sys.stderr.write(
            "make: no Python to build with in %s: expected Python %d.%d or newer, %s; "
            "install one, or name it: make %s PYTHON=python3.12\n"
            % ((where,) + NEEDED + (found, " ".join(arguments)))
        )
        return 1
    tasks = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tasks.py")
    try:
        return subprocess.call([python, tasks] + arguments)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
