"""``rnncourse``: the command line, thin."""

import argparse
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from rnncourse import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, or 1 where the command found a problem."""
    parser = argparse.ArgumentParser(
        prog="rnncourse", description="The companion of the book on recurrent networks."
    )
    parser.add_argument("--version", action="version", version=f"rnncourse {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("doctor", help="say what works on this machine, and what to do about what does not")
    trained = commands.add_parser("train", help="train a model by a recipe").add_subparsers(
        dest="model", required=True, metavar="model"
    )
    _add_char_lm(trained.add_parser("char-lm", help="a character language model"))
    _add_sample(commands.add_parser("sample", help="write text with a trained character model"))
    arguments = parser.parse_args(argv)

    # Imported here, so that --help needs nothing.
    if arguments.command == "doctor":
        from rnncourse.doctor import report

        return report()
    work = _train if arguments.command == "train" else _sample
    try:
        work(arguments)
    except KeyboardInterrupt:
        hint = "; continue with --resume" if arguments.command == "train" else ""
        print(f"rnncourse {arguments.command}: stopped{hint}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ArithmeticError, RuntimeError, ImportError) as error:
        print(f"rnncourse {arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _add_char_lm(parser: argparse.ArgumentParser) -> None:
    """One option for each field of the recipe, and where and how to run it."""
    from dataclasses import fields

    from rnncourse.training.recipe import Recipe

    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    for field in fields(Recipe):
        name, words = field.name.replace("_", "-"), field.metadata["help"]
        parser.add_argument(
            f"--{name}", type=type(field.default), default=field.default, help=words, metavar="X"
        )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="records, checkpoints and weights")
    parser.add_argument("--resume", action="store_true", help="continue the training in FOLDER")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--checkpoint-every", type=int, default=200, metavar="X", help="steps")


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.add_argument("weights", nargs="?", default="python", help="an .npz file, or a model that ships")
    parser.add_argument("--prime", default="", metavar="TEXT", help="what the model reads first")
    parser.add_argument("--length", type=int, default=500, metavar="X", help="characters to write")
    parser.add_argument("--temperature", type=float, default=1.0, metavar="X", help="0: always the likeliest")
    parser.add_argument("--top-k", type=int, default=None, metavar="X", help="draw from the k likeliest only")
    parser.add_argument("--seed", type=int, default=0, metavar="X")


def _train(arguments: argparse.Namespace) -> None:
    try:
        from rnncourse.training.command_torch import train_char_lm
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "lightning_fabric", "tqdm"):
            raise
        raise ImportError(f"needs {error.name}: pip install 'rnncourse[torch]'") from error
    train_char_lm(arguments)


def _sample(arguments: argparse.Namespace) -> None:
    import numpy as np

    from rnncourse.models import weights
    from rnncourse.models.char_lm import generate

    place = arguments.weights
    is_file = place.endswith(".npz") or Path(place).is_file()
    saved = weights.load(place) if is_file else weights.shipped(place)
    prime = saved.vocabulary.encode(arguments.prime, strict=True)
    tokens = generate(
        weights.CELLS[saved.cell],
        saved.model,
        prime,
        arguments.length,
        rng=np.random.default_rng(arguments.seed),
        temperature=arguments.temperature,
        top_k=arguments.top_k,
    )
    tokens = chain([next(tokens)], tokens)  # what is wrong shows before anything is printed
    print(arguments.prime, end="")
    for token in tokens:
        print(saved.vocabulary.decode(np.array([token])), end="", flush=True)
    print()
