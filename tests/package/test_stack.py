"""Layers on layers in NumPy: gradients by finite differences, padding, dropout, errors; and mutants."""

import importlib.util
import sys

import numpy as np
import pytest
from contract import CELLS
from stacks import CASES, EDGES, StackCase, check_stack, run_stack, stack_problem

from rnncourse import stack, unroll
from rnncourse.cells import gru, lstm, vanilla
from rnncourse.params import PeepholeParams, init_params

cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
BOTH = StackCase(3, True, (2, 4, 1))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("cell", [vanilla, gru, lstm], ids=["vanilla", "gru", "lstm"])
def test_finite_differences(cell, case):
    check_stack(cell, case)


@cells
def test_finite_differences_of_every_cell_with_dropout(cell):
    check_stack(cell, StackCase(2, True, (2, 4, 1)), dropout=0.4)


def test_one_layer_in_one_direction_is_unroll():
    p = stack_problem(lstm, StackCase(1))
    outputs, (final,), tape = stack.forward(lstm, p.params, p.inputs, p.states)
    expected, last, caches = unroll.forward(lstm, p.params[0], p.inputs, p.states[0])
    np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_array_equal(final, last)
    trace = stack.backward(lstm, p.doutputs, tape, dfinal=p.dfinal)
    alone = unroll.backward(lstm, p.doutputs, caches, dfinal=p.dfinal[0])
    np.testing.assert_array_equal(trace.dinputs, alone.dinputs)
    for a, b in zip(
        (*trace.dparams[0], *trace.dinitial[0]), (*alone.dparams, *alone.dstates[0]), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert len(trace.traces) == 1 and len(trace.traces[0].dstates) == len(p.inputs) + 1


@cells
def test_each_padded_sequence_is_what_it_is_alone(cell):
    """Padding of any size changes no output, no state and no gradient of a sequence."""
    p = stack_problem(cell, BOTH)
    padded = p.inputs.copy()
    for b, n in enumerate(BOTH.lengths):
        padded[n:, b] = 1e3
    outputs, finals, _, trace = run_stack(stack, cell, p._replace(inputs=padded), BOTH)
    summed = [[np.zeros_like(a) for a in q] for q in p.params]
    for b, n in enumerate(BOTH.lengths):
        assert not outputs[n:, b].any() and not trace.dinputs[n:, b].any()
        one, column = BOTH._replace(lengths=None), slice(b, b + 1)
        alone = p._replace(
            inputs=p.inputs[:n, column],
            states=tuple(type(s)(*(part[column] for part in s)) for s in p.states),
            doutputs=p.doutputs[:n, column],
            dfinal=tuple(type(s)(*(part[column] for part in s)) for s in p.dfinal),
        )
        out, last, _, single = run_stack(stack, cell, alone, one)
        np.testing.assert_allclose(outputs[:n, column], out, rtol=0, atol=1e-13)
        np.testing.assert_allclose(trace.dinputs[:n, column], single.dinputs, rtol=0, atol=1e-12)
        for got, expected in zip(finals + trace.dinitial, last + single.dinitial, strict=True):
            for a, c in zip(got, expected, strict=True):
                np.testing.assert_allclose(a[column], c, rtol=0, atol=1e-12)
        for total, term in zip(summed, single.dparams, strict=True):
            for a, c in zip(total, term, strict=True):
                a += c
    for total, got in zip(summed, trace.dparams, strict=True):
        for a, c in zip(total, got, strict=True):
            np.testing.assert_allclose(a, c, rtol=0, atol=1e-11)


def test_reverse_starts_at_each_sequences_own_end():
    x = np.arange(8.0).reshape(4, 2, 1)
    got = stack.reverse(x, [3, 2])[:, :, 0]
    np.testing.assert_array_equal(got, [[4, 3], [2, 1], [0, 5], [6, 7]])
    np.testing.assert_array_equal(stack.reverse(stack.reverse(x, [3, 2]), [3, 2]), x)
    np.testing.assert_array_equal(stack.reverse(x)[:, :, 0], x[::-1, :, 0])


def test_the_last_state_of_the_reverse_direction_has_read_the_first_step():
    p = stack_problem(gru, BOTH._replace(layers=1))
    outputs, finals, _ = stack.forward(
        gru, p.params, p.inputs, p.states, bidirectional=True, lengths=BOTH.lengths
    )
    ends = np.array(BOTH.lengths) - 1
    np.testing.assert_array_equal(finals[0].h, outputs[ends, np.arange(3), :3])
    np.testing.assert_array_equal(finals[1].h, outputs[0, :, 3:])


@pytest.mark.parametrize("case", [BOTH, *EDGES.values()], ids=["both", *EDGES])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@cells
def test_shapes_and_dtypes(cell, case, dtype):
    p = stack_problem(cell, case, dtype)
    outputs, finals, tape, trace = run_stack(stack, cell, p, case, dropout=0.5, rng=np.random.default_rng(0))
    assert outputs.shape == (case.T, case.B, 2 * case.H)
    assert trace.dinputs.shape == p.inputs.shape
    states = [part for s in (*finals, *trace.dinitial) for part in s]
    assert {s.shape for s in states} == {(case.B, case.H)}
    grads = [g for q in trace.dparams for g in q]
    assert [g.shape for g in grads] == [a.shape for q in p.params for a in q]
    arrays = [outputs, trace.dinputs, *states, *grads, *(m for m in tape.masks if m is not None)]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}


