"""What a class did, counted in one pass: points, which part is hard and why, time."""

from collections import Counter
from dataclasses import dataclass, field

from rnncourse.grading.spec import Exercise
from rnncourse.grading.tables import Row


@dataclass
class PartStats:
    """How a part went: of the graded submissions, and which property failed how often."""

    id: str
    title: str
    right: int = 0
    unwritten: int = 0
    failing: Counter[str] = field(default_factory=Counter)


@dataclass
class ExerciseStats:
    """One exercise: numbers of each outcome; points and seconds of what is graded, faults without."""

    exercise: Exercise
    parts: dict[str, PartStats]
    status: Counter[str] = field(default_factory=Counter)
    late: int = 0
    unsafe: int = 0
    earlier: int = 0
    points: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, exercise: Exercise) -> "ExerciseStats":
        return cls(exercise, {part.id: PartStats(part.id, part.title) for part in exercise.parts})

    @property
    def graded(self) -> int:
        return self.status["graded"]

    def add(self, row: Row) -> None:
        """Count a submission; one that does not count only as an earlier one."""
        if not row.counts:
            self.earlier += 1
            return
        self.status[row.status] += 1
        self.late += row.seen.late
        self.unsafe += row.unsafe
        if row.status != "graded":
            return
        self.points.append(row.points)
        self.seconds.append(row.seconds)
        for verdict in row.verdicts:
            if stats := self.parts.get(verdict.part):
                stats.right += verdict.right
                stats.unwritten += not verdict.written
                if verdict.written:
                    # A property that fails in several cases fails once.
                    stats.failing.update(list(dict.fromkeys(f.property for f in verdict.failures)))
