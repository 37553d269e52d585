"""`fast`'s PyTorch layers equal torch.nn's and the plain definition, and refuse what does not fit."""

import copy
import io
import itertools
import pickle

import numpy as np
import pytest
import torch
from contract import CELLS, Case, problem
from fast_torch import LAYERS, LENGTHS, as_tuple, gathered, pair, run, start
from torch.nn.utils.rnn import pack_padded_sequence

from rnncourse import unroll
from rnncourse.fast import product_torch, sequence_torch
from rnncourse.fast.gru_torch import GRU
from rnncourse.fast.lstm_torch import LSTM
from rnncourse.fast.vanilla_torch import RNN

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5}
names = pytest.mark.parametrize("name", LAYERS)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=cuda)])


@pytest.fixture(autouse=True)
def exact_float32():
    """On a GPU, float32 products in float32: TF32 keeps 10 bits."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(autouse=True)
def one_thread():
    """Sizes here are tiny: threads that wait for each other on a busy machine take 5 times as long as one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def inputs(steps, batch, size, dtype=torch.float64, device="cpu", seed=0):
    return torch.randn(steps, batch, size, generator=seeded(seed), dtype=dtype).to(device)


@names
@dtypes
@devices
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_equals_torch_nn(name, dtype, device, layers, both, bias):
    for batch_first, with_state, form in itertools.product(
        (False, True), (False, True), ("padded", "packed sorted", "packed", "lengths")
    ):
        torch.manual_seed(0)
        ours, theirs = pair(
            name,
            3,
            5,
            num_layers=layers,
            bidirectional=both,
            bias=bias,
            batch_first=batch_first,
            dtype=dtype,
            device=device,
        )
        x = inputs(4, 4, 3, dtype, device)
        x = x.transpose(0, 1) if batch_first else x  # not contiguous
        hx = start(ours, 4, seeded(2)) if with_state else None
        got = run(ours, x, hx, form)
        if form != "lengths":  # what comes before it, packed, is the reference
            expected = run(theirs, x, hx, form)
        assert got.largest_difference(expected) <= TOLERANCE[dtype], (batch_first, with_state, form)


@names
@pytest.mark.parametrize("sizes", [(1, 1, 3, 5), (1, 4, 3, 5), (7, 1, 3, 5), (9, 2, 1, 1)], ids=str)
def test_equals_torch_nn_at_the_smallest_sizes(name, sizes):
    steps, batch, size_in, hidden = sizes
    ours, theirs = pair(name, size_in, hidden, dtype=torch.float64)
    x = inputs(steps, batch, size_in)
    assert run(ours, x, None, "padded").largest_difference(run(theirs, x, None, "padded")) <= 1e-12


@names
@pytest.mark.parametrize("onednn", [True, False], ids=["onednn", "mm"])
@pytest.mark.parametrize(("batch", "hidden"), [(64, 96), (16, 80)])
def test_equals_torch_nn_at_sizes_that_take_the_fast_products(name, batch, hidden, onednn, monkeypatch):
    """Packed products, segments of the backward pass, and both kinds of pointwise functions."""
    monkeypatch.setattr(product_torch, "ONEDNN", onednn and product_torch.ONEDNN)
    monkeypatch.setattr(product_torch, "WORTH", 100_000)
    monkeypatch.setattr(sequence_torch, "ROWS", 500)
    ours, theirs = pair(name, 30, hidden, num_layers=2)
    x = inputs(40, batch, 30, torch.float32)
    assert run(ours, x, None, "padded").largest_difference(run(theirs, x, None, "padded")) <= 2e-5


@pytest.mark.skipif(not product_torch.ONEDNN, reason="this PyTorch was built without oneDNN")
def test_onednn_is_used_where_it_is_there(monkeypatch):
    called = []
    real = product_torch._LINEAR
    monkeypatch.setattr(product_torch, "_LINEAR", lambda *a: called.append(1) or real(*a))
    LSTM(64, 128)(torch.randn(3, 32, 64))
    assert len(called) == 4  # one input product, three steps


