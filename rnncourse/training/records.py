"""What happened, as data: one JSON object a line, appended as it happens.

A line is whole or it is not there: a process that is killed while writing leaves at most one broken last
line, which `read` leaves out and `Records` removes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnncourse._files import write_atomically


class Records:
    """A file of records. `keep_until` drops what a resumed training will write again."""

    def __init__(self, path: str | Path, *, keep_until: int = 0):
        """Open for appending; first drop every record whose "step" is larger than `keep_until`.

        `steps` holds the steps of those that stay.
        """
        self.path = Path(path)
        kept = [r for r in read(self.path) if r["step"] <= keep_until] if self.path.exists() else []
        self.steps = [record["step"] for record in kept]
        write_atomically(self.path, "".join(map(_line, kept)).encode())

    def append(self, **record: Any) -> None:
        """Write one record, which must have a "step". Raises OSError where the disk is full."""
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(_line(record))
        except OSError as error:
            raise OSError(
                error.errno,
                f"could not write a record ({error.strerror}); the last checkpoint is untouched. "
                "Make room and continue from it",
                str(self.path),
            ) from error


def read(path: str | Path) -> list[dict[str, Any]]:
    """Every whole record of the file, in order.

    Raises FileNotFoundError where there is none, ValueError with the line's number where one is no record.
    """
    return list(_records(Path(path)))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last newline is not whole
        try:
            record = json.loads(line)
            record["step"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"records: each line of {path} must be a JSON object with a step; "
                f"line {number} is {line[:60]!r}"
            ) from error
        yield record


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"
