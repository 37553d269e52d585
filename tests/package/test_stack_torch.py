"""The stack in NumPy = our torch Stack = torch.nn, for every combination, value and gradient."""

import copy
import pickle

import numpy as np
import pytest
import torch
from contract import CELLS
from stacks import CASES, StackCase, run_stack, stack_problem
from test_contract_torch import assert_within, cells, devices, dtypes, exact_float32  # noqa: F401
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from twins_torch import TWINS, relative_difference, tensor

from rnncourse import stack
from rnncourse.cells.gru_torch import GRUCell
from rnncourse.cells.lstm_torch import LSTMCell
from rnncourse.cells.vanilla_torch import RNNCell
from rnncourse.stack_torch import Stack

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
layers_of_torch = pytest.mark.parametrize("name", [n for n, (_, layer) in TWINS.items() if layer])


def ours(name, case, **options):
    return Stack(TWINS[name][0], case.I, case.H, case.layers, bidirectional=case.bidirectional, **options)


def torchs(name, case, **options):
    return TWINS[name][1](case.I, case.H, case.layers, bidirectional=case.bidirectional, **options)


def call_packed(layer, inputs, hx, lengths):
    if lengths is None:
        return layer(inputs, hx)
    packed = pack_padded_sequence(inputs, torch.tensor(lengths), enforce_sorted=False)
    outputs, last = layer(packed, hx)
    return pad_packed_sequence(outputs, total_length=len(inputs))[0], last


def joined(states, device):
    """hx of torch, (L·D, B, H) a field, out of our States, as leaves that want gradients."""
    parts = [tensor(np.stack(part), device, grad=True) for part in zip(*states, strict=True)]
    return tuple(parts) if len(parts) > 1 else parts[0]


def parts_of(hx):
    return hx if isinstance(hx, tuple) else (hx,)


def differences(name, module, call, p, case, device):
    """NumPy by hand against a torch module: outputs, states, and every gradient, by name."""
    outputs, finals, _, trace = run_stack(stack, CELLS[name], p, case)
    stack.to_torch(p.params, module)
    inputs, hx = tensor(p.inputs, device, grad=True), joined(p.states, device)
    got, last = call(module, inputs, hx, case.lengths)
    assert isinstance(last, tuple) == isinstance(hx, tuple)
    loss = (got * tensor(p.doutputs, device)).sum()
    for part, d in zip(parts_of(last), zip(*p.dfinal, strict=True), strict=True):
        loss = loss + (part * tensor(np.stack(d), device)).sum()
    loss.backward()
    pairs = {"outputs": (got, outputs), "dinputs": (inputs.grad, trace.dinputs)}
    for k, field in enumerate(p.states[0]._fields):
        pairs[f"final {field}"] = (parts_of(last)[k], np.stack([s[k] for s in finals]))
        pairs[f"d{field} of the start"] = (parts_of(hx)[k].grad, np.stack([s[k] for s in trace.dinitial]))
    for n, dparams in enumerate(trace.dparams):
        layer, back = divmod(n, 2 if case.bidirectional else 1)
        for field, gradient in dparams._asdict().items():
            parameter = f"{field}_l{layer}" + "_reverse" * back
            pairs[f"d{parameter}"] = (getattr(module, parameter).grad, gradient)
    assert len(list(module.parameters())) == sum(len(q) for q in p.params)
    return {what: relative_difference(*pair) for what, pair in pairs.items()}


def call_ours(module, inputs, hx, lengths):
    return module(inputs, hx, lengths=lengths)


@layers_of_torch
@cases
@dtypes
@devices
def test_numpy_equals_torch_nn(name, case, dtype, device):
    p = stack_problem(CELLS[name], case, dtype)
    module = torchs(name, case, device=device, dtype=getattr(torch, p.inputs.dtype.name))
    assert_within(differences(name, module, call_packed, p, case, device), dtype)


@cells
@cases
@dtypes
@devices
def test_numpy_equals_our_stack(name, case, dtype, device):
    p = stack_problem(CELLS[name], case, dtype)
    module = ours(name, case, device=device, dtype=getattr(torch, p.inputs.dtype.name))
    assert_within(differences(name, module, call_ours, p, case, device), dtype)


@pytest.mark.parametrize("both", [False, True])
@layers_of_torch
def test_every_gradient_between_layers(name, both):
    """The trace of each layer and direction: ∂L/∂ what the layer below hands up, by torch's own layers."""
    case = StackCase(3, both, T=5)
    p = stack_problem(CELLS[name], case)
    _, _, _, trace = run_stack(stack, CELLS[name], p, case)
    _, got, _ = one_layer_at_a_time(name, p, case, [None] * 3)
    for layer, x in enumerate(got):
        traces = trace.traces[layer * (1 + both) : (layer + 1) * (1 + both)]
        total = traces[0].dinputs + (traces[1].dinputs[::-1] if both else 0)
        assert relative_difference(x.grad, total) <= 1e-12


