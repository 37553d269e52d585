"""`unroll.forward` and `unroll.backward` in less time: through the arranged version of a cell that has one.

Training calls these; whoever reads a definition, or needs the cache of a single step, takes `unroll`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from rnncourse import unroll
from rnncourse.cells import Cell
from rnncourse.cells import gru as plain_gru
from rnncourse.cells import lstm as plain_lstm
from rnncourse.cells import vanilla as plain_vanilla
from rnncourse.fast import gru, lstm, vanilla
from rnncourse.params import AnyParams

Array = np.ndarray
ARRANGED: tuple[tuple[Any, Any], ...] = ((plain_vanilla, vanilla), (plain_gru, gru), (plain_lstm, lstm))


def forward(
    cell: Cell,
    params: AnyParams,
    inputs: Float[Array, "T B I"],
    state: Any = None,
    *,
    lengths: Int[Array, "B"] | Sequence[int] | None = None,
) -> tuple[Float[Array, "T B H"], Any, Any]:
    """(outputs (T, B, H), last state, tape) as `unroll.forward` has them, and its errors.

    The outputs may be read-only. Other cells, and runs with `lengths`, go through `unroll`.
    """
    fast = _arranged(cell)
    if fast is None or lengths is not None:
        return unroll.forward(cell, params, inputs, state, lengths=lengths)
    return fast.forward(params, inputs, state)


def backward(cell: Cell, doutputs: Float[Array, "T B H"], tape: Any, *, dfinal: Any = None) -> unroll.Trace:
    """The `unroll.Trace` of a loss with ∂L/∂outputs = `doutputs` (T, B, H); `tape` is what `forward` left.

    Raises as `unroll.backward` does.
    """
    fast = _arranged(cell)
    if fast is None or not isinstance(tape, fast.Tape):
        return unroll.backward(cell, doutputs, tape, dfinal=dfinal)
    return fast.backward(doutputs, tape, dfinal=dfinal)


def _arranged(cell: Any) -> Any:
    return next((fast for plain, fast in ARRANGED if plain is cell), None)
