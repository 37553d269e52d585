"""What is right in the notebook and would fail at the grader is said in the notebook, by a real kernel."""

import nbformat
import pytest
import sheet
from nbclient import NotebookClient

PLAIN = sheet.code_cells("02")["rnn_step"]
HELPER = "def project(x, weight):\n    return x @ weight.T\n"
USES = """def rnn_step(x, h, weight_ih, weight_hh, bias):
    h_new = np.tanh(project(x, weight_ih) + project(h, weight_hh) + bias)
    return h_new, (x, h, weight_ih, weight_hh, h_new)
"""


def said(*cells):
    """What check("02.1") prints at the end of a notebook with these cells after the given ones."""
    given = sheet.code_cells("02")
    sources = [given["setup"], given["checker"], *cells, 'print(check("02.1"))']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    NotebookClient(notebook, timeout=60).execute()
    return "".join(
        output["text"] for output in notebook.cells[-1].outputs if output["output_type"] == "stream"
    )


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("cells", "expected"),
    {
        "alone": ([PLAIN], "✓ 02.1"),
        "helper in the same cell": ([HELPER + "\n\n" + USES], "✓ 02.1"),
        "helper in another cell": ([HELPER, USES], "stands alone: project is defined in another cell"),
        "import of a module": (["import os\n" + PLAIN], "imports: os is not allowed in this part"),
        "import that is allowed": (["import math\n" + PLAIN], "✓ 02.1"),
        "a constant from another cell": (
            ["ONE = 1.0", PLAIN.replace("np.tanh(", "ONE * np.tanh(")],
            "stands alone: ONE is defined in another cell",
        ),
    }.values(),
)
def test_check_says_what_the_grader_would(cells, expected):
    assert expected in said(*cells)


def test_every_solution_cell_says_which_functions_it_holds():
    from rnncourse.grading import shelf

    for exercise, part in sheet.PARTS:
        assert all(shelf.functions_in(exercise.id, cell) for cell in part.cells), part.id