def one_layer_at_a_time(name, p, case, masks):
    """Backward through torch.nn modules of one layer each, masks between: (outputs, inputs, modules)."""
    x, outputs, seen, made = tensor(p.inputs, "cpu", grad=True), None, [], []
    directions = 2 if case.bidirectional else 1
    for layer, mask in enumerate(masks):
        x = x if mask is None else x * tensor(mask, "cpu")
        seen.append(x)
        x.retain_grad()
        module = TWINS[name][1](x.shape[2], case.H, bidirectional=case.bidirectional, dtype=torch.float64)
        own = slice(layer * directions, (layer + 1) * directions)
        stack.to_torch(p.params[own], module)
        made.append(module)
        outputs, last = call_packed(module, x, joined(p.states[own], "cpu"), case.lengths)
        ends = sum(
            (part * tensor(np.stack(d), "cpu")).sum()
            for part, d in zip(parts_of(last), zip(*p.dfinal[own], strict=True), strict=True)
        )
        ends.backward(retain_graph=True)
        x = outputs
    (outputs * tensor(p.doutputs, "cpu")).sum().backward()
    return outputs, seen, made


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("lengths", [None, (2, 4, 1)])
@layers_of_torch
def test_dropout_has_the_same_masks_forward_and_backward(name, both, lengths):
    """Autograd through torch's layers, with NumPy's masks between them, gives NumPy's gradients."""
    case = StackCase(3, both, lengths)
    p = stack_problem(CELLS[name], case)
    outputs, _, tape, trace = run_stack(
        stack, CELLS[name], p, case, dropout=0.4, rng=np.random.default_rng(5)
    )
    got, seen, made = one_layer_at_a_time(name, p, case, tape.masks)
    assert relative_difference(got, outputs) <= 1e-12
    assert relative_difference(seen[0].grad, trace.dinputs) <= 1e-12
    grads = [g for module in made for g in module.parameters()]
    for a, b in zip(grads, [g for q in trace.dparams for g in q], strict=True):
        assert relative_difference(a.grad, b) <= 1e-12
    plain, *_ = run_stack(stack, CELLS[name], p, case)
    assert np.abs(plain - outputs).max() > 1e-3  # the masks did something


