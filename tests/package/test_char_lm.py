"""The character model in NumPy: gradient, bits, sampling, and the files of weights."""

import json

import numpy as np
import pytest

from rnncourse.cells import gru, lstm, vanilla
from rnncourse.data.vocabulary import vocabulary_of
from rnncourse.functional import softmax
from rnncourse.gradcheck import numerical_gradient
from rnncourse.models import weights
from rnncourse.models.char_lm import (
    CharModel,
    bits_per_character,
    generate,
    init_char_model,
    logits,
    loss_and_gradient,
)
from rnncourse.models.sampling import distribution, draw
from rnncourse.params.trees import leaves, rebuild
from rnncourse.training.loop import train
from rnncourse.training.optimisers import Adam
from rnncourse.training.truncated import Carried, streams, windows

CELLS = {"vanilla": vanilla, "gru": gru, "lstm": lstm}
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


def small(cell, *, layers=2, dtype=np.float64, seed=0, size=6, hidden=4):
    rng = np.random.default_rng(seed)
    model = init_char_model(
        cell, size, hidden, embedding_size=3, layers=layers, rng=rng, scheme="orthogonal", dtype=dtype
    )
    return model._replace(bias=rng.standard_normal(size).astype(dtype))


def tokens(*shape, size=6, seed=1):
    return np.random.default_rng(seed).integers(0, size, shape)


@cells
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("shape", [(5, 2), (1, 1)])
def test_gradient_equals_finite_differences(cell, layers, shape):
    model, inputs, targets = small(cell, layers=layers), tokens(*shape), tokens(*shape, seed=2)
    _, _, states = loss_and_gradient(cell, model, inputs, targets)
    _, gradient, _ = loss_and_gradient(cell, model, inputs, targets, states)
    arrays = leaves(model)
    for k, (array, got) in enumerate(zip(arrays, leaves(gradient), strict=True)):

        def loss(x, k=k):
            changed = rebuild(model, iter([*arrays[:k], x, *arrays[k + 1 :]]))
            return loss_and_gradient(cell, changed, inputs, targets, states)[0]

        np.testing.assert_allclose(got, numerical_gradient(loss, array), rtol=1e-6, atol=1e-9)


