"""The exercise as its chapter shows it: every part with its hints folded, no heading, no solution."""

import json
import re
from pathlib import Path

import leaks
import pytest
import sheet

from rnncourse.grading import page

BOOK = Path(__file__).resolve().parents[2] / "book"


@pytest.mark.parametrize("name", sheet.EXERCISES)
def test_the_page_says_how_to_start_and_what_to_write(name):
    text, exercise = page.text(name), sheet.EXERCISES[name]
    assert f"rnncourse exercise start {name}\n" in text
    assert f"({len(exercise.parts)} parts, {exercise.points} points)" in text
    for part in exercise.parts:
        assert text.count(f'<p class="part"><strong>{part.id} {part.title} (') == 1
        for cell in part.cells:
            assert sheet.code_cells(name)[cell].partition("\n")[0] in text  # the signature
    assert "Checker" not in text and "check(" not in text


@pytest.mark.parametrize("name", sheet.EXERCISES)
def test_the_page_holds_no_solution(name):
    assert leaks.leaks(sheet.notebook(name), page.text(name)) == []


@pytest.mark.parametrize("name", sheet.EXERCISES)
def test_the_page_has_no_headings_and_folds_each_hint(name):
    text = page.text(name)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"^#+ ", prose, re.MULTILINE)
    assert text.count('<details class="answer"><summary>Hint') == text.count("<summary>")
    assert text.count("<details") == text.count("</details>") > 0


def test_a_heading_becomes_bold_and_a_comment_in_code_stays():
    source = "# Title\n\nText.\n\n## 1 < 2\n\n```python\n# as it is\n```\n"
    expected = 'Text.\n\n<p class="part"><strong>1 &lt; 2</strong></p>\n\n```python\n# as it is\n```\n'
    assert page._text(source) == expected


def test_an_exercise_is_markdown():
    pytest.importorskip("IPython", reason="needs the extra rnncourse[book]")
    name = next(iter(sheet.EXERCISES))
    assert page.exercise(name).data == page.text(name)


def test_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="expected the number of an exercise"):
        page.text("99")


def test_each_exercise_stands_at_the_end_of_its_chapter():
    for name in sheet.EXERCISES:
        (path,) = BOOK.glob(f"{name[:2]}_*.ipynb")
        cells = ["".join(c["source"]) for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        place = next(i for i, source in enumerate(cells) if f'exercise("{name}")' in source)
        before = "\n".join(cells[:place])
        assert before.rindex("## Graded exercise") > before.rindex("## Check yourself")
        assert "## Further reading" in "\n".join(cells[place:])