@layers_of_torch
@pytest.mark.parametrize("both", [False, True])
def test_same_seed_same_network_same_dropout_as_torch_nn(name, both):
    """Start and masks are drawn in torch.nn's order, so one seed gives one network and one training step."""
    case = StackCase(3, both, T=5)
    networks = []
    for make in (ours, torchs):
        torch.manual_seed(0)
        module = make(name, case, dropout=0.3, dtype=torch.float64)
        x = torch.randn(case.T, case.B, case.I, dtype=torch.float64, requires_grad=True)
        outputs, _ = module.train()(x)
        outputs.square().sum().backward()
        again, _ = module.eval()(x)
        networks.append([outputs, x.grad, again, *(q.grad for q in module.parameters())])
    for a, b in zip(*networks, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    assert not torch.equal(networks[0][0], networks[0][2])


@devices
def test_dropout_of_our_stack(device):
    module = Stack(partial_linear, 2, 8, 2, dropout=0.25, device=device)
    x = torch.ones(3, 400, 2, device=device)
    generator = torch.Generator(device)
    first, _ = module(x, generator=generator.manual_seed(1))
    second, _ = module(x, generator=generator.manual_seed(1))
    other, _ = module(x, generator=generator.manual_seed(2))
    assert torch.equal(first, second) and not torch.equal(first, other)
    plain, _ = module.eval()(x)
    again, _ = module(x, generator=generator)
    assert torch.equal(plain, again)
    # Linear cells: the mean over 400 equal sequences is the output without dropout.
    error = first.std(dim=1) / 400**0.5
    assert ((first.mean(dim=1) - plain[:, 0]).abs() < 5 * error).all()
    single = Stack(partial_linear, 2, 8, dropout=0.9, device=device)
    assert torch.equal(single(x)[0], single.eval()(x)[0])  # one layer has nothing between layers


def partial_linear(*sizes, **options):
    return RNNCell(*sizes, activation="linear", **options)


@layers_of_torch
@pytest.mark.parametrize("both", [False, True])
def test_state_dicts_load_both_ways(name, both):
    case = StackCase(2, both)
    mine, theirs = ours(name, case), torchs(name, case)
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    x = torch.randn(4, 3, case.I, generator=torch.Generator().manual_seed(0))
    mine.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(mine(x)[0], theirs(x)[0])
    other = ours(name, case)
    theirs.load_state_dict(other.state_dict())
    torch.testing.assert_close(other(x)[0], theirs(x)[0])


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("make", [ours, torchs])
@layers_of_torch
def test_parameters_to_and_from_modules(name, make, both):
    case = StackCase(3, both)
    p = stack_problem(CELLS[name], case, np.float32)
    module = make(name, case)
    stack.to_torch(p.params, module)
    for got, expected in zip(stack.from_torch(module), p.params, strict=True):
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_converters_name_what_is_wrong():
    p = stack_problem(CELLS["lstm"], StackCase(2))
    with pytest.raises(ValueError, match="to_torch: params must have one entry .* of the module, 4; got 2"):
        stack.to_torch(p.params, nn.LSTM(2, 3, 2, bidirectional=True))
    with pytest.raises(
        TypeError, match="to_torch: module must be a torch.nn.RNN, GRU or LSTM.*; got LSTMCell"
    ):
        stack.to_torch(p.params, nn.LSTMCell(2, 3))
    with pytest.raises(TypeError, match="from_torch: module must be a torch.nn.RNN.*; got Linear"):
        stack.from_torch(nn.Linear(2, 3))
    with pytest.raises(ValueError, match="weight_ih must have shape"):
        stack.to_torch(p.params, nn.LSTM(5, 3, 2))


def test_a_module_moved_copied_pickled_or_given_new_parameters_uses_them():
    """The cells borrow the parameters at each call, so none of these leaves an old value behind."""
    module = Stack(LSTMCell, 2, 3, 2, bidirectional=True)
    x = torch.ones(4, 1, 2)
    before = module(x)[0]
    for same in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(same(x)[0], before)
        with torch.no_grad():
            same.weight_hh_l1_reverse.zero_()
        assert not torch.equal(same(x)[0], before)
        assert torch.equal(module(x)[0], before)
    double = copy.deepcopy(module).double()
    torch.testing.assert_close(double(x.double())[0].float(), before)
    zeros = {name: torch.zeros_like(q) for name, q in module.named_parameters()}
    assert not torch.func.functional_call(module, zeros, (x,))[0].any()
    module.weight_ih_l0 = nn.Parameter(torch.zeros_like(module.weight_ih_l0))
    assert not torch.equal(module(x)[0], before)
    assert sum(1 for _ in module.parameters()) == 16 and len(list(module.modules())) == 1


def test_lengths_may_be_a_list_an_array_or_a_tensor():
    module = Stack(GRUCell, 2, 3, 2, bidirectional=True)
    x = torch.randn(4, 2, 2, generator=torch.Generator().manual_seed(0))
    outputs = [module(x, lengths=n)[0] for n in ([4, 2], np.array([4, 2]), torch.tensor([4, 2]))]
    assert torch.equal(outputs[0], outputs[1]) and torch.equal(outputs[0], outputs[2])
    assert not outputs[0][2:, 1].any()


def test_inputs_and_states_are_not_written_to():
    case = StackCase(2, True, (2, 4, 1))
    module = ours("lstm", case, dropout=0.5)
    p = stack_problem(CELLS["lstm"], case, np.float32)
    x, hx = torch.tensor(p.inputs), tuple(torch.tensor(np.stack(s)) for s in zip(*p.states, strict=True))
    before = x.clone(), [h.clone() for h in hx]
    module(x, hx, lengths=case.lengths)
    assert torch.equal(x, before[0]) and all(map(torch.equal, hx, before[1]))


@devices
@cells
def test_autocast(name, device):
    """Under autocast the products are in bfloat16: values and gradients are close to those of float32."""
    case = StackCase(2, True, (2, 4, 1), H=8)
    p = stack_problem(CELLS[name], case, np.float32)
    module = ours(name, case, device=device)
    stack.to_torch(p.params, module)
    found = []
    for enabled in (False, True):
        module.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=enabled):
            outputs, last = module(tensor(p.inputs, device), lengths=case.lengths)
        (outputs.float() * tensor(p.doutputs, device)).sum().backward()
        assert parts_of(last)[0].shape == (4, case.B, case.H)
        found.append([outputs.detach().float(), *(q.grad.clone() for q in module.parameters())])
    for exact, rough in zip(*found, strict=True):
        assert relative_difference(rough, exact.cpu().numpy()) < 0.1
    assert not torch.equal(found[0][0], found[1][0])