@pytest.mark.parametrize(
    ("name", "cell"),
    [("tanh", "vanilla-tanh"), ("relu", "vanilla-relu"), ("gru", "gru-after"), ("lstm", "lstm")],
)
@pytest.mark.parametrize("ends", [False, True], ids=["to the end", "lengths"])
def test_equals_the_plain_definition(name, cell, ends):
    p = problem(CELLS[cell], Case())
    steps, batch, size_in = p.inputs.shape
    lengths = [max(1, steps - k) for k in range(batch)] if ends else None
    ours, _, options = LAYERS[name]
    layer = ours(size_in, p.state[0].shape[1], **options, dtype=torch.float64)
    layer.load_state_dict({f"{k}_l0": torch.from_numpy(v) for k, v in p.params._asdict().items()})
    x = torch.from_numpy(p.inputs).requires_grad_()
    hx = tuple(torch.from_numpy(s)[None].requires_grad_() for s in p.state)
    outputs, last = layer(x, hx if len(hx) > 1 else hx[0], lengths=lengths)
    got = gathered(layer, x, hx, (outputs, *as_tuple(last)))
    outputs, state, caches = unroll.forward(CELLS[cell], p.params, p.inputs, p.state, lengths=lengths)
    generator = seeded(1)
    factors = [
        torch.randn(v.shape, generator=generator, dtype=torch.float64).numpy()
        for v in (outputs, *(s[None] for s in state))
    ]
    trace = unroll.backward(CELLS[cell], factors[0], caches, dfinal=type(state)(*(f[0] for f in factors[1:])))
    expected = [outputs, *(s[None] for s in state), trace.dinputs, *trace.dparams]
    expected += [s[None] for s in trace.dstates[0]]
    for (what, value), want in zip(got.values.items(), expected, strict=True):
        np.testing.assert_allclose(value.numpy(), want, rtol=1e-10, atol=1e-12, err_msg=what)


@names
def test_state_dict_goes_both_ways_and_the_start_is_the_same(name):
    ours, theirs, options = LAYERS[name]
    torch.manual_seed(3)
    a = ours(3, 4, 2, bidirectional=True, **options)
    torch.manual_seed(3)
    b = theirs(3, 4, 2, bidirectional=True, **options)
    assert list(a.state_dict()) == list(b.state_dict())
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)
    a.load_state_dict(b.state_dict())
    b.load_state_dict(a.state_dict())
    assert [[w.shape for w in ws] for ws in a.all_weights] == [[w.shape for w in ws] for ws in b.all_weights]


@names
@pytest.mark.parametrize("both", [False, True])
def test_one_sequence_without_a_batch(name, both):
    ours, theirs = pair(name, 3, 4, num_layers=2, bidirectional=both, batch_first=True)
    x = torch.randn(5, 3, generator=seeded())
    hx = tuple(part[:, 0].detach() for part in as_tuple(start(ours, 1, seeded(2))))
    hx = hx if len(hx) > 1 else hx[0]
    for state in (None, hx):
        for a, b in zip(
            (o := ours(x, state))[:1] + as_tuple(o[1]),
            (t := theirs(x, state))[:1] + as_tuple(t[1]),
            strict=True,
        ):
            assert a.shape == b.shape
            torch.testing.assert_close(a, b)


@names
def test_padding_never_matters(name):
    layer = LAYERS[name][0](3, 4, 2, bidirectional=True, **LAYERS[name][2])
    x = inputs(4, 4, 3, torch.float32)
    hx = start(layer, 4, seeded(2))
    clean = run(layer, x, hx, "lengths")
    for k, length in enumerate(LENGTHS):
        x[length:, k] = torch.nan
    dirty = run(layer, x, hx, "lengths")
    for what, value in clean.values.items():
        assert torch.equal(value, dirty.values[what]), what


def test_a_state_that_explodes_in_the_padding_reaches_nothing():
    layer = RNN(2, 3, nonlinearity="relu")
    with torch.no_grad():
        layer.weight_hh_l0.copy_(1e3 * torch.eye(3))
    x = torch.ones(40, 2, 2)
    outputs, last = layer(x, lengths=[2, 1])
    grads = torch.autograd.grad(outputs.sum() + last.sum(), list(layer.parameters()))
    assert all(torch.isfinite(g).all() for g in (outputs, last, *grads))


@names
def test_only_the_outputs_or_only_the_last_state_in_the_loss(name):
    ours, theirs = pair(name, 3, 4, dtype=torch.float64)
    x = inputs(4, 4, 3)
    for part in range(1 + len(as_tuple(ours(x)[1]))):
        grads = []
        for layer in (ours, theirs):
            outputs, last = layer(x)
            loss = (outputs, *as_tuple(last))[part].square().sum()
            # The LSTM's c_T does not hear of o at T, but of all parameters.
            grads.append(torch.autograd.grad(loss, list(layer.parameters())))
        for a, b in zip(*grads, strict=True):
            torch.testing.assert_close(a, b)


