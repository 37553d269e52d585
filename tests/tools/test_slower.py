"""What `make bench` says of times that grew: by more than the spread, and on the same machine."""

import json
import subprocess

import pytest
import slower

MACHINE = {"system": "Linux x86_64", "cpu": "A", "cores": 2, "threads": 1, "gpu": None}


@pytest.mark.parametrize(
    ("before", "after", "tells"),
    [
        ([1.0, 0.9, 1.1], [1.3, 1.25, 1.35], True),
        ([1.0, 0.9, 1.1], [1.15, 1.1, 1.2], False),  # within the spread of before
        ([1.0, 0.99, 1.01], [1.3, 1.0, 1.6], False),  # within the spread of now
        ([1.3, 1.25, 1.35], [1.0, 0.9, 1.1], False),  # faster
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], False),
    ],
)
def test_slower_by_more_than_the_spread(before, after, tells):
    lines = slower.slower({"LSTM": {"NumPy": before}}, {"LSTM": {"NumPy": after}})
    assert len(lines) == tells
    if tells:
        assert lines == ["LSTM, NumPy is slower: 1 (0.9 to 1.1) → 1.3 (1.25 to 1.35)"]


def test_a_slower_day_is_said_once_and_what_is_slower_beyond_it_by_name():
    before = {f"size {n}, ms": [float(n), 0.95 * n, 1.05 * n] for n in range(1, 10)}
    after = {name: [1.3 * t for t in found] for name, found in before.items()}
    assert slower.slower(before, after) == ["all times are 1.30 of what they were (median)"]
    after["size 4, ms"] = [1.3 * t for t in after["size 4, ms"]]
    assert slower.slower(before, after)[1:] == [
        "size 4, ms is slower: 4 (3.8 to 4.2) → 6.76 (6.422 to 7.098)"
    ]
    # What keeps its time on a slow day got faster, and what is slower in a record of few times is named.
    assert slower.slower(before, before) == []
    few = [{f"{n} ms": [t, t, t] for n in range(4)} for t in (1.0, 1.3)]
    assert len(slower.slower(*few)) == 4


def test_nothing_is_taken_out_of_ratios_and_what_is_missing_is_named():
    before = {f"size {n}": {"NumPy": [1.0, 0.95, 1.05]} for n in range(9)}
    after = {name: {"NumPy": [2.0, 1.95, 2.05]} for name in before}
    assert len(slower.slower(before, after)) == 9
    del after["size 3"]
    assert slower.slower(before, after)[0] == "size 3, NumPy is no longer measured"


def test_faster_than_all_others_is_a_drift_too():
    before = {f"{n} seconds": [1.0, 0.98, 1.02] for n in range(5)}
    after = {name: [0.7, 0.69, 0.71] for name in before}
    assert slower.slower(before, after) == ["all times are 0.70 of what they were (median)"]
    after["4 seconds"] = before["4 seconds"]
    assert slower.slower(before, after)[1:] == ["4 seconds is slower: 1 (0.98 to 1.02) → 1 (0.98 to 1.02)"]


def test_only_times_that_both_have_are_compared():
    old = {"b": [9, 9, 9], "sizes": [32, 50, 64], "name": "x", "seeds": [3.0, 4.0, 5.0], "flag": [True] * 3}
    new = {"b": [9, 9, 9], "sizes": [90, 92, 94], "name": "y", "seeds": [6.0, 7.0, 8.0], "flag": [True] * 3}
    assert slower.slower(old, new) == []
    assert list(slower.times({"list": [[2, 1, 3], [1, 1, 1]]})) == [
        ("list, 0", [2, 1, 3]),
        ("list, 1", [1, 1, 1]),
    ]


def git(root, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def recorded(tmp_path):
    """A repository in which one result is committed, and a function that writes a new one."""
    path = tmp_path / "benchmarks" / "results" / "fast.json"
    path.parent.mkdir(parents=True)

    def write(results, **machine):
        path.write_text(json.dumps({"machine": MACHINE | machine, "results": results}))

    write({"LSTM": [1.0, 0.9, 1.1]})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "a")
    return tmp_path, write


def test_the_report_compares_with_the_last_commit(recorded):
    root, write = recorded
    write({"LSTM": [2.0, 1.9, 2.1]})
    assert slower.report(root, ["fast"]) == ["fast: LSTM is slower: 1 (0.9 to 1.1) → 2 (1.9 to 2.1)"]
    write({"LSTM": [1.05, 0.9, 1.1]})
    assert slower.report(root, ["fast"]) == []


@pytest.mark.parametrize("key", slower.MACHINE)
def test_a_record_without_what_newer_ones_tell_is_compared(recorded, key):
    root, write = recorded
    write({"LSTM": [2.0, 1.9, 2.1]}, **{key: "other"})
    assert slower.report(root, ["fast"]) == [f"fast: the committed result is from a machine with other {key}"]
    without = {k: v for k, v in MACHINE.items() if k != key}
    path = root / "benchmarks" / "results" / "fast.json"
    path.write_text(json.dumps({"machine": without, "results": {"LSTM": [1.0, 0.9, 1.1]}}))
    git(root, "commit", "-qam", "b")
    write({"LSTM": [2.0, 1.9, 2.1]}, **{key: "other"})
    assert "is slower" in slower.report(root, ["fast"])[0]


def test_another_machine_or_no_commit_is_said(recorded):
    root, write = recorded
    write({"LSTM": [2.0, 1.9, 2.1]}, cpu="B")
    assert slower.report(root, ["fast"]) == ["fast: the committed result is from a machine with other cpu"]
    assert slower.report(root, ["new"]) == ["new: no committed result to compare with"]
