"""Every notebook runs, prints what it says it prints, stays in its time, and is kept clean."""

import check_notebooks
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebook_run import run_nbval
from places import ROOT

NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
SECONDS = 60


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_prints_what_it_shows(notebook):
    code, output, seconds = run_nbval(notebook)
    assert code == 0, output[-6000:]
    assert seconds <= SECONDS, f"{notebook.name} takes {seconds:.0f} s; expected at most {SECONDS}"


def test_notebooks_are_clean():
    assert NOTEBOOKS
    assert check_notebooks.check_repository(ROOT) == []


def test_a_git_that_does_not_answer_is_reported(tmp_path):
    assert check_notebooks.check_repository(tmp_path) == [], "an unpacked archive: nothing can be committed"
    (tmp_path / ".git").write_text("gitdir: nowhere", encoding="utf-8")
    (problem,) = check_notebooks.check_repository(tmp_path)
    assert problem.startswith("git ls-files failed: fatal: ")


def notebook(*cells) -> nbformat.NotebookNode:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return new_notebook(cells=list(cells), metadata=metadata)


def kept(source: str, text: str) -> nbformat.NotebookNode:
    """A cell whose output is stored and compared."""
    output = new_output("stream", name="stdout", text=text)
    return new_code_cell(f"# NBVAL_CHECK_OUTPUT\n{source}", outputs=[output], execution_count=1)


@pytest.mark.parametrize(
    ("cell", "passes"),
    [
        (new_code_cell("1 + 1"), True),
        (new_code_cell("1 / 0"), False),
        (kept("print(1 + 1)", "2\n"), True),
        (kept("print(1 + 1)", "3\n"), False),
        (kept("print(object())", "<object object at 0x123>\n"), True),
    ],
    ids=["runs", "raises", "prints the same", "prints another value", "prints an address"],
)
def test_nbval_bites(tmp_path, cell, passes):
    path = tmp_path / "trial.ipynb"
    nbformat.write(notebook(cell), path)
    code, output, _ = run_nbval(path)
    assert (code == 0) is passes, output


BAD_CELLS = {
    "stored output": new_code_cell("1", outputs=[new_output("stream", text="1")]),
    "execution_count": new_code_cell("1", execution_count=3),
    "NBVAL_CHECK_OUTPUT": new_code_cell("# NBVAL_CHECK_OUTPUT\nprint(1)"),
    "pip": new_code_cell("!pip install torch"),
    "sys.path": new_code_cell("import sys\nsys.path.insert(0, '..')"),
    "lines": new_code_cell("x = 1\n" * 40),
    "machine's path": new_code_cell("open('/home/ada/data.txt')"),
    "metadata": new_code_cell("1", metadata={"execution": {"iopub.status.busy": "2020-01-01"}}),
}


@pytest.mark.parametrize("word", BAD_CELLS)
def test_the_hygiene_check_bites(tmp_path, word):
    path = tmp_path / "trial.ipynb"
    nbformat.write(notebook(new_code_cell("1"), BAD_CELLS[word]), path)
    problems = check_notebooks.check_file(path)
    assert len(problems) == 1, problems
    assert word in problems[0]


def test_the_hygiene_check_passes_what_is_clean(tmp_path):
    path = tmp_path / "trial.ipynb"
    nbformat.write(notebook(new_code_cell("1"), kept("print(2)", "2\n")), path)
    assert check_notebooks.check_file(path) == []


def test_the_hygiene_check_wants_ids_and_the_plain_kernel(tmp_path):
    path = tmp_path / "trial.ipynb"
    node = notebook(new_code_cell("1"), new_code_cell("2"))
    node.metadata.kernelspec.name = "my-env"
    node.cells[1].id = node.cells[0].id
    path.write_text(nbformat.v4.writes(node), encoding="utf-8")
    found = " ".join(check_notebooks.check_file(path))
    assert "kernel" in found and "id" in found
