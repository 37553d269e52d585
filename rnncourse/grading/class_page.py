"""The page for the instructor: how each exercise went, which part is hard and why, who needs attention."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from rnncourse.grading import plots
from rnncourse.grading.class_stats import ExerciseStats
from rnncourse.grading.rendering import page
from rnncourse.grading.tables import Row

SHOWN = 200  # of the submissions that need attention; outcomes.csv has all
OFTEN = 3  # failing properties of each part


def needs_attention(row: Row) -> bool:
    """Whether an instructor should look at a submission that counts."""
    return row.counts and row.status != "graded"


def render(stats: Sequence[ExerciseStats], attention: Sequence[tuple[Row, str]], total: int) -> bytes:
    """`attention` are the first submissions to look at, with their feedback pages, of `total`."""
    sections = [_section(each) for each in stats]
    return page("class.html", sections=sections, attention=attention, more=total - len(attention))


def _section(stats: ExerciseStats) -> dict[str, Any]:
    drawn = []
    if stats.graded:
        drawn = [
            ("Points", plots.distribution(stats)),
            ("Parts", plots.parts(stats)),
            ("Time", plots.seconds(stats)),
        ]
    return {
        "stats": stats,
        # Ours, made from numbers and from the spec; everything else on the page is escaped.
        "plots": [(title, Markup(svg)) for title, svg in drawn],
        "parts": [(part, part.failing.most_common(OFTEN)) for part in stats.parts.values()],
    }
