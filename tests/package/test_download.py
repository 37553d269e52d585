"""Downloads, from a server on this machine: the right file, a wrong one, none, and no server."""

import functools
import hashlib
import http.server
import socket
import sys
import threading

import pytest

from rnncourse.data import download as module
from rnncourse.data.download import SOURCES, Source, download, fetch
from rnncourse.data.text import Document

TEXT = "To be, or not to be:\nthat is the question.\n" * 20
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a server of one folder, and the list of what was asked for."""
    pytest.importorskip("pooch", reason="needs the extra rnncourse[book]")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder, asked = tmp_path / "served", []
    folder.mkdir()
    (folder / "play.txt").write_bytes(TEXT.encode())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def play(address, sha256=SHA256):
    return Source("play.txt", f"{address}/play.txt", sha256)


@pytest.fixture
def nowhere(monkeypatch):
    """An address where nothing listens."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def assert_says(error, source, *more):
    for part in (source.file, source.url, source.sha256, "RNNCOURSE_DATA", *map(str, more)):
        assert part in str(error.value), part


def test_a_file_is_downloaded_once(server, tmp_path):
    address, asked = server
    cache = tmp_path / "cache"
    for _ in range(2):
        path = fetch(play(address), cache=cache)
        assert path == cache / "play.txt" and path.read_bytes() == TEXT.encode()
    assert asked == ["/play.txt"]
    assert [p.name for p in cache.iterdir()] == ["play.txt"]


def test_a_download_becomes_a_document(server, tmp_path, monkeypatch):
    import pooch

    monkeypatch.setitem(SOURCES, "shakespeare", play(server[0]))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    assert download("shakespeare") == Document("shakespeare", TEXT)
    assert (tmp_path / "rnncourse" / "play.txt").is_file()


def test_a_wrong_hash_is_refused_and_not_kept(server, tmp_path):
    source, cache = play(server[0], OTHER), tmp_path / "cache"
    for _ in range(2):
        with pytest.raises(ValueError, match="refused play.txt") as caught:
            fetch(source, cache=cache)
        assert_says(caught, source, SHA256, cache)
        assert list(cache.iterdir()) == []


def test_a_spoilt_file_in_the_cache_is_fetched_again(server, tmp_path):
    (tmp_path / "play.txt").write_text("To be")
    assert fetch(play(server[0]), cache=tmp_path).read_bytes() == TEXT.encode()


def test_a_file_that_the_server_has_not(server, tmp_path):
    source = Source("gone.txt", f"{server[0]}/gone.txt", SHA256)
    with pytest.raises(ConnectionError, match="404") as caught:
        fetch(source, cache=tmp_path / "cache")
    assert_says(caught, source, tmp_path / "cache")


def test_no_network(nowhere, tmp_path):
    pytest.importorskip("pooch", reason="needs the extra rnncourse[book]")
    source, cache = play(nowhere), tmp_path / "cache"
    with pytest.raises(ConnectionError, match="could not fetch play.txt") as caught:
        fetch(source, cache=cache)
    assert_says(caught, source, cache)
    assert "not this one" not in str(caught.value)
    (cache / "play.txt").write_bytes(b"other")  # what is there already is not taken instead, but named
    with pytest.raises(ConnectionError, match=f"has SHA-256 {OTHER}: not this one"):
        fetch(source, cache=cache)
    (cache / "play.txt").write_bytes(TEXT.encode())  # by hand, where the error says
    assert fetch(source, cache=cache) == cache / "play.txt"


def test_the_named_folder_comes_first_and_needs_neither_network_nor_pooch(nowhere, tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "shakespeare", play(nowhere))
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path))
    (tmp_path / "play.txt").write_bytes(TEXT.encode())
    assert download("shakespeare") == Document("shakespeare", TEXT)


def test_a_named_folder_without_the_file_leaves_it_to_the_download(server, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mine"))
    assert fetch(play(server[0]), cache=tmp_path / "cache") == tmp_path / "cache" / "play.txt"
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_wrong_file_in_the_named_folder_is_refused(server, tmp_path, monkeypatch):
    address, asked = server
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path))
    (tmp_path / "play.txt").write_bytes(TEXT.replace("\n", "\r\n").encode())
    with pytest.raises(ValueError, match=f"expected SHA-256 {SHA256}; got [0-9a-f]{{64}}") as caught:
        fetch(play(address), cache=tmp_path / "cache")
    assert str(tmp_path / "play.txt") in str(caught.value) and play(address).url in str(caught.value)
    assert asked == [] and not (tmp_path / "cache").exists()


def test_a_named_folder_that_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "no"))
    with pytest.raises(FileNotFoundError, match="RNNCOURSE_DATA must name a folder; found none at .*no"):
        download("shakespeare")


def test_without_pooch_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ModuleNotFoundError, match="pip install 'rnncourse.book.'") as caught:
        download("shakespeare")
    assert_says(caught, SOURCES["shakespeare"])
    assert caught.value.name == "pooch"


def test_an_unknown_name():
    with pytest.raises(ValueError, match="download: name must be one of shakespeare; got 'hamlet'"):
        download("hamlet")


def test_sources_are_pinned():
    assert len({s.file for s in SOURCES.values()}) == len(SOURCES)
    for source in SOURCES.values():
        assert source.url.startswith("https://") and "/master/" not in source.url
        assert len(source.sha256) == 64 and set(source.sha256) <= set("0123456789abcdef")
    assert module.VARIABLE == "RNNCOURSE_DATA"