@cells
def test_a_window_goes_on_where_the_last_one_ended(cell):
    model, text = small(cell), tokens(9, 2)
    whole, last = logits(cell, model, text)
    first, states = logits(cell, model, text[:4])
    second, end = logits(cell, model, text[4:], states)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-12)
    for ours, theirs in zip(leaves(last), leaves(end), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_bits_are_those_of_a_loop_over_characters():
    model, documents = small(gru), [tokens(7), tokens(1, seed=3), np.array([], np.int64), tokens(12, seed=4)]
    total, count = 0.0, 0
    for document in documents:
        states, last = None, 1
        for token in document:
            scores, states = logits(gru, model, np.array([[last]]), states)
            total -= np.log2(softmax(scores)[0, 0, token])
            last, count = token, count + 1
    for window in (1, 3, 500):
        got = bits_per_character(gru, model, documents, window=window)
        assert got == pytest.approx(total / count, rel=1e-12)
    with pytest.raises(ValueError, match="at least one character"):
        bits_per_character(gru, model, [])


def test_a_uniform_model_has_log2_v_bits():
    model = small(lstm)._replace(weight=np.zeros((6, 4)), bias=np.zeros(6))
    assert bits_per_character(lstm, model, [tokens(50)]) == pytest.approx(np.log2(6), rel=1e-12)


@cells
def test_it_learns_a_text_by_heart(cell):
    """Truncated BPTT with carried state: a period of 12 is learnt with windows of 4."""
    text = np.array([2, 3, 2, 4, 2, 5, 3, 3, 4, 4, 5, 5] * 40)
    rows = streams(text, 1)
    model = init_char_model(cell, 6, 24, embedding_size=8, rng=np.random.default_rng(0))
    step = Carried(lambda model, x, y, state: loss_and_gradient(cell, model, x, y, state))
    batches = [batch for _ in range(4) for batch in windows(rows[:-1], rows[1:], window=4)]
    losses = []
    for record, trained in train(model, batches, Adam(0.01), loss_and_gradient=step, threshold=1.0):
        losses.append(record.loss)
        model = trained
    assert np.mean(losses[:3]) > 1.5 and np.mean(losses[-12:]) < 0.1
    written = list(generate(cell, model, text[:24], 24, rng=np.random.default_rng(0), temperature=0.0))
    np.testing.assert_array_equal(written, text[:24])


def test_generated_tokens_have_the_models_distribution():
    """The first token after a prime, drawn 4000 times, against softmax; χ² with 5 degrees of freedom."""
    model, prime = small(lstm), tokens(3)
    scores, _ = logits(lstm, model, np.r_[1, prime][:, None])
    expected = softmax(scores[-1, 0]) * 4000
    rng = np.random.default_rng(0)
    first = [next(generate(lstm, model, prime, 1, rng=rng)) for _ in range(4000)]
    seen = np.bincount(first, minlength=6)
    assert ((seen - expected) ** 2 / expected).sum() < 20.5  # exceeded once in 1000


def test_generation_feeds_back_what_it_drew():
    model = small(gru, hidden=8)
    written = list(generate(gru, model, np.array([], np.int64), 20, rng=np.random.default_rng(3)))
    rng, read = np.random.default_rng(3), [1]
    for token in written:
        scores, _ = logits(gru, model, np.array(read)[:, None])
        assert draw(scores[-1, 0], rng=rng) == token
        read.append(token)


def test_bad_tokens_and_states(own_errors):
    model = small(lstm)
    with pytest.raises(ValueError, match=r"tokens must lie in 0..5; got"):
        logits(lstm, model, np.array([[6]]))
    with pytest.raises(ValueError, match=r"targets must lie in 0..5"):
        loss_and_gradient(lstm, model, tokens(2, 1), np.array([[0], [9]]))
    _, states = logits(lstm, model, tokens(2, 1))
    with pytest.raises(ValueError, match="one State for each of the 2 layers; got 1"):
        logits(lstm, model, tokens(2, 1), states[:1])
    with pytest.raises(ValueError, match="T >= 1"):
        logits(lstm, model, np.empty((0, 1), int))
    with pytest.raises(ValueError, match="length must be at least 1"):
        next(generate(lstm, model, tokens(2), 0, rng=np.random.default_rng(0)))
    for name in ("vocabulary_size", "hidden_size", "embedding_size", "layers"):
        sizes = {"vocabulary_size": 5, "hidden_size": 4, "embedding_size": 3, "layers": 1} | {name: 0}
        with pytest.raises(ValueError, match=f"{name} must be at least 1; got 0"):
            init_char_model(lstm, **sizes, rng=np.random.default_rng(0))


def test_a_loss_that_is_no_number_has_no_gradient_and_stops_the_loop():
    model = small(vanilla, layers=1)
    model = model._replace(bias=np.array([1.7e308, -1.7e308] * 3))
    never = np.ones((3, 1), int)
    with np.errstate(all="ignore"):
        loss, gradient, _ = loss_and_gradient(vanilla, model, tokens(3, 1), never)
        assert not np.isfinite(loss) and all(np.isnan(a).all() for a in leaves(gradient))
        step = Carried(lambda model, x, y, state: loss_and_gradient(vanilla, model, x, y, state))
        with pytest.raises(FloatingPointError, match="got (nan|inf) at step 1"):
            next(train(model, [(tokens(3, 1), never)], Adam(0.1), loss_and_gradient=step))


def test_arguments_are_never_written_to():
    model, text = small(lstm), tokens(4, 2)
    for array in (*leaves(model), text):
        array.flags.writeable = False
    _, _, states = loss_and_gradient(lstm, model, text, text)
    for array in leaves(states):
        array.flags.writeable = False
    loss_and_gradient(lstm, model, text, text, states)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_stay(dtype):
    model = small(gru, dtype=dtype)
    _, gradient, states = loss_and_gradient(gru, model, tokens(3, 2), tokens(3, 2))
    assert {a.dtype for a in (*leaves(gradient), *leaves(states))} == {np.dtype(dtype)}
    assert [a.shape for a in leaves(gradient)] == [a.shape for a in leaves(model)]


# Sampling


def test_temperature_by_hand():
    scores = np.log(np.array([0.5, 0.3, 0.2]))
    np.testing.assert_allclose(distribution(scores), [0.5, 0.3, 0.2], rtol=1e-12)
    squares = np.array([0.25, 0.09, 0.04])
    np.testing.assert_allclose(distribution(scores, temperature=0.5), squares / squares.sum(), rtol=1e-12)
    np.testing.assert_array_equal(distribution(scores, temperature=0.0), [1, 0, 0])
    np.testing.assert_allclose(distribution(scores, temperature=1e9), np.full(3, 1 / 3), rtol=1e-6)


def test_top_k_by_hand():
    scores = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]))
    np.testing.assert_allclose(
        distribution(scores, top_k=2), [[0.625, 0.375, 0], [0.1, 0.1, 0.8]], rtol=1e-12
    )
    np.testing.assert_allclose(distribution(scores, top_k=1), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(distribution(scores, top_k=3), distribution(scores))
    np.testing.assert_allclose(distribution(scores[1], top_k=2, temperature=2.0).sum(), 1)


@pytest.mark.parametrize("temperature", [1e-30, 1e-3, 1.0, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_temperature_makes_a_nan(temperature, dtype):
    scores = np.array([1e30, -1e30, 0, 3], dtype)
    with np.errstate(over="ignore"):  # what is too small becomes −∞, and its probability 0
        p = distribution(scores, temperature=temperature)
    assert p.dtype == dtype and p.sum() == pytest.approx(1) and p.argmax() == 0


def test_a_draw_is_never_impossible():
    scores = np.log(np.array([0.0, 0.5, 0.5, 0.0]) + 1e-300).astype(np.float32)
    rng = np.random.default_rng(0)
    assert {draw(scores, rng=rng, top_k=2) for _ in range(500)} == {1, 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature must be at least 0; got -0.1"),
        ({"temperature": float("nan")}, "temperature must be a finite number"),
        ({"top_k": 0}, "top_k must be at least 1; got 0"),
        ({"top_k": 4}, r"top_k must lie in 1..V = 1..3; got 4"),
    ],
)
def test_bad_choices(options, message, own_errors):
    with pytest.raises(ValueError, match=message):
        distribution(np.zeros(3), **options)
    with pytest.raises(ValueError, match="got NaN"):
        distribution(np.array([0, np.nan]))
    with pytest.raises(TypeError, match="rng must be"):
        draw(np.zeros(3), rng=0)


# Files of weights


def saved(cell="lstm"):
    vocabulary = vocabulary_of(["abcd"])
    model = small(CELLS[cell], dtype=np.float32, size=len(vocabulary))
    return weights.Saved(model, cell, vocabulary, {"command": "made in a test", "valid_bits": 1.5})


@pytest.mark.parametrize("cell", CELLS)
def test_weights_come_back_to_half_a_step(tmp_path, cell):
    given = saved(cell)
    size = weights.save(tmp_path / "w.npz", given)
    assert size == (tmp_path / "w.npz").stat().st_size
    got = weights.load(tmp_path / "w.npz")
    assert got[1:] == given[1:]
    assert isinstance(got.model, CharModel) and len(got.model.layers) == 2
    for ours, theirs in zip(leaves(got.model), leaves(given.model), strict=True):
        assert ours.dtype == np.float32 and ours.shape == theirs.shape
        if ours.ndim == 2:  # half a step of 1/127 of the row's largest
            step = np.abs(theirs).max(axis=1, keepdims=True) / 127
            assert (np.abs(ours - theirs) <= 0.5001 * step).all()
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)
    weights.save(tmp_path / "again.npz", got)  # stored values are stored exactly
    for ours, theirs in zip(
        leaves(weights.load(tmp_path / "again.npz").model), leaves(got.model), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_row_of_zeros_stays_zero(tmp_path):
    given = saved()
    given = given._replace(model=given.model._replace(weight=np.zeros_like(given.model.weight)))
    weights.save(tmp_path / "w.npz", given)
    assert not weights.load(tmp_path / "w.npz").model.weight.any()


def test_broken_weights(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    with pytest.raises(FileNotFoundError):
        weights.load(path)
    weights.save(path, saved())
    whole = path.read_bytes()
    for keep in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:keep])
        with pytest.raises(ValueError, match="is not a file of weights, or was cut short"):
            weights.load(path)
    monkeypatch.setattr(weights, "VERSION", 7)
    weights.save(path, saved())
    monkeypatch.undo()
    with pytest.raises(ValueError, match="expected rnncourse char-lm version 1; .* version 7"):
        weights.load(path)
    with pytest.raises(FileNotFoundError, match="expected one of .*; got 'nonesuch'"):
        weights.shipped("nonesuch")


def test_files_that_are_no_weights_are_refused(tmp_path):
    path = tmp_path / "w.npz"
    weights.save(path, saved())
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))

    def refused(match, **changed):
        np.savez(path, **{k: v for k, v in (arrays | changed).items() if v is not None})
        with pytest.raises(ValueError, match=match):
            weights.load(path)

    refused("is not a file of weights", header=np.array("[1]"))
    refused("lacks 'weight_ih_l0'", weight_ih_l0=None)
    refused("lacks 'embedding.scale'", **{"embedding.scale": None})
    refused("lacks 'rnn'", header=np.array(json.dumps(header | {"cell": "rnn"})))
    np.save(tmp_path / "array.npy", np.zeros(3))
    for other in ((tmp_path / "array.npy").read_bytes(), b"def f(): pass"):
        path.write_bytes(other)
        with pytest.raises(ValueError, match="w.npz is not a file of weights, or was cut short"):
            weights.load(path)


