"""`rnncourse exercise status`: parts and points of the notebooks in a folder, whatever else lies there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sheet

from rnncourse import cli
from rnncourse.grading import shelf

pytest.importorskip("msgpack", reason="needs the extra rnncourse[grade]")

NAME, EXERCISE = next(iter(sheet.EXERCISES.items()))
LAST = EXERCISE.parts[-1]
# The cell that only the last part needs, whose fault touches no other.
OWN = next(c for c in reversed(LAST.cells) if all(c not in part.cells for part in EXERCISE.parts[:-1]))


def filled(change=None, name=NAME):
    """The student's notebook with the solutions in it; `change` gives other sources by grade_id."""
    notebook = shelf.student_notebook(name)
    sources = sheet.code_cells(name) | (change or {})
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution"):
            cell["source"] = sources[marks["grade_id"]]
    return notebook


def save(path, notebook):
    path.write_text(json.dumps(notebook), encoding="utf-8")


def run(folder, capsys):
    code = cli.main(["exercise", "status", str(folder)])
    return code, capsys.readouterr()


def test_a_right_notebook_has_all_points(tmp_path, capsys):
    save(tmp_path / "mine.ipynb", filled())
    code, said = run(tmp_path, capsys)
    head, *lines = said.out.splitlines()
    assert code == 0
    assert head == f"mine.ipynb: {EXERCISE.title}, {EXERCISE.points} of {EXERCISE.points} points"
    assert [line.split()[:2] for line in lines] == [["✓", part.id] for part in EXERCISE.parts]


def test_an_untouched_notebook_is_not_written_yet(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cli.main(["exercise", "start", NAME])
    capsys.readouterr()
    assert cli.main(["exercise", "status"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert f"0 of {EXERCISE.points} points" in head
    assert [line.split()[0] for line in lines] == ["…"] * len(EXERCISE.parts)


def test_a_wrong_part_says_which_property_fails(tmp_path, capsys):
    change = next(iter(sheet.answers(NAME).MUTANTS[LAST.id].values()))
    save(tmp_path / "mine.ipynb", filled(sheet.mutant_cells(NAME, change)))
    code, said = run(tmp_path, capsys)
    line = next(line for line in said.out.splitlines() if line.startswith(f"  ✗ {LAST.id}"))
    assert code == 0
    assert f"0 of {LAST.points}  " in line and ": " in line


def test_a_part_that_hangs_is_stopped_and_the_others_count(tmp_path, capsys):
    source = sheet.code_cells(NAME)[OWN].partition("\n")[0]
    save(tmp_path / "mine.ipynb", filled({OWN: f"{source}\n    while True:\n        pass\n"}))
    _, said = run(tmp_path, capsys)
    head, *lines = said.out.splitlines()
    assert f"{EXERCISE.points - LAST.points} of {EXERCISE.points} points" in head
    assert "time: stopped after" in lines[-1]


def test_a_cell_that_is_gone_costs_its_part_only(tmp_path, capsys):
    notebook = filled()
    notebook["cells"] = [
        c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") != OWN
    ]
    save(tmp_path / "mine.ipynb", notebook)
    _, said = run(tmp_path, capsys)
    assert f"the cell {OWN} is missing" in said.out.splitlines()[-1]
    assert f"{EXERCISE.points - LAST.points} of {EXERCISE.points} points" in said.out


def test_broken_notebooks_are_named_and_the_others_checked(tmp_path, capsys):
    save(tmp_path / "b.ipynb", filled())
    (tmp_path / "a.ipynb").write_text('{"cells": [')
    (tmp_path / "c.ipynb").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "d.ipynb").mkdir()
    save(tmp_path / "e.ipynb", filled() | {"metadata": {"rnncourse": {"exercise": NAME, "version": 99}}})
    save(tmp_path / "f.ipynb", filled() | {"metadata": {"rnncourse": {"exercise": "77", "version": 1}}})
    save(tmp_path / "g.ipynb", filled() | {"metadata": {"rnncourse": "x"}})
    code, said = run(tmp_path, capsys)
    marked = {line[2:9]: line for line in said.out.splitlines() if line.startswith("! ")}
    assert code == 1
    assert [name[0] for name in marked] == list("acdefg")
    for name, words in {
        "a": "no JSON, or only the beginning of it",
        "c": "its text is not UTF-8",
        "d": "something else of that name",
        "e": "made for version 99 of the exercise; expected version",
        "f": "an exercise that does not exist here: 77",
        "g": "its metadata names none",
    }.items():
        assert words in marked[f"{name}.ipynb"]
    assert "b.ipynb: " in said.out and f"Together: {EXERCISE.points} of {EXERCISE.points} points." in said.out


def test_other_notebooks_and_hidden_files_are_left_out(tmp_path, capsys):
    save(tmp_path / "a.ipynb", {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    save(tmp_path / ".b.ipynb", filled())
    save(tmp_path / "c.ipynb", filled())
    _, said = run(tmp_path, capsys)
    assert [line for line in said.out.splitlines() if "ipynb" in line] == [said.out.splitlines()[0]]


def test_of_two_notebooks_of_one_exercise_the_better_counts(tmp_path, capsys):
    save(tmp_path / "a.ipynb", shelf.student_notebook(NAME))
    save(tmp_path / "b.ipynb", filled())
    _, said = run(tmp_path, capsys)
    assert said.out.splitlines()[-1] == f"Together: {EXERCISE.points} of {EXERCISE.points} points."


def test_a_link_to_a_notebook_elsewhere_is_followed(tmp_path, capsys):
    (tmp_path / "work").mkdir()
    save(tmp_path / "mine.ipynb", filled())
    try:
        (tmp_path / "work" / "link.ipynb").symlink_to(tmp_path / "mine.ipynb")
    except OSError:
        pytest.skip("this user cannot make links")
    code, said = run(tmp_path / "work", capsys)
    assert code == 0 and said.out.startswith("link.ipynb: ")


def test_a_folder_without_exercises_says_how_to_begin(tmp_path, capsys):
    code, said = run(tmp_path, capsys)
    assert code == 1
    assert "expected notebooks of exercises; found none" in said.err
    assert f"rnncourse exercise start {NAME}" in said.err


@pytest.mark.parametrize("kind", ["nothing", "a file"])
def test_a_folder_that_is_none_says_so(tmp_path, capsys, kind):
    if kind == "a file":
        (tmp_path / "x").write_text("")
    code, said = run(tmp_path / "x", capsys)
    assert code == 1
    assert f"{tmp_path / 'x'}: expected a folder that exists" in said.err


def test_a_folder_without_access_says_so(tmp_path, capsys, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)  # root may enter every folder
    code, said = run(tmp_path, capsys)
    assert code == 1 and "Permission denied" in said.err


def test_a_missing_library_is_named(tmp_path):
    save(tmp_path / "mine.ipynb", filled())
    code = (
        "import sys; sys.modules['msgpack'] = None\n"
        "from rnncourse import cli; sys.exit(cli.main(['exercise', 'status', sys.argv[1]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "status needs msgpack: pip install 'rnncourse[grade]'" in done.stderr
