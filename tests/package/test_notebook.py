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
