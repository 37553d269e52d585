"""The twin of `rnncourse.unroll`: run a torch cell over time and ask autograd for every state's gradient."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnncourse.cells.base_torch import GatedModule
from rnncourse.unroll import length_mask


def forward(
    cell: GatedModule, inputs: Float[Tensor, "T B I"], state: Any = None, *, lengths: Any = None
) -> tuple[Float[Tensor, "T B H"], list[Any]]:
    """(outputs (T, B, H), states) of `cell` over `inputs` (T, B, I); states[t] is the state after t steps.

    There are T+1 states, states[0] the initial one (`state`, or zeros). `lengths` (B,) as in
    `rnncourse.unroll.forward`. Each state is a node of its own, between the step that made it and those
    that use it, so autograd's gradient there means what NumPy's does: at c_t without the path through h_t.

    Raises ValueError for shapes, lengths or non-finite inputs, TypeError for types, dtypes or devices
    that do not fit.
    """
    subject = "unroll_torch.forward"
    if not isinstance(cell, GatedModule):
        raise TypeError(
            f"{subject}: cell must be one of ours, as rnncourse.cells.lstm_torch.LSTMCell; "
            f"got {type(cell).__name__}"
        )
    cell.check_tensor(subject, "inputs", inputs, "T B I", (None, None, cell.input_size))
    steps, batch, _ = inputs.shape
    if state is None:
        state = cell.initial_state(batch)
    cell.check_state(subject, state, batch)
    named = (("inputs", inputs), *zip(state._fields, state, strict=True), *cell.named_parameters())
    for name, value in named:
        if not torch.isfinite(value).all():
            raise ValueError(f"{subject}: {name} must be finite; got a NaN or an infinity")
    mask = None
    if lengths is not None:
        if isinstance(lengths, Tensor):
            lengths = lengths.detach().cpu().numpy()
        mask = torch.from_numpy(length_mask(subject, lengths, steps, batch)).to(inputs.device)[:, :, None]

    state = _cut(state)
    states, outputs = [state], []
    for t in range(steps):
        new = cell(inputs[t], state)
        if mask is not None:
            new = type(new)(*(torch.where(mask[t], a, b) for a, b in zip(new, state, strict=True)))
        state = _cut(new)
        states.append(state)
        h = state[0]
        outputs.append(h if mask is None else torch.where(mask[t], h, torch.zeros_like(h)))
    return torch.stack(outputs), states


def state_gradients(loss: Float[Tensor, ""], states: list[Any]) -> list[Any]:
    """[∂L/∂state_t for t = 0..T], by autograd; zeros where the loss does not depend on a state.

    The graph is kept, so ``loss.backward()`` may follow. Raises ValueError where `loss` is not one number
    or has no graph.
    """
    if not isinstance(loss, Tensor) or not isinstance(states, list) or not states:
        raise TypeError(
            "state_gradients: loss must be a torch.Tensor and states the list that unroll_torch.forward "
            f"returned; got {type(loss).__name__} and {type(states).__name__}"
        )
    if loss.ndim or not loss.requires_grad:
        raise ValueError(
            f"state_gradients: loss must be one number with a graph; got shape {tuple(loss.shape)}, "
            f"requires_grad = {loss.requires_grad}"
        )
    flat = [part for state in states for part in state]
    grads = iter(torch.autograd.grad(loss, flat, retain_graph=True, materialize_grads=True))
    return [type(state)(*(next(grads) for _ in state)) for state in states]


def _cut(state: Any) -> Any:
    """The same values as nodes of their own; leaves that need no gradient yet are made to ask for one."""
    return type(state)(
        *(
            p.view_as(p) if p.requires_grad else p.detach().requires_grad_(torch.is_grad_enabled())
            for p in state
        )
    )