@cells
def test_nothing_is_written_into_an_argument(cell):
    p = stack_problem(cell, BOTH)
    arrays = [
        p.inputs,
        p.doutputs,
        *(a for group in (p.params, p.states, p.dfinal) for t in group for a in t),
    ]
    for array in arrays:
        array.flags.writeable = False
    first = run_stack(stack, cell, p, BOTH, dropout=0.3, rng=np.random.default_rng(0))
    for part in (first[0], *first[2].masks[1:]):
        part.flags.writeable = False
    second = stack.backward(cell, p.doutputs, first[2], dfinal=p.dfinal)  # a tape may be used twice
    np.testing.assert_array_equal(first[3].dinputs, second.dinputs)


def test_the_result_is_the_callers_own():
    p = stack_problem(vanilla, StackCase(1))
    _, _, tape, trace = run_stack(stack, vanilla, p, StackCase(1))
    trace.dinputs[...] = 7
    trace.dinitial[0].h[...] = 7
    again = stack.backward(vanilla, p.doutputs, tape, dfinal=p.dfinal)
    assert not (again.dinputs == 7).any() and not (again.dinitial[0].h == 7).any()


# Dropout


def test_dropout_zeroes_a_share_and_scales_the_rest():
    case = StackCase(3, True, T=20, B=30, H=20)
    p = stack_problem(vanilla, case)
    _, _, tape, _ = run_stack(stack, vanilla, p, case, dropout=0.3, rng=np.random.default_rng(1))
    assert tape.masks[0] is None
    for mask in tape.masks[1:]:
        assert mask.shape == (20, 30, 40)
        np.testing.assert_allclose(np.unique(mask), [0, 1 / 0.7])
        deviation = np.sqrt(0.3 * 0.7 / mask.size)
        assert abs((mask == 0).mean() - 0.3) < 4 * deviation
        assert abs(mask.mean() - 1) < 4 * deviation / 0.7
    assert not np.array_equal(tape.masks[1], tape.masks[2])  # a mask of its own for each layer
    assert len(np.unique(tape.masks[1][:, 0, 0])) == 2  # and for each step


def test_dropout_keeps_the_expectation_of_what_is_linear():
    """With linear cells the outputs are linear in the mask, so their mean is the output without dropout."""
    cell, case = vanilla.with_activation("linear"), StackCase(2, T=3, B=2)
    p = stack_problem(cell, case)
    expected, _, _ = stack.forward(cell, p.params, p.inputs)
    rng = np.random.default_rng(0)
    runs = [stack.forward(cell, p.params, p.inputs, dropout=0.5, rng=rng)[0] for _ in range(1500)]
    error = np.std(runs, axis=0) / np.sqrt(len(runs))
    assert (np.abs(np.mean(runs, axis=0) - expected) < 5 * error).all()


