"""Files that survive: a full disk, a cut, another version, a kill between any two operations."""

import errno
import os
import sys

import pytest

from rnncourse import _files
from rnncourse._files import write_atomically
from rnncourse.training import checkpoint
from rnncourse.training.checkpoint import CheckpointError, load, save
from rnncourse.training.records import Records, read


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "a.pt"
    for payload in (b"", b"x", b"{}\n" * 1000, bytes(range(256))):
        save(path, payload)
        assert load(path) == payload
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "a.pt.previous"]


def test_the_one_before_is_kept(tmp_path):
    path = tmp_path / "a.pt"
    for k in range(3):
        save(path, b"%d" % k)
    assert load(path) == b"2" and load(tmp_path / "a.pt.previous") == b"1"


@pytest.mark.parametrize("keep", [0, 1, 20, 150, -1])
def test_cut_short_anywhere(tmp_path, keep):
    path = tmp_path / "a.pt"
    save(path, b"first")
    save(path, b"second " * 100)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"cut short.*rename .*a\.pt\.previous to a\.pt"):
        load(path)
    assert load(tmp_path / "a.pt.previous") == b"first"


def test_changed(tmp_path):
    path = tmp_path / "a.pt"
    save(path, b"payload")
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(CheckpointError, match="was changed: its SHA-256 differs. There is no earlier one"):
        load(path)


def test_of_another_version_or_kind(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "VERSION", 99)
        save(path, b"payload")
    with pytest.raises(CheckpointError, match="expected version 1; .* has version 99. Use the version"):
        load(path)
    path.write_bytes(b"PK\x03\x04 something else\n")
    with pytest.raises(CheckpointError, match="is not one of ours"):
        load(path)
    with pytest.raises(CheckpointError, match="found none"):
        load(tmp_path / "gone.pt")


@pytest.mark.parametrize("broken", ["fsync", "replace", "open"])
def test_a_full_disk_leaves_the_old_one(tmp_path, monkeypatch, broken):
    path = tmp_path / "a.pt"
    save(path, b"old")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    if broken == "open":
        monkeypatch.setattr("builtins.open", full)
    else:
        monkeypatch.setattr(_files.os, broken, full)
    with pytest.raises(OSError, match=r"could not save 3 bytes \(No space left.*untouched. Make room"):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert load(path) == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]  # no half-written file is left


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="needs a limit on file sizes")
def test_a_really_full_disk(tmp_path):
    """The system itself refuses to write beyond a limit."""
    import resource
    import subprocess

    path = tmp_path / "a.pt"
    save(path, b"old")
    code = f"from rnncourse.training.checkpoint import save; save({str(path)!r}, b'x' * 1_000_000)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert done.returncode == 1 and "could not save" in done.stderr
    assert load(path) == b"old"
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".new")]


def test_killed_between_any_two_operations_there_is_a_good_one(tmp_path, monkeypatch):
    """Each call to the system is the last one in turn; afterwards a whole checkpoint is always there."""

    class Killed(BaseException):
        pass

    names, seen = ("replace", "fsync", "link", "unlink"), []
    for stop in range(12):
        path = tmp_path / f"{stop}.pt"
        save(path, b"old")
        calls = 0
        with monkeypatch.context() as patch:
            for name in names:
                real = getattr(os, name)

                def counted(*args, real=real, stop=stop, **kwargs):
                    nonlocal calls
                    if calls == stop:
                        raise Killed
                    calls += 1
                    return real(*args, **kwargs)

                patch.setattr(os, name, counted)
            try:
                save(path, b"new")
            except Killed:
                seen.append(stop)
        assert load(path) in (b"old", b"new")
        save(path, b"after")  # what was left behind is in nobody's way
        assert load(path) == b"after"
    assert len(seen) >= 4  # it was killed in the middle


def test_records_survive_a_broken_last_line(tmp_path):
    path = tmp_path / "records.jsonl"
    records = Records(path)
    for step in range(1, 6):
        records.append(step=step, loss=1 / step)
    with open(path, "a") as file:
        file.write('{"step": 6, "lo')
    assert [r["step"] for r in read(path)] == [1, 2, 3, 4, 5]
    Records(path, keep_until=3).append(step=4, loss=0.5)
    assert [(r["step"], r["loss"]) for r in read(path)][2:] == [(3, 1 / 3), (4, 0.5)]
    Records(path)
    assert read(path) == []


def test_records_that_are_none(tmp_path):
    path = tmp_path / "records.jsonl"
    with pytest.raises(FileNotFoundError):
        read(path)
    for line in ("no json", "[1]", '{"loss": 1}'):
        path.write_text(f'{{"step": 1}}\n{line}\n')
        with pytest.raises(ValueError, match="must be a JSON object with a step; line 2 is"):
            read(path)
