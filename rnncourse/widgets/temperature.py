"""`temperature_explorer`: from a trained model's scores to a distribution, and from that to text."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets

from rnncourse import _checks
from rnncourse.data.vocabulary import BOUNDARY
from rnncourse.models import weights
from rnncourse.models.char_lm import logits
from rnncourse.models.generation import Setting, write_texts
from rnncourse.models.sampling import distribution
from rnncourse.models.text_measures import repeated_share
from rnncourse.widgets import base

Array = np.ndarray
SUBJECT = "temperature_explorer"
CONTEXTS = {
    "a name: import sy": "import os\nimport sy",
    "a new function: def": "import os\n\n\ndef ",
    "a method: self.": 'class Reader:\n    """Read lines."""\n\n    def __init__(self, file):\n        self.',
    "a comment: # The": "import os\n\n# The ",
}
TEMPERATURES = tuple(round(0.1 * k, 1) for k in range(21))
TOP_KS = (1, 2, 5, 10, None)
SHOWN = 12  # characters with a bar of their own
GRAM = 5  # the n-grams whose repetition is counted
FULL = 65535  # probability 1 in 16 bits
SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥", BOUNDARY: "end"}


def temperature_explorer(
    saved: weights.Saved | None = None,
    *,
    contexts: Mapping[str, str] | None = None,
    temperatures: Sequence[float] | None = None,
    top_ks: Sequence[int | None] | None = None,
    length: int = 160,
    seed: int = 0,
) -> "TemperatureExplorer":
    """Show what temperature and top-k make of the next character's distribution, and of texts.

    saved: a trained model, by default `weights.shipped("python")`. contexts: name -> the text that the model
    has read. For each context, temperature τ and k the distribution is that of `sampling.distribution`, and a
    text of `length` characters is drawn from it with `generation.write_texts`. Bits per character are those
    of the model at τ = 1, the mean over the texts of one setting; beside them the share of 5-grams that
    occurred before in these texts.

    temperatures ≥ 0 (default 0…2) and top_ks ≥ 1 (default 1, 2, 5, 10 and None, all) are the knobs' values,
    in rising order. Raises TypeError or ValueError that name the argument, what was expected and what came.
    """
    saved = weights.shipped("python") if saved is None else saved
    contexts = CONTEXTS if contexts is None else contexts
    if not isinstance(contexts, Mapping) or not contexts:
        raise TypeError(
            f"{SUBJECT}: contexts must be a dict of name -> text, not empty; got {type(contexts).__name__}"
        )
    temperatures = base.numbers(
        SUBJECT, "temperatures", TEMPERATURES if temperatures is None else temperatures
    )
    if temperatures[0] < 0:
        raise ValueError(f"{SUBJECT}: temperatures must be >= 0; got {temperatures[0]}")
    ks = list(TOP_KS if top_ks is None else top_ks)
    numbers = [k for k in ks if k is not None]
    if not ks or None in ks[:-1]:
        raise ValueError(f"{SUBJECT}: top_ks must hold at least one k, and None only as the last; got {ks}")
    if numbers and base.counts(SUBJECT, "top_ks", numbers)[-1] > len(saved.vocabulary):
        raise ValueError(
            f"{SUBJECT}: top_ks must lie in 1..V = 1..{len(saved.vocabulary)}; got {numbers[-1]}"
        )
    if _checks.positive_int(SUBJECT, "length", length) < GRAM:
        raise ValueError(f"{SUBJECT}: length must be at least {GRAM}; got {length}")
    seed = base.seed(SUBJECT, seed)
    return TemperatureExplorer(**_evaluate(saved, dict(contexts), temperatures, ks, length, seed))


class TemperatureExplorer(base.Explorer):
    """The widget of `temperature_explorer`: its knobs are `context`, `temperature` and `top_k`."""

    KNOBS: ClassVar = {"context": "contexts", "temperature": "temperatures", "top_k": "top_ks"}

    _kind = traitlets.Unicode("temperature_explorer").tag(sync=True)
    _p = traitlets.Bytes().tag(sync=True)
    context = traitlets.Unicode().tag(sync=True)
    temperature = traitlets.Float().tag(sync=True)
    top_k = traitlets.Int(None, allow_none=True).tag(sync=True)

    @traitlets.validate("context", "temperature", "top_k")
    def _knob_on_grid(self, proposal: Any) -> Any:
        self.find(proposal["trait"].name, proposal["value"])
        return proposal["value"]

    def values(self) -> dict[str, Any]:
        """At the present position: "labels" and "p" of the bars, "model" those of the model itself.

        "entropy" in bits, "text" that was drawn, and over the texts of all contexts "bits" per character and
        the share of "repeated" 5-grams.
        """
        grid, at = self._grid, tuple(self.position(knob) for knob in self.KNOBS)
        context = grid["contexts"][at[0]]
        shape = (len(grid["contexts"]), len(grid["temperatures"]), len(grid["top_ks"]), -1)
        return {
            "labels": context["labels"],
            "p": np.frombuffer(self._p, "<u2").reshape(shape)[at] / FULL,
            "model": np.array(context["model"]),
            "entropy": context["entropy"][at[1]][at[2]],
            "text": context["texts"][at[1]][at[2]],
            "bits": grid["bits"][at[1]][at[2]],
            "repeated": grid["repeated"][at[1]][at[2]],
        }

    def alt_text(self) -> str:
        now = self.values()
        order = np.argsort(-now["p"][:-1], kind="stable")[:3]
        best = ", ".join(f"{now['labels'][k]} {now['p'][k]:.2f}" for k in order if now["p"][k] > 0)
        return (
            f"Bars of the next character's probabilities {self._named()}. The likeliest: {best}. "
            f"Entropy {now['entropy']:.2f} bits, perplexity {2 ** now['entropy']:.1f}. "
            f"Texts drawn like this: {now['bits']:.2f} bits per character, "
            f"{now['repeated']:.0%} of 5-grams repeated."
        )

    def _named(self) -> str:
        last = self.context.rsplit(": ", 1)[-1]
        k = "all characters" if self.top_k is None else f"top {self.top_k}"
        return f'after "{last}", temperature {self.temperature:.1f}, {k}'

    def static(self) -> Any:
        import matplotlib.pyplot as plt

        from rnncourse.figures import sampling, style

        now = self.values()
        figure, ax = style.subplots(figsize=(5.6, 5.6))
        plt.close(figure)  # or a notebook would show it twice
        sampling.next_characters(now["labels"], now["p"], now["model"], ax=ax)
        ax.set_title(
            f"{self._named()}\nentropy {now['entropy']:.2f} bits, perplexity {2 ** now['entropy']:.1f}",
            loc="left",
            fontsize="medium",
        )
        figure.supxlabel(
            sampling.wrapped(
                self._grid["contexts"][self.position("context")]["text"] + now["text"], width=62
            ),
            x=0.02,
            ha="left",
            fontsize=9.5,
            family="monospace",
        )
        return figure


def _evaluate(
    saved: weights.Saved, contexts: dict[str, str], temperatures: list, ks: list, length: int, seed: int
) -> dict[str, Any]:
    """Every trait of the widget, from the model."""
    cell, vocabulary = weights.CELLS[saved.cell], saved.vocabulary
    primes = {name: vocabulary.encode(text, strict=True) for name, text in contexts.items()}
    grid = [(t, k) for t in range(len(temperatures)) for k in range(len(ks))]
    entries, codes = [], []
    for name, prime in primes.items():
        read = np.concatenate([[1], prime])[:, None]
        scores = logits(cell, saved.model, read)[0][-1, 0]
        order = np.argsort(-scores, kind="stable")[:SHOWN]
        entropy = np.zeros((len(temperatures), len(ks)))
        bars = np.zeros((len(temperatures), len(ks), len(order) + 1))
        for t, k in grid:
            p = distribution(scores.astype(np.float64), temperature=temperatures[t], top_k=ks[k])
            entropy[t, k] = -(p[p > 0] * np.log2(p[p > 0])).sum()
            bars[t, k] = _bars(p, order)
        codes.append(np.rint(bars * FULL).astype("<u2"))
        labels = [SIGNS.get(c, c) for c in (vocabulary.characters[v] for v in order)]
        entries.append(
            {
                "key": name,
                "label": name,
                "text": contexts[name],
                "labels": [*labels, "rest"],
                "model": _bars(distribution(scores.astype(np.float64)), order).round(5).tolist(),
                "entropy": (entropy + 0.0).round(4).tolist(),
            }
        )
    texts, bits = _write(saved, list(primes.values()), temperatures, ks, length, seed)
    for entry, own in zip(entries, texts, strict=True):
        entry["texts"] = own
    return {
        "_grid": {
            "contexts": entries,
            "temperatures": temperatures,
            "top_ks": ks,
            "length": length,
            "gram": GRAM,
            "full": FULL,
            "bits": bits.round(4).tolist(),
            "repeated": [
                [round(repeated_share([own[t][k] for own in texts], n=GRAM), 4) for k in range(len(ks))]
                for t in range(len(temperatures))
            ],
        },
        "_p": np.stack(codes).tobytes(),
        "context": entries[min(1, len(entries) - 1)]["key"],
        "temperature": min(temperatures, key=lambda t: abs(t - 1.0)),
        "top_k": ks[-1],
    }


def _bars(p: Array, order: Array) -> Array:
    """The probabilities of the tokens in `order`, and of all others together."""
    return np.append(p[order], max(0.0, 1 - p[order].sum()))


def _write(
    saved: weights.Saved, primes: list[Array], temperatures: list, ks: list, length: int, seed: int
) -> tuple[list[list[list[str]]], Array]:
    """The texts [context][temperature][k], and the mean bits per character (temperatures, ks)."""
    # Every setting that leaves no choice writes the same text: it is written once.
    settings = [
        [Setting(0.0) if t == 0 or k == 1 else Setting(float(t), k) for k in ks] for t in temperatures
    ]
    different = list(dict.fromkeys(setting for row in settings for setting in row))
    drawn = write_texts(
        weights.CELLS[saved.cell],
        saved.model,
        [prime for prime in primes for _ in different],
        length,
        different * len(primes),
        rng=np.random.default_rng(seed),
    )
    texts, bits = [], []
    for number in range(len(primes)):
        own = range(number * len(different), (number + 1) * len(different))
        column = dict(zip(different, own, strict=True))
        decoded = {s: saved.vocabulary.decode(drawn.tokens[:, b]) for s, b in column.items()}
        texts.append([[decoded[setting] for setting in row] for row in settings])
        bits.append([[drawn.bits[:, column[setting]].mean() for setting in row] for row in settings])
    return texts, np.mean(bits, axis=0)
