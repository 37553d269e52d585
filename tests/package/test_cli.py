"""The command line: what doctor says, and what wrong input gets."""

import pytest

from rnncourse import cli, doctor


def test_doctor_reports_what_is_here(capsys):
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok  numpy") for line in lines)
    assert any("LSTM backward against finite differences" in line for line in lines)
    assert lines[-1] == "The NumPy side works on this machine."


def test_doctor_says_what_to_do_about_a_missing_library(monkeypatch, capsys):
    version = doctor.importlib.metadata.version

    def without(name):
        if name in ("torch", "numpy"):
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", without)
    assert cli.main(["doctor"]) == 1  # NumPy is essential
    out = capsys.readouterr().out
    assert 'pip install ".[torch]"' in out
    assert out.splitlines()[-1] == "Not usable: numpy."


def test_doctor_notices_a_wrong_gradient(monkeypatch, capsys):
    from rnncourse.cells import lstm

    right = lstm.step_backward

    def wrong(dstate, cache):
        dx, state, dparams = right(dstate, cache)
        return 1.1 * dx, state, dparams

    monkeypatch.setattr(lstm, "step_backward", wrong)
    assert cli.main(["doctor"]) == 1
    assert "BAD gradient" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["doktor"], ["doctor", "--fast"]])
def test_wrong_input_exits_with_2_and_says_what_is_expected(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert "usage: rnncourse" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("rnncourse ")


def test_doctor_survives_a_library_that_does_not_load(monkeypatch, capsys):
    def broken():
        raise OSError("libcudart.so: cannot open shared object file")
        yield

    monkeypatch.setattr(doctor, "_torch", broken)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: True)
    assert cli.main(["doctor"]) == 0
    assert "does not work: OSError: libcudart.so" in capsys.readouterr().out


def test_doctor_reports_a_gradient_that_is_not_a_number(monkeypatch, capsys):
    from rnncourse.cells import lstm

    right = lstm.step_backward

    def wrong(dstate, cache):
        dx, state, dparams = right(dstate, cache)
        return dx, state, dparams._replace(weight_hh=dparams.weight_hh * float("nan"))

    monkeypatch.setattr(lstm, "step_backward", wrong)
    assert cli.main(["doctor"]) == 1
    assert "BAD gradient" in capsys.readouterr().out
