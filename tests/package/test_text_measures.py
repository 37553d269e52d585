"""Counts in texts against counting by hand, and Python's own reading of code, good and broken."""

import ast
import re

import pytest

from rnncourse.data.text import python_sources
from rnncourse.models.text_measures import first_block, parses, repeated_share, tokenises


@pytest.mark.parametrize(
    ("texts", "n", "share"),
    [
        (["abcdef"], 3, 0.0),
        (["ababab"], 2, 1 - 2 / 5),
        (["aaaaaaaaaa"], 1, 0.9),
        (["ab", "ab"], 2, 0.5),  # within one text, and across
        (["ab", "ba"], 2, 0.0),  # no n-gram lies across two texts: "bb" does not count
        (["x", "abc", ""], 3, 0.0),  # too short ones count nothing
    ],
)
def test_repeated_share_by_hand(texts, n, share):
    assert repeated_share(texts, n=n) == pytest.approx(share)


def test_a_loop_is_nearly_all_repetition():
    assert repeated_share(["self.assertEqual(" * 40]) > 0.97


def test_bad_input_of_repeated_share(own_errors):
    with pytest.raises(TypeError, match="texts must be a list of str; got one str"):
        repeated_share("abc", n=2)
    with pytest.raises(ValueError, match="must hold one of at least n = 10"):
        repeated_share(["short", ""])
    with pytest.raises(ValueError, match="repeated_share: n must be at least 1"):
        repeated_share(["abc"], n=0)


@pytest.mark.parametrize(
    ("text", "code", "ended"),
    [
        ("def f():\n    return 1\n\nx = 2\n", "def f():\n    return 1\n\n", True),
        ("def f(a,\n b\n):\n    pass\n# why\n  x\nclass", "def f(a,\n b\n):\n    pass\n# why\n  x\n", True),
        ("def f():\n    return 1\n    ret", "def f():\n    return 1\n", False),
        ("def f():\n    return 1\n", "def f():\n    return 1\n", False),
        ("def f(", "def f(", False),
        ("", "", False),
    ],
)  # fmt: skip
def test_the_first_block(text, code, ended):
    assert first_block(text) == (code, ended)


GOOD = [
    "x = 1\n",
    "def f(a):\n    '''doc'''\n    return a\n",
    "if x:\n    y = {'a': [1, 2]}\n",
    "# only this\n",
]
CUT = ["def f(a,\n", "def f():\n    '''doc\n", "def f():\n    if x:\n", "x = [1,\n     2,\n"]
BROKEN = {  # text -> whether the tokenizer finds it
    "x = $\n": True,
    "a ? b\n": True,
    "s = 'abc\n": True,
    "def f():\n        a\n    b\n": True,
    "def f(:\n": False,
    "def f():\nreturn 1\n": False,
    "return = 3\n": False,
    "x = = 3\n": False,
    "x = (1]\n": False,
}


@pytest.mark.parametrize("code", GOOD + CUT)
def test_code_and_its_beginnings_pass(code):
    assert tokenises(code) and parses(code)


@pytest.mark.parametrize("code", BROKEN)
def test_broken_code_is_found(code):
    assert not parses(code)
    if BROKEN[code]:
        assert not tokenises(code)
    with pytest.raises(SyntaxError):
        ast.parse(code)


def test_every_function_of_the_standard_library_passes_wherever_it_is_cut():
    found = 0
    for document in python_sources()[:60]:
        for match in re.finditer(r"(?m)^def ", document.text):
            for length in (100, 333, 1000):
                code = first_block(document.text[match.start() :][:length]).code
                assert tokenises(code) and parses(code), (document.name, code)
                found += 1
    assert found > 300


def test_a_letter_changed_at_random_is_found_often():
    """The measure bites: one bracket less in real code, and it parses no more."""
    broken = cases = 0
    for document in python_sources()[:60]:
        for match in re.finditer(r"(?m)^def ", document.text):
            code = first_block(document.text[match.start() :]).code
            place = code.find(")")
            if place > 0:
                cases += 1
                broken += not parses(code[:place] + code[place + 1 :])
    assert cases > 100 and broken > 0.95 * cases
