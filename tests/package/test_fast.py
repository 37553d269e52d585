"""fast/ against the plain definition: the same values, the same errors, no float64, no memory to spare."""

import tracemalloc

import numpy as np
import pytest
from contract import CASES, Case, problem

from rnncourse import unroll
from rnncourse.cells import gru, lstm, mgu, peephole, vanilla
from rnncourse.fast import arrange, runs
from rnncourse.fast import gru as fast_gru
from rnncourse.fast import lstm as fast_lstm
from rnncourse.fast import vanilla as fast_vanilla

PAIRS = {"vanilla": (vanilla, fast_vanilla), "gru": (gru, fast_gru), "lstm": (lstm, fast_lstm)}
pairs = pytest.mark.parametrize(("cell", "fast"), PAIRS.values(), ids=PAIRS)
SIZES = {name: case for name, case in CASES.items() if case.lengths is None} | {
    # More than one segment, the last one shorter.
    "segments": Case(T=37, B=40, I=3, H=160),
    "T,B,I,H equal": Case(T=4, B=4, I=4, H=4),
}
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def both(cell, fast, p):
    outputs, final, caches = unroll.forward(cell, p.params, p.inputs, p.state)
    plain = outputs, final, unroll.backward(cell, p.doutputs, caches, dfinal=p.dfinal)
    outputs, final, tape = fast.forward(p.params, p.inputs, p.state)
    return plain, (outputs, final, fast.backward(p.doutputs, tape, dfinal=p.dfinal))


def arrays(result):
    """Every array of (outputs, final state, trace), by name."""
    outputs, final, trace = result
    found = {"outputs": outputs, "dinputs": trace.dinputs}
    found |= {f"final.{n}": v for n, v in zip(final._fields, final, strict=True)}
    found |= {f"d{n}": v for n, v in zip(trace.dparams._fields, trace.dparams, strict=True)}
    for t, state in enumerate(trace.dstates):
        found |= {f"dstates[{t}].{n}": v for n, v in zip(state._fields, state, strict=True)}
    return found


def relative(want, got):
    return np.abs(want - got).max() / max(np.abs(want).max(), 1e-30)


@pairs
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", SIZES.values(), ids=SIZES)
def test_values_are_those_of_the_definition(cell, fast, case, dtype):
    plain, ours = both(cell, fast, problem(cell, case, dtype))
    want, got = arrays(plain), arrays(ours)
    assert want.keys() == got.keys()
    for name, value in want.items():
        assert got[name].dtype == value.dtype == dtype, name
        assert got[name].shape == value.shape, name
        assert relative(value, got[name]) <= TOLERANCE[dtype], name


@pairs
def test_against_finite_differences(cell, fast):
    p = problem(cell, Case())
    _, _, tape = fast.forward(p.params, p.inputs, p.state)
    trace = fast.backward(p.doutputs, tape, dfinal=p.dfinal)

    def loss(params, inputs):
        outputs, final, _ = fast.forward(params, inputs, p.state)
        return float(
            (outputs * p.doutputs).sum() + sum((a * b).sum() for a, b in zip(final, p.dfinal, strict=True))
        )

    rng, step = np.random.default_rng(0), 1e-6
    for name, own, gradient in (
        *zip(p.params._fields, p.params, trace.dparams, strict=True),
        ("inputs", p.inputs, trace.dinputs),
    ):
        direction = rng.standard_normal(own.shape)

        def at(size, name=name, own=own, direction=direction):
            moved = own + size * direction
            if name == "inputs":
                return loss(p.params, moved)
            return loss(p.params._replace(**{name: moved}), p.inputs)

        slope = (at(step) - at(-step)) / (2 * step)
        assert abs(slope - (gradient * direction).sum()) <= 1e-7 * max(1, abs(slope)), name


@pairs
def test_without_a_state_it_starts_from_zeros(cell, fast):
    p = problem(cell, Case())
    zero = cell.initial_state(3, 5, np.float64)
    assert np.array_equal(fast.forward(p.params, p.inputs)[0], fast.forward(p.params, p.inputs, zero)[0])


