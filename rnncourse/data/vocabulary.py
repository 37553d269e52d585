"""Characters as integers: what a character model reads and writes."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from rnncourse import _checks

Array = np.ndarray
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
BOUNDARY = "\N{END OF TEXT}"


class Vocabulary(NamedTuple):
    """Token k is ``characters[k]``; 0 is every character without a token, 1 a document's edge."""

    characters: str

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str, *, strict: bool = False) -> Int[Array, "N"]:
        """The tokens (N,) of a text, int64. A character without a token becomes 0, the unknown one.

        With `strict` it raises ValueError instead: a model cannot go on from what it never saw.
        """
        if not isinstance(text, str):
            raise TypeError(f"Vocabulary.encode: text must be a str; got {type(text).__name__}")
        ids = {character: k for k, character in enumerate(self.characters)}
        if strict:
            for at, character in enumerate(text):
                if character not in ids or character == UNKNOWN:
                    raise ValueError(
                        f"Vocabulary.encode: each character must be one of the {len(self) - 2} that the "
                        f"model was trained on; got {character!r} (U+{ord(character):04X}) at position {at}. "
                        "Leave it out, or write it with others"
                    )
        return np.array([ids.get(character, 0) for character in text], np.int64)

    def decode(self, tokens: Int[Array, "N"]) -> str:
        """The text of these tokens (N,); ValueError for one outside 0..V−1."""
        tokens = np.asarray(tokens)
        if tokens.size and (tokens.min() < 0 or tokens.max() >= len(self)):
            raise ValueError(
                f"Vocabulary.decode: tokens must lie in 0..{len(self) - 1}; "
                f"got {tokens.min()}..{tokens.max()}"
            )
        return "".join(self.characters[int(token)] for token in tokens.ravel())


def vocabulary_of(texts: Iterable[str], *, at_least: int = 1) -> Vocabulary:
    """The characters that occur at least so often in `texts`, in the order of their code points.

    Raises ValueError where fewer than two different characters are left: there is nothing to predict.
    """
    subject = "vocabulary_of"
    _checks.positive_int(subject, "at_least", at_least)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    kept = sorted(c for c, n in counts.items() if n >= at_least and c not in (UNKNOWN, BOUNDARY))
    if len(kept) < 2:
        raise ValueError(
            f"{subject}: the texts must hold at least two different characters that occur {at_least} times; "
            f"got {len(kept)} ({sum(counts.values())} characters in all). Is the corpus the right one?"
        )
    return Vocabulary(UNKNOWN + BOUNDARY + "".join(kept))
