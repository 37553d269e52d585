"""The kernels for whole sequences: without a GPU interpreted and compiled, with one run and held to float64.

Without a GPU the interpreter shows that the arithmetic is right, processes in place of programs that the
exchange is, and compiling for a GPU that weights and state fit on chip. Not shown there: the speed, and what
a GPU's memory makes of the order of reads and writes.
"""

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from fast_torch import as_tuple, run, start

from rnncourse.fast import backend_torch
from rnncourse.fast.gru_torch import GRU
from rnncourse.fast.lstm_torch import LSTM
from rnncourse.fast.vanilla_torch import RNN

triton = pytest.importorskip("triton", reason="Triton is not installed here")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from rnncourse.fast import gru_triton, lstm_triton, persistent_triton  # noqa: E402
from rnncourse.fast.persistent_triton import Chip, tiles_for  # noqa: E402

CELLS = {"lstm": (LSTM, lstm_triton, 4), "gru": (GRU, gru_triton, 3)}
cells = pytest.mark.parametrize("cell", CELLS)
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
H200 = Chip(132, 232448)
# Relative to the largest entry: a rounding error of 2⁻²⁴ or 2⁻¹¹ in each number, some of them in a row.
TOLERANCE = {"float32": 2e-6, "float16": 4e-3}


def interpreted(*arguments):
    """What the script of runs prints."""
    here = Path(__file__).parent
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1]), *sys.path]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, str(here / "triton_runs.py"), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@cells
def test_arithmetic_is_that_of_the_plain_definition(cell):
    found = interpreted(cell, "arithmetic")
    assert len(found) == 16
    for case, errors in found.items():
        limit = TOLERANCE[case.rsplit(", ", 1)[1]]
        assert len(errors) == (10 if cell == "lstm" else 8) and max(errors.values()) <= limit, (case, errors)


@pytest.mark.parametrize(("cell", "programs", "groups"), [("lstm", 2, 2), ("lstm", 4, 1), ("gru", 4, 1)])
def test_programs_exchange_what_they_write(cell, programs, groups):
    found = interpreted(cell, "exchange", programs, groups)
    assert found["same"], "ten runs of the same differ"
    assert max(found["errors"].values()) <= TOLERANCE["float32"], found


def test_programs_that_do_not_meet_are_found_out():
    found = interpreted("lstm", "mutants")
    assert max(found.pop("as it should be").values()) <= TOLERANCE["float32"]
    assert len(found) == 4
    for name, errors in found.items():
        # What is read too early is still NaN.
        assert errors["dx"] == float("inf"), name
        assert (errors["outputs"] == float("inf")) == ("forward" in name), name


def compiled(cell, backward, hidden, batch, dtype):
    """The kernel for an H200 without one, and the tiles."""
    _, kernels, gates = CELLS[cell]
    kernel, terms = (
        (kernels.backward_kernel, gates * hidden) if backward else (kernels.forward_kernel, hidden)
    )
    tiles = tiles_for(hidden, terms, batch, 4 if dtype == "fp32" else 2, H200)
    constants = persistent_triton.constants(tiles)
    kinds = {"meetings": "*i32", "steps": "i32", "batch": "i32", "hidden": "i32"}
    kinds |= dict.fromkeys(("c", "dc", "exact", "dh_direct"), "*fp32")
    kinds |= dict.fromkeys(constants, "constexpr")
    signature = {name: kinds.get(name, f"*{dtype}") for name in kernel.arg_names}
    by_sixteen = [k for k, (name, kind) in enumerate(signature.items()) if kind[0] == "*" or name == "hidden"]
    source = ASTSource(
        fn=kernel,
        signature=signature,
        constexprs={(kernel.arg_names.index(name),): value for name, value in constants.items()},
        attrs={(k,): [["tt.divisibility", 16]] for k in by_sixteen},
    )
    # A copy: what is not given is added to it.
    options = dict(persistent_triton.OPTIONS)
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options), tiles


def spilled(ptx, tmp_path):
    """Registers of a thread, and bytes that did not find room in them."""
    file = tmp_path / "kernel.ptx"
    file.write_text(ptx)
    from triton.backends.nvidia.compiler import get_ptxas

    command = [get_ptxas(90).path, "-v", "--gpu-name=sm_90a", str(file), "-o", os.devnull]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    spills = re.search(r"(\d+) bytes spill stores", said)
    registers = re.search(r"Used (\d+) registers", said)
    assert spills and registers, said
    return int(registers[1]), int(spills[1])


