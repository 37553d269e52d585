"""Less memory for one more forward pass: keep the state at every k-th step, recompute the tape between.

    forward:   keep state_0, state_k, state_2k, …                       T/k states
    backward:  from the last segment to the first: run it again from its state,
               with a tape of k steps, go back through it, drop it      k steps of tape

The memory, T/k states and k steps of tape, is least at k ~ √T. Gradients equal those of `fast` to rounding;
any of its modules serves (`fast.lstm`, `fast.gru`, `fast.vanilla`).

Source: Chen, Xu, Zhang and Guestrin (2016), "Training deep nets with sublinear memory cost".
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks
from rnncourse.params import Params

Array = np.ndarray


class Checkpoints(NamedTuple):
    """What is kept: the arguments, and the state in front of each segment."""

    fast: Any
    params: Params
    inputs: Float[Array, "T B I"]
    length: int
    starts: list[Any]


class Gradients(NamedTuple):
    dparams: Params
    dinputs: Float[Array, "T B I"]
    dstate: Any  # ∂L/∂state_0


def forward(
    fast: Any, params: Params, inputs: Float[Array, "T B I"], state: Any = None, *, length: int
) -> tuple[Any, Checkpoints]:
    """(last state, checkpoints) of the cell of `fast` over `inputs`, in segments of `length` steps.

    The outputs are not kept: `backward` hands them to the loss, a segment at a time.
    Raises as `fast.forward` does, and ValueError for length < 1.
    """
    _checks.positive_int("checkpointing.forward", "length", length)
    if not callable(getattr(fast, "forward", None)):
        raise TypeError(
            f"checkpointing.forward: fast must be fast.lstm, fast.gru or fast.vanilla; got {fast!r}"
        )
    if not isinstance(inputs, np.ndarray) or inputs.ndim == 0 or len(inputs) == 0:
        fast.forward(params, inputs, state)  # which says what is wrong with it
    starts = []
    for begin in range(0, len(inputs), length):
        starts.append(state)
        _, state, _ = fast.forward(params, inputs[begin : begin + length], state)
    return state, Checkpoints(fast, params, inputs, length, starts)


def backward(
    read: Callable[[slice, Array], Array], checkpoints: Checkpoints, *, dfinal: Any = None
) -> Gradients:
    """The gradients of a loss that takes outputs segment by segment, and `dfinal` from the last state.

    `read(steps, outputs)` gets a slice of the steps and their outputs (k, B, H), last segment first, and
    returns ∂L/∂outputs, of the same shape. Raises as `fast.backward` does.
    """
    fast, params, inputs, length, starts = checkpoints
    total = [np.zeros_like(p) for p in params]
    dinputs = np.empty_like(inputs)
    for number in reversed(range(len(starts))):
        steps = slice(number * length, min((number + 1) * length, len(inputs)))
        outputs, _, tape = fast.forward(params, inputs[steps], starts[number])
        trace = fast.backward(read(steps, outputs), tape, dfinal=dfinal)
        dfinal, dinputs[steps] = trace.dstates[0], trace.dinputs
        for sum_so_far, term in zip(total, trace.dparams, strict=True):
            sum_so_far += term
        del outputs, tape, trace  # else two segments are held at a time
    return Gradients(Params(*total), dinputs, dfinal)
