"""Generated C: the truth against a scanner that reads the text alone, and the rules that code must keep."""

import re
from functools import cache

import numpy as np
import pytest

from rnncourse.data.c_code import CCode, Truth, c_code, c_documents

SEEDS = range(8)
seeds = pytest.mark.parametrize("seed", SEEDS)


@cache
def code(seed, functions=12):
    return c_code(functions, rng=np.random.default_rng(seed))


def scan(text):
    """The state after each character, from the characters read so far."""
    rows, mode, escaped, depth, parens, column = [], "", False, 0, 0, 0
    condition = 0  # how many parentheses are open where an if's own close
    for i, c in enumerate(text):
        before = text[i - 1] if i else ""
        if mode in ('"', "'"):
            if c == mode and not escaped:
                mode = ""
            escaped = c == "\\" and not escaped
        elif mode == "//":
            mode = "" if c == "\n" else mode
        elif mode == "/*":
            mode = "" if before + c == "*/" and text[i - 2 : i + 1] != "/*/" else mode
        elif c in "\"'":
            mode = c
        elif before + c in ("//", "/*"):
            mode = before + c
        elif c in "{}":
            depth += 1 if c == "{" else -1
        elif c == "(":
            parens += 1
            if re.search(r"\bif\s*$", text[max(i - 9, 0) : i]):
                condition = parens
        elif c == ")":
            condition = 0 if parens == condition else condition
            parens -= 1
        column = 0 if c == "\n" else column + 1
        assert depth >= 0 and parens >= 0
        rows.append((depth, parens, mode in ("'", '"'), mode in ("//", "/*"), condition > 0, column))
    assert rows[-1][:5] == (0, 0, False, False, False), "the text ends inside something"
    return rows


def check_truth(made):
    assert all(len(part) == len(made.text) for part in made.truth)
    expected = Truth(*map(np.array, zip(*scan(made.text), strict=True)))
    for name, got, want in zip(Truth._fields, made.truth, expected, strict=True):
        np.testing.assert_array_equal(got, want, err_msg=name)


def bare(text):
    """The text without comments, and without what strings and character constants hold."""
    pattern = r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
    return re.sub(pattern, lambda m: '""' if m[0][0] in "\"'" else "", text, flags=re.DOTALL)


LIBRARY = {
    "stdio": {"printf"},
    "string": {"strlen", "strcmp"},
    "ctype": {"isdigit", "isspace"},
}
KEYWORDS = set("int const char void static struct if else for while return break continue".split())


def check_names(text):
    """Each name is declared before it is used, and in scope; returns how many uses there were."""
    text = bare(text)
    everywhere = set(re.findall(r"#define (\w+)", text))
    for header in re.findall(r"#include <(\w+)\.h>", text):
        everywhere |= LIBRARY[header]
    scopes, heading, parens, uses = [everywhere], set(), 0, 0
    tokens = re.findall(r"\w+|->|[^\w\s]", re.sub(r"#.*", "", text))
    for i, token in enumerate(tokens):
        before = tokens[max(i - 3, 0) : i]
        parens += (token == "(") - (token == ")")
        if token == "{":
            scopes.append(heading)
            heading = set()
        elif token == "}":
            scopes.pop()
        elif re.match(r"[a-z_]", token, re.I) and token not in KEYWORDS and before[-1:] != ["struct"]:
            pointer = before[-1:] == ["*"]
            kind = before[:-1] if pointer else before
            is_type = kind[-1:] in (["int"], ["void"], ["char"]) or kind[-2:-1] == ["struct"]
            if before[-1:] == ["->"]:
                continue
            if is_type and tokens[i + 1] == "(":
                scopes[0].add(token)
            elif is_type:
                assert not any(token in scope for scope in (*scopes[1:], heading)), f"{token} twice"
                (heading if parens else scopes[-1]).add(token)
            else:
                assert any(token in scope for scope in (*scopes, heading)), f"{token} is not declared"
                uses += 1
    return uses


def check_indentation(text):
    """Four spaces a brace, and four more for a body without braces; functions begin at the margin."""
    depths, lines = [0, *(row[0] for row in scan(text))], text.splitlines(keepends=True)
    place, body = 0, 0
    for line in lines:
        depth = depths[place]
        indent = len(line) - len(line.lstrip(" "))
        inside = line.startswith((" *", "\n"))
        if not inside:
            closing = line.lstrip().startswith("}")
            assert indent == 4 * (depth - closing + body), line
            body = int(re.match(r"\s*(}? ?else |)(if|while|for) ?\(.*\)$", line.rstrip("\n")) is not None)
        place += len(line)


