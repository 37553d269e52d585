"""Reach the results' database: SQLite in the results' folder, or PostgreSQL by URL; one grader at a time.

SQLite runs in WAL mode, which wants a local disk: where the results lie on a network share, use PostgreSQL. A
password belongs into ~/.pgpass or PGPASSWORD, not into the URL, which every user of the machine can see.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from rnncourse.grading.store import INSERT, Store
from rnncourse.grading.tables import metadata

FORMAT = "1"
# Any number that other programs do not lock.
ADVISORY_LOCK = 0x726E6E63
BUSY = "another `rnncourse grade` is using {}; wait until it has ended, or use another folder or database"


@contextlib.contextmanager
def opened(url: str) -> Iterator[Store]:
    """The store at a database URL, its tables made where they are missing, for this process alone.

    Raises ValueError for a URL that names no such database, ImportError without its driver, RuntimeError
    where it cannot be reached, where a statement fails, or where another grader uses it.
    """
    address = _parsed(url)
    shown = address.render_as_string(hide_password=True)
    try:
        engine = sa.create_engine(address)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _safe_and_parallel)
        try:
            with _claimed(engine, shown):
                metadata.create_all(engine)
                store = Store(engine)
                if (found := store.setting("format", FORMAT)) != FORMAT:
                    raise RuntimeError(f"database {shown}: expected format {FORMAT}; got {found}")
                yield store
        finally:
            engine.dispose()
    except sa.exc.SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
        raise RuntimeError(f"database {shown}: {cause[0]}") from error


def sqlite_url(path: Path) -> str:
    """The URL of a file."""
    return sa.URL.create("sqlite", database=str(path)).render_as_string()


def _parsed(url: str) -> sa.URL:
    expected = "--database: expected postgresql://USER@HOST/NAME or sqlite:///FILE"
    try:
        address = sa.make_url(url)
        name = address.get_backend_name()
    except sa.exc.ArgumentError:
        raise ValueError(f"{expected}; got something else (not shown: it may hold a password)") from None
    if name not in INSERT or (name == "sqlite" and address.database in (None, "", ":memory:")):
        raise ValueError(f"{expected}; got {address.render_as_string(hide_password=True)}")
    # psycopg 3, whichever version of SQLAlchemy reads the URL.
    return address.set(drivername="postgresql+psycopg") if name == "postgresql" else address


def _safe_and_parallel(connection: Any, _: Any) -> None:
    """Readers do not wait for the writer, and a commit is on the disk when it returns."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


@contextlib.contextmanager
def _claimed(engine: sa.Engine, shown: str) -> Iterator[None]:
    """This process alone, until it ends, however it ends."""
    if engine.dialect.name == "sqlite":
        with claimed(Path(f"{engine.url.database}.lock"), shown):
            yield
        return
    # The lock belongs to the connection, outside of any transaction.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(ADVISORY_LOCK))).scalar_one():
            raise RuntimeError(BUSY.format(shown))
        yield


@contextlib.contextmanager
def claimed(lock: Path, subject: str) -> Iterator[None]:
    """Hold the lock file: the system lets go of it when the process ends, also when it is killed."""
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout:
        raise RuntimeError(BUSY.format(subject)) from None
