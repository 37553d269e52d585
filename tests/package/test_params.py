"""How parameters start, and other people's layouts of them."""

import numpy as np
import pytest

from rnncourse.cells import gru, lstm, vanilla
from rnncourse.params import (
    SCHEMES,
    Params,
    from_cs231n,
    from_keras,
    from_onnx,
    from_separate,
    init_params,
    spectral_radius,
    to_cs231n,
    to_keras,
    to_onnx,
    to_separate,
)

CELLS = {"vanilla": vanilla, "gru": gru, "lstm": lstm}
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


def random_params(cell, hidden=4, size_in=3):
    rng = np.random.default_rng(5)
    rows = len(cell.GATES) * hidden
    shapes = [(rows, size_in), (rows, hidden), (rows,), (rows,)]
    return Params(*(rng.standard_normal(s) for s in shapes))


def blocks(array, cell):
    return dict(zip(cell.GATES, np.split(array, len(cell.GATES)), strict=True))


# How they start


@cells
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtype(cell, scheme, dtype):
    p = init_params(cell, 3, 5, rng=np.random.default_rng(0), scheme=scheme, dtype=dtype)
    g = len(cell.GATES)
    assert [a.shape for a in p] == [(g * 5, 3), (g * 5, 5), (g * 5,), (g * 5,)]
    assert {a.dtype for a in p} == {np.dtype(dtype)}


@cells
def test_uniform_fills_the_range_of_torch(cell):
    p = init_params(cell, 50, 100, rng=np.random.default_rng(0), dtype=np.float64)
    for a in p:
        assert np.abs(a).max() <= 0.1
        # A uniform variable on (−k, k) has the standard deviation k/√3; 100 draws are the fewest here.
        assert abs(a.std() - 0.1 / np.sqrt(3)) < 0.015


@cells
@pytest.mark.parametrize("gain", [0.5, 1.0, 1.6])
def test_orthogonal_has_gain_as_norm_and_spectral_radius(cell, gain):
    p = init_params(
        cell, 3, 8, rng=np.random.default_rng(0), scheme="orthogonal", gain=gain, dtype=np.float64
    )
    for block in blocks(p.weight_hh, cell).values():
        np.testing.assert_allclose(block @ block.T, gain**2 * np.eye(8), atol=1e-12)
        assert abs(spectral_radius(block) - gain) < 1e-12
    assert not p.bias_ih.any() and not p.bias_hh.any()


@cells
def test_identity(cell):
    p = init_params(cell, 3, 4, rng=np.random.default_rng(0), scheme="identity", gain=0.7)
    for block in blocks(p.weight_hh, cell).values():
        np.testing.assert_array_equal(block, np.float32(0.7) * np.eye(4, dtype=np.float32))


def test_orthogonal_draws_are_not_tilted():
    """The mean over many rotations is 0; without the sign correction the diagonal's mean is far from it."""
    rng = np.random.default_rng(0)
    draws = [init_params(vanilla, 1, 3, rng=rng, scheme="orthogonal").weight_hh for _ in range(2000)]
    assert np.abs(np.mean(draws, axis=0)).max() < 0.05


def test_forget_bias_moves_only_the_forget_gate():
    p = init_params(lstm, 3, 4, rng=np.random.default_rng(0), forget_bias=2.0, dtype=np.float64)
    plain = init_params(lstm, 3, 4, rng=np.random.default_rng(0), dtype=np.float64)
    difference = blocks(p.bias_ih - plain.bias_ih, lstm)
    np.testing.assert_allclose(difference.pop("f"), 2.0)
    assert not any(d.any() for d in difference.values())
    np.testing.assert_array_equal(p.bias_hh, plain.bias_hh)


def test_both_dtypes_start_from_the_same_numbers():
    a, b = (init_params(lstm, 3, 4, rng=np.random.default_rng(0), dtype=d) for d in (np.float32, np.float64))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y.astype(np.float32))


def test_spectral_radius_of_a_known_matrix():
    assert spectral_radius(np.array([[0.5, 100.0], [0.0, -0.8]])) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"input_size": 0}, ValueError, "input_size must be at least 1; got 0"),
        ({"hidden_size": -2}, ValueError, "hidden_size must be at least 1; got -2"),
        ({"hidden_size": 2.5}, TypeError, "hidden_size must be an int; got float"),
        (
            {"scheme": "xavier"},
            ValueError,
            "scheme must be one of uniform, orthogonal, identity; got 'xavier'",
        ),
        ({"gain": float("nan")}, ValueError, "gain must be a finite number; got nan"),
        ({"forget_bias": 1.0}, ValueError, "forget_bias must be 0 for a cell without a forget gate"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator"),
        ({"dtype": np.float16}, TypeError, "dtype must be float32 or float64; got float16"),
        ({"cell": "lstm"}, TypeError, "cell must have GATES"),
    ],
)
def test_bad_arguments_are_named(change, error, message, own_errors):
    arguments = {"cell": vanilla, "input_size": 3, "hidden_size": 4, "rng": np.random.default_rng(0)}
    with pytest.raises(error, match="init_params: ") as caught:
        init_params(**arguments | change)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("weight", "message"),
    [(np.ones((2, 3)), "must have shape (H, H)"), (np.full((2, 2), np.inf), "must be finite; got inf")],
)
def test_spectral_radius_refuses(weight, message, own_errors):
    with pytest.raises(ValueError) as caught:
        spectral_radius(weight)
    assert message in str(caught.value)


