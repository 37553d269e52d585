"""``rnncourse train char-lm``: corpus, training, figures, weights."""

import argparse
import os
import platform
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnncourse.data.corpora import corpus
from rnncourse.data.text import Split, fingerprint
from rnncourse.data.vocabulary import vocabulary_of
from rnncourse.models import ngram, weights
from rnncourse.models.char_lm_torch import bits_and_count, from_numpy
from rnncourse.training.char_lm_torch import RECORDS, Outcome, train
from rnncourse.training.recipe import Recipe
from rnncourse.training.records import read

# In a large corpus the rarest characters are read as the unknown one: a model cannot learn them.
LARGE, RARE = 1_000_000, 20
ORDERS = 14
POINTS = 100


def train_char_lm(arguments: argparse.Namespace) -> None:
    """Train as the options say; FOLDER/weights.npz then holds the best model by validation.

    The figures kept with it are those of the weights as stored, on the held-out documents, beside the n-gram
    models of the same training documents. With several processes the first one writes.
    """
    recipe = Recipe(**{field.name: getattr(arguments, field.name) for field in fields(Recipe)})
    parts = corpus(recipe.corpus)
    large = sum(len(d.text) for d in parts.train) > LARGE
    vocabulary = vocabulary_of((d.text for d in parts.train), at_least=RARE if large else 1)
    tokens = [[vocabulary.encode(document.text) for document in part] for part in parts]
    folder = Path(arguments.out)
    outcome = train(
        recipe,
        vocabulary,
        tokens[0],
        tokens[1],
        folder,
        resume=arguments.resume,
        device=arguments.device,
        checkpoint_every=arguments.checkpoint_every,
    )
    if os.environ.get("RANK", "0") != "0":
        return
    path = folder / "weights.npz"
    about = _origin(recipe, parts, outcome) | {"curve": thinned(read(folder / RECORDS))}
    saved = weights.Saved(outcome.model.to_numpy(), recipe.cell, vocabulary, about)
    weights.save(path, saved)
    stored = from_numpy(weights.load(path).model, recipe.cell)
    for name, part in (("valid", tokens[1]), ("test", tokens[2])):
        bits, count = bits_and_count(stored, part)
        about[f"{name}_bits"] = round(bits / count, 5)
    about["ngrams"], about["best_order"] = _baselines(tokens, len(vocabulary))
    size = weights.save(path, saved)
    print(f"{path}: {size / 1e6:.2f} MB; bits per character on held-out text:")
    for name in ("valid", "test"):
        best = about["ngrams"][about["best_order"]][f"{name}_bits"]
        share = 1 - about[f"{name}_bits"] / best
        print(
            f"  {name:<5} {about[f'{name}_bits']:.3f}, {abs(share):.1%} {'below' if share > 0 else 'above'} "
            f"{best:.3f} of the best n-gram model (Kneser-Ney, order {about['best_order']})"
        )


def thinned(records: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """At most about 100 points (step, mean bits since the point before, validation bits or None)."""
    stride = max(1, len(records) // POINTS)
    points: list[list[Any]] = []
    for begin in range(0, len(records), stride):
        part = records[begin : begin + stride]
        valid = [record["valid_bits"] for record in part if "valid_bits" in record]
        mean = float(np.mean([record["bits"] for record in part]))
        points.append([part[-1]["step"], round(mean, 4), round(valid[-1], 4) if valid else None])
    return points


def _origin(recipe: Recipe, parts: Split, outcome: Outcome) -> dict[str, Any]:
    """What these weights were made from and with."""
    sizes = {
        name: {"documents": len(part), "characters": sum(len(d.text) for d in part)}
        for name, part in zip(parts._fields, parts, strict=True)
    }
    return {
        "recipe": recipe.as_dict(),
        "command": recipe.command(),
        "corpus": sizes | {"sha256": fingerprint([d for part in parts for d in part])},
        "python": platform.python_version(),
        "torch": torch.__version__,
        "steps": outcome.steps,
        "best_step": outcome.best_step,
    }


def _baselines(tokens: list[list[np.ndarray]], size: int) -> tuple[list[dict[str, float]], int]:
    """Kneser-Ney of each order from 0, in bits per character, and the order that is best by validation."""
    model = ngram.kneser_ney(tokens[0], ORDERS, size)
    valid, test = (model.bits(part) for part in tokens[1:])
    entries = [
        {"valid_bits": round(float(v), 5), "test_bits": round(float(t), 5)}
        for v, t in zip(valid, test, strict=True)
    ]
    return entries, int(valid.argmin())
