"""``rnncourse``: the command line, thin."""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from rnncourse import __version__, cli_grade


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
    _add_exercise(commands.add_parser("exercise", help="the graded exercises: start, list, status"))
    cli_grade.add_arguments(commands.add_parser("grade", help="grade a folder of submissions in a sandbox"))
    arguments = parser.parse_args(argv)

    # Imported here, so that --help needs nothing.
    if arguments.command == "doctor":
        from rnncourse.doctor import report

        return report()
    work: Callable[[argparse.Namespace], int | None]
    works = {"train": _train, "sample": _sample, "exercise": _exercise, "grade": cli_grade.run}
    work = works[arguments.command]
    try:
        return work(arguments) or 0
    except KeyboardInterrupt:
        hints = {"train": "; continue with --resume", "grade": "; give the same command again to go on"}
        hint = hints.get(arguments.command, "")
        print(f"rnncourse {arguments.command}: stopped{hint}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ArithmeticError, RuntimeError, ImportError) as error:
        print(f"rnncourse {arguments.command}: {error}", file=sys.stderr)
        return 1


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


def _add_exercise(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    start = actions.add_parser("start", help="put an exercise's notebook in place, never over existing work")
    start.add_argument("exercise", help="its number, such as 05")
    start.add_argument("--to", default=".", metavar="FOLDER", help="where; the current folder by default")
    actions.add_parser("list", help="say which exercises there are")
    status = actions.add_parser("status", help="check the notebooks in a folder: parts, points")
    status.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="the current one by default")


def _exercise(arguments: argparse.Namespace) -> int | None:
    from rnncourse.grading import start

    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal may know no ✓
        sys.stdout.reconfigure(errors="replace")
    if arguments.action == "start":
        start.report_start(arguments.exercise, arguments.to)
    elif arguments.action == "list":
        start.report_list()
    else:
        from rnncourse.grading import status

        return status.report(arguments.folder)
    return None


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
