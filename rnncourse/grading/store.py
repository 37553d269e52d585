"""What came of each submission, kept as it ends.

Each outcome is a transaction of its own, so that a grader that is killed loses at most what it was grading
at that moment. See database.py for how a store is opened, tables.py for what it holds.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rnncourse.grading.grade import Outcome
from rnncourse.grading.tables import Row, Seen, Work, clean, outcomes, pack, settings, submissions
from rnncourse.grading.tables import unpack as unpack_verdicts

INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Store:
    """The database of one class, as `database.opened` yields it."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._insert = INSERT[engine.dialect.name]

    def setting(self, name: str, fresh: str) -> str:
        """The value that was kept under `name`; `fresh`, from now on, where there was none."""
        insert = self._insert(settings).values(name=name, value=fresh).on_conflict_do_nothing()
        with self.engine.begin() as connection:
            connection.execute(insert)
            return connection.execute(sa.select(settings.c.value).filter_by(name=name)).scalar_one()

    def take_roll(self, found: Iterable[Seen]) -> None:
        """Keep what lies in the folder now. What lay there before and does not now stays, as not present."""
        insert = self._insert(submissions)
        keys = ("student", "place", "sha256")
        update = {c.name: insert.excluded[c.name] for c in submissions.c if c.name not in (*keys, "id")}
        insert = insert.on_conflict_do_update(index_elements=keys, set_=update)
        rows = [seen._asdict() | {"present": True} for seen in found]
        with self.engine.begin() as connection:
            connection.execute(sa.update(submissions).values(present=False))
            if rows:
                connection.execute(insert, rows)

    def waiting(self) -> list[Work]:
        """What lies there without a final outcome, each file of a student once, in a fixed order."""
        columns = [submissions.c[name] for name in ("student", "exercise", "sha256", "code")]
        query = (
            sa.select(*columns, sa.func.min(submissions.c.place))
            .select_from(_joined())
            .where(submissions.c.present, submissions.c.exercise != "", submissions.c.problem == "")
            .where(sa.or_(outcomes.c.status.is_(None), outcomes.c.status == "retry"))
            .group_by(*columns)
            .order_by(*columns)
        )
        with self.engine.connect() as connection:
            return [Work._make(row) for row in connection.execute(query)]

    def put(self, work: Work, outcome: Outcome) -> None:
        """Keep an outcome, at once. One that is final already stays as it is."""
        values = {name: getattr(work, name) for name in ("student", "exercise", "sha256", "code")} | {
            "status": outcome.status,
            "reason": clean(outcome.reason),
            "graded": datetime.now(UTC).isoformat(timespec="seconds"),
            "points": sum(verdict.earned for verdict in outcome.verdicts),
            "verdicts": pack(outcome.verdicts),
            "seconds": outcome.seconds,
            "unsafe": outcome.unsafe,
        }
        insert = self._insert(outcomes).values(**values, attempts=1)
        again = insert.on_conflict_do_update(
            index_elements=("student", "exercise", "sha256", "code"),
            set_=values | {"attempts": outcomes.c.attempts + 1},
            where=outcomes.c.status == "retry",
        )
        with self.engine.begin() as connection:
            connection.execute(again)

    def exercises(self) -> list[str]:
        """The exercises of all submissions that were ever seen."""
        query = sa.select(submissions.c.exercise).where(submissions.c.exercise != "").distinct()
        with self.engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def rows(self) -> Iterator[Row]:
        """Every submission with its outcome, student by student; the newest of each exercise last."""
        order = [submissions.c[n] for n in ("student", "exercise", "present", "submitted", "place", "id")]
        query = sa.select(submissions, outcomes).select_from(_joined()).order_by(*order)
        with self.engine.connect().execution_options(yield_per=500) as connection:
            found = (_row(row._mapping) for row in connection.execute(query))
            for _, group in groupby(found, key=lambda row: (row.seen.student, row.seen.exercise)):
                *earlier, newest = group
                yield from earlier
                yield newest._replace(counts=newest.present)


def _joined() -> sa.Join:
    keys = ("student", "exercise", "sha256", "code")
    return submissions.outerjoin(outcomes, sa.and_(*(submissions.c[k] == outcomes.c[k] for k in keys)))


def _row(row: Any) -> Row:
    seen = Seen(*(row[submissions.c[name]] for name in Seen._fields))
    present = row[submissions.c.present]
    status = row[outcomes.c.status]
    if status is None:
        # Nothing to grade, or not graded yet.
        status = "fault" if seen.problem and not seen.ours else "retry"
        return Row(seen, present, status, seen.problem or "not graded yet", 0, (), 0.0, False, "")
    reason, points, packed, seconds, unsafe, graded = (
        row[outcomes.c[name]] for name in ("reason", "points", "verdicts", "seconds", "unsafe", "graded")
    )
    return Row(seen, present, status, reason, points, unpack_verdicts(packed), seconds, unsafe, graded)
