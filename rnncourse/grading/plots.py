"""Plots as inline SVG that takes the page's colours, light or dark, and its width."""

import html
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from rnncourse.figures import grades
from rnncourse.figures.style import COLOURS, GRID
from rnncourse.grading.class_stats import ExerciseStats

# Colours in the drawing, and what the page knows them by.
PAGE_COLOURS = {"#010203": "currentColor", COLOURS[0].lower(): "var(--mark)", GRID.lower(): "var(--line)"}
INK = "#010203"
INKED = ("text.", "axes.edge", "axes.label", "xtick.", "ytick.")
WIDTH = 4.4  # inches: at 390 px a text of 11 points stays one


def distribution(stats: ExerciseStats) -> str:
    """How many submissions have how many points."""
    points, most = np.array(stats.points, dtype=np.int64), stats.exercise.points
    alt = (
        f"Bar chart of points of {most}: {len(points)} submissions, median {np.median(points):g}, "
        f"{int((points == most).sum())} with all points, {int((points == 0).sum())} with none."
    )
    return _svg(lambda ax: grades.points_distribution(points, most, ax=ax), 2.6, alt)


def parts(stats: ExerciseStats) -> str:
    """Which share of the submissions has each part right."""
    found: Sequence[Any] = list(stats.parts.values())
    shares = np.array([part.right / stats.graded for part in found])
    said = ", ".join(f"{part.id} {100 * share:.0f} %" for part, share in zip(found, shares, strict=True))
    alt = f"Bar chart of the share of submissions that have each part right: {said}."
    labels = [part.id for part in found]
    return _svg(lambda ax: grades.shares_right(labels, shares, ax=ax), 0.9 + 0.3 * len(found), alt)


def seconds(stats: ExerciseStats) -> str:
    """How long grading a submission took."""
    took = np.array(stats.seconds, dtype=np.float64)
    figures = f"median {np.median(took):.2f}, longest {took.max():.2f}"
    alt = f"Histogram of the seconds to grade a submission: {figures}."
    return _svg(lambda ax: grades.seconds_distribution(took, ax=ax), 2.4, alt)


def _svg(draw: Callable[..., Any], height: float, alt: str) -> str:
    """What `draw(ax)` draws, as an <svg> element with `alt` as its name."""
    settings: Any = {
        "font.size": 11,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "svg.fonttype": "none",
        # Names of shapes depend on it: two plots on a page must not share them.
        "svg.hashsalt": alt,
    }
    settings |= dict.fromkeys((f"{name}color" for name in INKED), INK)
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.patch.set_visible(False)
        ax = figure.add_subplot(facecolor="none")
        draw(ax)
        text = io.StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _for_a_page(text.getvalue(), alt)


def _for_a_page(text: str, alt: str) -> str:
    svg = text[text.index("<svg") :]
    used = set(re.findall(r"#([\w-]+)[\")]", svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui, sans-serif", svg)
    for colour, name in PAGE_COLOURS.items():
        svg = re.sub(colour, name, svg, flags=re.IGNORECASE)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(alt)}" ', 1)
