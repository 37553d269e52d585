"""One layer in one direction over a whole sequence: one node of autograd, its backward pass by hand.

What the three cells share stands here, what a cell does in a step in its `Steps`. The arrangement is that
of `fast.lstm`: one product for all inputs, local derivatives of many steps at once, one product for each
weight's gradient. With lengths no step looks at a mask: padding is read as zeros, outputs there become zeros,
and the gradient at h_T moves to the last step that counts.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rnncourse.fast.arrange import segments
from rnncourse.fast.pointwise_torch import chosen
from rnncourse.fast.product_torch import Stepwise, linear, outer
from rnncourse.fast.second_torch import through_plain_loop
from rnncourse.fast.steps_torch import Steps, Whole

# Rows (steps times batch) of one segment of the backward pass: enough for products at full speed, few
# enough that what is made for a segment is still in the cache when the loop reads it.
ROWS = 2048


class Sequence(torch.autograd.Function):
    """(outputs (T, B, H), then each part of the last state (B, H)) of x (T, B, I) from the state `start`.

    apply(steps, graph, lengths, x, weight_ih, weight_hh, bias_ih, bias_hh, *start). Both biases may be None.
    `lengths` (B,), each in 1..T, or None. `graph` runs the loops on a GPU (`fast.graph_torch`), or is None.

    A second derivative goes through a plain loop. torch.func's transforms are refused by PyTorch, in words.
    """

    @staticmethod
    def forward(ctx, steps, graph, lengths, x, weight_ih, weight_hh, bias_ih, bias_hh, *start):
        (size, batch, _), device = x.shape, x.device
        # The layer has cast to what autocast asks for: here every product is in x's own dtype.
        with torch.autocast(device.type, enabled=False):
            seen = readable(x, lengths)
            bias = None if bias_ih is None else steps.input_bias(bias_ih, bias_hh)
            # resize_, because outputs must be no view: a view from here may not be changed in place.
            gates = linear(seen.flatten(0, 1), weight_ih, bias).resize_(size, batch, len(weight_ih))
            if lengths is not None:
                steps.hold(gates, mask_of(lengths, size))
            tape = steps.tape(gates)
            if isinstance(steps, Whole):
                steps.run_whole(tape, start, weight_hh, bias_hh)
            elif graph is not None:
                graph.run(steps, tape, start, weight_hh, bias_hh)
            else:
                ops = chosen(x, start[0].numel())
                product = Stepwise(ops, weight_hh.t(), batch, size)
                product.rows = [start[0], *tape[0].unbind()[:-1]]
                steps.run(ops, product, tape, start, bias_hh)
            last = [part.clone() for part in steps.state_after(tape, size - 1)]
            if lengths is not None:
                last[0] = tape[0][lengths - 1, torch.arange(batch, device=device)]
                tape[0].masked_fill_(~mask_of(lengths, size), 0)
        ctx.steps, ctx.graph = steps, graph
        # What is returned is part of the tape: a caller's change in place is seen in backward, and refused.
        ctx.save_for_backward(lengths, x, weight_ih, weight_hh, bias_ih, bias_hh, *start, *tape)
        ctx.set_materialize_grads(False)
        return tape[0], *last

    @staticmethod
    def backward(ctx, doutputs, *dlast):
        lengths, *saved = ctx.saved_tensors
        count = 5 + len(ctx.steps.states)
        inputs, tape, needed = tuple(saved[:count]), tuple(saved[count:]), ctx.needs_input_grad[3:]
        with torch.autocast(tape[0].device.type, enabled=False):
            if torch.is_grad_enabled():  # create_graph=True
                grads = through_plain_loop(ctx.steps, lengths, inputs, needed, (doutputs, *dlast))
            else:
                above, dstate = _arriving(lengths, tape[0], doutputs, dlast)
                grads = _backward(ctx.steps, ctx.graph, lengths, inputs, needed, tape, above, dstate)
        return None, None, None, *grads


def mask_of(lengths: Int[Tensor, "B"], steps: int) -> Bool[Tensor, "T B 1"]:
    """True where a sequence has not ended."""
    return (torch.arange(steps, device=lengths.device)[:, None] < lengths)[:, :, None]


def readable(x: Float[Tensor, "T B I"], lengths: Tensor | None) -> Float[Tensor, "T B I"]:
    """x with zeros for padding, whatever that held: a NaN times a gradient of 0 would be NaN."""
    return x if lengths is None else x.masked_fill(~mask_of(lengths, len(x)), 0)


def _arriving(lengths: Any, outputs: Tensor, doutputs: Any, dlast: tuple) -> tuple[Tensor, tuple]:
    """What arrives from outside: above[t] at the state after t steps, t = 0..T, and at the last state."""
    steps, batch, hidden = outputs.shape
    above = outputs.new_empty(steps + 1, batch, hidden)
    above[0] = 0
    above[1:] = 0 if doutputs is None else doutputs
    dlast = tuple(torch.zeros_like(outputs[0]) if d is None else d.clone() for d in dlast)
    if lengths is None:
        return above, (dlast[0] + above[steps], *dlast[1:])
    above[1:].masked_fill_(~mask_of(lengths, steps), 0)
    above[lengths, torch.arange(batch, device=outputs.device)] += dlast[0]
    return above, (above[steps].clone(), *dlast[1:])


def _backward(
    steps: Steps,
    graph: Any,
    lengths: Any,
    inputs: tuple,
    needed: tuple,
    tape: tuple,
    above: Tensor,
    dstate: tuple,
) -> tuple[Any, ...]:
    """∂L/∂ each of `inputs`: None where it is not `needed`."""
    x, weight_ih, weight_hh = inputs[:3]
    start = inputs[5:]
    x, (size, batch, size_in) = readable(x, lengths), x.shape
    ops = chosen(x, start[0].numel())
    product = (
        Stepwise(ops, weight_hh, batch, size) if graph is None and not isinstance(steps, Whole) else None
    )
    h_before = torch.cat((start[0][None], tape[0][:-1]))
    dx = torch.empty_like(x, memory_format=torch.contiguous_format) if needed[0] else None
    sums: list[Any] = [None] * 4
    for s in [slice(0, size)] if isinstance(steps, Whole) else segments(size, batch, ROWS):
        if isinstance(steps, Whole):
            local = steps.back_whole(tape, weight_hh, above, dstate)
        else:
            first = start if s.start == 0 else steps.state_after(tape, s.start - 1)
            local = steps.slopes(tuple(part[s] for part in tape), h_before[s], first)
            if product is None:
                graph.back(steps, local, weight_hh, above[s], dstate)
            else:
                product.rows = local[0].unbind()
                steps.back(ops, product, local, above[s], dstate)
        da = local[0].flatten(0, 1)
        of_state = (
            outer(da, h_before[s].flatten(0, 1)) if needed[2] else None,
            da.sum(0) if needed[4] else None,
        )
        da = steps.input_side(local).flatten(0, 1)
        of_input = outer(da, x[s].flatten(0, 1)) if needed[1] else None, da.sum(0) if needed[3] else None
        new = (of_input[0], of_state[0], of_input[1], of_state[1])
        sums = [b if a is None else a.add_(b) for a, b in zip(sums, new, strict=True)]
        if dx is not None:
            dx[s] = linear(da, weight_ih.t()).view(-1, batch, size_in)
    return dx, *sums, *dstate
