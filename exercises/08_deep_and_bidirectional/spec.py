"""Exercise 08: a padded batch backwards, a bidirectional layer forward and backward, a stack with dropout."""

import numpy as np

from rnncourse import stack, unroll
from rnncourse.cells import vanilla
from rnncourse.grading import draws
from rnncourse.grading.spec import Call, Case, Exercise, Part, Result
from rnncourse.params import Params

WEIGHTS = ("weight_ih", "weight_hh", "bias")
WEIGHTS_REVERSE = tuple(f"{name}_reverse" for name in WEIGHTS)
LAYER = ("inputs", "lengths", *WEIGHTS, *WEIGHTS_REVERSE)
# kind, T, B, I, H, lengths (None: drawn, one of them T and the others shorter), small
SIZES = (
    ("at T = 1", 1, 2, 2, 3, (1, 1), True),
    ("without padding", 4, 3, 2, 3, (4, 4, 4), False),
    ("with padding, for one input and one unit", 3, 2, 1, 1, (3, 2), True),
    ("with padding", 6, 4, 3, 2, None, False),
    ("for a batch of one", 4, 1, 2, 3, (3,), False),
    ("when T is longer than every sequence", 6, 2, 2, 3, (2, 4), False),
    ("when T, B, I and H are equal", 4, 4, 4, 4, None, False),
)


def lengths_of(rng, steps, batch):
    return rng.permutation([steps, *rng.integers(1, steps, batch - 1)])


def turned(inputs, lengths):
    return stack.reverse(inputs, lengths)


def turned_cases(rng):
    for kind, steps, batch, width, _, lengths, small in SIZES:
        ends = lengths_of(rng, steps, batch) if lengths is None else np.array(lengths)
        inputs = draws.normal(rng, (steps, batch, width))
        yield Case(
            kind.replace("T, B, I and H", "T, B and I"), {"inputs": inputs, "lengths": ends}, small=small
        )
    inputs = draws.normal(rng, (5, 3, 2), np.float32)
    yield Case("in float32", {"inputs": inputs, "lengths": lengths_of(rng, 5, 3)})


def params(weight_ih, weight_hh, bias):
    """Both biases of the package from the one of the exercise."""
    return Params(weight_ih, weight_hh, bias, np.zeros_like(bias))


def layer_and_caches(inputs, lengths, **weights):
    """What `stack.layer_forward` returns for a bidirectional vanilla layer that starts from zeros."""
    pair = [params(*(weights[name] for name in names)) for names in (WEIGHTS, WEIGHTS_REVERSE)]
    start = vanilla.initial_state(inputs.shape[1], len(weights["bias"]), inputs.dtype)
    return stack.layer_forward(vanilla, pair, inputs, [start, start], lengths)


def layer(**inputs):
    outputs, (last, last_reverse), _ = layer_and_caches(**inputs)
    return outputs, last.h, last_reverse.h, None


def layer_inputs(rng, steps, batch, width, hidden, lengths=None, dtype=np.float64):
    both = draws.cell(rng, 1, width, hidden, dtype, inputs=(steps, batch, width))
    reverse = draws.cell(rng, 1, width, hidden, dtype)
    both |= {f"{name}_reverse": value for name, value in reverse.items()}
    both["lengths"] = lengths_of(rng, steps, batch) if lengths is None else np.array(lengths)
    return both


def layer_cases(rng):
    for kind, steps, batch, width, hidden, lengths, small in SIZES:
        yield Case(kind, layer_inputs(rng, steps, batch, width, hidden, lengths), small=small)
    inputs = layer_inputs(rng, 5, 3, 2, 3)
    inputs["inputs"] = np.where(
        (np.arange(5)[:, None] < inputs["lengths"])[:, :, None], inputs["inputs"], 1e6
    )
    yield Case("when the padding holds large numbers", inputs)
    yield Case("in float32", layer_inputs(rng, 5, 3, 2, 3, dtype=np.float32))


def layers_on_layers(inputs, layers, masks):
    x, states = inputs, []
    for mask, weights in zip([1, *masks], layers, strict=True):
        x, last, _ = unroll.forward(vanilla, params(*weights), x * mask)
        states.append(last.h)
    return x, np.stack(states)


def stack_inputs(rng, layers, steps, batch, width, hidden, dtype=np.float64, drop=0.4):
    widths = [width] + [hidden] * (layers - 1)
    drawn = [draws.cell(rng, 1, size, hidden, dtype) for size in widths]
    kept = [rng.random((steps, batch, hidden)) >= drop for _ in widths[1:]]
    for mask in kept:  # one entry dropped, in whatever is drawn: else it would show no misplaced mask
        mask[0, 0, 0] &= drop == 0
    return {
        "inputs": draws.normal(rng, (steps, batch, width), dtype),
        "layers": [tuple(weights[name] for name in WEIGHTS) for weights in drawn],
        "masks": [mask.astype(dtype) / dtype(1 - drop) for mask in kept],
    }