def test_dropout_of_zero_and_of_one_layer_change_nothing():
    for case, dropout in ((BOTH, 0.0), (BOTH._replace(layers=1), 0.5)):
        p = stack_problem(lstm, case)
        rng = np.random.default_rng(0)
        plain = run_stack(stack, lstm, p, case)
        got = run_stack(stack, lstm, p, case, dropout=dropout, rng=rng)
        np.testing.assert_array_equal(got[0], plain[0])
        np.testing.assert_array_equal(got[3].dinputs, plain[3].dinputs)
        assert rng.random() == np.random.default_rng(0).random()  # nothing was drawn
        assert all(mask is None for mask in got[2].masks)


def test_the_same_rng_gives_the_same_masks_in_both_dtypes():
    masks = []
    for dtype in (np.float32, np.float64):
        p = stack_problem(gru, BOTH, dtype)
        *_, tape, _ = run_stack(stack, gru, p, BOTH, dropout=0.5, rng=np.random.default_rng(3))
        masks.append(tape.masks[1] == 0)
    np.testing.assert_array_equal(*masks)


# Parameters


def test_init_stack_has_torchs_order_and_widths():
    params = stack.init_stack(gru, 4, 5, layers=2, bidirectional=True, rng=np.random.default_rng(0))
    assert [p.weight_ih.shape for p in params] == [(15, 4), (15, 4), (15, 10), (15, 10)]
    assert {p.weight_hh.shape for p in params} == {(15, 5)}
    one = stack.init_stack(lstm, 4, 5, rng=np.random.default_rng(0), forget_bias=3.0, dtype=np.float64)
    expected = init_params(lstm, 4, 5, rng=np.random.default_rng(0), forget_bias=3.0, dtype=np.float64)
    for a, b in zip(one[0], expected, strict=True):
        np.testing.assert_array_equal(a, b)


# Errors


def f64(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"params": ()}, ValueError, "params must have L·D entries with L >= 1 and D = 2; got 0"),
        ({"params": slice(0, 3)}, ValueError, "params must have L·D entries with L >= 1 and D = 2; got 3"),
        ({"params": slice(0, 6, 3)}, ValueError, r"params\[1\].weight_ih must have I = 2, as the forward"),
        ({"params": "wide"}, ValueError, r"params\[2\].weight_ih must have I = 6, D·H of layer 1"),
        ({"params": "uneven"}, ValueError, r"layer 1 must have the same H = 3; got 4 in params\[1\]"),
        ({"params": "mixed"}, TypeError, r"params\[5\] must have the dtype of .*, float64; got float32"),
        ({"params": "one"}, TypeError, "params must be a tuple of Params, one for each layer .*; got Params"),
        ({"params": None}, TypeError, "params must be a tuple of Params.*; got NoneType"),
        ({"params": (None, None)}, TypeError, r"params\[0\]: params must be .*Params; got NoneType"),
        ({"inputs": f64(0, 3, 2)}, ValueError, r"inputs must have T >= 1 and B >= 1; got shape \(0, 3, 2\)"),
        ({"inputs": f64(4, 0, 2)}, ValueError, r"got shape \(4, 0, 2\)"),
        ({"inputs": f64(4, 3, 5)}, ValueError, r"inputs must have shape .* = \(T, B, 2\) for weight_ih"),
        ({"inputs": f64(4, 3, 2).astype(np.float32)}, TypeError, "inputs must have the dtype"),
        ({"inputs": [[0.0]]}, TypeError, "inputs must be a numpy array"),
        ({"lengths": [1, 2]}, ValueError, r"lengths must have shape \(B,\) = \(3,\); got \(2,\)"),
        ({"lengths": [0, 2, 2]}, ValueError, "lengths must lie in 1..T = 1..4; got 0..2"),
        ({"lengths": "unknown"}, TypeError, "lengths must be 3 integers; got 'unknown'"),
        ({"states": slice(0, 5)}, ValueError, "states must have L·D = 6 entries; got 5"),
        ({"states": "one"}, TypeError, "states must be a tuple of States, one for each.*; got State"),
        ({"states": "batch"}, ValueError, r"states\[1\].h must have shape \(B, H\) = \(3, 3\); got \(1, 3\)"),
        ({"dropout": 1.0}, ValueError, r"dropout must lie in \[0, 1\); got 1.0"),
        ({"dropout": -0.1}, ValueError, r"dropout must lie in \[0, 1\); got -0.1"),
        ({"dropout": np.nan}, ValueError, "dropout must be a finite number; got nan"),
        ({"dropout": "half"}, TypeError, "dropout must be a number; got str"),
        ({"dropout": 0.5, "rng": None}, TypeError, "rng must be a numpy.random.Generator.*; got NoneType"),
        ({"cell": None}, TypeError, "cell must have GATES, as rnncourse.cells.lstm has; got NoneType"),
    ],
)  # fmt: skip
def test_forward_names_what_is_wrong(own_errors, change, error, message):
    p = stack_problem(gru, BOTH)
    arguments = {"cell": gru, "params": p.params, "inputs": p.inputs, "states": p.states} | change
    wide = init_params(gru, 4, 3, rng=np.random.default_rng(0), dtype=np.float64)
    special = {
        "wide": (*p.params[:2], wide, wide),
        "uneven": (p.params[0], init_params(gru, 2, 4, rng=np.random.default_rng(0), dtype=np.float64)),
        "mixed": (*p.params[:5], type(wide)(*(a.astype(np.float32) for a in p.params[5]))),
        "one": p.params[0],
    }
    for name, whole in (("params", p.params), ("states", p.states)):
        if isinstance(change.get(name), slice):
            arguments[name] = whole[change[name]]
    if isinstance(change.get("params"), str):
        arguments["params"] = special[change["params"]]
    if isinstance(change.get("states"), str):
        small = p.states[1]._replace(h=p.states[1].h[:1])
        arguments["states"] = {"one": p.states[0], "batch": (p.states[0], small, *p.states[2:])}[
            change["states"]
        ]
    with pytest.raises(error, match="stack.forward: .*" + message):
        stack.forward(
            arguments.pop("cell"), arguments.pop("params"), arguments.pop("inputs"),
            bidirectional=True, **arguments,
        )  # fmt: skip


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad):
    p = stack_problem(lstm, BOTH)
    for array in (p.inputs, p.params[3].weight_ih, p.states[2].c):
        before = array.flat[1]
        array.flat[1] = bad
        with pytest.raises(ValueError, match=f"must be finite; got {bad}"):
            stack.forward(lstm, p.params, p.inputs, p.states, bidirectional=True)
        array.flat[1] = before


