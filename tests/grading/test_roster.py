"""Who handed in what: layouts, names as Canvas and Moodle write them, times, folders that cannot be read."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from classroom import hand_in

from rnncourse.grading import roster
from rnncourse.grading.people import Person, person

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX names, links and rights")


def found(root):
    return {s.place.replace("\\", "/"): s for s in roster.find(root)}


# Names


@pytest.mark.parametrize(
    ("name", "expected", "late"),
    [
        ("ada", Person("ada", "ada"), False),
        ("doejane_4217_90031_exercise", Person("doejane_4217", "doejane", canvas="4217"), False),
        ("doejane_LATE_4217_90031_exercise-2", Person("doejane_4217", "doejane", canvas="4217"), True),
        (
            "Jane Doe_88123_assignsubmission_file_",
            Person("Jane Doe_88123", "Jane Doe", moodle="88123"),
            False,
        ),
        ("J_D_88123_assignsubmission_file_x", Person("J_D_88123", "J_D", moodle="88123"), False),
        ("O\nK_1_assignsubmission_file_", Person("O\nK_1", "O\nK", moodle="1"), False),
    ],
)
def test_names_of_canvas_and_moodle(name, expected, late):
    assert person(name, from_canvas=True) == (expected, late)


@pytest.mark.parametrize(
    "name",
    ["Eve_1_assignsubmission_file_Ada_2_assignsubmission_file_x", "eve_1_77_ada_2_78_x"],
)
def test_nobody_passes_for_another_by_the_name_of_a_file(name):
    who, _ = person(name, from_canvas=True)
    assert (who.moodle or who.canvas) == "1"


def test_files_that_only_look_like_canvas_s_stay_different_students(tmp_path):
    for name in ("cs_101_2026_ada", "cs_101_2026_bob"):
        hand_in(tmp_path, f"{name}.ipynb")
    assert [s.person.key for s in roster.find(tmp_path)] == ["cs_101_2026_ada", "cs_101_2026_bob"]
    hand_in(tmp_path / "folders", "cs_101_2026_ada/x.ipynb")
    assert [s.person.key for s in roster.find(tmp_path / "folders")] == ["cs_101_2026_ada"]


# Layouts


def test_the_three_layouts_are_found_together(tmp_path):
    hand_in(tmp_path, "ada/hw2/exercise.ipynb")
    hand_in(tmp_path, "bob/exercise.ipynb")
    hand_in(tmp_path, "cleo.ipynb")
    hand_in(tmp_path, "doejane_4217_90031_exercise.ipynb")
    hand_in(tmp_path, "grades.csv", b"")
    hand_in(tmp_path, "ada/hw2/.ipynb_checkpoints/exercise-checkpoint.ipynb")
    hand_in(tmp_path, "__MACOSX/cleo.ipynb")
    places = {place: s.person.key for place, s in found(tmp_path).items()}
    assert places == {
        "ada/hw2/exercise.ipynb": "ada",
        "bob/exercise.ipynb": "bob",
        "cleo.ipynb": "cleo",
        "doejane_4217_90031_exercise.ipynb": "doejane_4217",
    }


def test_a_folder_without_a_notebook_is_not_passed_over(tmp_path):
    (tmp_path / "ada" / "hw2").mkdir(parents=True)
    (only,) = roster.find(tmp_path)
    assert only.person.key == "ada"
    assert only.problem == "the folder holds no notebook (.ipynb)" and not only.ours


def test_a_folder_without_access_is_our_trouble_not_the_student_s(tmp_path, monkeypatch):
    hand_in(tmp_path, "ada/exercise.ipynb")
    hand_in(tmp_path, "bob/exercise.ipynb")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "ada":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(roster.os, "scandir", refuse)
    ada, bob = roster.find(tmp_path)
    assert (ada.person.key, ada.problem, ada.ours) == (
        "ada",
        "the folder cannot be read (Permission denied)",
        True,
    )
    assert bob.problem == ""


@needs_posix
def test_links_to_folders_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    hand_in(secret, "exercise.ipynb")
    root = tmp_path / "submissions"
    hand_in(root, "bob/exercise.ipynb")
    (root / "ada").symlink_to(secret)
    (root / "bob" / "more").symlink_to(secret)
    (root / "circle").symlink_to("circle")
    problems = {place: s.problem for place, s in found(root).items()}
    link = "the folder is a symbolic link"
    assert problems == {"ada": link, "circle": link, "bob/exercise.ipynb": ""}


@needs_posix
def test_names_that_are_no_text_are_shown(tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xff\nx"
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system has no such names")
    with open(folder + b"/a.ipynb", "wb"):
        pass
    (only,) = roster.find(tmp_path)
    assert only.person.key == "\\xff\nx" and only.path.is_file()


# Times


def test_the_time_is_nbgrader_s_or_the_file_s(tmp_path):
    stamped = hand_in(tmp_path, "ada/hw2/exercise.ipynb")
    stamped.with_name("timestamp.txt").write_text("2026-05-01 12:00:00.5 UTC")
    broken = hand_in(tmp_path, "bob/hw2/exercise.ipynb")
    broken.with_name("timestamp.txt").write_text("yesterday")
    # Here a student can have made it: Moodle keeps what was handed in.
    forged = hand_in(tmp_path, "eve/exercise.ipynb")
    forged.with_name("timestamp.txt").write_text("2026-01-01 00:00:00 UTC")
    for path in (broken, forged):
        os.utime(path, (1.8e9, 1.8e9))
    times = [s.submitted for s in roster.find(tmp_path)]
    changed = datetime.fromtimestamp(1.8e9, UTC)
    assert times == [datetime(2026, 5, 1, 12, 0, 0, 500_000, UTC), changed, changed]


@needs_posix
def test_a_pipe_for_a_time_does_not_stop_us(tmp_path):
    hand_in(tmp_path, "ada/hw2/exercise.ipynb")
    os.mkfifo(tmp_path / "ada" / "hw2" / "timestamp.txt")
    (only,) = roster.find(tmp_path)
    assert only.submitted > datetime.now(UTC) - timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-05-01T12:00:00+02:00", 10),
        ("2026-05-01T12:00Z", 12),
        ("2026-05-01 12:00:00.25 +0200", 10),
        ("2026-05-01 12:00:00 -0130", 13),
        ("2026-05-01 12:00:00 Europe/Paris", 10),
    ],
)
def test_times_with_a_zone(text, hour):
    if "Paris" in text:
        pytest.importorskip("tzdata" if sys.platform == "win32" else "zoneinfo")
    assert roster.parse_time(text).hour == hour


def test_a_time_without_a_zone_is_local():
    assert roster.parse_time("2026-05-01T12:00") == datetime(2026, 5, 1, 12).astimezone()


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-05-01 12:00:00 Nowhere", "2026-13-01", "0001-01-01 00:00 +2359"]
)
def test_what_is_no_time_is_said(text):
    with pytest.raises(ValueError, match="time: expected one such as 2026-05-01T23:59"):
        roster.parse_time(text)