@names
def test_frozen_parameters_and_inputs_get_no_gradient(name):
    layer = LAYERS[name][0](3, 4, **LAYERS[name][2])
    layer.weight_ih_l0.requires_grad_(False)
    x = inputs(4, 4, 3, torch.float32)
    layer(x)[0].sum().backward()
    assert layer.weight_ih_l0.grad is None and x.grad is None
    assert layer.weight_hh_l0.grad is not None and layer.bias_hh_l0.grad is not None
    with torch.no_grad():
        assert not layer(x)[0].requires_grad


@names
@pytest.mark.parametrize("lengths", [None, [4, 2, 1]], ids=["whole", "lengths"])
def test_gradcheck_once_and_twice(name, lengths):
    torch.manual_seed(0)
    layer = LAYERS[name][0](2, 3, **LAYERS[name][2], dtype=torch.float64)
    x = inputs(4, 3, 2).requires_grad_()
    hx = as_tuple(start(layer, 3, seeded(2)))
    parameters = dict(layer.named_parameters())

    def results(x, *rest):
        state, weights = rest[: len(hx)], dict(zip(parameters, rest[len(hx) :], strict=True))
        state = state if len(hx) > 1 else state[0]
        outputs, last = torch.func.functional_call(layer, weights, (x, state), {"lengths": lengths})
        return outputs, *as_tuple(last)

    given = (x, *hx, *parameters.values())
    assert torch.autograd.gradcheck(results, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(results, given, fast_mode=True)


def test_second_derivative_where_the_start_is_made_from_the_input():
    ours, theirs = pair("lstm", 3, 4, dtype=torch.float64)
    seen = []
    for layer in (ours, theirs):
        x = inputs(4, 2, 3).requires_grad_()
        h = torch.tanh(x[:1].sum(dim=2, keepdim=True)).expand(1, 2, 4)
        outputs, _ = layer(x, (h, 2 * h))
        (dx,) = torch.autograd.grad(outputs.square().sum(), x, create_graph=True)
        seen.append(torch.autograd.grad(dx.square().sum(), (x, *layer.parameters())))
    for a, b in zip(*seen, strict=True):
        torch.testing.assert_close(a, b)


@names
def test_nothing_given_is_written_to_and_backward_may_run_twice(name):
    layer = LAYERS[name][0](3, 4, **LAYERS[name][2])
    x = inputs(4, 4, 3, torch.float32).requires_grad_()
    hx = as_tuple(start(layer, 4, seeded(2)))
    before = [p.detach().clone() for p in (x, *hx, *layer.parameters())]
    outputs, _ = layer(x, hx if len(hx) > 1 else hx[0])
    ones = torch.ones_like(outputs)
    first, second = (
        torch.autograd.grad(
            outputs, [x, *hx, *layer.parameters()], ones, retain_graph=True, allow_unused=True
        )
        for _ in range(2)
    )
    assert torch.equal(ones, torch.ones_like(ones))
    for a, b in zip((x, *hx, *layer.parameters()), before, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


@names
def test_outputs_changed_in_place_are_refused_not_used(name):
    layer = LAYERS[name][0](3, 4, **LAYERS[name][2])
    outputs, _ = layer(inputs(4, 4, 3, torch.float32))
    outputs.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()


@names
@dtypes
def test_what_is_kept_for_the_backward_pass_has_the_dtype_and_no_more_than_it_needs(name, dtype):
    layer = LAYERS[name][0](3, 8, **LAYERS[name][2], dtype=dtype)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        layer(inputs(20, 6, 3, dtype))
    assert all(t.dtype == dtype for t in kept)
    of_steps = sum(t.numel() for t in kept if t.shape[:2] == (20, 6))
    parts = {"tanh": 1, "relu": 1, "gru": 5, "lstm": 7}[name]  # of (T, B, H), besides the inputs
    assert of_steps == 20 * 6 * (parts * 8 + 3)


def test_dropout_acts_between_layers_in_training_only_and_follows_the_seed():
    ours, theirs = pair("lstm", 3, 64, num_layers=2, dropout=0.5)
    x = inputs(4, 4, 3, torch.float32)
    results = []
    for layer in (ours, ours, theirs):
        torch.manual_seed(7)
        results.append(layer(x)[0])
    assert torch.equal(results[0], results[1])
    torch.testing.assert_close(results[0], results[2])
    assert not torch.equal(results[0], ours(x)[0])
    ours.eval(), theirs.eval()
    assert torch.equal(ours(x)[0], ours(x)[0])
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])
    zero = LSTM(3, 4, 2, dropout=1.0)
    assert torch.equal(zero(x)[0], zero(torch.zeros_like(x))[0])
    with pytest.warns(UserWarning, match="num_layers=1"):
        LSTM(3, 4, dropout=0.5)


