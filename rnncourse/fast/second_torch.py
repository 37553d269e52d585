"""The gradient of a gradient: the backward pass of a plain loop, which autograd can follow.

Slow, as a loop of cells is, and rarely needed: `backward(create_graph=True)`, `gradgradcheck`.
"""

from typing import Any

import torch
from torch import Tensor

from rnncourse.fast.steps_torch import Steps


def through_plain_loop(
    steps: Steps, lengths: Tensor | None, inputs: tuple, needed: tuple, arriving: tuple
) -> tuple[Any, ...]:
    """∂L/∂ each of `inputs` (None where not `needed`), with a graph, of `arriving`: ∂L/∂(outputs, *last)."""
    with torch.enable_grad():
        # As nodes of their own: where an input was made from another, the path between them is not ours.
        own: list[Any] = [None if p is None else p.view_as(p) for p in inputs]
        made = _loop(steps, lengths, *own)
        pairs = [(value, grad) for value, grad in zip(made, arriving, strict=True) if grad is not None]
        values, above = zip(*pairs, strict=True)
        wanted = [p for p, need in zip(own, needed, strict=True) if need]
        found = iter(torch.autograd.grad(values, wanted, above, create_graph=True, allow_unused=True))
    return tuple(next(found) if need else None for need in needed)


def _loop(steps: Steps, lengths: Any, x: Tensor, weight_ih: Any, *rest: Any) -> tuple[Tensor, ...]:
    weights, state = (weight_ih, *rest[:3]), rest[3:]
    outputs = []
    for t, x_t in enumerate(x.unbind()):
        if lengths is None:
            state = steps.plain(x_t, state, weights)
            outputs.append(state[0])
        else:
            on = (t < lengths)[:, None]
            new = steps.plain(x_t.masked_fill(~on, 0), state, weights)
            state = tuple(torch.where(on, a, b) for a, b in zip(new, state, strict=True))
            outputs.append(state[0].masked_fill(~on, 0))
    return torch.stack(outputs), *state