@cells
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize(
    ("hidden", "batch", "dtype"),
    [(1024, 16, "bf16"), (1024, 64, "bf16"), (512, 64, "bf16"), (1024, 64, "fp16"), (256, 16, "fp32")],
)
def test_weights_are_read_once_and_fit_on_an_h200(
    cell, backward, hidden, batch, dtype, tmp_path, monkeypatch
):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    found, tiles = compiled(cell, backward, hidden, batch, dtype)
    assert tiles.programs * tiles.groups <= H200.multiprocessors
    assert found.metadata.shared <= H200.bytes_each
    registers, spills = spilled(found.asm["ptx"], tmp_path)
    assert spills == 0 and registers * 32 * persistent_triton.PARTS <= 65536
    before, *loops = found.asm["ttgir"].split("scf.for")
    # The weights are the one array of three axes that is loaded; the state comes by asynchronous copies.
    weights = r"tt\.load .*tensor<\d+x\d+x\d+x!tt\.ptr"
    assert len(re.findall(weights, before)) == 1 and loops
    assert not re.search(weights, "".join(loops))
    # What others have written is asked for past L1, and the meeting has its order of reads and writes.
    assert "cp.async.cg" in found.asm["ptx"] and "cp.async.ca" not in found.asm["ptx"]
    assert re.search(r"atom\.global\.gpu\.acq_rel\.add", found.asm["ptx"])
    assert re.search(r"(ld|atom)\.global\.gpu\.acquire", found.asm["ptx"])


def test_tiles_fill_the_chip_and_no_more():
    for hidden in (1, 8, 100, 650, 1024):
        for batch in (1, 16, 33, 500):
            tiles = tiles_for(hidden, hidden, batch, 2, H200)
            assert tiles.programs * tiles.groups <= H200.multiprocessors
            assert tiles.programs * tiles.units >= hidden and tiles.rows >= 16
            assert tiles.depth * persistent_triton.PARTS >= hidden
    assert tiles_for(512, 512, 64, 2, H200).groups == 2
    with pytest.raises(ValueError, match="hidden_size=2048 must fit on chip, 232448 bytes"):
        tiles_for(2048, 8192, 16, 2, H200)
    with pytest.raises(ValueError, match="must be below 2³¹"):
        tiles_for(1024, 1024, 2**19, 2, H200)


def test_a_launch_that_could_hang_is_refused(monkeypatch):
    monkeypatch.setattr(persistent_triton, "chip_of", lambda device: Chip(4, 232448))
    tiles = tiles_for(40, 40, 16, 2, H200)
    with pytest.raises(RuntimeError, match="at most 4 on cpu; got 5"):
        persistent_triton.launch(None, tiles, (torch.zeros(1),), ())


def layer_on(backend, **options):
    layer = LSTM(3, 4, **options)
    layer.backend = backend
    return layer


def test_backend_is_one_of_three_words():
    with pytest.raises(ValueError, match='backend must be "auto", "loop" or "triton"; got \'cuda\''):
        layer_on("cuda")(torch.zeros(2, 1, 3))


def test_triton_refuses_what_it_cannot_run():
    with pytest.raises(ValueError, match="must be on a CUDA device; got cpu"):
        layer_on("triton")(torch.zeros(2, 1, 3))
    with pytest.raises(ValueError, match="must be of 16 or 32 bits; got torch.float64"):
        layer_on("triton", dtype=torch.float64)(torch.zeros(2, 1, 3, dtype=torch.float64))
    rnn = RNN(3, 4)
    rnn.backend = "triton"
    with pytest.raises(ValueError, match="is there for LSTM and GRU; got VanillaSteps"):
        rnn(torch.zeros(2, 1, 3))


def test_auto_is_silent_on_a_cpu_and_says_once_why_not_on_a_gpu(monkeypatch):
    x, layer = torch.zeros(2, 1, 3), layer_on("auto")
    want = layer_on("loop")
    want.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x)[0], want(x)[0])
    monkeypatch.setattr(backend_torch, "_worth_trying", lambda x: True)
    monkeypatch.setattr(backend_torch, "_said", set())
    with pytest.warns(UserWarning, match="must be on a CUDA device; got cpu. The plain loop runs instead."):
        layer(x)
    with warnings.catch_warnings(record=True) as said:
        assert torch.equal(layer(x)[0], want(x)[0])
    assert not said