@pytest.mark.parametrize("value", [1e5, np.nan, np.inf])
def test_weights_that_no_small_number_can_hold_are_refused(tmp_path, value):
    given = saved()
    for name in ("bias", "weight"):
        wrong = getattr(given.model, name).copy()
        wrong.flat[0] = value
        with pytest.raises(ValueError, match=f"weights: {name} must be finite.*at most 65504.*diverged"):
            weights.save(tmp_path / "w.npz", given._replace(model=given.model._replace(**{name: wrong})))
    assert not (tmp_path / "w.npz").exists()


def test_weights_hold_no_pickle(tmp_path):
    weights.save(tmp_path / "w.npz", saved())
    with np.load(tmp_path / "w.npz", allow_pickle=False) as file:
        header = json.loads(str(file["header"]))
    assert header["about"]["command"] == "made in a test"


def test_the_command_writes_text(tmp_path, capsys):
    from rnncourse.cli import main

    path = str(tmp_path / "w.npz")
    weights.save(path, saved())
    assert main(["sample", path, "--prime", "ab", "--length", "30", "--seed", "4"]) == 0
    first = capsys.readouterr().out
    assert first.startswith("ab") and len(first) == 33
    assert main(["sample", path, "--prime", "ab", "--length", "30", "--seed", "4"]) == 0
    assert capsys.readouterr().out == first
    for words, message in (
        ([path, "--prime", "aXb"], "got 'X' (U+0058) at position 1"),
        ([path, "--temperature", "-1"], "temperature must be at least 0"),
        ([path, "--top-k", "100"], "top_k must lie in"),
        ([path, "--length", "0"], "length must be at least 1"),
        ([str(tmp_path / "gone.npz")], "No such file"),
        (["nonesuch"], "got 'nonesuch'"),
    ):
        assert main(["sample", *words]) == 1
        out = capsys.readouterr()
        assert message in out.err and out.err.startswith("rnncourse sample: ")
