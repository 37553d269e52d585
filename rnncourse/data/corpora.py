"""Corpora by name, split into whole documents."""

from pathlib import Path

import numpy as np

from rnncourse.data import text
from rnncourse.data.text import Document, Split

NAMES = ("python", "topics", "c", "shakespeare")


def corpus(name: str) -> Split:
    """ "python", "topics", "c" (generated, seed 0), "shakespeare" (downloaded), or a file or folder of text.

    Whole groups of documents are held out; of one long text the end is. Raises what the readers in
    `rnncourse.data` raise; FileNotFoundError for a name that is neither known nor a path.
    """
    if name == "shakespeare":
        from rnncourse.data.download import download

        return text.split_book(download("shakespeare"))
    if name in GENERATED:
        return text.split(GENERATED[name]())
    if not name or not Path(name).exists():
        raise FileNotFoundError(
            f"corpus: expected one of {', '.join(NAMES)}, or a file or folder of text; got {name!r}"
        )
    documents = text.read_corpus(name)
    return text.split(documents) if len(documents) > 1 else text.split_book(documents[0])


def _c() -> list[Document]:
    from rnncourse.data.c_code import c_documents

    return c_documents(200, rng=np.random.default_rng(0))


GENERATED = {"python": text.python_sources, "topics": text.topics, "c": _c}
