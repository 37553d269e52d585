"""C-like source code from a seed, and for each character what a reader must know at that place.

The truth is not read off the text: it comes from the marks of the grammar that wrote the text.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from rnncourse import _checks
from rnncourse.data import c_grammar
from rnncourse.data.c_grammar import FIRST_MARK
from rnncourse.data.text import Document

Array = np.ndarray


class Truth(NamedTuple):
    """What holds after each of the N characters has been read, so it depends on the text up to there alone.

    The character that opens a construct counts as inside, the one that closes it as outside. A comment opens
    with the second character of its sign; a line comment closes with the newline.
    """

    depth: Int[Array, "N"]  # open braces
    parentheses: Int[Array, "N"]  # open parentheses
    quote: Bool[Array, "N"]  # in a string or a character constant
    comment: Bool[Array, "N"]
    condition: Bool[Array, "N"]  # in the parentheses of an `if`; those of `while` and `for` do not count
    column: Int[Array, "N"]  # characters since the last newline; 0 for the newline itself


class CCode(NamedTuple):
    """N characters of code and the truth about each."""

    text: str
    truth: Truth


def c_code(functions: int, *, rng: np.random.Generator) -> CCode:
    """One file of this many functions, each about 750 characters. One state of `rng`, one file.

    Raises TypeError where `rng` is no Generator, ValueError for fewer than one function.
    """
    _checks.positive_int("c_code", "functions", functions)
    marked = c_grammar.CGrammar(_checks.generator("c_code", rng)).file(functions)
    codes = np.frombuffer(marked.encode("utf-32-le"), "<u4").astype(np.int64)
    kept = codes < FIRST_MARK

    def opened(construct: int) -> Array:
        mark = codes - FIRST_MARK - 2 * construct
        return np.cumsum((mark == 0).astype(np.int64) - (mark == 1))[kept]

    place = np.arange(kept.sum())
    newline = np.maximum.accumulate(np.where(codes[kept] == ord("\n"), place, -1))
    quote, comment, condition = (
        opened(c) > 0 for c in (c_grammar.QUOTE, c_grammar.COMMENT, c_grammar.CONDITION)
    )
    truth = Truth(
        opened(c_grammar.DEPTH), opened(c_grammar.PARENTHESES), quote, comment, condition, place - newline
    )
    return CCode("".join(c for c in marked if ord(c) < FIRST_MARK), truth)


def c_documents(count: int, *, rng: np.random.Generator) -> list[Document]:
    """`count` files of 2 to 6 functions. Raises as `c_code` does."""
    _checks.positive_int("c_documents", "count", count)
    _checks.generator("c_documents", rng)
    return [Document(f"file{k:04}.c", c_code(int(rng.integers(2, 7)), rng=rng).text) for k in range(count)]