# Other people's layouts: round trips, and an independent forward pass in each convention


def merged(p):
    """The same parameters with all of the bias in bias_ih."""
    return p._replace(bias_ih=p.bias_ih + p.bias_hh, bias_hh=np.zeros_like(p.bias_hh))


def assert_same(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-15)


@cells
def test_onnx_round_trip(cell):
    p = random_params(cell)
    assert_same(from_onnx(*to_onnx(p, cell), cell), p)


@pytest.mark.parametrize("cell", [vanilla, lstm])
def test_cs231n_round_trip(cell):
    p = random_params(cell)
    assert_same(from_cs231n(*to_cs231n(p, cell), cell), merged(p))


@cells
def test_keras_round_trip(cell):
    p = random_params(cell)
    assert_same(from_keras(*to_keras(p, cell), cell), p if cell is gru else merged(p))


@cells
def test_separate_round_trip(cell):
    p = merged(random_params(cell))
    assert_same(from_separate(*to_separate(p, cell), cell), p)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def step_case(cell):
    p, rng = random_params(cell), np.random.default_rng(9)
    if cell is gru:  # one bias in the conventions below
        p = merged(p)
    x, h, c = (rng.standard_normal((2, n)) for n in (3, 4, 4))
    state = cell.State(h) if cell is not lstm else cell.State(h, c)
    return p, x, h, c, cell.step(p, x, state)[0]


def test_cs231n_layout_computes_the_same_lstm():
    p, x, h, c, expected = step_case(lstm)
    Wx, Wh, b = to_cs231n(p, lstm)
    i, f, o, g = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    np.testing.assert_allclose(sigmoid(o) * np.tanh(c), expected.h, rtol=1e-12)
    np.testing.assert_allclose(c, expected.c, rtol=1e-12)


