"""The weights that ship: their size, their recipe, and that the figures kept with them come out again."""

import json
from pathlib import Path

import numpy as np
import pytest

import rnncourse.models
from rnncourse.data.corpora import corpus
from rnncourse.data.text import fingerprint
from rnncourse.models import ngram, weights
from rnncourse.models.char_lm import bits_per_character
from rnncourse.models.char_lm_torch import bits_and_count, from_numpy
from rnncourse.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
FOLDER = Path(rnncourse.models.__file__).parent / "shipped"


@pytest.fixture(scope="module")
def saved():
    return weights.shipped("python")


@pytest.fixture(scope="module")
def parts():
    return corpus("python")


@pytest.fixture(scope="module")
def tokens(saved, parts):
    return [[saved.vocabulary.encode(document.text) for document in part] for part in parts]


def same_library(saved, parts):
    """Whether this Python's library is, to the letter, the one that the model was trained on."""
    return fingerprint([d for part in parts for d in part]) == saved.about["corpus"]["sha256"]


def test_weights_are_small():
    assert (FOLDER / "python.npz").stat().st_size <= 2_000_000


def test_the_recipe_is_with_them(saved):
    recipe = Recipe(**saved.about["recipe"])
    assert recipe.command() == saved.about["command"]
    assert saved.model.weight.shape == (len(saved.vocabulary), recipe.hidden_size)
    assert len(saved.model.layers) == recipe.layers and saved.cell == recipe.cell


def test_figures_come_out_again(saved, parts, tokens):
    """On another version of the library the held-out files differ a little, and so may the figures."""
    tolerance = 2e-3 if same_library(saved, parts) else 0.1
    twin = from_numpy(saved.model, saved.cell)
    for name, part in (("valid", tokens[1]), ("test", tokens[2])):
        bits, count = bits_and_count(twin, part)
        assert bits / count == pytest.approx(saved.about[f"{name}_bits"], abs=tolerance), name


def test_the_numpy_cells_give_the_same(saved, tokens):
    shortest = sorted((d for d in tokens[2] if len(d) > 500), key=len)[:2]
    twin = from_numpy(saved.model, saved.cell)
    bits, count = bits_and_count(twin, shortest)
    ours = bits_per_character(weights.CELLS[saved.cell], saved.model, shortest)
    assert ours == pytest.approx(bits / count, abs=1e-4)


def test_it_is_below_the_best_ngram(saved, parts, tokens):
    """The n-grams are fitted here again, on the same training files; their order is chosen by validation."""
    order = saved.about["best_order"]
    model = ngram.kneser_ney(tokens[0], order, len(saved.vocabulary))
    for name, part in (("valid", tokens[1]), ("test", tokens[2])):
        best = model.bits(part)[order]
        if same_library(saved, parts):
            assert best == pytest.approx(saved.about["ngrams"][order][f"{name}_bits"], abs=1e-4)
        assert 1 - saved.about[f"{name}_bits"] / best >= SHARE, name
    valid = [entry["valid_bits"] for entry in saved.about["ngrams"]]
    assert min(valid) == valid[order]


def test_the_record_of_longer_ngrams_is_of_these_weights(saved):
    """Orders to 48, which chapter 4 shows too, need 9 GB: benchmarks/char_lm.py measures them."""
    record = json.loads((ROOT / "benchmarks/results/char_lm.json").read_text(encoding="utf-8"))["results"]
    assert record["corpus"] == saved.about["corpus"]["sha256"]
    by_order = [entry for entry in record["ngrams"] if entry["kind"] == "Kneser-Ney"]
    for short, entry in zip(saved.about["ngrams"], by_order, strict=False):
        assert entry["valid_bits"] == pytest.approx(short["valid_bits"], abs=1e-4)
    gains = -np.diff([entry["valid_bits"] for entry in by_order])
    assert np.abs(gains[-10:]).max() < 1e-3  # nothing is left to gain
    for name in ("valid", "test"):
        assert record[name]["model_bits"] == pytest.approx(saved.about[f"{name}_bits"], abs=1e-4)
        below = 1 - saved.about[f"{name}_bits"] / record["best_ngram"][f"{name}_bits"]
        assert record[name]["below_best_ngram"] == pytest.approx(below, abs=1e-4)


# How far below the best n-gram model of order 14 or less, at least, on both held-out parts.
SHARE = 0.15