def test_a_layer_that_overflows_is_named():
    cell, case = vanilla.with_activation("linear"), StackCase(3, T=9)
    p = stack_problem(cell, case)
    params = (p.params[0], p.params[1]._replace(weight_hh=1e60 * np.eye(3)), p.params[2])
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="stack.forward: the outputs of layer 2 must be finite"),
    ):
        stack.forward(cell, params, p.inputs)


def test_backward_names_what_is_wrong(own_errors):
    p = stack_problem(gru, BOTH)
    _, _, tape = stack.forward(gru, p.params, p.inputs, bidirectional=True)
    for arguments, dfinal, error, message in [
        ((gru, p.doutputs[:2], tape), None, ValueError, r"doutputs must have shape .* = \(4, 3, 6\)"),
        ((gru, p.doutputs[:, :, :3], tape), None, ValueError, r"got \(4, 3, 3\)"),
        ((gru, p.doutputs, tape.caches), None, TypeError, "tape must be what stack.forward returned"),
        ((gru, p.doutputs, tape), p.dfinal[:3], ValueError, "dfinal must have L·D = 6 entries; got 3"),
        ((gru, p.doutputs, tape), p.dfinal[0], TypeError, "dfinal must be a tuple of States"),
        ((None, p.doutputs, tape), None, TypeError, "cell must have GATES"),
        ((lstm, p.doutputs, tape), None, ValueError, "caches must come from the same cell"),
        ((gru, p.doutputs.astype(np.float32), tape), None, TypeError, "doutputs must have the dtype"),
    ]:  # fmt: skip
        with pytest.raises(error, match=message):
            stack.backward(*arguments, dfinal=dfinal)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"layers": 0}, ValueError, "init_stack: layers must be at least 1; got 0"),
        ({"layers": 1.5}, TypeError, "init_stack: layers must be an int; got float"),
        ({"input_size": 0}, ValueError, "input_size must be at least 1; got 0"),
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1; got 0"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator"),
    ],
)
def test_init_stack_names_what_is_wrong(own_errors, change, error, message):
    with pytest.raises(error, match=message):
        stack.init_stack(
            **{"cell": lstm, "input_size": 2, "hidden_size": 3, "layers": 2, "rng": np.random.default_rng(0)}
            | change
        )


