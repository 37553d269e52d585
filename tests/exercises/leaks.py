"""Solution text where none may be: the lines of a solution, looked for whatever their spacing."""

import re

from rnncourse.grading.student import BEGIN, END

# Without spaces. Shorter lines, such as `dh = dz @ W`, also stand in hints and formulas by right.
SHORT = 20
# Lines that say nothing about the answer.
EMPTY = re.compile(r"(for|if|elif|else|while|def|return)\b[\w\s,.()\[\]]*:?|#.*")


def squeeze(text):
    return "".join(text.split())


def solutions(notebook):
    """The lines between the markers of each solution cell, by its grade_id."""
    found = {}
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution"):
            parts = re.findall(f"{BEGIN}\n(.*?){END}", "".join(cell["source"]), re.DOTALL)
            lines = [line.strip() for part in parts for line in part.splitlines()]
            found[marks["grade_id"]] = [line for line in lines if line and not EMPTY.fullmatch(line)]
    return found


def leaks(notebook, text):
    """Solution lines of the source `notebook` that `text` holds: any long one, or all of one cell."""
    text = squeeze(text)
    found = []
    for name, lines in solutions(notebook).items():
        there = [line for line in lines if squeeze(line) in text]
        found += [f"{name}: {line}" for line in there if len(squeeze(line)) >= SHORT]
        if there and there == lines:
            found.append(f"{name}: the whole solution")
    return sorted(set(found))
