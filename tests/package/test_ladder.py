"""The rungs give one result in many ways, and the tools that time them measure what they say."""

import time

import numpy as np
import pytest

from rnncourse import unroll
from rnncourse.cells import lstm
from rnncourse.fast import ladder, measure
from rnncourse.fast import lstm as fast_lstm
from rnncourse.functional import sigmoid

SIZES = [(7, 3, 4, 5), (1, 1, 1, 1), (30, 1, 2, 6), (5, 5, 5, 5)]


def drawn(size, dtype=np.float32):
    params, inputs, doutputs = ladder.problem(*size, rng=np.random.default_rng(0))
    return type(params)(*(p.astype(dtype) for p in params)), inputs.astype(dtype), doutputs.astype(dtype)


def assert_close(result, want, tolerance):
    for name, got, true in (
        ("outputs", result.outputs, want.outputs),
        ("dinputs", result.dinputs, want.dinputs),
        *zip(result.dparams._fields, result.dparams, want.dparams, strict=True),
    ):
        assert got.shape == true.shape, name
        assert np.abs(got - true).max() <= tolerance * max(np.abs(true).max(), 1e-30), name


def definition(params, inputs, doutputs):
    outputs, _, caches = unroll.forward(lstm, params, inputs)
    trace = unroll.backward(lstm, doutputs, caches)
    return ladder.Result(outputs, trace.dinputs, trace.dparams)


@pytest.mark.parametrize("rung", ladder.RUNGS, ids=lambda rung: rung.name)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_rung_equals_the_definition(rung, size):
    assert_close(rung.run(*drawn(size)), definition(*drawn(size, np.float64)), 1e-5)


@pytest.mark.parametrize("rung", ladder.RUNGS[2:], ids=lambda rung: rung.name)
def test_in_float64_to_rounding(rung, monkeypatch):
    keywords = getattr(rung.run, "keywords", None)
    run = rung.run if keywords is None and rung.run is not ladder.loop else None
    problem = drawn(SIZES[0], np.float64)
    result = run(*problem) if run else ladder.loop(*problem, **{**(keywords or {}), "dtype": np.float64})
    assert_close(result, definition(*problem), 1e-12)


def test_float64_creeps_in_on_the_first_rung_only():
    found = [rung.run(*drawn(SIZES[0])) for rung in ladder.RUNGS]
    assert {r.outputs.dtype.name for r in found} == {"float64", "float32"}
    assert found[0].outputs.dtype == np.float64
    for result in found[1:]:
        assert {a.dtype for a in (result.outputs, result.dinputs, *result.dparams)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("rung", ladder.RUNGS, ids=lambda rung: rung.name)
def test_arguments_are_left_alone(rung):
    params, inputs, doutputs = drawn(SIZES[0])
    for array in (*params, inputs, doutputs):
        array.flags.writeable = False
    rung.run(params, inputs, doutputs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_masked_sigmoid_is_the_sigmoid(dtype):
    a = np.concatenate([np.linspace(-30, 30, 1001), [-1e4, 0, 1e4]]).astype(dtype)
    got = ladder.masked_sigmoid(a)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, sigmoid(a), atol=4 * np.finfo(dtype).eps)


def test_operations_are_those_of_the_products():
    steps, batch, size_in, hidden = 3, 2, 5, 4
    forward = sum(2 * batch * k * 4 * hidden for k in (size_in, hidden))
    assert ladder.operations(steps, batch, size_in, hidden) == 3 * steps * forward


def test_least_bytes_are_those_of_the_arrays():
    steps, batch, size_in, hidden = 3, 2, 5, 4
    params, inputs, doutputs = ladder.problem(steps, batch, size_in, hidden, rng=np.random.default_rng(0))
    outputs, _, tape = fast_lstm.forward(params, inputs)
    dinputs = fast_lstm.backward(doutputs, tape).dinputs
    kept = tape.gates.nbytes + tape.h[1:].nbytes + tape.c[1:].nbytes + tape.tanh_c.nbytes
    passing = inputs.nbytes + dinputs.nbytes + outputs.nbytes + doutputs.nbytes
    want = 2 * steps * params.weight_hh.nbytes + 2 * kept + passing
    assert ladder.least_bytes(steps, batch, size_in, hidden) == want


def test_interleaved_rounds_run_everything_once_each_in_turn():
    calls = []
    actions = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    found = measure.interleave(actions, rounds=3)
    assert "".join(calls) == "ab" * 4  # the first is not counted
    assert {name: len(times) for name, times in found.items()} == {"a": 3, "b": 3}


def test_it_measures_seconds_of_the_clock_that_is_asked_for():
    def sleep():
        time.sleep(0.02)

    assert measure.interleave({"": sleep}, rounds=2, clock=time.perf_counter)[""].min() >= 0.019
    if measure.CLOCK is time.process_time:
        assert measure.interleave({"": sleep}, rounds=2)[""].max() < 0.019  # sleep takes no CPU


def test_no_rounds_is_an_error(own_errors):
    with pytest.raises(ValueError, match="interleave: rounds must be"):
        measure.interleave({}, rounds=0)


def test_peak_bytes_sees_what_is_held_at_one_time():
    def one_after_the_other():
        for _ in range(5):
            np.zeros(2**18)  # 2 MiB

    held = measure.peak_bytes(lambda: [np.zeros(2**18) for _ in range(5)])
    assert 10 * 2**20 <= held < 10.1 * 2**20
    assert 2 * 2**20 <= measure.peak_bytes(one_after_the_other) < 4.1 * 2**20
    with pytest.raises(RuntimeError, match="tracemalloc must be off"):
        measure.peak_bytes(lambda: measure.peak_bytes(print))