def test_reverse_names_what_is_wrong(own_errors):
    with pytest.raises(ValueError, match="reverse: sequences must have shape"):
        stack.reverse(f64(3, 2))
    with pytest.raises(ValueError, match="reverse: lengths must lie in 1..T = 1..3; got 1..4"):
        stack.reverse(f64(3, 2, 1), [4, 1])


def test_cells_with_peepholes_stack_too():
    """The parameters of a layer may be any that its cell has."""
    found = [cell for cell in CELLS.values() if getattr(cell, "PEEPHOLES", ())]
    for cell in found:
        params = stack.init_stack(cell, 2, 3, layers=2, rng=np.random.default_rng(0), dtype=np.float64)
        assert all(isinstance(p, PeepholeParams) for p in params)


# The tests bite: each deliberate error makes the check fail.

MUTANTS = [
    ("seen = reverse(x, lengths) if k else x", "seen = x"),
    ("outputs.append(reverse(out, lengths) if k else out)", "outputs.append(out)"),
    ("read = reverse(dout, lengths) if k else dout", "read = dout"),
    ("dx += reverse(trace.dinputs, lengths) if k else trace.dinputs", "dx += trace.dinputs"),
    ("dx += reverse(trace.dinputs, lengths)", "dx = reverse(trace.dinputs, lengths)"),
    ("dx = dx if mask is None else dx * mask", "dx = dx"),
    ("dfinal=dfinal[k]", "dfinal=dfinal[0]"),
    ("ends[layer], tape.lengths)", "ends[: len(ends[layer])], tape.lengths)"),
    ("traces = found + traces", "traces = traces + found"),
]
# Their own backward passes fit them, so only an independent expectation finds them.
WRONG_FORWARD = [
    ("np.where(t < ends, ends - 1 - t, t)", "np.broadcast_to(steps - 1 - t, (steps, batch))"),
    ("x, starts[layer], lengths)", "x, starts[layer], None)"),
]


def mutant(old, new):
    """rnncourse.stack again, under another name, with one piece of its source exchanged."""
    with open(stack.__file__, encoding="utf-8") as file:
        code = file.read()
    assert code.count(old) == 1, f"{old!r} must stand once in rnncourse.stack"
    made = importlib.util.module_from_spec(importlib.util.spec_from_loader("stack_mutant", loader=None))
    made.__file__ = stack.__file__
    sys.modules["stack_mutant"] = made  # jaxtyping looks a function's module up by name
    exec(compile(code.replace(old, new), stack.__file__, "exec"), made.__dict__)
    return made


@pytest.mark.parametrize(("old", "new"), MUTANTS, ids=[new for _, new in MUTANTS])
def test_a_wrong_gradient_fails(old, new):
    case = StackCase(2, True, (2, 4, 1))
    check_stack(lstm, case, mutant(old, old), dropout=0.4)  # the unchanged copy passes
    with pytest.raises(AssertionError):
        check_stack(lstm, case, mutant(old, new), dropout=0.4)


@pytest.mark.parametrize(("old", "new"), WRONG_FORWARD, ids=[new for _, new in WRONG_FORWARD])
def test_wrong_padding_fails(old, new, monkeypatch):
    broken = mutant(old, new)
    monkeypatch.setattr(stack, "forward", broken.forward)
    monkeypatch.setattr(stack, "backward", broken.backward)
    with pytest.raises((AssertionError, TypeError)):
        test_each_padded_sequence_is_what_it_is_alone(lstm)


def test_a_mask_that_does_not_scale_fails(monkeypatch):
    broken = mutant(
        "return keep.astype(like.dtype) / like.dtype.type(1 - dropout)", "return keep.astype(like.dtype)"
    )
    monkeypatch.setattr(stack, "forward", broken.forward)
    with pytest.raises(AssertionError):
        test_dropout_keeps_the_expectation_of_what_is_linear()