@pairs
def test_arguments_are_left_alone_and_a_tape_serves_twice(cell, fast):
    p = problem(cell, Case(T=20))
    for array in (*p.params, p.inputs, *p.state, p.doutputs, *p.dfinal):
        array.flags.writeable = False
    _, _, tape = fast.forward(p.params, p.inputs, p.state)
    first = fast.backward(p.doutputs, tape, dfinal=p.dfinal)
    again = fast.backward(p.doutputs, tape, dfinal=p.dfinal)
    assert np.array_equal(first.dinputs, again.dinputs)
    assert all(map(np.array_equal, first.dparams, again.dparams))


@pairs
def test_arrays_that_are_not_contiguous(cell, fast):
    p = problem(cell, Case(T=5, B=4))
    strided = np.repeat(np.asfortranarray(p.inputs), 2, axis=1)[:, ::2]
    params = type(p.params)(*(np.asfortranarray(a) for a in p.params))
    flipped = p.doutputs[::-1].copy()[::-1]
    _, ours = both(cell, fast, p)
    _, odd = both(cell, fast, p._replace(inputs=strided, params=params, doutputs=flipped))
    for name, value in arrays(ours).items():
        assert relative(value, arrays(odd)[name]) <= 1e-12, name


@pairs
def test_the_tape_cannot_be_spoilt_through_the_outputs(cell, fast):
    p = problem(cell, Case())
    outputs, final, _ = fast.forward(p.params, p.inputs, p.state)
    with pytest.raises(ValueError, match="read-only"):
        outputs[:] = 0
    final.h[:] = 0
    assert outputs[-1].all()


def peak(action):
    """(result, the most bytes held at one time beyond those before)."""
    tracemalloc.start()
    try:
        return action(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Numbers of B·H a step that the way back cannot do without: gates, states, and what a gate multiplied.
KEPT = {vanilla: 1, gru: 3 + 1 + 1, lstm: 4 + 1 + 1 + 1}


@pairs
def test_memory_is_that_of_the_tape(cell, fast):
    p = problem(cell, Case(T=600, B=32, I=32, H=96), np.float32)
    held = 4 * 600 * 32 * 96 * KEPT[cell]
    (_, _, tape), used = peak(lambda: fast.forward(p.params, p.inputs, p.state))
    assert used <= 1.3 * held
    trace, used = peak(lambda: fast.backward(p.doutputs, tape, dfinal=p.dfinal))
    results = trace.dinputs.nbytes + sum(a.nbytes for s in trace.dstates for a in s)
    results += sum(a.nbytes for a in trace.dparams)
    assert used - results <= 0.3 * held


class Spy:
    """NumPy, which notes the dtype of every array that a function of it makes."""

    def __init__(self):
        self.seen = set()

    def __getattr__(self, name):
        found = getattr(np, name)
        if not callable(found) or isinstance(found, type):
            return found

        def noted(*arguments, **options):
            result = found(*arguments, **options)
            if isinstance(result, np.ndarray):
                self.seen.add((name, result.dtype))
            return result

        return noted


@pairs
def test_no_array_on_the_way_is_float64(cell, fast, monkeypatch):
    p, spy = problem(cell, Case(T=5), np.float32), Spy()
    monkeypatch.setattr(fast, "np", spy)
    _, _, tape = fast.forward(p.params, p.inputs, p.state)
    fast.backward(p.doutputs, tape, dfinal=p.dfinal)
    assert len(spy.seen) > 5
    assert {(name, dtype) for name, dtype in spy.seen if dtype != np.float32} == set()
    assert {a.dtype for a in tape[1:]} == {np.dtype(np.float32)}


@pairs
def test_the_spy_sees_float64(cell, fast, monkeypatch):
    p, spy = problem(cell, Case(T=5), np.float64), Spy()
    monkeypatch.setattr(fast, "np", spy)
    fast.forward(p.params, p.inputs, p.state)
    assert {dtype for _, dtype in spy.seen} == {np.dtype(np.float64)}


@pairs
def test_inputs_of_no_features_leave_the_state_to_itself(cell, fast):
    p = problem(cell, Case())
    params, inputs = p.params._replace(weight_ih=p.params.weight_ih[:, :0]), p.inputs[..., :0]
    plain, ours = both(cell, fast, p._replace(params=params, inputs=inputs))
    for name, value in arrays(plain).items():
        if value.size:
            assert relative(value, arrays(ours)[name]) <= 1e-12, name


@pairs
@pytest.mark.parametrize("tape", [None, (), unroll.Caches()])
@pytest.mark.usefixtures("own_errors")
def test_only_its_own_tape_serves(cell, fast, tape):
    p = problem(cell, Case())
    with pytest.raises(TypeError, match=r"^fast.*tape must be what forward of the same module returned; got"):
        fast.backward(p.doutputs, tape, dfinal=p.dfinal)


@pairs
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"inputs": np.zeros((0, 3, 4))}, ValueError, "T >= 1 and B >= 1"),
        ({"inputs": np.zeros((6, 0, 4))}, ValueError, "T >= 1 and B >= 1"),
        ({"inputs": np.zeros((6, 3, 5))}, ValueError, "got (6, 3, 5)"),
        ({"inputs": np.zeros((6, 3, 4), np.float32)}, TypeError, "dtype of the parameters, float64"),
        ({"inputs": np.full((6, 3, 4), np.nan)}, ValueError, "inputs must be finite"),
        ({"inputs": [[1.0]]}, TypeError, "numpy array"),
        ({"inputs": np.ma.masked_array(np.zeros((6, 3, 4)))}, TypeError, "got MaskedArray"),
        ({"params": None}, TypeError, "params must be"),
        ({"state": (np.zeros((3, 5)),)}, TypeError, "state must be a State"),
    ],
)
@pytest.mark.usefixtures("own_errors")
def test_bad_input_is_named(cell, fast, change, error, message):
    p = problem(cell, Case())
    arguments = {"params": p.params, "inputs": p.inputs, "state": p.state} | change
    with pytest.raises(error, match=r"^fast\.") as caught:
        fast.forward(**arguments)
    assert message in str(caught.value)


