"""`highway_explorer`: what the forget gate does to the gradient that travels through the cell state."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets

from rnncourse import _checks, gradflow
from rnncourse.cells import lstm, vanilla
from rnncourse.params import init_params
from rnncourse.widgets import base

Array = np.ndarray
SUBJECT = "highway_explorer"
BIASES = tuple(-2 + 0.5 * k for k in range(17))
LENGTHS = (20, 40, 60, 80, 100)
SIZES = (8, 16, 32)
INPUT_SIZE = 4
CURVES = ("c", "h", "highway")
GATES = {"f": "forget gate f", "i": "input gate i", "o": "output gate o"}


def highway_explorer(
    *,
    biases: Sequence[float] | None = None,
    lengths: Sequence[int] | None = None,
    sizes: Sequence[int] | None = None,
    sequences: int = 7,
    seed: int = 0,
) -> "HighwayExplorer":
    """Measure how ∂L/∂c_t and dL/dh_t of an LSTM depend on the forget gate's bias, and show it.

    The loss reads the last output, L = Σ_b v·h_T as in `gradflow.measure`. All parameters start as torch.nn
    starts them, and the forget bias is added to that: 0 is torch's own start. The inputs are standard normal;
    norms are the median over `sequences` sequences, the gates are those of the first.
    "Highway alone" is ‖δ_T ⊙ ∏_{s>t} f_s‖ with δ_T = dL/dh_T ⊙ o_T ⊙ (1 − tanh² c_T), what would reach c_t
    if the gates were constants.

    biases (default −2…6), lengths (20…100) and sizes (8, 16, 32) are the knobs' values, in rising order.
    Raises TypeError or ValueError that name the argument, what was expected and what came.
    """
    biases = base.numbers(SUBJECT, "biases", BIASES if biases is None else biases)
    lengths = base.counts(SUBJECT, "lengths", LENGTHS if lengths is None else lengths)
    sizes = base.counts(SUBJECT, "sizes", SIZES if sizes is None else sizes)
    batch = _checks.positive_int(SUBJECT, "sequences", sequences)
    return HighwayExplorer(**_evaluate(biases, lengths, sizes, batch, base.seed(SUBJECT, seed)))


class HighwayExplorer(base.Explorer):
    """The widget of `highway_explorer`: its knobs are `forget_bias`, `length` and `hidden_size`."""

    KNOBS: ClassVar = {"forget_bias": "biases", "length": "lengths", "hidden_size": "sizes"}

    _kind = traitlets.Unicode("highway_explorer").tag(sync=True)
    _norms = traitlets.Bytes().tag(sync=True)
    _vanilla = traitlets.Bytes().tag(sync=True)
    _gates = traitlets.Bytes().tag(sync=True)
    forget_bias = traitlets.Float().tag(sync=True)
    length = traitlets.Int().tag(sync=True)
    hidden_size = traitlets.Int().tag(sync=True)

    def values(self) -> dict[str, Array]:
        """log10 of the norms shown at the present position, (T+1,) each: "c", "h", "highway", "vanilla"."""
        grid = self._grid
        bias, size = self.position("forget_bias"), self.position("hidden_size")
        starts, block = base.offsets(grid["lengths"])
        start = starts[self.position("length")]
        span = slice(start, start + self.length + 1)
        norms = base.unpack(self._norms).reshape(len(CURVES), len(grid["sizes"]), len(grid["biases"]), block)
        values = {key: base.decode(norms[k, size, bias, span]) for k, key in enumerate(CURVES)}
        values["vanilla"] = base.decode(base.unpack(self._vanilla).reshape(-1, block)[size, span])
        return values

    def gates(self) -> dict[str, Array]:
        """The gates shown at the present position, (T, H) each, in steps of 1/255: "f", "i", "o"."""
        grid = self._grid
        steps, biases = grid["lengths"][-1], len(grid["biases"])
        at = self.position("hidden_size")
        before = sum(grid["sizes"][:at]) * len(GATES) * biases * steps
        steps_up = np.frombuffer(self._gates, np.uint8)[before:]
        steps_up = steps_up[: len(GATES) * biases * steps * self.hidden_size]
        levels = np.cumsum(
            steps_up.reshape(len(GATES), biases, self.hidden_size, steps), axis=1, dtype=np.uint8
        )
        shown = levels[:, self.position("forget_bias"), :, : self.length] / 255
        return {key: gate.T for key, gate in zip(GATES, shown, strict=True)}

    def alt_text(self) -> str:
        at_0 = {key: base.power_text(curve[0]) for key, curve in self.values().items()}
        bias = f"{self.forget_bias:.1f}".replace("-", "\N{MINUS SIGN}")
        return (
            f"Gradient norms over time on a logarithmic axis. Forget bias {bias}, T = {self.length}, "
            f"H = {self.hidden_size}. At t = 0: LSTM partial dL/dc (h held fixed) {at_0['c']}, "
            f"LSTM dL/dh {at_0['h']}, "
            f"highway alone {at_0['highway']}, vanilla cell {at_0['vanilla']}."
        )

    def static(self) -> Any:
        import matplotlib.pyplot as plt

        from rnncourse.figures import flow

        names = {
            "c": r"$\|\partial L/\partial c_t\|$ LSTM",
            "h": r"$\|\mathrm{d}L/\mathrm{d}h_t\|$ LSTM",
            "highway": r"$\|\partial L/\partial c_t\|$ highway alone ($\prod f$)",
            "vanilla": r"$\|\mathrm{d}L/\mathrm{d}h_t\|$ vanilla tanh",
        }
        heights = [4, 1, 1, 1]
        figure, axes = plt.subplots(4, 1, figsize=(7, 8), layout="constrained", height_ratios=heights)
        plt.close(figure)  # or a notebook would show it twice
        flow.norms_over_time(self.values(), names, ax=axes[0])
        axes[0].set_title(
            f"Forget bias {self.forget_bias:.1f}, T = {self.length}, H = {self.hidden_size}",
            loc="left",
            fontsize="medium",
        )
        at = [self.position(knob) for knob in ("hidden_size", "forget_bias", "length")]
        for ax, (key, gate), entry in zip(axes[1:], self.gates().items(), self._grid["gates"], strict=True):
            mean = entry["means"][at[0]][at[1]][at[2]]
            flow.gate_over_time(gate, f"{GATES[key]}, mean {mean:.2f}", ax=ax)
        axes[-1].set_xlabel("step t")
        figure.colorbar(axes[-1].images[0], ax=list(axes[1:]), label="0 closed, 1 open")
        return figure


def _evaluate(biases: list, lengths: list, sizes: list, batch: int, seed: int) -> dict[str, Any]:
    """Every trait of the widget, from the real cells."""
    starts, block = base.offsets(lengths)
    inputs = np.random.default_rng([seed, 0]).standard_normal((lengths[-1], batch, INPUT_SIZE))
    norms = np.empty((len(CURVES), len(sizes), len(biases), block))
    plain = np.empty((len(sizes), block))
    means = np.empty((len(GATES), len(sizes), len(biases), len(lengths)))
    pictures = []
    for s, size in enumerate(sizes):

        def start(cell: Any, size: int = size, **more: Any) -> Any:
            # The same draws at every bias: the slider moves one number and nothing else.
            rng = np.random.default_rng([seed, 1])
            return init_params(cell, INPUT_SIZE, size, rng=rng, dtype=np.float64, **more)

        levels = np.empty((len(GATES), len(biases), size, lengths[-1]), np.uint8)
        for n, length in enumerate(lengths):
            span = slice(starts[n], starts[n] + length + 1)
            flow = gradflow.measure(vanilla, start(vanilla), inputs[:length])
            plain[s, span] = _norms([state.h for state in flow.trace.dstates])
            for b, bias in enumerate(biases):
                flow = gradflow.measure(lstm, start(lstm, forget_bias=bias), inputs[:length])
                states = flow.trace.dstates
                norms[0, s, b, span] = _norms([state.c for state in states])
                norms[1, s, b, span] = _norms([state.h for state in states])
                norms[2, s, b, span] = _norms(
                    gradflow.highway_entrance(flow) * gradflow.forget_product(flow.caches)
                )
                for k, key in enumerate(GATES):
                    gate = np.stack([getattr(cache, key)[0] for cache in flow.caches])
                    means[k, s, b, n] = gate.mean()
                    if length == lengths[-1]:  # a shorter run is the beginning of this one
                        levels[k, b] = np.rint(255 * gate.T)
        # Differences from bias to bias (modulo 256) are small, and compress to half.
        pictures.append(np.diff(levels, axis=1, prepend=np.uint8(0)).tobytes())
    return {
        "_grid": {
            "curves": list(CURVES),
            "gates": [
                {"key": key, "label": label, "means": np.round(means[k], 4).tolist()}
                for k, (key, label) in enumerate(GATES.items())
            ],
            "biases": biases,
            "lengths": lengths,
            "sizes": sizes,
            "sequences": batch,
            "codes": base.CODES,
            "float32": base.FLOAT32,
        },
        "_norms": base.pack(base.encode(norms)),
        "_vanilla": base.pack(base.encode(plain)),
        "_gates": b"".join(pictures),
        "forget_bias": min(biases, key=abs),
        "length": min(lengths, key=lambda length: abs(length - 60)),
        "hidden_size": min(sizes, key=lambda size: abs(size - 16)),
    }


def _norms(vectors: Any) -> Array:
    """log10 of the norm, (T+1, B, H) -> (T+1,): the median over the sequences."""
    return base.median(base.log10_norm(np.asarray(vectors)))
