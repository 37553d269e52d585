"""One step of each recurrent network: the equations, forward and backward, in NumPy and in PyTorch.

A *cell* is anything with the five names of `Cell`. The modules `vanilla`, `gru`, `lstm`, `peephole`,
`coupled` and `mgu` are cells themselves; a variant, such as ``vanilla.with_activation("relu")``, is a
`Variant`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from rnncourse import _checks


@runtime_checkable
class Cell(Protocol):
    """What `rnncourse.unroll` and everything above it asks of a cell.

    ``GATES`` names the gates in the order of their rows; ``State`` is a NamedTuple whose first field is
    h, every field (B, H). ``step(params, x, state) -> (state, cache)`` and its adjoint
    ``step_backward(dstate, cache) -> (dx, dstate, dparams)`` must not write into their arguments.
    A cell may have a sixth name: ``PEEPHOLES``, the gates that look at the cell state. Its parameters are
    then `rnncourse.params.PeepholeParams`.
    """

    @property
    def GATES(self) -> tuple[str, ...]: ...
    @property
    def State(self) -> Any: ...
    @property
    def initial_state(self) -> Callable: ...
    @property
    def step(self) -> Callable: ...
    @property
    def step_backward(self) -> Callable: ...


class Variant(NamedTuple):
    """A cell made from another by fixing one choice, such as the activation."""

    GATES: tuple[str, ...]
    State: Any
    initial_state: Callable
    step: Callable
    step_backward: Callable


def zeros(subject: str, state_type: Any, batch: int, hidden_size: int, dtype: Any) -> Any:
    """A `state_type` of zeros, (B, H) each; ValueError for sizes below 1, TypeError for another dtype."""
    shape = (
        _checks.positive_int(subject, "batch", batch),
        _checks.positive_int(subject, "hidden_size", hidden_size),
    )
    dtype = _checks.float_dtype(subject, dtype)
    return state_type(*(np.zeros(shape, dtype) for _ in state_type._fields))
