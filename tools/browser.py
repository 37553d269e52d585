"""A Chromium for tests and measurements: find it, start it, serve files to it.

python tools/browser.py     # prints the program that is found, or why there is none
"""

# .ci/run starts this file with whatever python3 is there, before anything is installed.
from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

HOW_TO_GET_ONE = (
    "install Chromium, Chrome or Edge (on Debian: apt-get install chromium), "
    "or name the program in the environment variable CHROMIUM"
)
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
COMMANDS += ("microsoft-edge", "msedge")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
# A browser that looks at local files only: it makes no calls of its own.
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> str | None:
    """Return the program of a browser that Playwright can drive, or None."""
    given = os.environ.get("CHROMIUM")
    if given:
        return shutil.which(given)
    for command in COMMANDS:
        if path := shutil.which(command):
            return path
    roots = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
    candidates = [Path(path) for path in APPLICATIONS]
    candidates += [Path(os.environ[r]) / p for r in roots if r in os.environ for p in WINDOWS]
    return next((str(path) for path in candidates if path.is_file()), None)


def why_none() -> str:
    """What `find_browser` looked for in vain, and what to do."""
    given = os.environ.get("CHROMIUM")
    return f"{f'CHROMIUM={given} was not found' if given else 'no browser found'}: {HOW_TO_GET_ONE}"


def is_required() -> bool:
    """Whether a test that finds no browser fails (RNNCOURSE_REQUIRE_BROWSER=1) instead of being skipped."""
    return os.environ.get("RNNCOURSE_REQUIRE_BROWSER", "") not in ("", "0")


def launch(playwright, program: str):
    """Start the browser, headless, in a fresh profile."""
    # The sandbox needs a user who is not root; containers and CI often have no other.
    sandbox = not (hasattr(os, "geteuid") and os.geteuid() == 0)
    return playwright.chromium.launch(
        executable_path=program, headless=True, chromium_sandbox=sandbox, args=FLAGS
    )


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of localhost; gives the address, without a closing slash."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> int:
    program = find_browser()
    print(program or why_none(), file=sys.stdout if program else sys.stderr)
    return 0 if program else 1


if __name__ == "__main__":
    sys.exit(main())
