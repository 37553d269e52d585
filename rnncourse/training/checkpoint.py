"""Checkpoints that survive a kill, a full disk and a change of version.

A checkpoint is one line of JSON (format, version, length and SHA-256 of what follows) and the payload. So
a file that was cut short, changed or written by another version is refused with the reason. The checkpoint
before the last is kept as NAME.previous.
"""

import hashlib
import json
import os
from pathlib import Path

from rnncourse._files import write_atomically

FORMAT = "rnncourse checkpoint"
VERSION = 1


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the message says why, and what there is instead."""


def save(path: str | Path, payload: bytes) -> None:
    """Write a checkpoint; one that is there already becomes NAME.previous. Raises OSError as above."""
    path = Path(path)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "bytes": len(payload),
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    keep = path.with_name(path.name + ".previous")
    if path.exists():
        # A second name for the old file, so that at no moment there is no checkpoint.
        spare = path.with_name(f".{path.name}.{os.getpid()}.keep")
        spare.unlink(missing_ok=True)
        _second_name(path, spare)
        os.replace(spare, keep)
    write_atomically(path, json.dumps(header).encode() + b"\n" + payload)


def load(path: str | Path) -> bytes:
    """The payload. Raises CheckpointError where the file is missing, broken or of another version."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(
            f"checkpoint: expected a file at {path}; found none. {_instead(path)}"
        ) from None
    line, newline, payload = data.partition(b"\n")
    try:
        header = json.loads(line) if newline else None
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint: {path} is not one of ours, or was cut short. {_instead(path)}")
    if header.get("version") != VERSION:
        raise CheckpointError(
            f"checkpoint: expected version {VERSION}; {path} has version {header.get('version')}. "
            "Use the version of rnncourse that wrote it, or start again in another folder"
        )
    if len(payload) != header.get("bytes"):
        raise CheckpointError(
            f"checkpoint: {path} was cut short: expected {header.get('bytes')} bytes after the first line, "
            f"got {len(payload)}. {_instead(path)}"
        )
    if hashlib.sha256(payload).hexdigest() != header.get("sha256"):
        raise CheckpointError(f"checkpoint: {path} was changed: its SHA-256 differs. {_instead(path)}")
    return payload


def _instead(path: Path) -> str:
    previous = path.with_name(path.name + ".previous")
    if previous.exists():
        return f"The one before it is kept: rename {previous} to {path.name} and resume again"
    return "There is no earlier one: start again without --resume"


def _second_name(path: Path, other: Path) -> None:
    try:
        os.link(path, other)
    except OSError:  # a file system without hard links
        other.write_bytes(path.read_bytes())
