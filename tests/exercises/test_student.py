"""What a student gets: notebooks without solutions, in the checkout and in the wheel, that check answers."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import environment
import leaks
import pytest
import sheet

from rnncourse.grading import shelf, student

ROOT = Path(__file__).resolve().parents[2]


def text(notebook):
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"])


@pytest.mark.parametrize("name", sheet.EXERCISES)
def test_no_solution_is_in_the_student_notebook(name):
    assert leaks.leaks(sheet.notebook(name), text(shelf.student_notebook(name))) == []


@pytest.mark.parametrize("name", sheet.EXERCISES)
def test_the_student_notebook_says_where_to_write(name):
    cells = shelf.student_notebook(name)["cells"]
    for cell in cells:
        marks = cell["metadata"].get("nbgrader", {})
        assert ("raise NotImplementedError()" in cell["source"]) == bool(marks.get("solution"))
        assert cell["metadata"].get("editable", True) is not marks.get("locked", False)


def test_leaks_are_found():
    cell = {
        "cell_type": "code",
        "metadata": {"nbgrader": {"solution": True, "grade_id": "f"}},
        "source": f"def f(x):\n    {student.BEGIN}\n    y = x + 1\n    for k in range(3):\n"
        f"        y = np.tanh(y @ weight + k * bias)\n    return y\n    {student.END}",
    }
    notebook = {"cells": [cell]}
    assert leaks.leaks(notebook, "def f(x): for k in range(3): return y") == []
    assert leaks.leaks(notebook, "hint: y = x + 1") == []
    assert leaks.leaks(notebook, "y=np.tanh(y@weight+k*bias)") == ["f: y = np.tanh(y @ weight + k * bias)"]
    assert "f: the whole solution" in leaks.leaks(notebook, cell["source"])


@pytest.mark.parametrize(
    ("source", "solution", "message"),
    [
        ("x = 1", True, "cell f: expected a solution between"),
        (f"{student.BEGIN}\nx = 1", True, "cell f: expected a solution between"),
        (f"x = 1\n{student.END}", True, "must come in pairs"),
        (f"{student.BEGIN}\n{student.BEGIN}\n{student.END}", True, "must come in pairs"),
        (f"{student.BEGIN}\nx = 1\n{student.END}", False, "cell f: a solution is marked, but"),
    ],
)
def test_a_source_that_marks_its_solution_badly_is_refused(source, solution, message):
    marks = {"nbgrader": {"solution": solution, "grade_id": "f"}}
    cell = {"cell_type": "code", "metadata": marks, "source": source}
    with pytest.raises(ValueError, match=message):
        student.student_version({"cells": [cell]})


def test_a_build_without_exercises_is_refused(tmp_path):
    import hatch_build

    (tmp_path / "rnncourse" / "grading").mkdir(parents=True)
    (tmp_path / "rnncourse" / "grading" / "student.py").write_text("")
    with pytest.raises(FileNotFoundError, match=r"expected NN_topic/exercise.ipynb; found none"):
        hatch_build.make_exercises(tmp_path, tmp_path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from the checkout, which stays as it was."""
    folder = tmp_path_factory.mktemp("wheel")
    before = {path for path in (ROOT / "rnncourse").rglob("*") if "__pycache__" not in path.parts}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    after = {path for path in (ROOT / "rnncourse").rglob("*") if "__pycache__" not in path.parts}
    assert after == before
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_every_exercise_and_no_solution(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if "exercise.ipynb" in name or "/exercises/" in name]
        texts = {name: archive.read(name).decode("utf-8") for name in names}
    assert sorted(names) == sorted(
        f"rnncourse/exercises/{shelf.folder(name).name}/{file}"
        for name in sheet.EXERCISES
        for file in ("spec.py", "student.ipynb")
    )
    for place, content in texts.items():
        content = text(json.loads(content)) if place.endswith(".ipynb") else content
        found = {name: leaks.leaks(sheet.notebook(name), content) for name in sheet.EXERCISES}
        assert not any(found.values()), f"{place}: {found}"


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of an environment that has the wheel, and this one's libraries."""
    venv = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = environment.python_of(venv)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True, capture_output=True)
    question = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(question, check=True, capture_output=True, text=True).stdout.strip())
    # The .pth files in there are not read, so this does not bring the checkout along.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python


def run(python, *arguments, folder):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONUTF8": "1"}
    return subprocess.run([python, *arguments], cwd=folder, env=env, capture_output=True, encoding="utf-8")


PLAY = """
import json, sys
import rnncourse
print(rnncourse.__file__)
notebook = json.load(open(sys.argv[1], encoding="utf-8"))
answers = json.load(open(sys.argv[2], encoding="utf-8"))
space = {}
for fill in (False, True):
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        name = marks.get("grade_id")
        if marks.get("grade"):
            print(eval("".join(cell["source"]), space))
        elif marks:
            exec(answers[name] if fill else "".join(cell["source"]), space)
"""


def test_the_installed_wheel_starts_an_exercise_and_checks_it(installed, tmp_path):
    name, exercise = next(iter(sheet.EXERCISES.items()))
    done = run(installed, "-m", "rnncourse", "exercise", "start", name, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (notebook,) = tmp_path.glob("*.ipynb")
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(sheet.code_cells(name)))
    done = run(installed, "-c", PLAY, notebook, answers, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    place, *lines = done.stdout.splitlines()
    assert Path(place).is_relative_to(installed.parent.parent)
    marks = [line[0] for line in lines if not line.startswith(" ")]
    assert marks == ["…"] * len(exercise.parts) + ["✓"] * len(exercise.parts)


def test_the_installed_wheel_lists_the_exercises(installed, tmp_path):
    done = run(installed, "-m", "rnncourse", "exercise", "list", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for name, exercise in sheet.EXERCISES.items():
        assert any(
            line.startswith(name) and line.endswith(exercise.title) for line in done.stdout.splitlines()
        )
