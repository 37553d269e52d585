"""``rnncourse train char-lm``: corpus, training, figures, weights."""

import argparse
import platform
from dataclasses import fields
from pathlib import Path

import torch

from rnncourse.data.corpora import corpus
from rnncourse.data.text import fingerprint
from rnncourse.data.vocabulary import vocabulary_of
from rnncourse.models import weights
from rnncourse.models.char_lm_torch import bits_and_count, from_numpy
from rnncourse.training.char_lm_torch import train
from rnncourse.training.recipe import Recipe

# In a large corpus the rarest characters are read as the unknown one: a model cannot learn them.
LARGE, RARE = 1_000_000, 20


def train_char_lm(arguments: argparse.Namespace) -> Path:
    """Train as the options say and return where the weights are: FOLDER/weights.npz.

    The figures kept with them are those of the weights as stored, on the held-out documents.
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
    path = folder / "weights.npz"
    about = {
        "recipe": recipe.as_dict(),
        "command": recipe.command(),
        "corpus": {
            name: {"documents": len(part), "characters": sum(len(d.text) for d in part)}
            for name, part in zip(parts._fields, parts, strict=True)
        }
        | {"sha256": fingerprint([d for part in parts for d in part])},
        "python": platform.python_version(),
        "torch": torch.__version__,
        "steps": outcome.steps,
        "best_step": outcome.best_step,
    }
    saved = weights.Saved(outcome.model.to_numpy(), recipe.cell, vocabulary, about)
    weights.save(path, saved)
    stored = from_numpy(weights.load(path).model, recipe.cell)
    for name, part in (("valid", tokens[1]), ("test", tokens[2])):
        bits, count = bits_and_count(stored, part)
        about[f"{name}_bits"] = round(bits / count, 5)
    size = weights.save(path, saved)
    print(
        f"{path}: {size / 1e6:.2f} MB; bits per character on held-out documents: "
        f"validation {about['valid_bits']:.3f}, test {about['test_bits']:.3f}"
    )
    return path