X = torch.zeros(4, 3, 2)
PACKED = pack_padded_sequence(X, torch.tensor([4, 2, 1]))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((X[:0],), {}, ValueError, r"inputs must have shape \(T, B, I\) = \(T, B, 2\), none of them 0"),
        ((X[:, :0],), {}, ValueError, "none of them 0.*; got .4, 0, 2"),
        ((torch.zeros(4, 3, 5),), {}, ValueError, r"for weight_ih \(12, 2\); got \(4, 3, 5\)"),
        ((X[0],), {}, ValueError, r"got \(3, 2\)"),
        ((X.double(),), {}, TypeError, "module's dtype torch.float32; got torch.float64"),
        ((X.numpy(),), {}, TypeError, "inputs must be a torch.Tensor; got ndarray"),
        ((PACKED,), {}, TypeError, "padded, with lengths=; got PackedSequence"),
        ((X,), {"lengths": [4, 0, 1]}, ValueError, "lengths must lie in 1..T = 1..4; got 0..4"),
        ((X,), {"lengths": [4]}, ValueError, r"lengths must have shape \(B,\) = \(3,\)"),
        ((X,), {"lengths": torch.ones(3)}, TypeError, "lengths must be 3 integers"),
        ((X, torch.zeros(4, 3, 3)), {}, TypeError, r"hx must be a tuple \(h, c\), .* each; got Tensor"),
        ((X, (torch.zeros(2, 3, 3),) * 2), {}, ValueError, r"hx must have shape .* got \(2, 3, 3\)"),
        ((X, (torch.zeros(4, 2, 3),) * 2), {}, ValueError, r"state.h must have shape \(B, H\) = \(3, 3\)"),
        ((X, (torch.zeros(4, 3, 3).double(),) * 2), {}, TypeError, "state.h must have the module's dtype"),
        ((X, (None, None)), {}, ValueError, "hx must have shape .*; got NoneType"),
    ],
)  # fmt: skip
def test_stack_names_what_is_wrong(own_errors, arguments, options, error, message):
    module = Stack(LSTMCell, 2, 3, 2, bidirectional=True)
    with pytest.raises(error, match="Stack: .*" + message):
        module(*arguments, **options)


def test_a_gru_takes_a_tensor(own_errors):
    with pytest.raises(TypeError, match=r"Stack: hx must be a tensor, \(L·D, B, H\) each; got tuple"):
        Stack(GRUCell, 2, 3)(X, (torch.zeros(1, 3, 3),))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((LSTMCell, 2, 3, 0), {}, ValueError, "layers must be at least 1; got 0"),
        ((LSTMCell, 0, 3), {}, ValueError, "input_size must be at least 1; got 0"),
        ((LSTMCell, 2, 0), {}, ValueError, "hidden_size must be at least 1; got 0"),
        ((LSTMCell, 2, 3), {"dropout": 1.0}, ValueError, r"dropout must lie in \[0, 1\); got 1.0"),
        ((LSTMCell, 2, 3), {"dropout": -0.5}, ValueError, r"dropout must lie in \[0, 1\); got -0.5"),
        ((LSTMCell, 2, 3), {"dropout": "x"}, TypeError, "dropout must be a number; got str"),
        ((nn.LSTMCell, 2, 3), {}, TypeError, "cell_class must be one of ours.*; got LSTMCell"),
    ],
)
def test_construction_names_what_is_wrong(own_errors, arguments, options, error, message):
    with pytest.raises(error, match="Stack: " + message):
        Stack(*arguments, **options)


def test_repr_says_what_it_is():
    text = repr(Stack(GRUCell, 2, 3, 2, bidirectional=True, dropout=0.5))
    assert text == "Stack(GRUCell, 2, 3, layers=2, bidirectional=True, dropout=0.5)"


# The tests bite.

MUTANTS = {
    "the reverse direction starts in the padding": ("_reverse", lambda x, order: x.flip(0)),
    "the reverse direction reads forwards": ("_reverse", lambda x, order: x),
}


@pytest.mark.parametrize(("attribute", "wrong"), MUTANTS.values(), ids=MUTANTS)
def test_a_wrong_order_fails(attribute, wrong, monkeypatch):
    case = StackCase(2, True, (2, 4, 1))
    p = stack_problem(CELLS["lstm"], case)
    module = ours("lstm", case, dtype=torch.float64)
    assert_within(differences("lstm", module, call_ours, p, case, "cpu"), np.float64)
    module.zero_grad()
    monkeypatch.setattr(f"rnncourse.stack_torch.{attribute}", wrong)
    with pytest.raises(AssertionError):
        assert_within(differences("lstm", module, call_ours, p, case, "cpu"), np.float64)


def test_a_wrong_order_of_layers_fails():
    case = StackCase(2, True)
    p = stack_problem(CELLS["gru-after"], case)
    module = ours("gru-after", case, dtype=torch.float64)
    swapped = p._replace(params=(p.params[1], p.params[0], *p.params[2:]))

    def call(module, inputs, hx, lengths):
        stack.to_torch(swapped.params, module)
        return module(inputs, hx)

    with pytest.raises(AssertionError):
        assert_within(differences("gru-after", module, call, p, case, "cpu"), np.float64)
