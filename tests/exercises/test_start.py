"""`rnncourse exercise start` and `list`: a notebook in place, and never over someone's work."""

import json
import os

import pytest
import sheet

from rnncourse import _files, cli
from rnncourse.grading import shelf, start

NAME = next(iter(sheet.EXERCISES))
FILE = f"{shelf.folder(NAME).name}.ipynb"


def test_start_puts_the_student_notebook_in_place(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["exercise", "start", NAME]) == 0
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8")) == shelf.student_notebook(NAME)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert f"jupyter lab {FILE}" in capsys.readouterr().out


def test_start_makes_the_folder(tmp_path):
    place = tmp_path / "a folder" / "b"
    assert start.start(NAME, place) == place / FILE


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_start_leaves_what_is_there(tmp_path, capsys, kind):
    path = tmp_path / FILE
    if kind == "file":
        path.write_text("my work")
    elif kind == "folder":
        path.mkdir()
    elif os.name == "nt":
        pytest.skip("Windows lets few users make links")
    else:
        path.symlink_to(tmp_path / "nowhere")
    assert cli.main(["exercise", "start", NAME, "--to", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert f"{path} exists already and was left as it is" in message and "--to" in message
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE]
    if kind == "file":
        assert path.read_text() == "my work"


def test_start_leaves_what_comes_there_while_it_writes(tmp_path, monkeypatch):
    write = _files.write_atomically

    def slowly(path, data):
        write(path, data)
        (tmp_path / FILE).write_text("my work")

    monkeypatch.setattr(_files, "write_atomically", slowly)
    with pytest.raises(FileExistsError):
        start.start(NAME, tmp_path)
    assert (tmp_path / FILE).read_text() == "my work"
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_start_works_on_a_disk_without_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(_files.os, "link", refuse)
    start.start(NAME, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("name", ["99", "", "../02", "02_vanilla_rnn"])
def test_start_of_an_unknown_exercise_names_those_that_exist(name, tmp_path, capsys):
    assert cli.main(["exercise", "start", name, "--to", str(tmp_path)]) == 1
    assert f"one of {', '.join(sheet.EXERCISES)}; got {name!r}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_start_into_a_file_says_so(tmp_path, capsys):
    (tmp_path / "notes").write_text("")
    assert cli.main(["exercise", "start", NAME, "--to", str(tmp_path / "notes")]) == 1
    assert "expected a folder; it is a file" in capsys.readouterr().err


def test_list_has_a_line_for_each_exercise(capsys):
    assert cli.main(["exercise", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, (name, exercise) in zip(lines, sheet.EXERCISES.items(), strict=False):
        assert line.startswith(name) and line.endswith(exercise.title)
        assert f"{exercise.points} points" in line


def test_list_without_exercises_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(shelf, "PACKAGED", tmp_path)
    assert cli.main(["exercise", "list"]) == 0
    assert "holds no exercises" in capsys.readouterr().out
    assert cli.main(["exercise", "start", "02"]) == 1
    assert "this installation holds no exercises" in capsys.readouterr().err
