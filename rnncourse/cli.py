"""``rnncourse``: the command line, thin."""

import argparse
from collections.abc import Sequence

from rnncourse import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, or 1 where the command found a problem."""
    parser = argparse.ArgumentParser(
        prog="rnncourse", description="The companion of the book on recurrent networks."
    )
    parser.add_argument("--version", action="version", version=f"rnncourse {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("doctor", help="say what works on this machine, and what to do about what does not")
    parser.parse_args(argv)

    from rnncourse.doctor import report  # here, so that --help needs nothing

    return report()
