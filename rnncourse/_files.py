"""Files that survive: written beside, forced to the disk, then moved into place in one step."""

import contextlib
import errno
import os
from pathlib import Path


def write_atomically(path: str | Path, data: bytes) -> None:
    """Put `data` at `path`: afterwards the file is the new one whole, or the old one untouched.

    Raises OSError, with the path, where the disk is full or the folder cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"could not save {len(data)} bytes ({error.strerror}); the file that was there is untouched. "
            "Make room, or choose another folder",
            str(path),
        ) from error
    _sync_folder(path.parent)


def write_new(path: str | Path, data: bytes) -> None:
    """Put `data` at `path`, where nothing may be yet: afterwards the file is there whole, or not at all.

    Raises FileExistsError where there is anything; OSError where the disk is full or the folder cannot be
    written to.
    """
    path = Path(path)
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "exists already", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_atomically(temporary, data)
    try:
        os.link(temporary, path)  # unlike a move, never over what came there since the look above
    except FileExistsError:
        raise
    except OSError:  # a disk that knows no links
        os.rename(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Force the new name itself to the disk, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
