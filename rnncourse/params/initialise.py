"""`Params`, the arrays of a recurrent layer, and the ways they can start."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from rnncourse import _checks

Array = np.ndarray
SCHEMES = ("uniform", "orthogonal", "identity")


class Params(NamedTuple):
    """The parameters of one recurrent layer: torch.nn's names, shapes and gate order.

    G is the number of gates (vanilla 1, GRU 3, LSTM 4), H the hidden size, I the input size. Gate k
    owns the rows ``k*H : (k+1)*H``, in the order of the cell's ``GATES``. All four arrays have one
    dtype, float32 or float64.
    """

    weight_ih: Float[Array, "GH I"]
    weight_hh: Float[Array, "GH H"]
    bias_ih: Float[Array, "GH"]
    bias_hh: Float[Array, "GH"]


class PeepholeParams(NamedTuple):
    """`Params` of a cell whose gates also look at the cell state: one weight a unit for each such gate.

    Row k of weight_ch belongs to gate k of the cell's ``PEEPHOLES``; P is how many there are.
    """

    weight_ih: Float[Array, "GH I"]
    weight_hh: Float[Array, "GH H"]
    bias_ih: Float[Array, "GH"]
    bias_hh: Float[Array, "GH"]
    weight_ch: Float[Array, "P H"]


AnyParams = Params | PeepholeParams


def init_params(
    cell: Any,
    input_size: int,
    hidden_size: int,
    *,
    rng: np.random.Generator,
    scheme: str = "uniform",
    gain: float = 1.0,
    forget_bias: float = 0.0,
    dtype: Any = np.float32,
) -> Any:
    """Fresh `Params` for `cell`, any object with ``GATES``; `PeepholeParams` if it has ``PEEPHOLES`` too.

    With k = 1/√H, and one H×H block of weight_hh for each gate:

    - ``uniform``: every entry from U(−k, k), torch.nn's own start; weight_hh then times `gain`.
    - ``orthogonal``: each block `gain` times a random orthogonal matrix, whose spectral radius and
      spectral norm are both `gain`; weight_ih from U(−k, k), biases 0 (Saxe et al. 2014).
    - ``identity``: each block `gain` times the identity; weight_ih and biases as for orthogonal
      (Le, Jaitly and Hinton 2015, for a ReLU cell).

    weight_ch, where there is one, is drawn from U(−k, k) by every scheme.
    `forget_bias` is added to the rows of bias_ih that belong to the gate "f" (Jozefowicz et al. 2015).
    Shapes: see `Params`. `dtype` is float32 or float64; the draws are made in float64, so both dtypes
    start from the same numbers up to rounding.

    Raises ValueError for sizes below 1, an unknown scheme, a non-finite gain or bias, or a forget_bias
    for a cell without a forget gate; TypeError for a wrong rng, dtype or cell.
    """
    subject = "init_params"
    gates = gates_of(subject, cell)
    size_in = _checks.positive_int(subject, "input_size", input_size)
    size = _checks.positive_int(subject, "hidden_size", hidden_size)
    _checks.generator(subject, rng)
    _checks.choice(subject, "scheme", scheme, SCHEMES)
    _checks.number(subject, "gain", gain)
    _checks.number(subject, "forget_bias", forget_bias)
    if forget_bias and "f" not in gates:
        raise ValueError(
            f"{subject}: forget_bias must be 0 for a cell without a forget gate (gates {', '.join(gates)}); "
            f"got {forget_bias}"
        )
    dtype = _checks.float_dtype(subject, dtype)

    rows, k = len(gates) * size, 1 / np.sqrt(size)
    weight_ih = rng.uniform(-k, k, (rows, size_in))
    if scheme == "uniform":
        weight_hh = rng.uniform(-k, k, (rows, size))
        bias_ih, bias_hh = rng.uniform(-k, k, rows), rng.uniform(-k, k, rows)
    else:
        block = _orthogonal if scheme == "orthogonal" else _identity
        weight_hh = np.concatenate([block(size, rng) for _ in gates])
        bias_ih, bias_hh = np.zeros(rows), np.zeros(rows)
    if forget_bias:
        first = gates.index("f") * size
        bias_ih[first : first + size] += forget_bias
    arrays = [weight_ih, gain * weight_hh, bias_ih, bias_hh]
    peepholes = peepholes_of(cell)
    if peepholes:
        arrays.append(rng.uniform(-k, k, (len(peepholes), size)))
    kind = PeepholeParams if peepholes else Params
    return kind(*(a.astype(dtype) for a in arrays))


def spectral_radius(weight: Float[Array, "H H"]) -> float:
    """max |λ| over the eigenvalues λ of a square matrix; ValueError where it is not square or empty."""
    _checks.shaped("spectral_radius", "weight", weight, "H H", (None, None))
    if weight.shape[0] != weight.shape[1] or weight.size == 0:
        raise ValueError(f"spectral_radius: weight must have shape (H, H); got {weight.shape}")
    _checks.finite("spectral_radius", "weight", weight)
    return float(np.abs(np.linalg.eigvals(weight)).max())


def gates_of(subject: str, cell: Any) -> tuple[str, ...]:
    """The names of the cell's gates, in the order of the rows; TypeError if it has none."""
    gates = getattr(cell, "GATES", None)
    if not isinstance(gates, tuple):
        raise TypeError(
            f"{subject}: cell must have GATES, as rnncourse.cells.lstm has; got {type(cell).__name__}"
        )
    return gates


def peepholes_of(cell: Any) -> tuple[str, ...]:
    """The gates that look at the cell state, in the order of the rows of weight_ch; () for most cells."""
    return getattr(cell, "PEEPHOLES", ())


def _orthogonal(size: int, rng: np.random.Generator) -> Array:
    # Without the sign of R's diagonal the product of QR is not spread evenly over the rotations
    # (Mezzadri 2007).
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.sign(np.diag(r))


def _identity(size: int, rng: np.random.Generator) -> Array:
    return np.eye(size)