@cells
def test_the_layer_needs_no_triton(cell, monkeypatch):
    monkeypatch.setitem(sys.modules, f"rnncourse.fast.{cell}_triton", None)
    layer = CELLS[cell][0](3, 4)
    assert layer(torch.zeros(2, 1, 3))[0].shape == (2, 1, 4)
    layer.backend = "triton"
    with pytest.raises(ValueError, match="Triton must be importable"):
        layer(torch.zeros(2, 1, 3))


@pytest.fixture
def poisoned(monkeypatch):
    """What the kernels are to write holds NaN before."""
    empty_like = torch.empty_like
    for kernel in (lstm_triton.LSTMKernel, gru_triton.GRUKernel):

        def poisoned_tape(self, gates, tape=kernel.tape):
            *written, gates = tape(self, gates)
            return *(part.fill_(torch.nan) for part in written), gates

        monkeypatch.setattr(kernel, "tape", poisoned_tape)
    monkeypatch.setattr(torch, "empty_like", lambda *a, **k: empty_like(*a, **k).fill_(torch.nan))


@pytest.fixture(params=["highest", "high"])
def precision(request):
    """TF32 forbidden, and allowed."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision(before)


def on_gpu(cell, hidden, batch, steps, dtype, form="padded", **options):
    """Runs of the kernel and of the loop in float64, on the same numbers."""
    layer = CELLS[cell][0](24, hidden, dtype=dtype, device="cuda", **options)
    layer.backend = "triton"
    exact = CELLS[cell][0](24, hidden, dtype=torch.float64, device="cuda", **options)
    exact.load_state_dict(layer.state_dict())
    exact.graph = False
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(steps, batch, 24, generator=generator).to("cuda", dtype)
    hx = start(layer, batch, generator)
    wide = tuple(part.detach().double() for part in as_tuple(hx))
    return lambda: run(layer, x, hx, form), lambda: run(exact, x.double(), wide, form)


def as_double(found):
    return type(found)({name: value.double() for name, value in found.values.items()})


@cuda
@cells
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("hidden", "batch", "steps"), [(256, 16, 40), (100, 3, 17), (64, 1, 1), (8, 33, 5), (520, 20, 9)]
)
def test_kernel_equals_float64_on_a_gpu(cell, hidden, batch, steps, dtype, precision, poisoned):
    if hidden == 520 and dtype == torch.float32:
        pytest.skip("too large for float32")
    ours, exact = on_gpu(cell, hidden, batch, steps, dtype)
    limit = {
        torch.float32: 5e-5 if precision == "highest" else 1e-2,
        torch.bfloat16: 5e-2,
        torch.float16: 1e-2,
    }
    error = as_double(ours()).largest_difference(exact())
    assert error <= limit[dtype]  # NaN is not


@cuda
@cells
@pytest.mark.parametrize("form", ["lengths", "packed"])
def test_lengths_directions_and_layers_on_a_gpu(cell, form, poisoned):
    ours, exact = on_gpu(cell, 48, 4, 4, torch.bfloat16, form, num_layers=2, bidirectional=True)
    assert as_double(ours()).largest_difference(exact()) <= 5e-2


@cuda
@cells
@pytest.mark.parametrize(("hidden", "batch"), [(1024, 16), (1024, 64), (512, 64)])
def test_ten_runs_are_equal_on_a_gpu(cell, hidden, batch, poisoned):
    """A race shows as a moving error."""
    ours, exact = on_gpu(cell, hidden, batch, 200, torch.bfloat16)
    first = ours()
    assert as_double(first).largest_difference(exact()) <= 0.1
    for _ in range(9):
        again = ours()
        assert all(torch.equal(again.values[name], value) for name, value in first.values.items())


@cuda
def test_too_many_programs_are_refused_on_a_gpu():
    room = persistent_triton.chip_of(torch.device("cuda")).multiprocessors
    tiles = tiles_for(8 * (room + 1), 8, 16, 2, Chip(room + 1, 2**40))
    with pytest.raises(RuntimeError, match=f"at most {room} on cuda:0; got {room + 1}"):
        persistent_triton.launch(None, tiles, (torch.zeros(1, device="cuda"),), ())


@cuda
@cells
def test_auto_takes_the_kernel_on_a_gpu(cell, monkeypatch):
    layer, started, launch = CELLS[cell][0](24, 64, device="cuda"), [], persistent_triton.start
    monkeypatch.setattr(persistent_triton, "start", lambda *given: started.append(1) or launch(*given))
    layer.backend = "auto"
    layer(torch.zeros(3, 2, 24, device="cuda"))[0].sum().backward()
    assert len(started) == 2
