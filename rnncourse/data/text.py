"""Text that is on every reader's machine, as whole documents: Python's own sources and its topics.

The held-out parts are whole documents, and the files of one package stay together: files of one package
repeat each other, so a model that had read half of them would know the other half.
"""

import hashlib
import sysconfig
import tokenize
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rnncourse import _checks

# Not in every installation, made by machines, or not code: tables of encodings, the tests (larger than all
# the rest), what newer versions dropped, and what Linux distributions package apart.
LEFT_OUT = frozenset(
    "test tests idle_test site-packages dist-packages __pycache__ pydoc_data encodings idlelib tkinter "
    "lib2to3 turtledemo distutils ensurepip venv lib-dynload config-3 asyncore asynchat smtpd imp turtle "
    "_sysconfigdata _bootsubprocess".split()
)


class Document(NamedTuple):
    """A text with a name; the part of the name before the first "/" is the group it belongs to."""

    name: str
    text: str

    @property
    def group(self) -> str:
        """What must stay in one part: the package of a Python file."""
        return self.name.split("/")[0].removesuffix(".py")


class Split(NamedTuple):
    """Documents to learn from, to choose by, and to report on."""

    train: list[Document]
    valid: list[Document]
    test: list[Document]


def python_sources(folder: str | Path | None = None) -> list[Document]:
    """The sources of Python's standard library, sorted by name; or those in another `folder`.

    About 7 MB and 380 files in Python 3.11. Versions differ by a few percent. Raises FileNotFoundError where
    there is no Python file: some installations keep compiled files only.
    """
    root = Path(folder or sysconfig.get_paths()["stdlib"])
    documents = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if any(part.removesuffix(".py") in LEFT_OUT or part.startswith(("config-", "_sysconfigdata"))
               for part in name.split("/")):  # fmt: skip
            continue
        documents.append(read_document(path, name=name))
    documents = [d for d in documents if d.text]
    if not documents:
        raise FileNotFoundError(
            f"python_sources: expected Python files below {root}; found none with text in it. "
            "Name a folder of sources, or install Python's standard library with its sources"
        )
    return documents


def topics() -> list[Document]:
    """The prose of Python's help("topics"): about 80 English texts, 0.5 MB; ships with Python."""
    from pydoc_data.topics import topics as texts

    return [Document(name, text) for name, text in sorted(texts.items()) if text.strip()]


def read_document(path: str | Path, *, name: str | None = None) -> Document:
    """A text file in UTF-8 (or, for Python files, in the encoding they declare), newlines as "\\n".

    Raises FileNotFoundError where it is missing, ValueError where it is binary or not in this encoding.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"read_document: expected a text file; found none at {path}")
    try:
        if path.suffix == ".py":
            with tokenize.open(path) as file:
                text = file.read()
        else:
            text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, SyntaxError) as error:
        raise ValueError(
            f"read_document: expected text in UTF-8; {path} is not ({error}). Convert the file, for example "
            "with iconv, or leave it out"
        ) from error
    if "\0" in text:
        raise ValueError(f"read_document: expected text; {path} is binary (it holds a zero character)")
    return Document(name or path.name, text)


def read_corpus(place: str | Path) -> list[Document]:
    """Every .txt, .md and .py file below a folder, or one file.

    Raises FileNotFoundError where there is nothing, ValueError where all is empty, or as `read_document`.
    """
    place = Path(place)
    if place.is_dir():
        paths = sorted(p for p in place.rglob("*") if p.suffix in (".txt", ".md", ".py") and p.is_file())
        documents = [read_document(p, name=p.relative_to(place).as_posix()) for p in paths]
        if not documents:
            raise FileNotFoundError(f"read_corpus: expected .txt, .md or .py files below {place}; found none")
    else:
        documents = [read_document(place)]
    documents = [d for d in documents if d.text]
    if not documents:
        raise ValueError(f"read_corpus: expected text; every file in {place} is empty")
    return documents


def split(documents: Iterable[Document], *, valid: float = 0.05, test: float = 0.05) -> Split:
    """Whole groups of documents by a hash of the group's name: the same on every machine and version.

    `valid` and `test` are the shares of groups, not of characters. Documents of one group (one book,
    say) cannot be split into whole documents: ValueError, as for shares outside (0, 1).
    """
    _check_shares("split", valid, test)
    parts = Split([], [], [])
    for document in documents:
        place = _place(document.group)
        part = parts.test if place < test else parts.valid if place < test + valid else parts.train
        part.append(document)
    if not all(parts):
        sizes = ", ".join(f"{name} {len(part)}" for name, part in zip(parts._fields, parts, strict=True))
        raise ValueError(
            f"split: each part needs a document; got {sizes}. Use more documents, other shares, "
            "or split_book for one long text"
        )
    return parts


def split_book(document: Document, *, valid: float = 0.05, test: float = 0.05) -> Split:
    """One long text, cut at line ends: the last `test` of its lines, before them `valid`, then the rest.

    Not whole documents, so what is held out continues what was learnt. ValueError where a part has no line.
    """
    _check_shares("split_book", valid, test)
    lines = document.text.splitlines(keepends=True)
    a, b = (round(len(lines) * share) for share in (1 - valid - test, 1 - test))
    named = zip(Split._fields, (lines[:a], lines[a:b], lines[b:]), strict=True)
    parts = Split(*([Document(f"{document.name}-{name}", "".join(part))] for name, part in named))
    if not all(part[0].text for part in parts):
        raise ValueError(f"split_book: each part needs a line; got {len(lines)} lines. Use a longer text")
    return parts


def fingerprint(documents: Sequence[Document]) -> str:
    """SHA-256 over names and texts: two corpora with one fingerprint are the same."""
    digest = hashlib.sha256()
    for name, text in documents:
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()


def _check_shares(subject: str, valid: float, test: float) -> None:
    for name, share in (("valid", valid), ("test", test)):
        if not 0 < _checks.number(subject, name, share) < 1:
            raise ValueError(f"{subject}: {name} must lie between 0 and 1; got {share}")
    if valid + test >= 1:
        raise ValueError(f"{subject}: valid + test must leave something to train on; got {valid} + {test}")


def _place(group: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int(hashlib.sha256(group.encode()).hexdigest()[:13], 16) / 16**13