@seeds
def test_the_truth_is_what_a_scanner_finds(seed):
    check_truth(code(seed))


@seeds
def test_names_are_declared_and_lines_are_indented(seed):
    text = code(seed).text
    assert check_names(text) > 100
    check_indentation(text)
    assert not re.search(r"[ \t]+$|\t", text, re.MULTILINE) and text.endswith("}\n") and text.isascii()
    assert max(map(len, text.splitlines())) < 140


def test_every_construct_occurs_and_signs_that_do_not_count_do_too():
    made = code(0, 220)
    for name, part in zip(Truth._fields, made.truth, strict=True):
        assert 0.02 < np.mean(part > 0) < 0.98, name
    chars = np.array(list(made.text))
    for sign in "{}()":
        assert (made.truth.quote & (chars == sign)).any(), sign
        assert (made.truth.comment & (chars == sign)).any(), sign
    assert made.truth.depth.max() >= 4
    for pattern in (r"else if \(", r"\} else \{", r"for \(int", r"for \(struct", r"while \(", r"->", r"//",
                    r"/\*\n", r"\[\w+\]", r"\bif \([^\n]*\)\n", r"break;", r"continue;", r"'\\''", r'\\"',
                    r"return \w", r"&&", r"strcmp\(", r"static int \w+\("):  # fmt: skip
        assert re.search(pattern, made.text), pattern
    assert made.text.count("\nstatic ") + len(re.findall(r"^(?:int|void) ", made.text, re.M)) == 220


@pytest.mark.parametrize("field", Truth._fields)
def test_one_wrong_entry_fails(field):
    made = code(1, 2)
    part = getattr(made.truth, field).copy()
    part[len(part) // 2] = not part[len(part) // 2] if part.dtype == bool else part[len(part) // 2] + 1
    with pytest.raises(AssertionError, match=field):
        check_truth(CCode(made.text, made.truth._replace(**{field: part})))


@pytest.mark.parametrize(
    "wrong",
    [
        "int f(int a)\n{\n    return b;\n}\n",
        "int f(int a)\n{\n    if (a) {\n        int b = 1;\n    }\n    return b;\n}\n",
        "int f(int a)\n{\n    return g(a);\n}\n\nint g(int a)\n{\n    return a;\n}\n",
        "int f(int a)\n{\n    for (int i = 0; i < a; i++) {\n        a++;\n    }\n    return i;\n}\n",
        "int f(int a)\n{\n    int a = 1;\n    return a;\n}\n",
        'int f(int a)\n{\n    printf("a");\n    return a;\n}\n',
    ],
)
def test_a_name_out_of_scope_fails(wrong):
    with pytest.raises(AssertionError, match="declared|twice"):
        check_names(wrong)


@pytest.mark.parametrize(
    "wrong", ["int f()\n{\n  return 1;\n}\n", "int f()\n{\n    if (1)\n    return 1;\n}\n"]
)
def test_a_wrong_indentation_fails(wrong):
    with pytest.raises(AssertionError):
        check_indentation(wrong)


def test_one_seed_one_text():
    first, again, other = (c_code(5, rng=np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.text == again.text != other.text
    for one, two in zip(first.truth, again.truth, strict=True):
        np.testing.assert_array_equal(one, two)


def test_documents_are_different_files_whose_names_are_groups_of_their_own():
    documents = c_documents(9, rng=np.random.default_rng(0))
    assert documents == c_documents(9, rng=np.random.default_rng(0))
    assert len({d.text for d in documents}) == len({d.group for d in documents}) == 9
    for name, text in documents:
        scan(text)
        assert name.endswith(".c") and check_names(text)
    assert 9_000 < sum(len(d.text) for d in documents) < 70_000


def test_more_functions_than_plain_names():
    text = code(0, 220).text
    names = re.findall(r"^(?:static )?(?:int|void) (\w+)\(", text, re.M)
    assert len(names) == len(set(names)) == 220


@pytest.mark.usefixtures("own_errors")
def test_what_is_wrong_is_named():
    rng = np.random.default_rng(0)
    for call, error, message in [
        (lambda: c_code(0, rng=rng), ValueError, "c_code: functions must be at least 1; got 0"),
        (lambda: c_code(1.5, rng=rng), TypeError, "c_code: functions must be an int; got float"),
        (lambda: c_code(1, rng=0), TypeError, "c_code: rng must be a numpy.random.Generator"),
        (lambda: c_documents(0, rng=rng), ValueError, "c_documents: count must be at least 1; got 0"),
        (lambda: c_documents(1, rng=None), TypeError, "c_documents: rng must be"),
    ]:
        with pytest.raises(error, match=message):
            call()
