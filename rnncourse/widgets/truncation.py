"""`bptt_window`: which terms of the gradient does a window keep, and how much of the gradient are they?"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets

from rnncourse import _checks, functional, truncation, unroll
from rnncourse.cells import vanilla
from rnncourse.models.sequence import SequenceModel, init_sequence_model
from rnncourse.widgets import base

Array = np.ndarray
SUBJECT = "bptt_window"
GAINS = (0.5, 0.7, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6)
WINDOWS = (1, 2, 3, 5, 8, 10, 13, 20, 30, 40)
MODES = {
    "full": "Full: every term",
    "carried": "Pieces, state carried",
    "zeroed": "Pieces, state set to zero",
    "sliding": "Sliding: each loss looks back",
}
INPUT_SIZE = 4


def bptt_window(
    *,
    gains: Sequence[float] | None = None,
    windows: Sequence[int] | None = None,
    steps: int = 40,
    sequences: int = 8,
    hidden_size: int = 16,
    seed: int = 0,
) -> "BpttWindow":
    """Measure every term(t, k) of a gradient, and show which of them truncated BPTT keeps.

    A tanh network with W_hh = gain times an orthogonal matrix reads `sequences` random sequences of `steps`
    steps; the loss is the mean squared error of one prediction a step against random targets, both N(0, 1).
    Terms, gradients and the counts of backward steps come from `rnncourse.truncation`, in float64; cosine and
    ratio of norms compare the whole gradient of the recurrent layer with that of full BPTT.

    gains > 0 (default 0.5…1.6) and windows in 1..steps (default 1…40) are the knobs' values, in rising order.
    Raises TypeError or ValueError that name the argument, what was expected and what came.
    """
    steps = _checks.positive_int(SUBJECT, "steps", steps)
    gains = base.numbers(SUBJECT, "gains", GAINS if gains is None else gains, above=0.0)
    if windows is None:
        windows = sorted({min(window, steps) for window in WINDOWS})
    windows = base.counts(SUBJECT, "windows", windows)
    if windows[-1] > steps:
        raise ValueError(f"{SUBJECT}: windows must lie in 1..steps = 1..{steps}; got {windows[-1]}")
    batch = _checks.positive_int(SUBJECT, "sequences", sequences)
    hidden = _checks.positive_int(SUBJECT, "hidden_size", hidden_size)
    return BpttWindow(**_evaluate(gains, windows, steps, batch, hidden, base.seed(SUBJECT, seed)))


class BpttWindow(base.Explorer):
    """The widget of `bptt_window`: its knobs are `mode`, `window` and `gain`."""

    KNOBS: ClassVar = {"mode": "modes", "window": "windows", "gain": "gains"}

    _kind = traitlets.Unicode("bptt_window").tag(sync=True)
    _terms = traitlets.Bytes().tag(sync=True)
    _zeroed = traitlets.Bytes().tag(sync=True)
    mode = traitlets.Unicode("carried").tag(sync=True)
    window = traitlets.Int().tag(sync=True)
    gain = traitlets.Float().tag(sync=True)

    @traitlets.validate("mode", "window")
    def _mode_and_window_on_grid(self, proposal: Any) -> Any:
        self.find(proposal["trait"].name, proposal["value"])
        return proposal["value"]

    def cut(self) -> tuple[int, int]:
        """(reach, every) of `truncation.kept` at the present position."""
        return _cut(self.mode, self.window, self._grid["steps"])

    def kept(self) -> Array:
        """Which terms are kept, (T, T) of bool, [t−1, k−1]."""
        return truncation.kept(self._grid["steps"], *self.cut())

    def decades(self) -> Array:
        """log10 of the terms' norms, the largest of full BPTT being 1, (T, T); −inf where there is none."""
        steps = self._grid["steps"]
        lower = np.tri(steps, dtype=bool)
        found = np.full((steps, steps), -np.inf)
        gain = self.position("gain")
        if self.mode == "zeroed":
            sizes = [int(truncation.kept(steps, w, w).sum()) for w in self._grid["windows"]]
            at = self.position("window")
            start = gain * sum(sizes) + sum(sizes[:at])
            found[self.kept()] = base.decode(base.unpack(self._zeroed)[start : start + sizes[at]])
        else:
            count = int(lower.sum())
            found[lower] = base.decode(base.unpack(self._terms)[gain * count : (gain + 1) * count])
        return found

    def figures(self) -> dict[str, float]:
        """At the present position: "cosine" and "ratio" to full BPTT, backward "steps", states "cached"."""
        gain, window = self.position("gain"), self.position("window")
        cosine, ratio = self._grid["compared"][self.mode][gain][window]
        cached = self._grid["steps"] if self.mode == "full" else self.window
        taken = self._grid["taken"][self.mode][window]
        return {"cosine": cosine, "ratio": ratio, "steps": taken, "cached": cached}

    def alt_text(self) -> str:
        steps, now, kept = self._grid["steps"], self.figures(), int(self.kept().sum())
        return (
            f"Matrix of the {steps * (steps + 1) // 2} terms of a gradient over {steps} steps: down the loss "
            f"at step t, to the right the step k, gain {self.gain:.1f}. {self._named()}: {kept} terms "
            f"are kept. Cosine to the full gradient {_two(now['cosine'])}, norm {_two(now['ratio'])} of "
            f"the full one. {now['steps']} backward steps for {steps} losses, {now['cached']} steps in "
            "memory at once."
        )

    def _named(self) -> str:
        return MODES[self.mode] + ("" if self.mode == "full" else f", window {self.window}")

    def static(self) -> Any:
        import matplotlib.pyplot as plt

        from rnncourse.figures import terms

        figure, ax = plt.subplots(figsize=(6.4, 5.4), layout="constrained")
        plt.close(figure)  # or a notebook would show it twice
        terms.term_matrix(self.decades(), self.kept(), ax=ax, exists=self.mode != "zeroed")
        terms.term_scale(ax=ax)
        now = self.figures()
        ax.set_title(
            f"{self._named()}, gain {self.gain:.1f}\n"
            f"cosine {_two(now['cosine'])}, norm {_two(now['ratio'])} of full BPTT",
            loc="left",
            fontsize="medium",
        )
        return figure


