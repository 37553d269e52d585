"""The peers of benchmarks/peers.py compute what torch.nn computes, and one that does not is never timed."""

from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(BENCHMARKS)
    import _peers
    import peers

EVERY = [(cell, name) for cell, builds in peers.PEERS.items() for name in builds]
every = pytest.mark.parametrize(("cell", "name"), EVERY, ids=[name for _, name in EVERY])
SIZES = {  # T, B, I, H; the vanilla peers read one sequence
    "lstm": [(5, 3, 4, 6), (1, 3, 4, 6), (5, 1, 4, 6), (1, 1, 1, 1)],
    "vanilla": [(6, 1, 4, 5), (1, 1, 4, 5), (1, 1, 1, 1)],
}
TOLERANCE = {np.float32: 1e-4, np.float64: 1e-10}
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def standard(cell, size, dtype):
    """torch.nn's result, and the arrays that it came from; not by way of a peer."""
    params, inputs, doutputs = peers.problem(cell, size, dtype)
    made = {"lstm": torch.nn.LSTM, "vanilla": torch.nn.RNN}[cell]
    layer = made(*size[2:], dtype=torch.tensor(inputs).dtype)
    layer.load_state_dict({f"{n}_l0": torch.tensor(w) for n, w in params._asdict().items()})
    x = torch.tensor(inputs, requires_grad=True)
    outputs, _ = layer(x)
    (outputs * torch.tensor(doutputs)).sum().backward()
    grads = (getattr(layer, f"{n}_l0").grad.numpy() for n in params._fields)
    want = peers.Result(outputs.detach().numpy(), x.grad.numpy(), peers.Params(*grads))
    return want, (params, inputs, doutputs)


def flat(result):
    return [*result[:2], *result.dparams]


def own_dtype(name, dtype):
    """Two peers say in their name what they compute in."""
    return {"float64": np.float64, "float32": np.float32}.get(name.rpartition(", ")[2], dtype)


@dtypes
@every
def test_outputs_and_every_gradient_are_those_of_torch_nn(cell, name, dtype):
    for size in SIZES[cell]:
        want, data = standard(cell, size, dtype)
        peer = peers.PEERS[cell][name](*data)
        got = peer.read(peer.run())
        expected = own_dtype(name, dtype)
        assert {array.dtype for array in flat(got)} == {np.dtype(expected)}, size
        tolerance = TOLERANCE[np.float64 if expected == dtype == np.float64 else np.float32]
        peers.difference(f"{name} {size}", got, want, tolerance)


@every
def test_a_run_can_be_repeated_and_leaves_its_arguments_alone(cell, name):
    data = peers.problem(cell, SIZES[cell][0])
    before = [array.copy() for array in (*data[0], *data[1:])]
    peer = peers.PEERS[cell][name](*data)
    first = [array.copy() for array in flat(peer.read(peer.run()))]
    for one, again in zip(first, flat(peer.read(peer.run())), strict=True):
        np.testing.assert_array_equal(one, again)
    for was, array in zip(before, (*data[0], *data[1:]), strict=True):
        np.testing.assert_array_equal(was, array)


@pytest.mark.parametrize("field", range(6), ids=["outputs", "dinputs", *peers.Params._fields])
@pytest.mark.parametrize("fault", ["one entry", "nan", "shape"])
def test_a_result_that_differs_in_one_array_is_refused(field, fault):
    want, _ = standard("lstm", (5, 3, 4, 6), np.float32)
    arrays = [array.copy() for array in flat(want)]
    if fault == "shape":
        arrays[field] = arrays[field][:1]  # would broadcast
    else:
        arrays[field].flat[-1] += np.nan if fault == "nan" else 1e-3 * np.abs(arrays[field]).max()
    got = peers.Result(arrays[0], arrays[1], peers.Params(*arrays[2:]))
    with pytest.raises(AssertionError, match="a peer: .* must equal torch.nn's"):
        peers.difference("a peer", got, want)


def gates_exchanged(params, inputs, doutputs):
    """CS231n's structure with the forget gate in the place of the input gate."""
    rows = np.arange(len(params.weight_hh)).reshape(4, -1)[[1, 0, 2, 3]].ravel()
    return _peers.cs231n_lstm(peers.Params(*(w[rows] for w in params)), inputs, doutputs)


def test_a_peer_with_another_forget_gate_is_never_timed(monkeypatch):
    monkeypatch.setitem(peers.PEERS["lstm"], "exchanged", gates_exchanged)
    monkeypatch.setattr(peers, "interleave", lambda *_, **__: pytest.fail("timed"))
    with pytest.raises(AssertionError, match="exchanged: outputs"):
        peers.compare("lstm", (5, 3, 4, 6), rounds=1)


@pytest.mark.parametrize("step", ["_step", "_step_backward"])
def test_a_fault_inside_a_peer_is_found(monkeypatch, step):
    right = getattr(_peers, step)
    monkeypatch.setattr(_peers, step, lambda *a: (right(*a)[0], 1.01 * right(*a)[1], *right(*a)[2:]))
    with pytest.raises(AssertionError, match="CS231n's structure, NumPy: "):
        peers.compare("lstm", (5, 3, 4, 6), rounds=1)


def test_min_char_rnn_takes_one_hot_inputs_of_one_sequence_only():
    for cell, size in (("lstm", (5, 1, 4, 4)), ("vanilla", (5, 2, 4, 4))):
        with pytest.raises(ValueError, match=r"min_char_rnn: inputs must be one-hot \(T, 1, V\)"):
            _peers.min_char_rnn(*peers.problem(cell, size))


def test_a_ratio_is_to_torch_nn_of_the_same_round(monkeypatch):
    taken = {name: np.array([2.0, 8.0, 3.0]) for name in peers.PEERS["lstm"]}
    taken["torch.nn"] = np.array([1.0, 2.0, 1.0])
    monkeypatch.setattr(peers, "interleave", lambda actions, rounds: taken)
    found = peers.compare("lstm", (3, 2, 4, 5), 3)
    assert found["d2l's structure, PyTorch"]["ratio"] == [3, 2, 4]
    assert found["d2l's structure, PyTorch"]["seconds"] == [3, 2, 8]


def test_the_script_saves_median_least_and_most(monkeypatch, capsys):
    saved = {}
    monkeypatch.setattr(peers, "RUNS", (("lstm", (3, 2, 4, 5), 3), ("vanilla", (3, 1, 4, 5), 3)))
    monkeypatch.setattr(peers.record, "save", saved.__setitem__)
    before = torch.get_num_threads()
    try:
        peers.main()
    finally:
        torch.set_num_threads(before)
    table = capsys.readouterr().out
    assert list(saved["peers"]) == ["lstm 3,2,4,5", "vanilla 3,1,4,5"]
    for key, found in saved["peers"].items():
        assert found["rounds"] == 3
        assert list(found["peers"]) == list(peers.PEERS[key.split()[0]])
        for name, figures in found["peers"].items():
            assert f"\n{name} " in table
            assert 0 <= figures["difference"] <= 1e-4
            for of in ("seconds", "ratio"):
                median, least, most = figures[of]
                assert 0 < least <= median <= most
        assert found["peers"]["torch.nn"]["ratio"] == [1, 1, 1]