def test_onnx_layout_computes_the_same_lstm():
    """The ONNX operator's equations, gates i, o, f, c."""
    p, x, h, c, expected = step_case(lstm)
    W, R, B = (a[0] for a in to_onnx(p, lstm))
    i, o, f, c_new = np.split(x @ W.T + h @ R.T + B[:16] + B[16:], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(c_new)
    np.testing.assert_allclose(sigmoid(o) * np.tanh(c), expected.h, rtol=1e-12)


def test_onnx_layout_computes_the_same_gru():
    """Gates z, r, h with linear_before_reset = 0 is the Cho form: H = (1 − z) ⊙ n + z ⊙ h."""
    p, x, h, _, _ = step_case(gru)
    W, R, B = (a[0] for a in to_onnx(p, gru))
    (Wz, Wr, Wn), (Rz, Rr, Rn) = np.split(W, 3), np.split(R, 3)
    bz, br, bn = np.split(B[:12] + B[12:], 3)
    z, r = sigmoid(x @ Wz.T + h @ Rz.T + bz), sigmoid(x @ Wr.T + h @ Rr.T + br)
    n = np.tanh(x @ Wn.T + (r * h) @ Rn.T + bn)
    expected = gru.reset_before.step(p, x, gru.State(h))[0].h
    np.testing.assert_allclose((1 - z) * n + z * h, expected, rtol=1e-12)


def test_keras_layout_computes_the_same_gru():
    """Keras' GRU with reset_after: gates z, r, h, two biases."""
    p = random_params(gru)
    rng = np.random.default_rng(9)
    x, h = rng.standard_normal((2, 3)), rng.standard_normal((2, 4))
    kernel, recurrent, bias = to_keras(p, gru)
    xz, xr, xn = np.split(x @ kernel + bias[0], 3, axis=1)
    hz, hr, hn = np.split(h @ recurrent + bias[1], 3, axis=1)
    z = sigmoid(xz + hz)
    n = np.tanh(xn + sigmoid(xr + hr) * hn)
    np.testing.assert_allclose(z * h + (1 - z) * n, gru.step(p, x, gru.State(h))[0].h, rtol=1e-12)


def test_separate_matrices_compute_the_same_lstm():
    p, x, h, c, expected = step_case(lstm)
    W, b = to_separate(p, lstm)
    both = np.concatenate([h, x], axis=1)
    i, f, o = (sigmoid(both @ W[k].T + b[k]) for k in "ifo")
    c = f * c + i * np.tanh(both @ W["g"].T + b["g"])
    np.testing.assert_allclose(o * np.tanh(c), expected.h, rtol=1e-12)


def test_separate_matrices_compute_the_same_gru():
    """Cho's form, in which one bias a gate is enough; z keeps the old state, as in all of `gru`."""
    p, x, h, _, _ = step_case(gru)
    W, b = to_separate(p, gru)
    both = np.concatenate([h, x], axis=1)
    r, z = (sigmoid(both @ W[k].T + b[k]) for k in "rz")
    n = np.tanh(np.concatenate([r * h, x], axis=1) @ W["n"].T + b["n"])
    expected = gru.reset_before.step(p, x, gru.State(h))[0].h
    np.testing.assert_allclose((1 - z) * n + z * h, expected, rtol=1e-12)


def test_keras_layout_computes_the_same_lstm():
    """Keras' gates i, f, c, o."""
    p, x, h, c, expected = step_case(lstm)
    kernel, recurrent, bias = to_keras(p, lstm)
    i, f, c_new, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(c_new)
    np.testing.assert_allclose(sigmoid(o) * np.tanh(c), expected.h, rtol=1e-12)
    np.testing.assert_allclose(c, expected.c, rtol=1e-12)


def cs231n_vanilla(p, x, h):
    Wx, Wh, b = to_cs231n(p, vanilla)
    return x @ Wx + h @ Wh + b


def keras_simple_rnn(p, x, h):
    kernel, recurrent, bias = to_keras(p, vanilla)
    return x @ kernel + bias + h @ recurrent


def onnx_rnn(p, x, h):
    """Xt·Wiᵀ + Ht−1·Riᵀ + Wbi + Rbi."""
    W, R, B = (a[0] for a in to_onnx(p, vanilla))
    Wb, Rb = B[:4], B[4:]
    return x @ W.T + h @ R.T + Wb + Rb


def separate_vanilla(p, x, h):
    W, b = to_separate(p, vanilla)
    return np.concatenate([h, x], axis=1) @ W["h"].T + b["h"]


@pytest.mark.parametrize("theirs", [cs231n_vanilla, keras_simple_rnn, onnx_rnn, separate_vanilla])
def test_each_layout_computes_the_same_vanilla_cell(theirs):
    p, x, h, _, expected = step_case(vanilla)
    np.testing.assert_allclose(np.tanh(theirs(p, x, h)), expected.h, rtol=1e-12)


def test_converters_copy():
    p = random_params(lstm)
    arrays = to_onnx(p, lstm)
    back = from_onnx(*arrays, lstm)
    for a in arrays:
        a[...] = 0
    assert_same(back, p)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_cs231n(random_params(gru), gru), "cell must have one of the gate orders"),
        (lambda: to_separate(random_params(gru), gru), 'bias_hh of gate "n" must be 0'),
        (
            lambda: from_onnx(*to_onnx(random_params(lstm), lstm), lstm, direction=1),
            "direction must be in 0..0",
        ),
        (lambda: from_separate({"i": np.ones((2, 3))}, {"i": np.ones(2)}, lstm), "keys i, f, g, o; got i"),
        (lambda: to_onnx(random_params(gru), lstm), "params.weight_hh must have shape (GH, H) with G = 4"),
        (
            lambda: from_cs231n(np.ones((3, 16)), np.ones((4, 12)), np.ones(16), lstm),
            "Wh must have shape (H, GH) with G = 4; got (4, 12)",
        ),
        (
            lambda: from_cs231n(np.ones((3, 12)), np.ones((4, 16)), np.ones(16), lstm),
            "Wx must have shape (I, GH) = (I, 16) for Wh (4, 16); got (3, 12)",
        ),
        (
            lambda: from_onnx(np.ones((2, 16, 3)), np.ones((1, 16, 4)), np.ones((1, 32)), lstm),
            "W must have shape (D, GH, I) = (1, 16, I)",
        ),
        (
            lambda: from_keras(np.ones((3, 16)), np.ones((4, 16)), np.ones((2, 16)), lstm),
            "bias must have shape (GH,) = (16,)",
        ),
        (
            lambda: from_separate(
                {g: np.ones((6 if g == "o" else 4, 9)) for g in "ifgo"}, {g: np.ones(4) for g in "ifgo"}, lstm
            ),
            "weights['o'] must have shape (H, H+I) = (4, 9); got (6, 9)",
        ),
        (
            lambda: from_separate(
                {g: np.ones((4, 4)) for g in "ifgo"}, {g: np.ones(4) for g in "ifgo"}, lstm
            ),
            "weights['i'] must have shape (H, H+I); got (4, 4)",
        ),
    ],
)
def test_converters_refuse_what_does_not_fit(call, message, own_errors):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