def _evaluate(gains: list, windows: list, steps: int, batch: int, hidden: int, seed: int) -> dict[str, Any]:
    """Every trait of the widget, from the real cell."""
    rng = np.random.default_rng([seed, 0])
    inputs = rng.standard_normal((steps, batch, INPUT_SIZE))
    targets = rng.standard_normal((steps, batch, 1))
    lower = np.tri(steps, dtype=bool)
    full_norms, zeroed_norms = [], []
    compared: dict[str, list] = {mode: [] for mode in MODES}
    taken: dict[str, list] = {}
    for gain in gains:
        # The same draws at every gain: the slider moves one number and nothing else.
        model = init_sequence_model(
            vanilla,
            INPUT_SIZE,
            hidden,
            1,
            rng=np.random.default_rng([seed, 1]),
            scheme="orthogonal",
            gain=gain,
            dtype=np.float64,
        )
        outputs, _, caches = unroll.forward(vanilla, model.rnn, inputs)
        doutputs = _doutputs(model, outputs, targets)
        norms = truncation.norms(truncation.terms(vanilla, doutputs, caches))
        largest = norms.max()
        full_norms.append(norms[lower] / largest)
        truth = unroll.backward(vanilla, doutputs, caches).dparams
        rows: dict[str, list] = {mode: [] for mode in MODES}
        taken = {mode: [] for mode in MODES}  # the same at every gain
        for window in windows:
            from_zero, own_caches = truncation.forward_from_zero(vanilla, model.rnn, inputs, window)
            own = _doutputs(model, from_zero, targets)
            for mode in MODES:
                run = (own, own_caches) if mode == "zeroed" else (doutputs, caches)
                reach, every = _cut(mode, window, steps)
                gradient, count = truncation.backward(vanilla, *run, reach=reach, every=every)
                rows[mode].append(truncation.compare(gradient, truth))
                taken[mode].append(count)
            for start in range(0, steps, window):
                part = slice(start, start + window)
                _, _, of_window = unroll.forward(vanilla, model.rnn, inputs[part])
                block = truncation.norms(truncation.terms(vanilla, own[part], of_window))
                zeroed_norms.append(block[np.tri(len(block), dtype=bool)] / largest)
        for mode, row in rows.items():
            compared[mode].append([[round(value, 6) for value in pair] for pair in row])
    return {
        "_grid": {
            "modes": [{"key": key, "label": label} for key, label in MODES.items()],
            "windows": windows,
            "gains": gains,
            "steps": steps,
            "sequences": batch,
            "compared": compared,
            "taken": taken,
            "codes": base.CODES,
        },
        "_terms": base.pack(_encoded(full_norms)),
        "_zeroed": base.pack(_encoded(zeroed_norms)),
        "mode": "carried",
        "window": min(windows, key=lambda window: abs(window - 10)),
        "gain": min(gains, key=lambda gain: abs(gain - 1.0)),
    }


def _doutputs(model: SequenceModel, outputs: Array, targets: Array) -> Array:
    """∂L/∂h_t of the mean squared error, (T, B, H)."""
    predictions = functional.linear(outputs, model.weight, model.bias)
    _, dpredictions = functional.squared_error(predictions, targets)
    return functional.linear_backward(dpredictions, outputs, model.weight)[0]


def _cut(mode: str, window: int, steps: int) -> tuple[int, int]:
    """(reach, every) of a mode."""
    if mode == "full":
        return steps, steps
    return (window, 1) if mode == "sliding" else (window, window)


def _encoded(norms: list[Array]) -> Array:
    with np.errstate(divide="ignore"):  # a term that is exactly 0 has a code of its own
        return base.encode(np.log10(np.concatenate(norms)))


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