@names
def test_copies_pickles_and_files_hold_the_layer(name):
    layer = LAYERS[name][0](3, 4, 2, bidirectional=True, **LAYERS[name][2])
    x = inputs(4, 4, 3, torch.float32)
    want = layer(x)[0]
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(again(x)[0], want)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = LAYERS[name][0](3, 4, 2, bidirectional=True, **LAYERS[name][2])
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(x)[0], want)
    assert "num_layers=2" in repr(layer) and layer.flatten_parameters() is None


# PyTorch reads .grad of the tensor at which its graph breaks, and hides the warning in a way "error" undoes.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@names
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_model_that_contains_it_gives_the_same(name, backend):
    torch._dynamo.reset()
    layer = LAYERS[name][0](3, 4, **LAYERS[name][2])

    def model(x):
        return torch.relu(layer(2 * x)[0]).sum()

    x, y = (inputs(4, 4, 3, torch.float32).requires_grad_() for _ in range(2))
    model(x).backward()
    torch.compile(model, backend=backend)(y).backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_compile_with_one_whole_graph_and_functional_transforms_say_that_they_do_not_work():
    torch._dynamo.reset()
    layer, x = LSTM(3, 4), inputs(4, 4, 3, torch.float32)
    with pytest.raises(Exception, match="torch.compiler.disable"):
        torch.compile(layer, backend="eager", fullgraph=True)(x)
    with pytest.raises(RuntimeError, match="setup_context|functorch"):
        torch.func.vmap(lambda x: layer(x)[0])(torch.stack([x, x]))


@names
def test_autocast_computes_in_its_dtype_and_gradients_are_the_parameters(name):
    layer = LAYERS[name][0](8, 16, 2, **LAYERS[name][2])
    x = inputs(4, 4, 8, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, last = layer(x)
        loss = outputs.float().square().sum()
        within = torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True)
    assert all(part.dtype == torch.bfloat16 for part in (outputs, *as_tuple(last)))
    exact, _ = layer(x)
    torch.testing.assert_close(outputs.float(), exact, rtol=0.1, atol=0.02)
    loss.backward()
    wanted = torch.autograd.grad(exact.square().sum(), list(layer.parameters()))
    for parameter, a, b in zip(layer.parameters(), within, wanted, strict=True):
        assert parameter.grad.dtype == torch.float32 and torch.equal(parameter.grad, a)
        assert (a - b).norm() <= 0.1 * b.norm()


@names
@pytest.mark.parametrize("dtype", [torch.int64, torch.float64, torch.bool], ids=str)
def test_autocast_takes_no_dtype_that_it_does_not_cast(name, dtype):
    layer, x = LAYERS[name][0](8, 16, **LAYERS[name][2]), inputs(4, 4, 8, torch.float32).to(dtype)
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(TypeError, match=r"input must have the parameters' dtype torch.float32; got torch\."),
    ):
        layer(x)


@names
def test_parameters_of_two_dtypes_are_refused_by_name(name):
    layer = LAYERS[name][0](8, 16, **LAYERS[name][2])
    layer.bias_hh_l0 = torch.nn.Parameter(layer.bias_hh_l0.detach().double())
    with pytest.raises(TypeError, match=r"all parameters must have one dtype; got .*bias_hh_l0.*float64"):
        layer(inputs(4, 4, 8, torch.float32))


@names
def test_half_precision_runs_on_the_cpu(name):
    ours, theirs = pair(name, 8, 16, dtype=torch.bfloat16)
    x = inputs(4, 4, 8, torch.bfloat16)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0], rtol=0.05, atol=0.02)


