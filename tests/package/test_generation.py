"""Texts written side by side are those that one at a time would be."""

import numpy as np
import pytest

from rnncourse.cells import gru, lstm
from rnncourse.functional import softmax
from rnncourse.models.char_lm import CharModel, generate, init_char_model, logits
from rnncourse.models.generation import Setting, write_texts
from rnncourse.models.sampling import distribution

V = 7
NO_PRIME = np.zeros(0, np.int64)


@pytest.fixture
def model():
    model = init_char_model(lstm, V, 6, embedding_size=4, layers=2, rng=np.random.default_rng(0))
    return model._replace(weight=model.weight * 8)  # far from uniform


@pytest.mark.parametrize("setting", [Setting(), Setting(0.0), Setting(0.6, 3), Setting(2.0), Setting(1.0, 1)])
@pytest.mark.parametrize("prime", [[], [3], [2, 5, 6]])
def test_one_column_is_what_generate_yields(model, setting, prime):
    prime = np.array(prime, np.int64)
    texts = write_texts(lstm, model, [prime], 40, [setting], rng=np.random.default_rng(3))
    options = {"temperature": setting.temperature, "top_k": setting.top_k}
    assert texts.tokens[:, 0].tolist() == list(
        generate(lstm, model, prime, 40, rng=np.random.default_rng(3), **options)
    )


def test_each_column_has_its_own_beginning_and_setting(model):
    primes = [np.array(p, np.int64) for p in ([2, 6], [3], [4, 2], [])]  # of different lengths
    settings = [Setting(0.0), Setting(1.0, 1), Setting(0.0), Setting(1.5)]
    texts = write_texts(lstm, model, primes, 12, settings, rng=np.random.default_rng(1))
    for b in range(3):  # these three leave nothing to chance
        alone = generate(lstm, model, primes[b], 12, rng=np.random.default_rng(9), temperature=0.0)
        assert texts.tokens[:, b].tolist() == list(alone)


def test_bits_are_those_of_the_model_at_temperature_1(model):
    primes = [np.array([v]) for v in (2, 3, 4)]
    settings = [Setting(0.3), Setting(1.0), Setting(2.0, 2)]
    texts = write_texts(lstm, model, primes, 9, settings, rng=np.random.default_rng(1))
    read = np.concatenate([[[1, 1, 1], [2, 3, 4]], texts.tokens])[:-1]
    p = softmax(logits(lstm, model, read)[0])[1:]  # the boundary predicts the prime, which is given
    expected = -np.log2(np.take_along_axis(p, texts.tokens[..., None], 2)[..., 0])
    assert np.allclose(texts.bits, expected, rtol=1e-4, atol=1e-5)


def test_tokens_follow_the_distribution():
    """A model whose scores do not depend on anything: frequencies against the closed form."""
    scores = np.log([0.5, 0.25, 0.125, 0.0625, 0.0625]).astype(np.float32)
    model = init_char_model(gru, 5, 3, embedding_size=2, rng=np.random.default_rng(0))
    flat = CharModel(model.embedding, model.layers, np.zeros_like(model.weight), scores)
    settings = [Setting(1.0)] * 500 + [Setting(0.5)] * 500 + [Setting(1.0, 2)] * 500
    tokens = write_texts(gru, flat, [NO_PRIME] * 1500, 40, settings, rng=np.random.default_rng(2)).tokens
    p = np.exp(scores.astype(float))
    for k, expected in enumerate((p, p**2 / (p**2).sum(), np.array([2 / 3, 1 / 3, 0, 0, 0]))):
        share = np.bincount(tokens[:, 500 * k : 500 * (k + 1)].ravel(), minlength=5) / 20_000
        assert np.abs(share - expected).max() < 0.015  # four standard errors of 20,000 draws
        assert (share[expected == 0] == 0).all()


def test_what_is_given_stays_as_it_is_and_a_seed_repeats(model):
    primes = [np.array([2]), np.array([3, 4])]
    before = [a.copy() for a in (*primes, model.weight, model.layers[0].weight_hh)]

    def draw(seed):
        rng = np.random.default_rng(seed)
        return write_texts(lstm, model, primes, 30, [Setting()] * 2, rng=rng).tokens

    first = draw(0)
    assert np.array_equal(first, draw(0)) and not np.array_equal(first, draw(1))
    assert all(map(np.array_equal, before, (*primes, model.weight, model.layers[0].weight_hh)))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"settings": []}, ValueError, "primes and settings must be as many, at least one; got 1 and 0"),
        ({"primes": [], "settings": []}, ValueError, "at least one; got 0 and 0"),
        ({"length": 0}, ValueError, "write_texts: length must be at least 1; got 0"),
        ({"settings": [Setting(-1.0)]}, ValueError, "temperature must be at least 0; got -1"),
        ({"settings": [Setting(1.0, V + 1)]}, ValueError, "top_k must lie in 1..V = 1..7; got 8"),
        ({"primes": [np.array([V])]}, ValueError, "tokens must lie in 0..6"),
        ({"rng": 0}, TypeError, "write_texts: rng must be"),
    ],
)
def test_bad_input_is_named(own_errors, model, change, error, message):
    arguments = {"primes": [NO_PRIME], "length": 3, "settings": [Setting()], "rng": np.random.default_rng(0)}
    arguments |= change
    with pytest.raises(error, match=message):
        write_texts(
            lstm, model, arguments["primes"], arguments["length"], arguments["settings"], rng=arguments["rng"]
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_temperature_below_float32_is_the_maximum(dtype):
    scores = np.array([[1.0, 3.0, 2.0], [5.0, -1.0, 4.999]], dtype)
    expected = np.eye(3, dtype=dtype)[[1, 0]]
    for temperature in (1e-30, 1e-50, 1e-300):
        found = distribution(scores, temperature=temperature)
        assert found.dtype == dtype
        assert np.array_equal(found, expected)
