"""The GPU benchmark at a tiny size on the CPU, and what it says where there is no GPU."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import environment
import pytest
import tasks

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
SIZE = (4, 2, 8)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def bench():
    """benchmarks/layers_gpu.py, which finds its neighbours as when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        import layers_gpu

        yield layers_gpu
        for name in ("layers_gpu", "_compare", "_flashrnn", "_record"):
            sys.modules.pop(name)


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(0)


def kind(bench, dtype=torch.float32):
    return next(k for k in bench.KINDS.values() if k.dtype == dtype)


@pytest.mark.parametrize("cell", ["vanilla", "gru", "lstm"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_case_has_its_times_and_differences(bench, cell, dtype):
    found = bench.case(cell, SIZE, kind(bench, dtype), CPU)
    names = {"torch.nn", "loop of cells", "fast, plain loop"}  # graphs are for a GPU
    assert found["TF32"] is False and found["dtype"] == str(dtype).removeprefix("torch.")
    assert found["difference from torch.nn"].keys() == names - {"torch.nn"}
    for which in ("forward", "forward+backward"):
        assert found[which].keys() == names
        for of in found[which].values():
            assert of.keys() == {"ms", "µs a step", "/ torch.nn", "loop of cells /"}
            median, least, most = of["ms"]
            assert 0 < least <= median <= most
            assert of["µs a step"] == pytest.approx(1e3 * median / SIZE[0], abs=1)
        assert found[which]["torch.nn"]["/ torch.nn"] == 1
        assert found[which]["loop of cells"]["loop of cells /"] == 1


@pytest.fixture
def switches_put_back():
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    yield
    matmul.allow_tf32, cudnn.allow_tf32 = before


@pytest.mark.usefixtures("switches_put_back")
def test_all_cases_are_saved_with_their_switches_and_told_beside_the_goals(
    bench, monkeypatch, tmp_path, capsys
):
    """What a GPU runs, with a plain loop in the place of the graphs."""
    variants, switches = bench.variants, []

    def with_graphs(cell, hidden, dtype, device):
        switches.append((torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32))
        found = variants(cell, hidden, dtype, device)
        return found | {"fast, CUDA graphs": found["fast, plain loop"]}

    monkeypatch.setattr(bench, "variants", with_graphs)
    monkeypatch.setattr(bench, "SIZES", (SIZE,))
    monkeypatch.setattr(bench, "FLASHRNN_SIZE", SIZE)
    monkeypatch.setattr(bench.record, "RESULTS", tmp_path)
    monkeypatch.setitem(sys.modules, "flashrnn", None)
    bench.measure(CPU)
    saved = json.loads((tmp_path / "layers_gpu.json").read_text("utf-8"))
    assert {"gpu", "cuda", "cudnn", "blas"} <= saved["machine"].keys()
    results = saved["results"]
    flash = results.pop("FlashRNN, lstm 4,2,8 bfloat16")
    assert flash.startswith("left out: ") and results.pop("goals") == bench.GOALS
    assert list(results) == [f"{cell} 4,2,8 {label}" for cell in bench.CELLS for label in bench.KINDS]
    assert [(found["TF32"],) * 2 for found in results.values()] == switches
    assert [k for k, found in results.items() if found["TF32"]] == [
        f"{cell} 4,2,8 float32, TF32 on" for cell in bench.CELLS
    ]
    told = capsys.readouterr().out.splitlines()
    refused = [line for line in told if "without a kernel: persistent kernel: " in line]
    assert len(refused) == 2 * len(bench.KINDS)  # LSTM and GRU, on this device
    assert (
        len(told) == 2 * len(results) + len(refused) + 3
        and "lstm 4,2,8 float16, forward+backward, " in told[-4]
    )
    assert "forward, µs a step, at most 11: " in told[-3] and "loop of cells, at least 15: " in told[-2]


def test_the_clock_counts_what_the_device_does_and_not_the_wait(bench, monkeypatch):
    now = [0]

    class Event:
        def __init__(self, *, enable_timing):
            assert enable_timing

        def record(self):
            self.at = now[0]

        def synchronize(self):
            now[0] += 100

        def elapsed_time(self, other):
            return other.at - self.at

    monkeypatch.setattr(torch.cuda, "Event", Event)
    clock = sys.modules["_compare"].EventClock()
    readings = []
    for work in (3, 0, 7):
        now[0] += work
        readings.append(clock())
    assert readings == pytest.approx([0.003, 0.003, 0.010])


def test_a_step_and_a_ratio_are_of_the_median(bench):
    import numpy as np

    compare = sys.modules["_compare"]
    found = compare.summary(np.array([3e-3, 1e-3, 2e-3]), np.array([4e-3, 5e-3, 3e-3]), "torch.nn", steps=4)
    assert found == {"ms": [2.0, 1.0, 3.0], "µs a step": 500.0, "/ torch.nn": 0.5}


def test_slow_layers_have_fewer_rounds_and_how_much_faster_is_told_of_the_loop(bench, monkeypatch):
    import numpy as np

    compare, rounds = sys.modules["_compare"], {}
    ms = {"torch.nn": 1.0, "loop of cells": 30.0, "fast, plain loop": 10.0}

    def interleave(actions, *, rounds: int, clock, seen=rounds):
        seen |= dict.fromkeys(actions, rounds)
        return {name: np.full(3, ms[name] / 1e3) for name in actions}

    monkeypatch.setattr(compare, "interleave", interleave)
    found = bench.case("lstm", SIZE, kind(bench), CPU)["forward"]
    assert rounds == {"torch.nn": compare.ROUNDS} | dict.fromkeys([*ms][1:], compare.FEW)
    assert {name: of["loop of cells /"] for name, of in found.items()} == {
        "torch.nn": 30,
        "loop of cells": 1,
        "fast, plain loop": 3,
    }
    assert {name: of["/ torch.nn"] for name, of in found.items()} == ms


def test_inputs_are_two_at_least_and_backward_reaches_every_parameter(bench):
    compare = sys.modules["_compare"]
    pairs = compare.inputs(SIZE, torch.float32, CPU)
    assert len(pairs) == 2 and not torch.equal(pairs[0][0], pairs[1][0])
    for layer in bench.variants("gru", SIZE[2], torch.float32, CPU).values():
        for action in compare.actions(layer, pairs).values():
            action()
        assert all(p.grad is None for p in layer.parameters()), "gradients are not summed up over rounds"


class Detached(torch.nn.Module):
    """Right outputs, and a backward pass that leaves out the time before the last step."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        before, state = self.layer(x[:-1])
        return (torch.cat((before.detach(), self.layer(x[-1:], state.detach())[0])),)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_wrong_layer_is_not_timed(bench, dtype):
    compare, made = sys.modules["_compare"], kind(bench, dtype)
    layers = bench.variants("gru", SIZE[2], dtype, CPU)
    layers["backward"] = Detached(layers["fast, plain loop"])
    with pytest.raises(AssertionError, match=r"^backward: outputs and ∂L/∂x must equal .*; got"):
        compare.compare(layers, SIZE, dtype, CPU, tolerance=made.tolerance)
    with torch.no_grad():  # gates in another order
        weight = layers["fast, plain loop"].weight_hh_l0
        weight.copy_(weight.roll(SIZE[2], 0))
    with pytest.raises(AssertionError, match=r"^fast, plain loop: outputs and ∂L/∂x must equal .*; got"):
        compare.compare(layers, SIZE, dtype, CPU, tolerance=made.tolerance)


def test_not_a_number_is_a_difference(bench):
    layers = bench.variants("lstm", SIZE[2], torch.float32, CPU)
    with torch.no_grad():
        layers["fast, plain loop"].bias_hh_l0 += torch.nan
    with pytest.raises(AssertionError, match="got a difference of nan"):
        sys.modules["_compare"].compare(layers, SIZE, torch.float32, CPU, tolerance=1)


def test_flashrnn_that_is_not_installed_is_left_out_with_the_reason(bench, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "flashrnn", None)
    why = bench.with_flashrnn(CPU)
    assert why.startswith("left out: ModuleNotFoundError: ") and "flashrnn" in why
    bench.told("FlashRNN", why)
    assert capsys.readouterr().out == f"FlashRNN: {why}\n"


def test_flashrnn_gets_one_head_and_the_product_of_all_inputs(bench, monkeypatch):
    """A stand-in with the package's layout, (B, T, G, N, D), computes what torch.nn computes."""

    def flashrnn(inputs, weight, bias, *, function, backend):
        assert (function, backend) == ("lstm", "cuda_fused")
        batch, steps, gates, heads, size = inputs.shape
        assert (gates, heads) == (4, 1) and weight.shape == (4, 1, size, size) and bias.shape == (4, 1, size)
        h = c = inputs.new_zeros(batch, size)
        states = []
        for t in range(steps):
            i, f, z, o = (inputs[:, t, k, 0] + h @ weight[k, 0].T + bias[k, 0] for k in range(4))
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(z)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(torch.stack((h, c))[:, :, None])
        return torch.stack(states, dim=2), None

    monkeypatch.setitem(sys.modules, "flashrnn", type(sys)("flashrnn"))
    sys.modules["flashrnn"].flashrnn = flashrnn
    flash = bench.FlashRNN(SIZE[2])
    found = bench.case("lstm", SIZE, kind(bench), CPU, FlashRNN=flash)
    assert found["forward"].keys() == {"torch.nn", "loop of cells", "fast, plain loop", "FlashRNN"}
    assert found["difference from torch.nn"]["FlashRNN"] <= 1e-5


def test_the_machine_is_described(bench):
    machine = bench.record.machine()
    assert machine["blas"] is None or machine["blas"].split()[0] in ("openblas", "mkl", "blis", "flexiblas")
    has_gpu = torch.cuda.is_available()
    assert all((machine[name] is not None) == has_gpu for name in ("gpu", "cuda", "cudnn"))
    assert bench.record.installed("no-such-package") is None


def test_without_a_gpu_it_says_so_and_fails():
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "layers_gpu.py"],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert "layers_gpu: expected a CUDA device; got none (torch " in done.stderr
    assert "NVIDIA GPU" in done.stderr and "Traceback" not in done.stderr


def test_bench_and_bench_gpu_share_the_benchmarks_between_them(monkeypatch):
    started = []
    monkeypatch.setattr(tasks, "run", lambda *command, **options: started.append(Path(command[-1])))
    monkeypatch.setattr(environment, "ensure_venv", lambda: Path(sys.executable))
    every = {p for p in (ROOT / "benchmarks").glob("*.py") if not p.name.startswith("_")}
    assert tasks.main(["bench-gpu"]) == 0
    on_gpu, started[:] = set(started), []
    assert tasks.main(["bench"]) == 0
    assert on_gpu == {p for p in every if p.stem.endswith("_gpu")} and set(started) == every - on_gpu
    assert ROOT / "benchmarks" / "layers_gpu.py" in on_gpu


@pytest.mark.parametrize("lines", [["fast: LSTM is slower"], []])
def test_bench_ends_with_what_got_slower(monkeypatch, capsys, lines):
    asked = []
    monkeypatch.setattr(tasks, "run", lambda *command, **options: None)
    monkeypatch.setattr(environment, "ensure_venv", lambda: Path(sys.executable))
    monkeypatch.setattr(tasks.slower, "report", lambda root, names: asked.append((root, names)) or lines)
    assert tasks.main(["bench"]) == 0
    assert asked[0][0] == ROOT and {"fast", "cost", "peers"} <= set(asked[0][1])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (lines[0] if lines else "nothing is slower by more than the spread")


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_knows_the_target():
    done = subprocess.run([shutil.which("make"), "-n", "bench-gpu"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "bootstrap.py bench-gpu" in done.stdout