SEQUENCE = torch.zeros(5, 2, 3)
BAD_CALLS = {
    "not a tensor": (([1.0],), {}, TypeError, "input must be a torch.Tensor or PackedSequence; got list"),
    "NumPy": ((np.zeros((5, 2, 3)),), {}, TypeError, "got ndarray"),
    "one dimension": ((torch.zeros(3),), {}, ValueError, "must have shape"),
    "I": ((torch.zeros(5, 2, 4),), {}, ValueError, r"must have shape \(any, any, 3\); got \(5, 2, 4\)"),
    "T = 0": ((torch.zeros(0, 2, 3),), {}, ValueError, "T and B at least 1"),
    "B = 0": ((torch.zeros(5, 0, 3),), {}, ValueError, "T and B at least 1"),
    "float64": ((SEQUENCE.double(),), {}, TypeError, "dtype torch.float32; got torch.float64"),
    "half": ((SEQUENCE.half(),), {}, TypeError, "dtype torch.float32; got torch.float16"),
    "int": ((SEQUENCE.long(),), {}, TypeError, "dtype torch.float32; got torch.int64"),
    "device": ((SEQUENCE.to("meta"),), {}, TypeError, "device cpu; got meta"),
    "length 0": ((SEQUENCE,), {"lengths": [5, 0]}, ValueError, r"lengths must lie in 1..T = 1..5; got 0..5"),
    "length > T": ((SEQUENCE,), {"lengths": [6, 1]}, ValueError, "lengths must lie in"),
    "too many lengths": ((SEQUENCE,), {"lengths": [5, 1, 1]}, ValueError, r"shape \(B,\) = \(2,\)"),
    "lengths, floats": ((SEQUENCE,), {"lengths": [5.0, 1.0]}, TypeError, "lengths must be 2 integers"),
    "hx, shape": ((SEQUENCE, "zeros 1 3 4"), {}, ValueError, r"\(1, 2, 4\); got \(1, 3, 4\)"),
    "hx, layers": ((SEQUENCE, "zeros 2 2 4"), {}, ValueError, r"\(1, 2, 4\); got \(2, 2, 4\)"),
    "hx, no batch": ((SEQUENCE, "zeros 1 4"), {}, ValueError, r"\(1, 2, 4\); got \(1, 4\)"),
    "hx, float64": ((SEQUENCE, "double 1 2 4"), {}, TypeError, "got torch.float64"),
}


@names
@pytest.mark.parametrize("what", BAD_CALLS)
def test_bad_input_is_named(name, what):
    layer = LAYERS[name][0](3, 4, **LAYERS[name][2])
    (x, *hx), keywords, error, words = BAD_CALLS[what]
    for text in hx:
        kind, *sizes = text.split()
        part = torch.zeros(*map(int, sizes), dtype=torch.float64 if kind == "double" else torch.float32)
        hx = [(part, part) if name == "lstm" else part]
    with pytest.raises(error, match=words):
        layer(x, *hx, **keywords)


def test_bad_states_and_packs_are_named():
    x = torch.zeros(5, 2, 3)
    with pytest.raises(TypeError, match=r"LSTM: hx must be a tuple \(h, c\); got Tensor"):
        LSTM(3, 4)(x, torch.zeros(1, 2, 4))
    with pytest.raises(TypeError, match="GRU: hx, h, must be a torch.Tensor; got tuple"):
        GRU(3, 4)(x, (torch.zeros(1, 2, 4),))
    packed = pack_padded_sequence(x, [5, 2])
    with pytest.raises(ValueError, match="lengths must be None for a PackedSequence"):
        GRU(3, 4)(packed, lengths=[5, 2])
    with pytest.raises(TypeError, match="dtype torch.float64; got torch.float32"):
        GRU(3, 4, dtype=torch.float64)(packed)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LSTM(3, 4, proj_size=2), ValueError, "proj_size must be 0"),
        (lambda: LSTM(0, 4), ValueError, "input_size must be at least 1"),
        (lambda: GRU(3, 4.0), TypeError, "hidden_size must be an int; got float"),
        (lambda: GRU(3, 4, 0), ValueError, "num_layers must be at least 1"),
        (lambda: GRU(3, 4, 2, dropout=1.5), ValueError, r"dropout must lie in \[0, 1\]; got 1.5"),
        (lambda: RNN(3, 4, nonlinearity="sin"), ValueError, "nonlinearity must be one of tanh, relu"),
        (lambda: RNN(3, 4, dtype=torch.int64), TypeError, "floating point"),
    ],
)
def test_bad_arguments_are_named(make, error, words, own_errors):
    with pytest.raises(error, match=words):
        make()


def test_lengths_may_be_a_tensor_an_array_or_a_list():
    layer, x = GRU(3, 4), inputs(4, 4, 3, torch.float32)
    want = layer(x, lengths=LENGTHS)[0]
    for lengths in (torch.tensor(LENGTHS), np.array(LENGTHS), tuple(LENGTHS)):
        assert torch.equal(layer(x, lengths=lengths)[0], want)
    assert not want[2:, 0].any() and want[:2, 0].all()


def test_graph_needs_a_gpu_and_one_of_three_words():
    layer, x = GRU(3, 4), inputs(4, 4, 3, torch.float32)
    layer.graph = True
    with pytest.raises(ValueError, match="graph=True needs tensors on a CUDA device; got cpu"):
        layer(x)
    layer.graph = "always"
    with pytest.raises(ValueError, match="graph must be True, False or \"auto\"; got 'always'"):
        layer(x)
