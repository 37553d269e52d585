"""Text from the reader's machine: whole documents, split by groups, and every way a corpus can be wrong."""

import sys

import numpy as np
import pytest

from rnncourse.data import corpora, text
from rnncourse.data.text import Document
from rnncourse.data.vocabulary import BOUNDARY, UNKNOWN, Vocabulary, vocabulary_of


@pytest.fixture(scope="module")
def sources():
    return text.python_sources()


def test_the_library_is_megabytes_of_real_code(sources):
    size = sum(len(d.text) for d in sources)
    assert 5e6 < size < 12e6 and 250 < len(sources) < 700  # Python's versions differ
    names = [d.name for d in sources]
    assert names == sorted(names) and len(set(names)) == len(names)
    assert "json/decoder.py" in names and not any(name.startswith(("test/", "encodings/")) for name in names)
    import json.decoder

    with open(json.decoder.__file__, encoding="utf-8") as file:
        assert dict(sources)["json/decoder.py"] == file.read()


def test_topics_are_english():
    documents = text.topics()
    prose = "".join(d.text for d in documents)
    assert 50 < len(documents) < 150 and 3e5 < len(prose) < 1e6
    assert prose.count(" the ") > 2000


def test_whole_groups_are_held_out(sources):
    parts = text.split(sources)
    groups = [{d.group for d in part} for part in parts]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert sorted(d.name for part in parts for d in part) == [d.name for d in sources]
    assert Document("json/decoder.py", "").group == Document("json.py", "").group == "json"


def test_a_part_depends_on_the_name_alone(sources):
    """Another version, with files more or fewer, leaves the others where they are."""
    whole, fewer = text.split(sources), text.split(sources[::2])
    for name in text.Split._fields:
        assert {d.name for d in getattr(fewer, name)} <= {d.name for d in getattr(whole, name)}
    assert "json" in {d.group for d in whole.test}  # SHA-256 is the same everywhere


def test_shares_are_shares_of_groups():
    parts = text.split([Document(f"{k}", "x") for k in range(4000)], valid=0.1, test=0.2)
    assert len(parts.valid) / 4000 == pytest.approx(0.1, abs=0.02)
    assert len(parts.test) / 4000 == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(("valid", "test"), [(0.0, 0.1), (0.1, 1.0), (0.6, 0.5), (float("nan"), 0.1)])
def test_bad_shares(valid, test, own_errors):
    with pytest.raises(ValueError, match="split: "):
        text.split([Document("a", "x")], valid=valid, test=test)


def test_one_document_cannot_be_split_but_its_end_can_be_held_out():
    book = Document("book", "".join(f"line {k}\n" for k in range(100)))
    with pytest.raises(ValueError, match="each part needs a document.*split_book"):
        text.split([book])
    parts = text.split_book(book, valid=0.1, test=0.2)
    assert "".join(part[0].text for part in parts) == book.text
    assert [len(part[0].text.splitlines()) for part in parts] == [70, 10, 20]
    with pytest.raises(ValueError, match="each part needs a line; got 3 lines"):
        text.split_book(Document("short", "a\nb\nc"))


def test_fingerprints_tell_corpora_apart():
    a, b = Document("a", "x"), Document("b", "y")
    prints = [text.fingerprint(docs) for docs in ([a, b], [b, a], [a], [], [Document("a", "xb"), b])]
    assert len(set(prints)) == 5 and text.fingerprint([a, b]) == prints[0]


# Corpora that are wrong


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a text file; found none at .*gone.txt"):
        text.read_document(tmp_path / "gone.txt")
    with pytest.raises(FileNotFoundError, match="found none"):
        text.read_corpus(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected Python files below .*found none"):
        text.python_sources(tmp_path)
    with pytest.raises(FileNotFoundError, match="one of python, topics, c, shakespeare, or a file or folder"):
        corpora.corpus("no such corpus")


def test_empty(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="every file in .* is empty"):
        text.read_corpus(tmp_path)
    with pytest.raises(ValueError, match=r"at least two different characters.*got 0 \(0 characters"):
        vocabulary_of([])


def test_one_character(tmp_path):
    with pytest.raises(ValueError, match=r"at least two different characters.*got 1 \(9 characters"):
        vocabulary_of(["a" * 9])


def test_binary(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"text\0more")
    with pytest.raises(ValueError, match="is binary"):
        text.read_document(tmp_path / "a.txt")


@pytest.mark.parametrize("name", ["a.txt", "a.py"])
def test_not_utf8(tmp_path, name):
    (tmp_path / name).write_bytes("caf\u00e9".encode("latin-1"))
    with pytest.raises(ValueError, match=r"expected text in UTF-8; .*iconv"):
        text.read_document(tmp_path / name)


def test_python_files_may_declare_their_encoding(tmp_path):
    (tmp_path / "a.py").write_bytes("# -*- coding: latin-1 -*-\n'caf\u00e9'\n".encode("latin-1"))
    assert "caf\u00e9" in text.read_document(tmp_path / "a.py").text


def test_newlines_are_newlines(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\rthree")
    assert text.read_document(tmp_path / "a.txt").text == "one\ntwo\nthree"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_a_broken_link_in_a_folder_is_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.txt").symlink_to(tmp_path / "gone")
    assert [d.name for d in text.read_corpus(tmp_path)] == ["a.txt"]


def test_one_file_becomes_a_corpus(tmp_path):
    (tmp_path / "book.txt").write_text("".join(f"line {k}\n" for k in range(400)))
    parts = corpora.corpus(str(tmp_path / "book.txt"))
    assert sum(len(d.text) for part in parts for d in part) == len((tmp_path / "book.txt").read_text())
    assert all(parts)


# Characters as integers


def test_encoding_and_back():
    vocabulary = vocabulary_of(["banana\n", "band"])
    assert vocabulary.characters == UNKNOWN + BOUNDARY + "\nabdn"
    tokens = vocabulary.encode("dab\n")
    np.testing.assert_array_equal(tokens, [5, 3, 4, 2])
    assert tokens.dtype == np.int64 and vocabulary.decode(tokens) == "dab\n"
    assert len(vocabulary) == 7 and vocabulary.encode("").shape == (0,)


def test_unseen_characters():
    vocabulary = Vocabulary(UNKNOWN + BOUNDARY + "ab")
    np.testing.assert_array_equal(vocabulary.encode("a\u4e2db"), [2, 0, 3])
    message = r"one of the 2 that the model was trained on; got '\u4e2d' \(U\+4E2D\) at position 1"
    with pytest.raises(ValueError, match=message):
        vocabulary.encode("a\u4e2db", strict=True)
    with pytest.raises(ValueError, match="U\\+FFFD"):
        vocabulary.encode(UNKNOWN, strict=True)


def test_rare_characters_are_left_out():
    assert vocabulary_of(["aaabbc"], at_least=2).characters[2:] == "ab"


def test_bad_tokens():
    vocabulary = vocabulary_of(["ab"])
    for bad in (-1, 4):
        with pytest.raises(ValueError, match=r"tokens must lie in 0\.\.3"):
            vocabulary.decode(np.array([bad]))
    assert vocabulary.decode(np.array([], int)) == ""
