"""What chapters show: source without docstrings, figures with alternative text."""

import base64
import re

import pytest

from rnncourse import notebook
from rnncourse.cells import lstm, vanilla

pytest.importorskip("IPython", reason="needs the extra rnncourse[book]")
plt = pytest.importorskip("matplotlib.pyplot", reason="needs the extra rnncourse[widgets]")


def test_source_is_the_code_of_the_package_without_its_docstring():
    shown = notebook.source(lstm.step).data
    assert shown.startswith("```python\ndef step(params: Params")
    assert "c = f * state.c + i * g" in shown
    assert '"""' not in shown and "Raises" not in shown


def test_source_of_a_class_has_no_docstring_of_its_methods_either():
    class Cell:
        """Of the class."""

        # A comment stays.
        size = 3

        def forward(self, x):
            """Of the method,
            on two lines.
            """
            return x

    expected = (
        "class Cell:\n    # A comment stays.\n    size = 3\n\n    def forward(self, x):\n        return x\n"
    )
    assert notebook.source(Cell).data == f"```python\n{expected}```"


def test_source_of_several_and_of_what_has_no_docstring():
    def bare(x):
        return x

    shown = notebook.source(vanilla.step_backward, bare).data
    assert "dh_prev = da @ cache.params.weight_hh" in shown and "def bare(x):\n    return x" in shown


def test_source_refuses_what_has_none():
    with pytest.raises(TypeError):
        notebook.source(3)


def test_show_writes_an_image_with_alternative_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    fig, ax = plt.subplots()
    ax.plot([0, 1])
    notebook.show(fig, 'rises from 0 to 1 & "stays"')
    html = shown[0]["text/html"]
    assert 'alt="rises from 0 to 1 &amp; &quot;stays&quot;"' in html
    data = re.search(r"base64,([^\"]+)", html)[1]
    assert b"<svg" in base64.b64decode(data)
    assert not plt.fignum_exists(fig.number)


def test_show_refuses_an_empty_text():
    fig, _ = plt.subplots()
    with pytest.raises(ValueError, match="alt must say what the figure shows"):
        notebook.show(fig, " ")
    plt.close(fig)


def test_a_table_has_its_head_and_rows_with_every_text_escaped():
    shown = notebook.table(["cell", "h < 1"], [["LSTM", 0.5], ["GRU & co", "yes"]]).data
    assert re.findall(r"<th>(.*?)</th>", shown) == ["cell", "h &lt; 1"]
    assert [re.findall(r"<td>(.*?)</td>", row) for row in shown.split("<tr>")[2:]] == [
        ["LSTM", "0.5"],
        ["GRU &amp; co", "yes"],
    ]


def test_a_table_refuses_a_row_of_another_length():
    with pytest.raises(ValueError, match=r"table: each row must have 2 cells, as the head; got \['LSTM'\]"):
        notebook.table(["cell", "bits"], [["GRU", 1], ["LSTM"]])


@pytest.mark.parametrize(
    ("values", "form", "text"),
    [
        ([3.0, 1.0, 2.0], ".1f", "2.0 (1.0 to 3.0)"),
        ([4, 1, 2, 3], ".0f", "2 (1 to 4)"),  # the median is 2.5, which Python rounds to even
        ([-0.0001, 0.0], ".2f", "0.00"),
        ([-0.5, -0.25, 0.125], ".2f", "−0.25 (−0.50 to 0.12)"),
        ([0.7], ".3f", "0.700"),
    ],
)
def test_spread_is_the_median_and_the_range(values, form, text):
    assert notebook.spread(values, form) == text


def test_spread_of_a_nan_shows_it_and_of_nothing_is_refused():
    assert "nan" in notebook.spread([float("nan")] * 3)
    with pytest.raises(ValueError, match="spread: values must hold at least one number; got none"):
        notebook.spread([])


def test_a_record_has_its_date_machine_and_results():
    record = notebook.recorded("twins")
    assert record.keys() == {"date", "machine", "results"}
    assert record["results"]


def test_what_was_not_recorded_is_an_error_that_says_how_to():
    with pytest.raises(FileNotFoundError, match=r"recorded: 'none' has no record.*benchmarks/none.py"):
        notebook.recorded("none")
