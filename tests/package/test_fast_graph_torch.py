"""Steps as CUDA graphs give what the plain loop gives; all but the recording is tested without a GPU too."""

import pytest
import torch
from fast_torch import LAYERS, as_tuple, run, start

from rnncourse.fast import graph_torch, layers_torch

names = pytest.mark.parametrize("name", LAYERS)
steps_to_run = pytest.mark.parametrize("steps", [32, 75])
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


class Replayed:
    """In place of a CUDA graph: calls what was to be recorded, on any machine."""

    def __init__(self, work):
        self.replay = work
        work()


@pytest.fixture
def stand_in(monkeypatch):
    """Graphs on the CPU, with the functions that a GPU would get."""
    made = []

    def graph_for(steps, wanted, x, hidden, bias):
        if not made:
            made.append(graph_torch.Graph(steps, x, hidden, bias))
        return made[0] if wanted is True else None

    monkeypatch.setattr(graph_torch, "_record", Replayed)
    monkeypatch.setattr(layers_torch, "graph_for", graph_for)
    return made


@pytest.fixture(autouse=True)
def one_thread():
    """Sizes here are tiny: threads that wait for each other on a busy machine take 5 times as long as one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@names
@steps_to_run
@pytest.mark.parametrize("bias", [True, False])
def test_pieces_of_a_sequence_make_the_whole(name, steps, bias, stand_in):
    layer = LAYERS[name][0](
        5, 7, **LAYERS[name][2], bias=bias, num_layers=2, bidirectional=True, dtype=torch.float64
    )
    for seed in (0, 1):  # the second run finds the buffers full of the first
        x = torch.randn(steps, 3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        hx = start(layer, 3, torch.Generator().manual_seed(2))
        layer.graph = False
        want = run(layer, x, hx, "padded")
        layer.graph = True
        assert run(layer, x, hx, "padded").largest_difference(want) <= 1e-12
    assert stand_in[0].forth_graph is not None and stand_in[0].back_graph is not None


@names
def test_backward_may_run_twice_through_pieces(name, stand_in):
    layer = LAYERS[name][0](5, 7, **LAYERS[name][2], dtype=torch.float64)
    layer.graph = True
    x = torch.randn(70, 3, 5, dtype=torch.float64)
    outputs, last = layer(x)
    loss = outputs.sum() + sum(part.sum() for part in as_tuple(last))
    first, second = (torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@cuda
@names
@steps_to_run
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_graph_equals_the_plain_loop_on_a_gpu(name, steps, dtype):
    layer = LAYERS[name][0](64, 128, **LAYERS[name][2], num_layers=2, dtype=dtype, device="cuda")
    for seed in (0, 1):
        x = torch.randn(steps, 16, 64, generator=torch.Generator().manual_seed(seed)).to("cuda", dtype)
        layer.graph = False
        want = run(layer, x, None, "padded")
        layer.graph = True
        got = run(layer, x, None, "padded")
        assert got.largest_difference(want) <= (1e-4 if dtype == torch.float32 else 0.1)


@cuda
def test_within_a_recording_of_the_caller_the_loop_is_plain():
    layer = LAYERS["lstm"][0](64, 128, device="cuda")
    x = torch.randn(64, 16, 64, device="cuda")
    with torch.no_grad():
        want = layer(x)[0]
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            got = layer(x)[0]
        graph.replay()
    torch.testing.assert_close(got, want)