def stack_cases(rng):
    yield Case("with one layer", stack_inputs(rng, 1, 3, 2, 2, 3))
    yield Case("with two layers of one unit", stack_inputs(rng, 2, 2, 1, 1, 1), small=True)
    yield Case("with two layers", stack_inputs(rng, 2, 5, 3, 4, 2))
    yield Case("with three layers", stack_inputs(rng, 3, 4, 2, 3, 5))
    yield Case("when nothing is dropped", stack_inputs(rng, 3, 4, 2, 3, 2, drop=0.0))
    yield Case("at T = 1", stack_inputs(rng, 2, 1, 3, 2, 4))
    yield Case("for a batch of one", stack_inputs(rng, 2, 4, 1, 2, 3))
    yield Case("when T, B, I and H are equal", stack_inputs(rng, 3, 3, 3, 3, 3))
    yield Case("in float32", stack_inputs(rng, 2, 4, 2, 3, 3, np.float32))


def gradients(doutputs, dlast, dlast_reverse, **inputs):
    caches = layer_and_caches(**inputs)[2]
    ends = [vanilla.State(dlast), vanilla.State(dlast_reverse)]
    dinputs, traces = stack.layer_backward(vanilla, doutputs, caches, ends, inputs["lengths"])
    return dinputs, *(
        getattr(t.dparams, name) for t in traces for name in ("weight_ih", "weight_hh", "bias_ih")
    )


def with_gradients(rng, inputs):
    """The inputs of a layer, and random gradients at its three results, padding included."""
    (steps, batch, _), hidden, dtype = inputs["inputs"].shape, len(inputs["bias"]), inputs["inputs"].dtype
    shapes = {"dlast": (batch, hidden), "dlast_reverse": (batch, hidden)}
    shapes["doutputs"] = (steps, batch, 2 * hidden)
    return inputs | {name: draws.normal(rng, shape, dtype) for name, shape in shapes.items()}


def gradient_cases(rng):
    for kind, steps, batch, width, hidden, lengths, small in SIZES:
        inputs = layer_inputs(rng, steps, batch, width, hidden, lengths)
        yield Case(kind, with_gradients(rng, inputs), small=small)
    inputs = with_gradients(rng, layer_inputs(rng, 5, 3, 2, 3))
    yield Case("when only the last states are used", inputs | {"doutputs": np.zeros_like(inputs["doutputs"])})
    inputs = with_gradients(rng, layer_inputs(rng, 5, 3, 2, 3))
    none = np.zeros_like(inputs["dlast"])
    yield Case("when only the outputs are used", inputs | {"dlast": none, "dlast_reverse": none})
    yield Case("in float32", with_gradients(rng, layer_inputs(rng, 5, 3, 2, 3, dtype=np.float32)))


EXERCISE = Exercise(
    "08",
    "Both directions, layers and padding",
    (
        Part(
            id="08.1",
            title="Read backwards",
            points=2,
            cells=("reverse",),
            calls=(Call("reverse", ("inputs", "lengths")),),
            outputs=("reversed",),
            reference=turned,
            cases=turned_cases,
        ),
        Part(
            id="08.2",
            title="A bidirectional layer",
            points=3,
            cells=("reverse", "rnn_layer", "bidirectional"),
            calls=(Call("bidirectional", LAYER),),
            outputs=("outputs", "last", "last_reverse", "_cache"),
            reference=layer,
            cases=layer_cases,
        ),
        Part(
            id="08.3",
            title="Layers on layers, with dropout between them",
            points=3,
            cells=("rnn_layer", "stack"),
            calls=(Call("stack", ("inputs", "layers", "masks")),),
            outputs=("outputs", "states"),
            reference=layers_on_layers,
            cases=stack_cases,
        ),
        Part(
            id="08.4",
            title="Backward through both directions",
            points=5,
            cells=("reverse", "rnn_layer", "bidirectional", "layer_backward", "bidirectional_backward"),
            calls=(
                Call("bidirectional", LAYER),
                Call("bidirectional_backward", ("doutputs", "dlast", "dlast_reverse", Result(0, -1))),
            ),
            outputs=("dinputs", *(f"d{name}" for name in WEIGHTS + WEIGHTS_REVERSE)),
            reference=gradients,
            cases=gradient_cases,
        ),
    ),
)
