"""Two processes share a batch: their mean gradient is that of the whole batch."""

import numpy as np
import pytest

from rnncourse.training.data_parallel_torch import measure


def test_two_processes_have_the_gradient_of_the_whole_batch():
    costs = measure(size=(4, 6, 3, 8), rounds=2, messages=(4, 400))
    assert costs.gradient.shape == (4 * 8 * (3 + 8 + 2),)
    np.testing.assert_allclose(
        costs.reduced, costs.gradient, rtol=0, atol=1e-6 * np.abs(costs.gradient).max()
    )
    assert np.abs(costs.gradient).max() > 0
    assert costs.bytes.tolist() == [4, 400] and costs.reduce.shape == (2, 2)
    for times in (costs.alone, costs.share, costs.together, costs.reduce):
        assert (times > 0).all()
    assert (costs.together > costs.share).all()


def test_what_a_process_says_when_it_fails_is_handed_on():
    with pytest.raises(RuntimeError, match=r"process 0 must end well; it said: (.|\n)*Error: "):
        measure(processes=1, size=(4, 2, 3, 8), rounds=1, messages=(2**62,))  # more than any memory


@pytest.mark.usefixtures("own_errors")
def test_bad_input_is_named():
    with pytest.raises(ValueError, match="B must be a multiple of the 2 processes; got 3"):
        measure(size=(4, 3, 2, 2))
    with pytest.raises(ValueError, match="rounds must be"):
        measure(rounds=0)
    with pytest.raises(ValueError, match="measure: H must be"):
        measure(size=(4, 2, 3, 0))
