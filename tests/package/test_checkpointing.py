"""Recomputing in segments: the same gradients, from less memory."""

import numpy as np
import pytest
from contract import Case, problem

from rnncourse.cells import gru, lstm, vanilla
from rnncourse.fast import checkpointing, measure
from rnncourse.fast import gru as fast_gru
from rnncourse.fast import lstm as fast_lstm
from rnncourse.fast import vanilla as fast_vanilla

PAIRS = {"vanilla": (vanilla, fast_vanilla), "gru": (gru, fast_gru), "lstm": (lstm, fast_lstm)}
pairs = pytest.mark.parametrize(("cell", "fast"), PAIRS.values(), ids=PAIRS)
STEPS = 10


def both(fast, p, length):
    _, final, tape = fast.forward(p.params, p.inputs, p.state)
    whole = fast.backward(p.doutputs, tape, dfinal=p.dfinal)
    last, kept = checkpointing.forward(fast, p.params, p.inputs, p.state, length=length)
    cut = checkpointing.backward(lambda steps, outputs: p.doutputs[steps], kept, dfinal=p.dfinal)
    return (final, whole), (last, cut)


@pytest.mark.parametrize("length", [1, 3, 5, 9, 10, 99])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pairs
def test_the_gradients_are_those_of_the_whole_tape(cell, fast, dtype, length):
    (final, whole), (last, cut) = both(fast, problem(cell, Case(T=STEPS), dtype), length)
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    for want, got in (
        *zip(final, last, strict=True),
        *zip(whole.dparams, cut.dparams, strict=True),
        *zip(whole.dstates[0], cut.dstate, strict=True),
        (whole.dinputs, cut.dinputs),
    ):
        assert got.shape == want.shape and got.dtype == want.dtype == dtype
        assert np.abs(got - want).max() <= tolerance * np.abs(want).max()


@pairs
def test_the_loss_reads_each_step_once_last_segment_first(cell, fast):
    p = problem(cell, Case(T=STEPS))
    outputs, _, _ = fast.forward(p.params, p.inputs, p.state)
    _, kept = checkpointing.forward(fast, p.params, p.inputs, p.state, length=4)
    seen = []

    def read(steps, part):
        np.testing.assert_allclose(part, outputs[steps], rtol=0, atol=1e-14)
        seen.append((steps.start, steps.stop))
        return p.doutputs[steps]

    checkpointing.backward(read, kept)
    assert seen == [(8, 10), (4, 8), (0, 4)]


@pairs
def test_without_a_state_or_dfinal_it_starts_from_zeros(cell, fast):
    p = problem(cell, Case(T=STEPS))
    zero = cell.initial_state(3, 5, np.float64)
    (_, whole), _ = both(fast, p._replace(state=zero, dfinal=zero), 4)
    _, kept = checkpointing.forward(fast, p.params, p.inputs, length=4)
    cut = checkpointing.backward(lambda steps, _: p.doutputs[steps], kept)
    np.testing.assert_allclose(cut.dparams.weight_hh, whole.dparams.weight_hh, rtol=0, atol=1e-12)


@pairs
def test_arguments_are_left_alone_and_checkpoints_serve_twice(cell, fast):
    p = problem(cell, Case(T=STEPS))
    for array in (*p.params, p.inputs, *p.state, p.doutputs, *p.dfinal):
        array.flags.writeable = False
    _, kept = checkpointing.forward(fast, p.params, p.inputs, p.state, length=3)
    first, again = (checkpointing.backward(lambda s, _: p.doutputs[s], kept, dfinal=p.dfinal) for _ in "ab")
    assert all(map(np.array_equal, first.dparams, again.dparams))


@pairs
def test_memory_grows_with_the_square_root(cell, fast):
    """Four times the steps, twice the memory; and far less than the tape."""

    def used(steps, length=None):
        p = problem(cell, Case(T=steps, B=16, I=1, H=64), np.float32)

        def cut():
            _, kept = checkpointing.forward(fast, p.params, p.inputs, length=length)
            checkpointing.backward(lambda s, _: p.doutputs[s], kept)

        def whole():
            _, _, tape = fast.forward(p.params, p.inputs)
            fast.backward(p.doutputs, tape)

        return measure.peak_bytes(whole if length is None else cut)

    assert used(1024, 32) <= 2.4 * used(256, 16)
    assert used(1024) >= 2.5 * used(256)  # not 4: the backward pass has buffers of one size
    assert used(1024, 32) <= 0.3 * used(1024)


@pairs
@pytest.mark.usefixtures("own_errors")
def test_bad_input_is_named(cell, fast):
    p = problem(cell, Case())
    for length in (0, -1):
        with pytest.raises(ValueError, match="checkpointing.forward: length must be"):
            checkpointing.forward(fast, p.params, p.inputs, length=length)
    with pytest.raises(ValueError, match="T >= 1 and B >= 1"):
        checkpointing.forward(fast, p.params, p.inputs[:0], length=3)
    _, kept = checkpointing.forward(fast, p.params, p.inputs, length=3)
    with pytest.raises(ValueError, match="doutputs must have shape"):
        checkpointing.backward(lambda s, _: p.doutputs, kept)
