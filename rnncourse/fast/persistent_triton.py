"""What a kernel for a whole sequence needs, whatever the cell: tiles, a product, a meeting of programs.

One launch runs all steps. The hidden units are split over the programs, one program on a multiprocessor. Each
reads its part of the recurrent weights once and keeps it on chip, in shared memory. At each step it needs the
state of all units, which the others write to global memory. So after a step all programs meet.

A program that waits for one that never started would wait for ever. So a launch of more programs than there
are multiprocessors is refused here, and the driver is asked (`launch_cooperative_grid`) to start all or none.
"""

from contextlib import nullcontext
from typing import Any, NamedTuple, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

# Tensor cores multiply tiles of 16 rows with 8 columns: what is smaller is padded.
LEAST_UNITS, LEAST_ROWS = 8, 16
# With more rows at a time the compiler runs out of registers.
MOST_ROWS = 32
# Warps of a program; each takes one part of every sum.
PARTS = 8
# Bytes of shared memory for all but weights and state: parts of sums on their way from warp to warp.
SCRATCH = 8 * 1024
# Rows of the state are on their way to shared memory while the rows before them are in use.
STAGES = 2
# How the kernels are compiled, and launched.
OPTIONS = {
    "num_warps": PARTS,
    "num_stages": STAGES,
    "enable_fp_fusion": True,
    "launch_cooperative_grid": True,
}
# Each group's counter stands in a line of memory of its own: so many numbers of 4 bytes.
APART = tl.constexpr(32)


class Chip(NamedTuple):
    """How many programs can run at once, and the bytes of shared memory for each."""

    multiprocessors: int
    bytes_each: int


class Tiles(NamedTuple):
    """How the work is split: a grid of (programs, groups), each with a tile (rows of the batch, units).

    A program goes through its group's rows of the batch tile by tile. Groups never wait for each other.
    Each of a tile's sums is cut into PARTS, of `depth` terms each.
    """

    units: int
    rows: int
    depth: int
    programs: int
    groups: int
    precision: str


def tiles_of(x: Tensor, hidden: int, gates: int) -> tuple[Tiles, Tiles]:
    """Forward and backward, for x (T, B, ·). ValueError where no kernel runs for such x or fits."""
    if x.dtype not in (torch.bfloat16, torch.float16, torch.float32):
        raise ValueError(f"persistent kernel: dtype must be of 16 or 32 bits; got {x.dtype}")
    batch, item, chip = x.shape[1], x.element_size(), chip_of(x.device)
    forward = tiles_for(hidden, hidden, batch, item, chip)
    return forward, tiles_for(hidden, gates * hidden, batch, item, chip)


def chip_of(device: torch.device) -> Chip:
    """The device's room; ValueError for one that the kernels are not written for."""
    # The interpreter runs programs one after the other: the first to wait would wait for ever.
    if not isinstance(meet, triton.JITFunction):
        return Chip(1, 2**40)
    if device.type != "cuda" or torch.version.hip:
        raise ValueError(f"persistent kernel: tensors must be on a CUDA device; got {device}")
    about: Any = torch.cuda.get_device_properties(device)
    if about.major < 8:
        raise ValueError(
            f"persistent kernel: compute capability must be at least 8.0; got {about.major}.{about.minor}"
        )
    return Chip(about.multi_processor_count, about.shared_memory_per_block_optin)


