"""A class on a Dask cluster: a TLS scheduler and two worker processes on this machine."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from classroom import hand_in
from test_cli_grade import SOLUTION, outcomes, run, wrong

from rnncourse.grading import shelf

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
if shutil.which("openssl") is None:
    assert not os.environ.get("RNNCOURSE_REQUIRE_SANDBOX"), "expected openssl; install it"
    pytest.skip("no openssl to make certificates with", allow_module_level=True)


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """ca.pem, and signed by it cert.pem with key.pem; other.pem with other-key.pem by nobody that counts."""
    folder = tmp_path_factory.mktemp("tls")
    for name, key in (("ca", "ca-key"), ("other", "other-key")):
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", f"{key}.pem", "-out", f"{name}.pem")  # fmt: skip
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=grading", "-keyout", "key.pem",
            "-out", "request.pem")  # fmt: skip
    openssl(folder, "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
            "-days", "2", "-out", "cert.pem", "-CAcreateserial")  # fmt: skip
    return folder


def options(certificates, cert="cert", key="key"):
    return [f"--tls-ca={certificates / 'ca.pem'}", f"--tls-cert={certificates / f'{cert}.pem'}",
            f"--tls-key={certificates / f'{key}.pem'}"]  # fmt: skip


class Cluster:
    """Processes of a scheduler and its workers; their address."""

    def __init__(self, certificates, folder):
        self.folder, self.tls, self.processes = folder, [], []
        for option in options(certificates):
            self.tls += option.replace("--tls-ca", "--tls-ca-file").split("=", 1)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"tls://127.0.0.1:{free.getsockname()[1]}"
        self.start("scheduler", "--host", self.address, "--no-dashboard")

    def start(self, kind, *arguments):
        command = [sys.executable, "-m", "distributed.cli.dask_" + kind, *arguments, *self.tls]
        with open(self.folder / f"{kind}{len(self.processes)}.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self.processes.append(process)
        return process

    def worker(self):
        return self.start("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny")

    def close(self):
        for process in self.processes[::-1]:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(certificates, tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    found = Cluster(certificates, folder)
    yield found
    found.close()


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "submissions"
    for n in range(5):
        hand_in(folder, f"s{n}/x.ipynb", SOLUTION.replace(b"np.tanh(", b"%d * np.tanh(" % n, 1))
    hand_in(folder, "broken/x.ipynb", b"{")
    return folder


def without_time(out):
    return [(who, status, points, json.loads(verdicts)) for who, status, points, verdicts, _ in outcomes(out)]


def test_two_workers_grade_as_this_machine_does(root, tmp_path, cluster, certificates, capfd):
    cluster.worker()
    cluster.worker()
    away = ["--scheduler", cluster.address, *options(certificates)]
    assert run(root, "--out", tmp_path / "here", "--unsafe", "--seed", 3) == 0
    assert run(root, "--out", tmp_path / "there", "--unsafe", "--seed", 3, *away) == 0, capfd.readouterr()
    assert without_time(tmp_path / "there") == without_time(tmp_path / "here")
    assert len(outcomes(tmp_path / "there")) == 5
    assert capfd.readouterr().err.count("Traceback") == 0


def test_private_specs_travel_and_do_not_stay(root, tmp_path, cluster, certificates):
    cluster.worker()
    specs = tmp_path / "specs"
    specs.mkdir()
    place = shelf.folder("02")
    text = (place / "spec.py").read_text(encoding="utf-8").replace("points=2", "points=7") + "# unmistakable"
    (specs / f"{place.name}.py").write_text(text, encoding="utf-8")
    for path in root.iterdir():
        if path.name != "s1":  # the right one
            shutil.rmtree(path)
    away = ["--scheduler", cluster.address, *options(certificates)]
    assert run(root, "--out", tmp_path / "out", "--unsafe", "--specs", specs, *away) == 0
    assert outcomes(tmp_path / "out")[0][2] >= 7
    left = Path(tempfile.gettempdir()).glob("rnncourse-specs-*/*.py")
    assert not [path for path in left if "unmistakable" in path.read_text(encoding="utf-8")]


def test_a_worker_that_is_killed_costs_nobody_a_grade(root, tmp_path, cluster, certificates):
    first = cluster.worker()
    cluster.worker()
    for n in range(8):
        hand_in(root, f"t{n}/x.ipynb", SOLUTION.replace(b"np.tanh(", b"%d * np.tanh(" % (10 + n), 1))
    out = tmp_path / "out"

    def kill():
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if len(outcomes(out)) >= 3:
                    break
            except Exception:  # no database yet
                pass
            time.sleep(0.02)
        first.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    assert run(root, "--out", out, "--unsafe", "--scheduler", cluster.address, *options(certificates)) == 0
    killer.join()
    assert first.wait() != 0
    assert {status for _, status, *_ in outcomes(out)} == {"graded"} and len(outcomes(out)) == 13


def test_who_shows_no_certificate_of_the_authority_gets_nowhere(
    root, tmp_path, cluster, certificates, capsys
):
    cluster.worker()
    stranger = ["--scheduler", cluster.address, *options(certificates, "other", "other-key")]
    error = wrong(capsys, root, "--out", tmp_path / "out", "--unsafe", *stranger)
    assert f"--scheduler: {cluster.address} is not reached" in error
    assert outcomes(tmp_path / "out") == []


def test_wrong_addresses_and_certificates_are_said(root, tmp_path, certificates, capsys, monkeypatch):
    from rnncourse.grading import cluster

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    start = (capsys, root, "--out", tmp_path / "out", "--unsafe", "--scheduler")
    assert "expected tls://HOST:PORT or tcp://HOST:PORT; got x" in wrong(*start, "x")
    assert "tls:// needs --tls-ca, --tls-cert and --tls-key" in wrong(*start, "tls://127.0.0.1:9")
    assert "tcp:// takes none" in wrong(*start, "tcp://127.0.0.1:9", *options(certificates))
    missing = options(certificates, "nothing")
    assert "nothing.pem" in wrong(*start, "tls://127.0.0.1:9", *missing)
    assert "tls://127.0.0.1:9 is not reached" in wrong(*start, "tls://127.0.0.1:9", *options(certificates))


def test_a_worker_with_another_grader_is_refused(tmp_path):
    from rnncourse.grading.cluster import Grader

    grader = Grader("unsafe", {}, {"02": "another"}, True)
    with pytest.raises(RuntimeError, match="another grader or spec of exercise 02"):
        grader.setup(None)


def test_a_scheduler_without_workers_is_said(root, tmp_path, cluster, certificates, capsys, monkeypatch):
    from rnncourse.grading import cluster as module

    monkeypatch.setattr(module, "CONNECT_SECONDS", 5)
    away = ["--scheduler", cluster.address, *options(certificates)]
    assert "it has no worker; start one" in wrong(capsys, root, "--out", tmp_path / "out", "--unsafe", *away)
