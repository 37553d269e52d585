"""Our scores in a gradebook that nbgrader itself made, from our source notebook."""

import os
import sys
import warnings
from pathlib import Path

import pytest
from classroom import Engine, grade, hand_in, verdicts
from test_cli_grade import SOLUTION, run, wrong

from rnncourse.grading import database, shelf
from rnncourse.grading.grade import Outcome

pytest.importorskip("nbgrader", reason="the extra `nbgrader` is not installed")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course folder whose assignment hw2 nbgrader has generated."""
    folder = tmp_path / "course"
    source = folder / "source" / "hw2" / "recurrent.ipynb"
    source.parent.mkdir(parents=True)
    source.write_bytes(SOLUTION)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("HOME", str(tmp_path))
    # nbgrader calls the program alembic.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbgrader's own
        from nbgrader.apps.api import NbGraderAPI
        from nbgrader.coursedir import CourseDirectory

        api = NbGraderAPI(CourseDirectory(root=str(folder)))
        result = api.generate_assignment("hw2")
    assert result["success"], result["log"]
    return folder


def scores(course):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {
            each.student.id: (each.score, each.max_score, each.needs_manual_grade)
            for each in gradebook.assignment_submissions("hw2")
        }


def export(store, exercises, course, **more):
    from rnncourse.grading.nbgrader_export import export

    return export(store, exercises, course / "gradebook.db", **more)


def test_nbgrader_makes_the_student_version_and_our_scores_go_into_its_gradebook(course, tmp_path):
    released = (course / "release" / "hw2" / "recurrent.ipynb").read_text(encoding="utf-8")
    assert "raise NotImplementedError()" in released and "BEGIN SOLUTION" not in released
    root, out = tmp_path / "submissions", tmp_path / "results"
    hand_in(root, "ada/hw2/recurrent.ipynb", "all")
    hand_in(root, "bob/hw2/recurrent.ipynb", "right")
    hand_in(root, "cleo/hw2/recurrent.ipynb", "fault")
    hand_in(root, "dora/hw2/recurrent.ipynb", "retry")
    os.utime(hand_in(root, "bob/hw2/old.ipynb", "all"), (0, 0))
    grade(root, out)
    points = float(shelf.load("02").points)
    with database.opened(database.sqlite_url(out / "results.sqlite")) as store:
        said = export(store, {"02": shelf.load("02")}, course)
        assert said.startswith("3 submissions written")
        expected = {"ada": points, "bob": 2.0, "cleo": 0.0}
        assert scores(course) == {name: (score, points, False) for name, score in expected.items()}
        # Again: the same, not twice.
        export(store, {"02": shelf.load("02")}, course, assignment="hw2")
        assert len(scores(course)) == 3


def test_a_better_grade_replaces_the_old_one_and_a_teacher_s_stays(course, tmp_path):
    from nbgrader.api import Gradebook

    root, out = tmp_path / "submissions", tmp_path / "results"
    hand_in(root, "ada/x.ipynb", "right")
    points = float(shelf.load("02").points)

    def graded(answer):
        hand_in(root, "ada/x.ipynb", answer)
        grade(root, out)
        with database.opened(database.sqlite_url(out / "results.sqlite")) as store:
            export(store, {"02": shelf.load("02")}, course)

    graded("right")
    graded("all")
    assert scores(course)["ada"][0] == points
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.find_grade("check-02-1", "recurrent", "hw2", "ada").manual_score = 0.5
        gradebook.db.commit()
    graded("all ")
    assert scores(course)["ada"][0] == 0.5


def test_the_command_writes_into_the_gradebook(course, tmp_path, capsys):
    hand_in(tmp_path / "submissions", "ada/hw2/recurrent.ipynb", SOLUTION)
    assert (
        run(
            tmp_path / "submissions",
            "--out",
            tmp_path / "out",
            "--unsafe",
            "--nbgrader",
            course / "gradebook.db",
        )
        == 0
    )
    assert "1 submissions written to" in capsys.readouterr().out
    assert scores(course)["ada"][0] == shelf.load("02").points


def test_a_gradebook_without_the_exercise_is_said(course, tmp_path, capsys):
    hand_in(tmp_path / "submissions", "ada/x.ipynb", SOLUTION)
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{tmp_path / 'other.db'}"):
        pass
    with database.opened(database.sqlite_url(tmp_path / "ours.db")):
        pass
    start = (capsys, tmp_path / "submissions", "--out", tmp_path / "out", "--unsafe", "--nbgrader")
    error = wrong(*start, tmp_path / "other.db")
    assert "expected one assignment with grade cells of exercise 02; got none. Make it with nbgrader" in error
    error = wrong(*start, course / "gradebook.db", "--assignment", "hw3")
    assert "got none" in error
    (tmp_path / "text.db").write_text("no database, but long enough to be looked at by SQLite")
    assert "text.db: file is not a database" in wrong(*start, tmp_path / "text.db")
    assert "ours.db is another database" in wrong(*start, tmp_path / "ours.db")


def test_parts_and_grade_cells_have_one_name():
    """The export finds a part's cell by its name: the source notebooks must keep to it."""
    import json

    from rnncourse.grading.nbgrader_export import cell_of

    for name, folder in shelf.folders().items():
        notebook = json.loads((folder / "exercise.ipynb").read_text(encoding="utf-8"))
        marks = [cell["metadata"].get("nbgrader", {}) for cell in notebook["cells"]]
        points = {mark["grade_id"]: mark["points"] for mark in marks if mark.get("grade")}
        assert points == {cell_of(part.id): part.points for part in shelf.load(name).parts}


def test_verdicts_cover_every_part():
    assert [v.part for v in verdicts("all")] == list(shelf.load("02").by_id)
    assert Outcome("graded", "", verdicts("all")).earned == shelf.load("02").points
    assert Engine().graded == []
