"""`gradient_explorer`: how large is the gradient when it reaches step t?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import traitlets

from rnncourse import _checks, gradflow, unroll
from rnncourse.cells import Cell, gru, lstm, vanilla
from rnncourse.params import AnyParams, Params, init_params
from rnncourse.widgets import base

Array = np.ndarray
SUBJECT = "gradient_explorer"
GAINS = tuple(round(0.5 + 0.05 * k, 2) for k in range(23))
LENGTHS = tuple(range(10, 101, 10))
CLIPS = (100.0, 10.0, 1.0, 0.1)
LOSSES = {"last": "the last step", "every": "every step"}
INPUT_SIZE = 4


@dataclass(frozen=True)
class Spec:
    """A cell for the explorer, and how its parameters follow from the gain.

    cell: anything with the five names of `rnncourse.cells.Cell`. make_params(gain, rng) -> Params; the
    inputs and the hidden size follow from the shapes. beta_h: the largest slope of the activation, for
    which ‖∂h_t/∂h_{t−1}‖ ≤ ‖W_hh‖ beta_h holds; None where no such bound is known (a gated cell).
    label: what the reader sees; by default the key under which the cell was passed.
    """

    cell: Cell
    make_params: Callable[[float, np.random.Generator], AnyParams]
    beta_h: float | None = None
    label: str | None = None


def standard_cells(hidden_size: int = 16) -> dict[str, Spec]:
    """The five cells of the book, name -> Spec.

    The recurrent matrix is `gain` times an orthogonal one (ReLU: the identity), so that its spectral radius
    and its norm are both the gain; gated cells have one such matrix a gate.
    """

    def start(cell: Cell, scheme: str) -> Callable[[float, np.random.Generator], Params]:
        return lambda gain, rng: init_params(
            cell, INPUT_SIZE, hidden_size, rng=rng, scheme=scheme, gain=gain, dtype=np.float64
        )

    def plain(activation: str, label: str, scheme: str = "orthogonal") -> Spec:
        cell = vanilla.with_activation(activation)
        return Spec(cell, start(cell, scheme), gradflow.SLOPES[activation], label)

    return {
        "tanh": plain("tanh", "tanh"),
        "relu": plain("relu", "ReLU (identity start)", "identity"),
        "linear": plain("linear", "linear"),
        "lstm": Spec(lstm, start(lstm, "orthogonal"), None, "LSTM"),
        "gru": Spec(gru, start(gru, "orthogonal"), None, "GRU"),
    }


def gradient_explorer(
    cells: Mapping[str, Spec] | None = None,
    *,
    include: Sequence[str] | None = None,
    gains: Sequence[float] | None = None,
    lengths: Sequence[int] | None = None,
    clips: Sequence[float] | None = None,
    sequences: int = 7,
    hidden_size: int = 16,
    seed: int = 0,
) -> "GradientExplorer":
    """Measure ‖dL/dh_t‖ over the whole grid of knobs, and show it.

    Every value comes from `unroll` on the real cells in float64, with the loss of `gradflow.measure`: the
    median over `sequences` sequences of inputs drawn from U(0, 1), one curve for each cell, gain, length
    and loss. ‖g‖ is the norm of the gradient of all parameters of the loss averaged over the sequences;
    clipping at θ multiplies the whole of g, and with it every curve, by min(1, θ/‖g‖).

    cells: your own, name -> `Spec`; they stand before the standard ones, and a standard name replaces its
    namesake. include: which standard cells to show (default all). gains > 0, lengths ≥ 1 and clips > 0 are
    the knobs' values, default 0.5…1.6, 10…100 and 100, 10, 1, 0.1.

    Raises TypeError or ValueError that name the argument, what was expected and what came.
    """
    specs = _specs(cells, include, _checks.positive_int(SUBJECT, "hidden_size", hidden_size))
    gains = base.numbers(SUBJECT, "gains", GAINS if gains is None else gains, above=0.0)
    lengths = base.counts(SUBJECT, "lengths", LENGTHS if lengths is None else lengths)
    clips = base.numbers(SUBJECT, "clips", CLIPS if clips is None else clips, above=0.0, rising=False)
    batch = _checks.positive_int(SUBJECT, "sequences", sequences)
    seed = base.seed(SUBJECT, seed)
    with np.errstate(over="ignore", invalid="ignore"):  # a gradient that leaves float64 is shown as such
        return GradientExplorer(**_evaluate(specs, gains, lengths, [None, *clips], batch, seed))


class GradientExplorer(base.Explorer):
    """The widget of `gradient_explorer`: its knobs are `cell`, `loss`, `clip`, `gain` and `length`."""

    KNOBS: ClassVar = {
        "cell": "cells",
        "loss": "losses",
        "clip": "clips",
        "gain": "gains",
        "length": "lengths",
    }

    _kind = traitlets.Unicode("gradient_explorer").tag(sync=True)
    _norms = traitlets.Bytes().tag(sync=True)
    _bounds = traitlets.Bytes().tag(sync=True)
    _totals = traitlets.Bytes().tag(sync=True)
    _scales = traitlets.Bytes().tag(sync=True)
    cell = traitlets.Unicode().tag(sync=True)
    loss = traitlets.Unicode("last").tag(sync=True)
    clip = traitlets.Float(None, allow_none=True).tag(sync=True)
    gain = traitlets.Float().tag(sync=True)
    length = traitlets.Int().tag(sync=True)

    def values(self) -> dict[str, Any]:
        """log10 of what the picture shows at the present position, from the bytes the browser has.

        "h", "c", "bound", "clipped": (T+1,) or None; "total" (‖g‖) and "scale" (of clipping): numbers.
        """
        grid, at = self._grid, {knob: self.position(knob) for knob in self.KNOBS}
        starts, block = base.offsets(grid["lengths"])
        shape = (-1, len(grid["gains"]), len(grid["losses"]))
        per_length = (*shape, len(grid["lengths"]))
        cell, start = grid["cells"][at["cell"]], starts[at["length"]]

        def curve(data: bytes, row: int | None) -> Array | None:
            if row is None:
                return None
            codes = base.unpack(data).reshape(*shape, block)[row, at["gain"], at["loss"]]
            return base.decode(codes[start : start + self.length + 1])

        place = (at["cell"], at["gain"], at["loss"], at["length"])
        totals = base.decode(base.unpack(self._totals).reshape(per_length))
        scales = base.decode(base.unpack(self._scales).reshape(*per_length, len(grid["clips"])))
        scale = float(scales[(*place, at["clip"])])
        h = curve(self._norms, cell["h"])
        return {
            "h": h,
            "c": curve(self._norms, cell["c"]),
            "bound": curve(self._bounds, cell["bound"]),
            "clipped": h + scale if h is not None and self.clip is not None and not np.isnan(scale) else None,
            "total": float(totals[place]),
            "scale": scale,
        }

    def alt_text(self) -> str:
        values, text = self.values(), base.power_text
        c, bound = values["c"], values["bound"]
        return (
            f"Gradient norms over time on a logarithmic axis. {self._knobs()}. "
            f"The norm of dL/dh is {text(values['h'][-1])} at t = {self.length} "
            f"and {text(values['h'][0])} at t = 0"
            + (
                ""
                if c is None
                else f"; that of the partial derivative dL/dc, h held fixed, is {text(c[0])} at t = 0"
            )
            + (
                "; no such bound for this cell"
                if bound is None
                else f"; the bound at t = 0 is {text(bound[0])}"
            )
            + "."
        )

    def _knobs(self) -> str:
        cell = self._grid["cells"][self.position("cell")]["label"]
        loss = self._grid["losses"][self.position("loss")]["label"]
        return f"{cell}, gain {self.gain:.2f}, T = {self.length}, loss at {loss}"

    def static(self) -> Any:
        import matplotlib.pyplot as plt

        from rnncourse.figures import flow

        values = self.values()
        names = {
            "h": r"$\|\mathrm{d}L/\mathrm{d}h_t\|$ measured",
            "c": r"$\|\partial L/\partial c_t\|$ cell state",
            "bound": r"bound $(\beta_W\beta_h)^{T-t}$",
            "clipped": r"$\|\mathrm{d}L/\mathrm{d}h_t\|$ after clipping",
        }
        if self.loss == "every":
            names["bound"] = r"bound $\sum_s(\beta_W\beta_h)^{s-t}$"
        curves = {key: values[key] for key in ("h", "c", "clipped", "bound") if values[key] is not None}
        figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
        plt.close(figure)  # or a notebook would show it twice
        flow.norms_over_time(curves, names, ax=ax)
        ax.set_title(self._knobs(), loc="left", fontsize="medium")
        return figure


def _specs(cells: Any, include: Any, hidden_size: int) -> dict[str, Spec]:
    standard = standard_cells(hidden_size)
    if include is not None:
        if isinstance(include, str):
            raise TypeError(f"{SUBJECT}: include must be a list of names, such as ['lstm']; got {include!r}")
        for name in include:
            _checks.choice(SUBJECT, "include", name, standard)
        standard = {name: standard[name] for name in include}
    if cells is None:
        cells = {}
    if not isinstance(cells, Mapping):
        raise TypeError(f"{SUBJECT}: cells must be a dict of name -> Spec; got {type(cells).__name__}")
    for name, spec in cells.items():
        if not isinstance(name, str) or not isinstance(spec, Spec):
            raise TypeError(
                f"{SUBJECT}: cells must be a dict of name -> Spec(cell, make_params); "
                f"got {name!r} -> {type(spec).__name__}"
            )
        if not isinstance(spec.cell, Cell):
            raise TypeError(
                f"{SUBJECT}: cells[{name!r}].cell must have GATES, State, initial_state, step and "
                f"step_backward, as rnncourse.cells.lstm has; got {spec.cell!r}"
            )
        if not callable(spec.make_params):
            raise TypeError(
                f"{SUBJECT}: cells[{name!r}].make_params must be callable; got {spec.make_params!r}"
            )
        if spec.beta_h is not None and not (np.isfinite(spec.beta_h) and spec.beta_h > 0):
            raise ValueError(f"{SUBJECT}: cells[{name!r}].beta_h must be > 0 or None; got {spec.beta_h}")
    specs = {**cells, **{name: spec for name, spec in standard.items() if name not in cells}}
    if not specs:
        raise ValueError(
            f"{SUBJECT}: include must name at least one cell where cells has none; got {include!r}"
        )
    return specs


def _evaluate(
    specs: dict[str, Spec], gains: list, lengths: list, clips: list, batch: int, seed: int
) -> dict[str, Any]:
    """Every trait of the widget, from the real cells."""
    starts, block = base.offsets(lengths)
    shape = (len(gains), len(LOSSES))
    norms: list[Array] = []
    bounds: list[Array] = []
    entries = []
    totals = np.empty((len(specs), *shape, len(lengths)))
    for k, (name, spec) in enumerate(specs.items()):
        fields = [field for field in spec.cell.State._fields if field in ("h", "c")]
        curves = {field: np.empty((*shape, block)) for field in fields}
        bound = np.empty((*shape, block))
        for g, gain in enumerate(gains):
            # The same draws at every gain: moving the slider scales one matrix, it does not draw another.
            params = _params(name, spec, gain, np.random.default_rng([seed, 1]))
            inputs = np.random.default_rng([seed, 0]).uniform(
                size=(lengths[-1], batch, params.weight_ih.shape[1])
            )
            _, _, caches = unroll.forward(spec.cell, params, inputs)
            factor = gradflow.bound_factor(params, spec.beta_h) if spec.beta_h else 0.0
            for o, loss in enumerate(LOSSES):
                for n, (start, length) in enumerate(zip(starts, lengths, strict=True)):
                    trace = _backward(spec.cell, caches, length, loss)
                    span = slice(start, start + length + 1)
                    for field in fields:
                        vectors = np.stack([getattr(state, field) for state in trace.dstates])
                        curves[field][g, o, span] = base.median(base.log10_norm(vectors))
                    gradient = np.concatenate([p.reshape(-1) for p in trace.dparams]) / batch
                    totals[k, g, o, n] = base.log10_norm(gradient)
                    if spec.beta_h is not None:
                        bound[g, o, span] = gradflow.log10_bound(factor, length, loss=loss)
        entry: dict[str, Any] = {
            "key": name,
            "label": spec.label or name,
            "h": None,
            "c": None,
            "bound": None,
        }
        for field in fields:
            entry[field] = len(norms)
            norms.append(base.encode(curves[field]))
        if spec.beta_h is not None:
            # One bound serves every cell whose matrices have the same norms.
            codes = base.encode(np.clip(bound, -base.LIMIT, base.LIMIT))  # a bound may leave float64
            same = [row for row, other in enumerate(bounds) if np.array_equal(codes, other)]
            entry["bound"] = same[0] if same else len(bounds)
            bounds += [] if same else [codes]
        entries.append(entry)
    return {
        "_grid": {
            "cells": entries,
            "losses": [{"key": key, "label": label} for key, label in LOSSES.items()],
            "clips": clips,
            "gains": gains,
            "lengths": lengths,
            "sequences": batch,
            "codes": base.CODES,
            "float32": base.FLOAT32,
        },
        "_norms": base.pack(np.stack(norms)),
        "_bounds": base.pack(np.stack(bounds)) if bounds else b"",
        "_totals": base.pack(base.encode(totals)),
        "_scales": base.pack(base.encode(_clip_scales(totals, clips))),
        "cell": entries[0]["key"],
        "gain": min(gains, key=lambda gain: abs(gain - 1.0)),
        "length": min(lengths, key=lambda length: abs(length - 60)),
    }


def _params(name: str, spec: Spec, gain: float, rng: np.random.Generator) -> AnyParams:
    params = spec.make_params(gain, rng)
    if not isinstance(params, AnyParams):
        raise TypeError(
            f"{SUBJECT}: cells[{name!r}].make_params must return Params; got {type(params).__name__}"
        )
    return type(params)(*(np.asarray(p, np.float64) for p in params))


def _backward(cell: Cell, caches: unroll.Caches, length: int, loss: str) -> unroll.Trace:
    """The backward pass of `gradflow.measure` for the first `length` steps of a longer run."""
    hidden = caches.params.weight_hh.shape[1]
    doutputs = np.zeros((length, caches.inputs_shape[1], hidden))
    doutputs[0 if loss == "every" else -1 :] = hidden**-0.5
    return unroll.backward(cell, doutputs, caches.prefix(length))


def _clip_scales(totals: Array, clips: list) -> Array:
    """log10 min(1, θ/‖g‖) for each θ, a last axis; nan where ‖g‖ is not finite: there is no clipping then."""
    theta = np.array([np.inf if clip is None else np.log10(clip) for clip in clips])
    with np.errstate(invalid="ignore"):
        scales = np.minimum(0, theta - totals[..., None])
    return np.where(np.isposinf(totals)[..., None], np.nan, scales)
