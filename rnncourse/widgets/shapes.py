"""`problem_shapes`: which inputs, predictions and losses a task has, and which arrays that makes."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets

from rnncourse import functional, unroll
from rnncourse.cells import vanilla
from rnncourse.models.sequence import SequenceModel, init_sequence_model, last_step, predict
from rnncourse.params import Params, init_params
from rnncourse.widgets import base

Array = np.ndarray
SUBJECT = "problem_shapes"
LENGTHS = (1, 2, 3, 4, 5, 6)
BATCH, INPUT_SIZE, HIDDEN, OUTPUT_SIZE = 32, 3, 8, 2
# What the reader sees of each problem, and the knobs that it has.
PROBLEMS: dict[str, dict[str, Any]] = {
    "one_to_one": {
        "label": "one to one",
        "example": "An image of fixed size in, its class out. A feed-forward network does this.",
        "uses": [],
    },
    "one_to_many": {
        "label": "one to many",
        "example": "An image in, a sentence about it out (chapter 11).",
        "uses": ["output_length"],
    },
    "many_to_one": {
        "label": "many to one",
        "example": "A film in, the action in it out (chapter 13). Or a sentence in, one picture out.",
        "uses": ["input_length"],
    },
    "aligned": {
        "label": "many to many, aligned",
        "example": "A film in, a label for each frame out (chapter 13). Or text in, at each place the next "
        "character out (chapter 4).",
        "uses": ["input_length"],
    },
    "unaligned": {
        "label": "many to many, unaligned",
        "example": "A sentence in, its translation out, which may be longer or shorter (chapter 9). Or a "
        "film in, a sentence about it out (chapter 13).",
        "uses": ["input_length", "output_length"],
    },
}


def problem_shapes(*, lengths: Sequence[int] | None = None) -> "ProblemShapes":
    """The five shapes of sequence problems as diagrams, each read off a real run of the vanilla cell.

    `lengths` are the values of both sliders, rising integers ≥ 1, default 1 … 6. For each shape and length a
    batch of 32 sequences runs through `rnncourse.unroll`; which steps have an input is read off the inputs
    (zeros are none), which have a loss off the mask, and the shapes off the arrays themselves.

    Raises TypeError or ValueError that name the argument, what was expected and what came.
    """
    return ProblemShapes(
        **_evaluate(base.counts(SUBJECT, "lengths", LENGTHS if lengths is None else lengths))
    )


class ProblemShapes(base.Explorer):
    """The widget of `problem_shapes`: its knobs are `problem`, `input_length` and `output_length`."""

    KNOBS: ClassVar = {"problem": "problems", "input_length": "lengths", "output_length": "lengths"}

    _kind = traitlets.Unicode("problem_shapes").tag(sync=True)
    problem = traitlets.Unicode("aligned").tag(sync=True)
    input_length = traitlets.Int().tag(sync=True)
    output_length = traitlets.Int().tag(sync=True)

    @traitlets.validate("problem", "input_length", "output_length")
    def _knob_on_grid(self, proposal: Any) -> Any:
        self.find(proposal["trait"].name, proposal["value"])
        return proposal["value"]

    def case(self, problem: str | None = None) -> dict[str, Any]:
        """What is shown of a problem (default: the present one) at the present lengths.

        "parts": one dict for each cell, with bools over its steps in "inputs", "predictions" and "losses";
        "rows": the arrays, [name, letters, shape] each; "parameters": their number. TraitError for another
        name.
        """
        entry = self._grid["problems"][self.find("problem", self.problem if problem is None else problem)]
        at = [
            self.position(knob) if knob in entry["uses"] else 0 for knob in ("input_length", "output_length")
        ]
        return entry["cases"][at[0]][at[1]]

    def alt_text(self) -> str:
        texts = []
        for entry in self._grid["problems"]:
            parts = [_words(part) for part in self.case(entry["key"])["parts"]]
            texts.append(f"{entry['label'].capitalize()}: {'; then a second cell, '.join(parts)}.")
        return (
            "Five diagrams of steps over time. A box for each state, with an arrow to the next one; below it "
            "the input, above it the prediction, on top the loss. " + " ".join(texts)
        )

    def static(self) -> Any:
        import matplotlib.pyplot as plt

        from rnncourse.figures import shapes

        figure = plt.figure(figsize=(5.6, 7.2), layout="constrained")
        plt.close(figure)  # or a notebook would show it twice
        axes = figure.subplot_mosaic(
            [["one_to_one", "one_to_many"], ["many_to_one", "aligned"], ["unaligned", "unaligned"]]
        )
        for entry in self._grid["problems"]:
            shapes.problem_shape(self.case(entry["key"])["parts"], entry["label"], ax=axes[entry["key"]])
        return figure


def _words(part: dict[str, Any]) -> str:
    def steps(key: str) -> str:
        at = [str(t) for t, has in enumerate(part[key], start=1) if has]
        if not at:
            return "none"
        if len(at) == len(part[key]) > 1:
            return "every step"
        return f"step {at[0]}" if len(at) == 1 else f"steps {', '.join(at)}"

    count = len(part["inputs"])
    return (
        f"{count} step{'s' if count > 1 else ''}, input at {steps('inputs')}, loss at {steps('losses')}"
    ).replace(" at none", ": none")


def _evaluate(lengths: list[int]) -> dict[str, Any]:
    """Every trait of the widget, from real runs."""
    problems = []
    for key, texts in PROBLEMS.items():
        ins = lengths if "input_length" in texts["uses"] else [1]
        outs = lengths if "output_length" in texts["uses"] else [1]
        cases = [[_run(key, n_in, n_out) for n_out in outs] for n_in in ins]
        problems.append({"key": key, **texts, "cases": cases})
    middle = lengths[len(lengths) // 2]
    return {
        "_grid": {"problems": problems, "lengths": lengths},
        "input_length": middle,
        "output_length": max((n for n in lengths if n < middle), default=middle),
    }


def _run(problem: str, n_in: int, n_out: int) -> dict[str, Any]:
    """One batch of this problem through the real code, and what its arrays look like."""
    rng = np.random.default_rng(0)
    model = init_sequence_model(vanilla, INPUT_SIZE, HIDDEN, OUTPUT_SIZE, rng=rng)
    if problem == "unaligned":
        return _encode_decode(model, init_params(vanilla, INPUT_SIZE, HIDDEN, rng=rng), n_in, n_out, rng)
    steps = n_out if problem == "one_to_many" else n_in
    inputs = rng.standard_normal((steps, BATCH, INPUT_SIZE)).astype(np.float32)
    if problem == "one_to_many":
        inputs[1:] = 0
    mask = last_step(steps, BATCH) if problem == "many_to_one" else np.ones((steps, BATCH), bool)
    states, _, _ = unroll.forward(vanilla, model.rnn, inputs)
    predictions = predict(vanilla, model, inputs)
    return {
        "parts": [_part(inputs, mask, True)],
        "rows": [
            ["inputs", "(T, B, I)", _shape(inputs)],
            ["states", "(T, B, H)", _shape(states)],
            ["predictions", "(T, B, O)", _shape(predictions)],
            ["mask", "(T, B)", _mask_text(mask)],
        ],
        "parameters": _size(*model.rnn, model.weight, model.bias),
    }


def _encode_decode(
    decoder: SequenceModel, encoder: Params, n_in: int, n_out: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Two cells: the first reads and hands its last state to the second, which has no input of its own."""
    inputs = rng.standard_normal((n_in, BATCH, INPUT_SIZE)).astype(np.float32)
    nothing = np.zeros((n_out, BATCH, INPUT_SIZE), np.float32)
    _, handed_over, _ = unroll.forward(vanilla, encoder, inputs)
    states, _, _ = unroll.forward(vanilla, decoder.rnn, nothing, handed_over)
    predictions = functional.linear(states, decoder.weight, decoder.bias)
    mask = np.ones((n_out, BATCH), bool)
    return {
        "parts": [
            _part(inputs, np.zeros((n_in, BATCH), bool), False),
            _part(nothing, mask, True),
        ],
        "rows": [
            ["inputs of the encoder", "(T, B, I)", _shape(inputs)],
            ["state handed over", "(B, H)", _shape(handed_over.h)],
            ["inputs of the decoder", "(T′, B, I)", _shape(nothing)],
            ["predictions", "(T′, B, O)", _shape(predictions)],
            ["mask", "(T′, B)", _mask_text(mask)],
        ],
        "parameters": _size(*encoder, *decoder.rnn, decoder.weight, decoder.bias),
    }


def _part(inputs: Array, mask: Array, has_predictions: bool) -> dict[str, Any]:
    return {
        "inputs": inputs.any(axis=(1, 2)).tolist(),
        "predictions": [has_predictions] * len(inputs),
        "losses": mask.all(axis=1).tolist(),
    }


def _shape(array: Array) -> str:
    return f"({', '.join(map(str, array.shape))})"


def _mask_text(mask: Array) -> str:
    steps = int(mask.all(axis=1).sum())
    return f"{_shape(mask)}, True at {steps} of {len(mask)} step{'s' if len(mask) > 1 else ''}"


def _size(*arrays: Array) -> int:
    return sum(a.size for a in arrays)
