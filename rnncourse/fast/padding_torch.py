"""The forms in which torch.nn's layers take sequences, brought to one (T, B, I) with lengths, and back."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnncourse import _checks


class Reading(NamedTuple):
    """x (T, B, I), lengths (B,) on x's device or None, and what gives outputs back in the form that came."""

    x: Tensor
    lengths: Tensor | None
    give_back: Callable[[Tensor], Any]
    batched: bool


def read(subject: str, value: Any, lengths: Any, batch_first: bool) -> Reading:
    """The sequences in `value`: (T, B, I), batch first (B, T, I), one sequence (T, I), or packed.

    Raises TypeError for another type or lengths that are no integers, ValueError for another number of
    dimensions, T = 0, B = 0, or lengths that are not one a sequence, each in 1..T.
    """
    if isinstance(value, PackedSequence):
        if lengths is not None:
            raise ValueError(f"{subject}: lengths must be None for a PackedSequence, which has its own")
        x, own = pad_packed_sequence(value)
        return Reading(x, own.to(x.device), lambda outputs: _pack(outputs, own, value), True)
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{subject}: input must be a torch.Tensor or PackedSequence; got {type(value).__name__}"
        )
    form = "(T, I) or " + ("(B, T, I)" if batch_first else "(T, B, I)")
    if value.ndim not in (2, 3) or 0 in value.shape[:-1]:
        raise ValueError(
            f"{subject}: input must have shape {form}, T and B at least 1; got {tuple(value.shape)}"
        )
    # What need not be turned is left as it is: outputs that are a view could not be changed in place.
    if value.ndim == 2:
        x, give_back = value.unsqueeze(1), lambda outputs: outputs.squeeze(1)
    elif batch_first:
        x, give_back = value.transpose(0, 1), lambda outputs: outputs.transpose(0, 1)
    else:
        x, give_back = value, lambda outputs: outputs
    if lengths is not None:
        if isinstance(lengths, Tensor):
            lengths = lengths.detach().cpu().numpy()
        lengths = torch.from_numpy(_checks.lengths(subject, lengths, *x.shape[:2])).to(x.device)
    return Reading(x, lengths, give_back, value.ndim == 3)


def _pack(outputs: Tensor, lengths: Tensor, like: PackedSequence) -> PackedSequence:
    """Outputs (T, B, ·) packed in the order of `like`."""
    order = like.sorted_indices
    if order is not None:
        outputs, lengths = outputs.index_select(1, order), lengths[order.cpu()]
    data = pack_padded_sequence(outputs, lengths).data
    return PackedSequence(data, like.batch_sizes, order, like.unsorted_indices)


def reading_order(lengths: Tensor | None, steps: int) -> Tensor | None:
    """The order (T, B, 1) that turns each sequence round and leaves its padding; its own inverse."""
    if lengths is None:
        return None
    t = torch.arange(steps, device=lengths.device)[:, None]
    return torch.where(t < lengths, lengths - 1 - t, t)[:, :, None]


def reverse(x: Tensor, order: Tensor | None) -> Tensor:
    """x (T, B, ·) backwards in time."""
    return x.flip(0) if order is None else torch.take_along_dim(x, order, 0)
