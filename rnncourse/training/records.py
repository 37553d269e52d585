"""What happened, as data: one JSON object a line, appended as it happens.

A line is whole or it is not there: a process that is killed while writing leaves at most one broken last
line, which `read` leaves out and `Records` removes.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Records:
    """A file of records. `keep_until` drops what a resumed training will write again."""

    def __init__(self, path: str | Path, *, keep_until: int = 0):
        """Open for appending; first drop every record whose "step" is larger than `keep_until`."""
        self.path = Path(path)
        kept = [r for r in read(self.path) if r["step"] <= keep_until] if self.path.exists() else []
        temporary = self.path.with_name(self.path.name + ".new")
        temporary.write_text("".join(map(_line, kept)), encoding="utf-8")
        os.replace(temporary, self.path)

    def append(self, **record: Any) -> None:
        """Write one record, which must have a "step"."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(_line(record))


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
