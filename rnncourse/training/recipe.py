"""Everything that decides what a language model becomes, as one value that is kept with its weights."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from rnncourse import _checks
from rnncourse.models.char_lm import CELLS

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


def _option(default: Any, words: str) -> Any:
    return field(default=default, metadata={"help": words})


@dataclass(frozen=True)
class Recipe:
    """How to train a character model. Sizes in units, windows in characters, rates per step."""

    corpus: str = _option("python", "python, topics, c, shakespeare, or a file or folder of text")
    cell: str = _option("lstm", "vanilla, gru or lstm")
    hidden_size: int = _option(256, "units in each layer")
    embedding_size: int = _option(32, "numbers that stand for a character")
    layers: int = _option(1, "layers, one on the other")
    dropout: float = _option(0.0, "share of outputs set to 0 while training")
    forget_bias: float = _option(0.0, "added to the LSTM's forget gate at the start")
    batch: int = _option(32, "streams read side by side, over all processes")
    window: int = _option(100, "characters between two updates; the gradient stops at the edge")
    steps: int = _option(2000, "updates")
    lr: float = _option(3e-3, "Adam's rate at its peak")
    warmup: int = _option(100, "steps until the peak")
    clip: float = _option(1.0, "threshold for the gradient's norm")
    valid_every: int = _option(500, "steps between two looks at the validation part")
    patience: int = _option(0, "looks without a gain before it stops early; 0: never")
    seed: int = _option(0, "of the start, the order of documents, and dropout")
    precision: str = _option("32-true", "32-true, bf16-mixed or 16-mixed")

    def __post_init__(self) -> None:
        subject = "recipe"
        _checks.choice(subject, "cell", self.cell, CELLS)
        _checks.choice(subject, "precision", self.precision, PRECISIONS)
        sizes = "hidden_size embedding_size layers batch window steps warmup valid_every"
        for name in sizes.split():
            _checks.positive_int(subject, name, getattr(self, name))
        for name in ("patience", "seed"):
            if not 0 <= getattr(self, name) < 2**31:
                raise ValueError(f"{subject}: {name} must lie in 0..2³¹ − 1; got {getattr(self, name)}")
        if abs(_checks.number(subject, "forget_bias", self.forget_bias)) > 100:
            raise ValueError(f"{subject}: forget_bias must lie in −100..100; got {self.forget_bias}")
        _checks.dropout(subject, self.dropout)
        for name in ("lr", "clip"):
            if _checks.number(subject, name, getattr(self, name)) <= 0:
                raise ValueError(f"{subject}: {name} must be > 0; got {getattr(self, name)}")

    def as_dict(self) -> dict[str, Any]:
        """Every option by its name, for JSON."""
        return asdict(self)

    def command(self) -> str:
        """The command that trains this recipe: only what differs from the defaults."""
        words = ["rnncourse train char-lm"]
        for option in fields(self):
            value = getattr(self, option.name)
            if value != option.default:
                words.append(f"--{option.name.replace('_', '-')} {value}")
        return " ".join(words)
