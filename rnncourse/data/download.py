"""Optional downloads, each known by its SHA-256. The book itself needs none of them.

A file is looked for in the folder that the environment variable RNNCOURSE_DATA names, then in pooch's cache
folder, then on the network. What has another hash is refused, and nothing else takes its place.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from rnncourse import _checks
from rnncourse.data.text import Document, read_document

VARIABLE = "RNNCOURSE_DATA"


class Source(NamedTuple):
    """The name of a file here, where it comes from, and the SHA-256 of its bytes."""

    file: str
    url: str
    sha256: str


SOURCES = {
    # 1.1 MB of plays: Karpathy, The unreasonable effectiveness of recurrent neural networks (2015).
    "shakespeare": Source(
        "tiny-shakespeare.txt",
        "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
        "/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
}


def download(name: str) -> Document:
    """The text of this name in `SOURCES`, fetched once. ValueError for another name, or as `fetch` raises."""
    return read_document(fetch(SOURCES[_checks.choice("download", "name", name, SOURCES)]), name=name)


def fetch(source: Source, *, cache: str | Path | None = None) -> Path:
    """The path of the file, after a download if need be; its bytes have the hash.

    `cache` is a folder to use in place of pooch's.
    Raises ConnectionError where the file can neither be found nor downloaded, ValueError for another hash,
    FileNotFoundError where RNNCOURSE_DATA names no folder, ModuleNotFoundError without pooch. The first two
    and the last say what to put where by hand.
    """
    if by_hand := _by_hand(source):
        return by_hand
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"download: a download needs pooch: pip install 'rnncourse[book]'. {_help(source)}",
            name=error.name,
        ) from error
    folder = Path(cache or pooch.os_cache("rnncourse"))
    path = folder / source.file
    try:
        pooch.retrieve(source.url, f"sha256:{source.sha256}", fname=source.file, path=folder)
    except OSError as error:  # requests' errors are among them
        if (answer := getattr(error, "response", None)) is not None:
            answer.close()  # such as a 404, which pooch leaves open
        there = f" The file at {path} has SHA-256 {_sha256(path)}: not this one." if path.is_file() else ""
        raise ConnectionError(
            f"download: could not fetch {source.file} ({error}).{there} {_help(source, folder)}"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"download: refused {source.file}, whose SHA-256 is another ({error}) {_help(source, folder)}"
        ) from error
    return path


def _by_hand(source: Source) -> Path | None:
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"download: {VARIABLE} must name a folder; found none at {folder}")
    path = Path(folder) / source.file
    if not path.is_file():
        return None
    if (got := _sha256(path)) != source.sha256:
        raise ValueError(
            f"download: refused {path}: expected SHA-256 {source.sha256}; got {got}. Replace it by the file "
            f"from {source.url}, unchanged down to its line ends, or take it away to download it"
        )
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _help(source: Source, cache: Path | None = None) -> str:
    place = f"{cache}, or the folder that {VARIABLE} names" if cache else f"a folder that {VARIABLE} names"
    return (
        f"By hand: get {source.url} (SHA-256 {source.sha256}) on a machine with a network, and put it into "
        f"{place}, as {source.file}"
    )
