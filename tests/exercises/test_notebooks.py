"""The source notebooks: what each part shows a student, and that they and their specs agree."""

import re

import pytest
import sheet

MARKS = {"grade", "grade_id", "locked", "points", "schema_version", "solution", "task"}
TABLE = re.compile(r"^\|.*\|\n\|[-:| ]+\|\n(\|.*\|\n?)+", re.MULTILINE)
WIDTH = 88


def marked(name):
    """nbgrader's metadata of each cell that has some."""
    found = [cell["metadata"].get("nbgrader") for cell in sheet.notebook(name)["cells"]]
    return [marks for marks in found if marks]


def texts(exercise):
    """The Markdown of each part, by its id."""
    cells = [cell for cell in sheet.notebook(exercise.id)["cells"] if cell["cell_type"] == "markdown"]
    found = {}
    for cell in cells:
        text = "".join(cell["source"])
        for part in exercise.parts:
            if text.startswith(f"## {part.id} "):
                found[part.id] = text
    return found


@pytest.mark.parametrize("exercise", sheet.EXERCISES.values(), ids=lambda e: e.id)
def test_the_notebook_is_that_of_its_spec(exercise):
    metadata = sheet.notebook(exercise.id)["metadata"]
    assert metadata["rnncourse"] == {"exercise": exercise.id, "version": exercise.version}
    assert metadata["title"] == exercise.title
    assert metadata["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("exercise", sheet.EXERCISES.values(), ids=lambda e: e.id)
def test_cells_have_names_of_their_own(exercise):
    cells = sheet.notebook(exercise.id)["cells"]
    for names in ([c["id"] for c in cells], [marks["grade_id"] for marks in marked(exercise.id)]):
        assert len(set(names)) == len(names)
    for marks in marked(exercise.id):
        assert set(marks) - {"points"} == MARKS - {"points"}
        assert marks["schema_version"] == 3
        assert marks["locked"] is not marks["solution"]
        assert ("points" in marks) is marks["grade"]


@pytest.mark.parametrize("exercise", sheet.EXERCISES.values(), ids=lambda e: e.id)
def test_every_solution_cell_belongs_to_a_part_and_the_other_way_round(exercise):
    named = {cell for part in exercise.parts for cell in part.cells}
    assert named == {marks["grade_id"] for marks in marked(exercise.id) if marks["solution"]}


@pytest.mark.parametrize("exercise", sheet.EXERCISES.values(), ids=lambda e: e.id)
def test_points_are_those_of_the_spec(exercise):
    """Each part ends with one cell that checks it; nbgrader's points and the heading's are the spec's."""
    checks = {}
    for cell in sheet.notebook(exercise.id)["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("grade"):
            checks["".join(cell["source"])] = marks["points"]
    assert checks == {f'check("{part.id}")': part.points for part in exercise.parts}
    for part in exercise.parts:
        head = texts(exercise)[part.id].partition("\n")[0]
        assert head == f"## {part.id} {part.title} ({part.points} point{'s' * (part.points > 1)})"


@pytest.mark.parametrize(("exercise", "part"), sheet.PARTS, ids=lambda v: v.id)
def test_each_part_shows_shapes_an_example_and_hints(exercise, part):
    text = texts(exercise)[part.id]
    assert TABLE.search(text), "expected a table of arguments and results"
    assert "**By hand.**" in text, "expected a worked example"
    opened = [match.start() for match in re.finditer("<details", text)]
    assert len(opened) >= 2, "expected at least two hints"
    # One by one: the next stands inside the one before.
    assert text.find("</details>") > opened[-1]
    assert text.count("</details>") == len(opened)
    assert re.findall(r"<summary>(.*?)</summary>", text) == [f"Hint {k + 1}" for k in range(len(opened))]


@pytest.mark.parametrize("exercise", sheet.EXERCISES.values(), ids=lambda e: e.id)
def test_code_is_not_wider_than_the_page(exercise):
    cells = [cell for cell in sheet.notebook(exercise.id)["cells"] if cell["cell_type"] == "code"]
    lines = [line.rstrip("\n") for cell in cells for line in "".join(cell["source"]).splitlines()]
    assert [line for line in lines if len(line) > WIDTH] == []


def test_there_are_nine_exercises_and_28_parts():
    assert len(sheet.EXERCISES) >= 9
    assert len(sheet.PARTS) >= 28