@pairs
@pytest.mark.usefixtures("own_errors")
def test_bad_gradients_are_named(cell, fast):
    p = problem(cell, Case())
    _, _, tape = fast.forward(p.params, p.inputs, p.state)
    for doutputs, error in (
        (p.doutputs[1:], ValueError),
        (p.doutputs.astype(np.float32), TypeError),
        (p.doutputs * np.inf, ValueError),
    ):
        with pytest.raises(error, match=r"^fast\.\w+\.backward: doutputs"), np.errstate(invalid="ignore"):
            fast.backward(doutputs, tape)


def test_values_far_out_give_no_nan():
    p = problem(lstm, Case(), np.float32)
    far = p._replace(inputs=p.inputs * np.float32(1e6))
    for cell, fast in PAIRS.values():
        q = problem(cell, Case(), np.float32)._replace(inputs=far.inputs)
        plain, ours = both(cell, fast, q)
        assert all(np.isfinite(v).all() for v in arrays(ours).values())
        assert relative(plain[0], ours[0]) <= 1e-5


@pytest.mark.parametrize("entries", [1, 1000, arrange.CACHED, 10 * arrange.CACHED])
@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_segments_cover_every_step_once_from_the_end(steps, entries):
    found = list(arrange.segments(steps, entries))
    covered = [t for s in reversed(found) for t in range(steps)[s]]
    assert covered == list(range(steps))
    assert all(s.stop - s.start == 1 or (s.stop - s.start) * entries <= arrange.CACHED for s in found)


RUNS = {**{name: plain for name, (plain, _) in PAIRS.items()}, "mgu": mgu, "peephole": peephole}


@pytest.mark.parametrize("cell", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("lengths", [None, [4, 2]], ids=["whole", "lengths"])
def test_runs_are_those_of_unroll_for_every_cell(cell, lengths):
    p = problem(cell, Case(T=4, B=2))
    outputs, final, caches = unroll.forward(cell, p.params, p.inputs, p.state, lengths=lengths)
    plain = outputs, final, unroll.backward(cell, p.doutputs, caches, dfinal=p.dfinal)
    outputs, final, tape = runs.forward(cell, p.params, p.inputs, p.state, lengths=lengths)
    ours = outputs, final, runs.backward(cell, p.doutputs, tape, dfinal=p.dfinal)
    want, got = arrays(plain), arrays(ours)
    assert max(relative(value, got[name]) for name, value in want.items()) <= 1e-12


@pairs
def test_runs_take_the_arranged_version_and_refuse_another_cells_tape(cell, fast):
    p = problem(cell, Case())
    tape = runs.forward(cell, p.params, p.inputs)[2]
    assert isinstance(tape, fast.Tape)
    with pytest.raises(TypeError, match="caches must be what unroll.forward returned; got Tape"):
        runs.backward(mgu, p.doutputs, tape)