def tiles_for(hidden: int, terms: int, batch: int, item: int, chip: Chip) -> Tiles:
    """As many programs as fit on the chip, for four gates and sums of `terms` terms of `item` bytes.

    ValueError where the weights and the least number of rows of the state do not fit. Float32 numbers are
    multiplied as torch multiplies them: in TF32 where that is allowed, else as sums of three such products,
    which are about as exact as float32.
    """
    units = LEAST_UNITS
    while triton.cdiv(hidden, units) > chip.multiprocessors:
        units *= 2
    exact = "tf32x3" if torch.get_float32_matmul_precision() == "highest" else "tf32"
    # A sum of H terms for 4 gates of a unit, or of 4H terms for the unit: the same number of weights. Float32
    # numbers as two TF32 parts each take twice the room.
    weights = 4 * units * triton.next_power_of_2(hidden) * item
    weights *= 2 if item == 4 and exact == "tf32x3" else 1
    row = triton.next_power_of_2(terms) * item
    rows = min(MOST_ROWS, max(LEAST_ROWS, triton.next_power_of_2(batch)))
    while rows > LEAST_ROWS and weights + rows * row + SCRATCH > chip.bytes_each:
        rows //= 2
    needed = weights + rows * row + SCRATCH
    if needed > chip.bytes_each:
        raise ValueError(
            f"persistent kernel: hidden_size={hidden} must fit on chip, {chip.bytes_each} bytes on each of "
            f"{chip.multiprocessors} multiprocessors; got {needed}; take fewer units or a smaller dtype"
        )
    if 4 * batch * hidden >= 2**31:
        raise ValueError(f"persistent kernel: 4·B·H must be below 2³¹; got B={batch}, H={hidden}")
    programs = triton.cdiv(hidden, units)
    groups = min(triton.cdiv(batch, rows), max(1, chip.multiprocessors // programs))
    return Tiles(units, rows, max(16, triton.next_power_of_2(terms) // PARTS), programs, groups, exact)


def launch(kernel: Any, tiles: Tiles, tensors: tuple, sizes: tuple) -> None:
    """All programs of the kernel at once, with a counter for the meetings of each group.

    The kernel takes the tensors, the counters, the sizes and the tiles. RuntimeError for more programs than
    can be on the device at once: they would wait for ever.
    """
    device, wanted = tensors[0].device, tiles.programs * tiles.groups
    room = chip_of(device).multiprocessors
    if wanted > room:
        raise RuntimeError(
            f"persistent kernel: all programs must be on the device at once, so at most {room} on {device}; "
            f"got {wanted}; take larger tiles"
        )
    meetings = torch.zeros(tiles.groups * APART.value, dtype=torch.int32, device=device)
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        start(kernel, (tiles.programs, tiles.groups), (*tensors, meetings, *sizes), constants(tiles))


def constants(tiles: Tiles) -> dict[str, Any]:
    """What the kernel is compiled for, besides dtypes."""
    return {
        "UNITS": tiles.units,
        "ROWS": tiles.rows,
        "PARTS": PARTS,
        "DEPTH": tiles.depth,
        "PRECISION": tiles.precision,
    }


def start(kernel: Any, grid: tuple[int, int], arguments: tuple, compiled_for: dict[str, Any]) -> None:
    kernel[grid](*arguments, **compiled_for, **OPTIONS)


@triton.jit
@no_type_check
def meet(counters, times):
    """Wait until each program of this group has come here so many times.

    What a program wrote before it came, all programs can read afterwards, if they do not look into L1.
    """
    counter = counters + tl.program_id(1) * APART
    target = times * tl.num_programs(0)
    tl.debug_barrier()  # every warp of this program has written
    seen = tl.atomic_add(counter, 1, sem="acq_rel", scope="gpu") + 1
    while seen < target:
        seen = tl.atomic_add(counter, 0, sem="acquire", scope="gpu")
    tl.debug_barrier()  # no warp reads before the others have come


@triton.jit
@no_type_check
def held(
    weight, columns, column_stride, inside, terms, term_stride, PARTS: tl.constexpr, DEPTH: tl.constexpr
):
    """The weights (PARTS, DEPTH, columns) for products with `written_by_all`; 0 in columns not `inside`."""
    term = tl.arange(0, PARTS)[:, None, None] * DEPTH + tl.arange(0, DEPTH)[None, :, None]
    at = columns[None, None, :] * column_stride + term * term_stride
    return tl.load(weight + at, mask=inside[None, None, :] & (term < terms), other=0.0)


@triton.jit
@no_type_check
def written_by_all(source, rows, batch, terms, PARTS: tl.constexpr, DEPTH: tl.constexpr):
    """These rows of source (batch, terms), as (PARTS, ROWS, DEPTH): one part of each sum for each warp.

    Other programs have just written them. L1 may hold what was there before, so it is passed by (.cg).
    """
    term = tl.arange(0, PARTS)[:, None, None] * DEPTH + tl.arange(0, DEPTH)[None, None, :]
    row = rows[None, :, None]
    inside = (row < batch) & (term < terms)
    return tl.load(source + row * terms + term, mask=inside, other=0.0, cache_modifier=".cg")


@triton.jit
@no_type_check
def product(left, weight, PRECISION: tl.constexpr):
    """(ROWS, columns) in float32: each warp multiplies its part, then the parts are added up."""
    return tl.sum(tl.dot(left, weight, input_precision=PRECISION), axis=0)


@triton.jit
@no_type_check
def apart(columns, ROWS: tl.constexpr, UNITS: tl.constexpr):
    """(ROWS, 4·UNITS), the gates of each unit side by side, as four of (ROWS, UNITS)."""
    even, odd = tl.split(tl.reshape(columns, (ROWS, UNITS, 2, 2)))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
@no_type_check
def together(first, second, third, fourth, ROWS: tl.constexpr, UNITS: tl.constexpr):
    """Four of (ROWS, UNITS) as (ROWS, 4·UNITS), those of each unit side by side: undoes `apart`."""
    return tl.reshape(tl.join(tl.join(first, third), tl.join(second, fourth)), (ROWS, 4 * UNITS))


@triton.jit
@no_type_check
def tanh(a):
    """2σ(2a) − 1: Triton has no tanh of its own. Near 0 it is off by about 1e-7, not more."""
    return 2 * tl.sigmoid(2 * a) - 1
