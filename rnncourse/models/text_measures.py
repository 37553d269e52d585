"""What can be counted in a text that a model wrote: how often it repeats itself, and whether code is code."""

import codeop
import io
import tokenize
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from rnncourse import _checks

# Python 3.11 calls these errors, later versions operators that the grammar does not know.
NO_SIGNS = frozenset("$?`")


class Block(NamedTuple):
    """The first block of a text in whole lines, and whether a line after it shows that it has ended."""

    code: str
    ended: bool


def repeated_share(texts: Sequence[str], *, n: int = 10) -> float:
    """The share of n-grams that occurred before, in this text or in one before it: 1 − different / all.

    0 where no n characters in a row come twice; near 1 in a loop. An n-gram lies within one text.
    Raises TypeError for a single str, ValueError where no text has n characters.
    """
    subject = "repeated_share"
    if isinstance(texts, str):
        raise TypeError(f"{subject}: texts must be a list of str; got one str. Pass [text]")
    _checks.positive_int(subject, "n", n)
    grams = [text[k : k + n] for text in texts for k in range(len(text) - n + 1)]
    if not grams:
        raise ValueError(f"{subject}: texts must hold one of at least n = {n} characters; got none")
    return 1 - len(set(grams)) / len(grams)


def first_block(text: str) -> Block:
    """The first line of a Python text and every line after it that belongs to it.

    Those are empty, indented, comments, or begin with a closing bracket. A last line without its newline is
    left out, unless nothing else is there.
    """
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines[1:], start=1):
        if line[0] not in " \t\r\n\f#)]}":
            return Block("".join(lines[:number]), True)
    whole = lines if text.endswith("\n") or len(lines) == 1 else lines[:-1]
    return Block("".join(whole), False)


def tokenises(code: str) -> bool:
    """Whether Python's `tokenize` reads the text to its end; a text that stops inside a bracket may pass."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            wrong = token.type == tokenize.ERRORTOKEN and token.string.strip()
            if wrong or (token.type == tokenize.OP and token.string in NO_SIGNS):
                return False
    except tokenize.TokenError as error:  # the end came too early, or a string is broken
        return "EOF in" in str(error) or "triple-quoted" in str(error)
    except SyntaxError:  # an indentation that fits no block
        return False
    return True


def parses(code: str) -> bool:
    """Whether Python finds no error in the text; one that only stops too early passes.

    The rule is that of the interactive prompt (`codeop`): is this code, or could more lines make it code?
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as an invalid escape in a string
        try:
            codeop.compile_command(code, symbol="exec")
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
            return False
    return True
