"""Exercise 04: embedding, distribution, draw and measure of a language model."""

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np

from rnncourse.functional import cross_entropy, embedding, embedding_backward
from rnncourse.grading import draws
from rnncourse.grading.spec import Call, Case, Exercise, Part
from rnncourse.models import sampling

# kind, T, B, I, V, dtype, small
WINDOWS = (
    ("at T = 1 for a batch of one", 1, 1, 2, 3, np.float64, True),
    ("at T > 1", 4, 1, 2, 3, np.float64, True),
    ("for a batch", 3, 4, 2, 5, np.float64, False),
    ("when T, B, I and V are equal", 3, 3, 3, 3, np.float64, False),
    ("in float32", 3, 2, 4, 6, np.float32, False),
)
ALMOST_ONE = math.nextafter(1.0, 0.0)  # the largest u


def embed(weight, tokens):
    return embedding(weight, tokens)


def embed_cases(rng):
    for kind, steps, batch, size, vocabulary, dtype, small in WINDOWS:
        tokens = rng.integers(0, vocabulary, (steps, batch))
        tokens[-1, -1] = vocabulary - 1  # the last row is always asked for
        weight = draws.normal(rng, (vocabulary, size), dtype)
        yield Case(kind, {"weight": weight, "tokens": tokens}, small=small)


def embed_backward(dx, tokens, rows):
    return embedding_backward(dx, tokens, rows)


def embed_backward_cases(rng):
    def case(kind, shape, tokens, rows, dtype=np.float64, small=False):
        return Case(
            kind,
            {"dx": draws.normal(rng, shape, dtype), "tokens": tokens, "rows": rows},
            small=small,
        )

    yield case("when all tokens differ", (2, 1, 2), np.array([[2], [0]]), 3, small=True)
    yield case("when a token occurs twice", (3, 1, 2), np.array([[1], [0], [1]]), 2, small=True)
    for kind, steps, batch, size, vocabulary, dtype, _ in WINDOWS:
        tokens = rng.integers(0, vocabulary, (steps, batch))
        yield case(kind, (steps, batch, size), tokens, vocabulary, dtype)
    yield case(
        "when the first and the last tokens do not occur",
        (4, 3, 2),
        rng.integers(1, 3, (4, 3)),
        6,
    )


def distribution(scores, temperature, top_k):
    # A score over a tiny temperature is -inf on purpose: its exponential is 0.
    with np.errstate(over="ignore"):
        return sampling.distribution(scores, temperature=temperature, top_k=top_k)


def distribution_cases(rng):
    def case(kind, scores, temperature, top_k, small=False):
        return Case(
            kind,
            {"scores": scores, "temperature": temperature, "top_k": top_k},
            small=small,
        )

    def rows(batch, vocabulary):
        return 2 * draws.normal(rng, (batch, vocabulary))

    def tied(batch, values):
        """Rows with these values, each in an order of its own."""
        return np.stack([rng.permutation(np.array(values, float)) for _ in range(batch)])

    yield case("at temperature 1 with all tokens", rows(1, 4), 1.0, 4, small=True)
    yield case(
        "at another temperature",
        rows(1, 4),
        float(rng.uniform(0.3, 0.7)),
        4,
        small=True,
    )
    yield case("for a batch", rows(4, 4), float(rng.uniform(1.5, 3.0)), 4)
    yield case("with top_k", rows(1, 5), 1.0, 2, small=True)
    yield case("with top_k for a batch", rows(5, 5) + 5 * draws.normal(rng, (5, 1)), 0.8, 3)
    yield case("with top_k = 1", rows(3, 5), 2.0, 1)
    yield case(
        "when scores are equal at the edge of top_k",
        tied(1, [2, 1, 1, 1, 0]),
        1.0,
        2,
        small=True,
    )
    yield case("at temperature 0", rows(3, 5), 0.0, 5)
    yield case(
        "at temperature 0 when the largest scores are equal",
        tied(4, [3, 3, 3, 1, 0]),
        0.0,
        2,
    )
    yield case("at large scores", rows(3, 5) + np.array([[1e4], [-1e4], [0.0]]), 1.0, 5)
    yield case("at a tiny temperature", 50 + rows(3, 5), 1e-307, 5)
    yield case("in float32", rows(3, 6).astype(np.float32), 0.7, 4)


def draw(p, u):
    """The definition, in exact arithmetic."""
    sums = list(accumulate(Fraction(float(x)) for x in p))
    return next(v for v, edge in enumerate(sums) if edge > Fraction(u) * sums[-1])


def draw_cases(rng):
    def case(kind, p, u, small=False):
        return Case(kind, {"p": p, "u": u}, small=small)

    def probabilities(size, dtype=np.float64):
        return rng.dirichlet(np.ones(size)).astype(dtype)

    yield case(
        "for a random u",
        np.array([0.25, 0.5, 0.25]),
        float(rng.uniform(0.3, 0.7)),
        small=True,
    )
    for _ in range(12):  # a token found by luck is not found twelve times
        yield case("for a random u", probabilities(6), float(rng.random()))
    yield case("when u lies on an edge", np.array([0.25, 0.25, 0.5]), 0.25, small=True)
    yield case(
        "when u lies on an edge and zeros follow",
        np.array([0.25, 0.0, 0.0, 0.5, 0.25]),
        0.25,
    )
    yield case("at u = 0", probabilities(4), 0.0)
    yield case(
        "at u = 0 when p begins with zeros",
        np.append([0.0, 0.0], probabilities(3)),
        0.0,
    )
    yield case("at the largest u", probabilities(5), ALMOST_ONE)
    tenths = np.full(10, 0.1)  # one after the other they add up to 1 - 2⁻⁵³ in float64
    yield case("at the largest u when the sum is below 1", tenths, ALMOST_ONE)
    yield case(
        "at the largest u when p ends with zeros",
        np.append(tenths, [0.0, 0.0]),
        ALMOST_ONE,
    )
    yield case("in float32", probabilities(5, np.float32), float(rng.random()))
    yield case("in float32 at the largest u", probabilities(5, np.float32), ALMOST_ONE)


def bits_per_character(scores, targets, lengths):
    real = np.less.outer(np.arange(len(targets)), lengths)
    bits = cross_entropy(scores, targets, real)[0] / math.log(2)
    return bits, 2**bits


def bits_cases(rng):
    def inputs(lengths, vocabulary, dtype=np.float64):
        shape = (max(lengths), len(lengths))
        return {
            "scores": 2 * draws.normal(rng, (*shape, vocabulary), dtype),
            "targets": rng.integers(0, vocabulary, shape),
            "lengths": np.array(lengths),
        }

    yield Case("for one character", inputs([1], 3), small=True)
    yield Case("for one text", inputs([4], 3))
    yield Case("when all lengths are equal", inputs([3, 3], 5))
    yield Case("when lengths differ", inputs([1, 3], 2), small=True)
    yield Case("when lengths differ", inputs([5, 1, 3, 4], 4))
    yield Case("when T, B and V are equal", inputs([1, 4, 2, 3], 4))
    padded = inputs([4, 1, 2], 5)
    padded["scores"][np.arange(4)[:, None] >= padded["lengths"]] = np.nan
    yield Case("when the scores of the padding are NaN", padded)
    large = inputs([3, 2], 4)
    large["scores"] += np.array([[1e4], [-1e4]])
    yield Case("at large scores", large)
    unlikely = inputs([8, 4], 4)
    unlikely["targets"][0, 0] = 0
    unlikely["scores"][0, 0] = [-800, 0, 0, 0]
    yield Case("when a target is very unlikely", unlikely)
    # The results are plain numbers: no dtype of theirs sets the tolerance.
    yield Case("in float32", inputs([4, 3, 2], 6, np.float32), tolerance=1e-4)


EXERCISE = Exercise(
    "04",
    "The pieces of a language model",
    (
        Part(
            id="04.1",
            title="The embedding",
            points=1,
            cells=("embed",),
            calls=(Call("embed", ("weight", "tokens")),),
            outputs=("x",),
            reference=embed,
            cases=embed_cases,
        ),
        Part(
            id="04.2",
            title="The gradient of the embedding",
            points=2,
            cells=("embed_backward",),
            calls=(Call("embed_backward", ("dx", "tokens", "rows")),),
            outputs=("dweight",),
            reference=embed_backward,
            cases=embed_backward_cases,
        ),
        Part(
            id="04.3",
            title="Temperature and top-k",
            points=3,
            cells=("distribution",),
            calls=(Call("distribution", ("scores", "temperature", "top_k")),),
            outputs=("p",),
            reference=distribution,
            cases=distribution_cases,
        ),
        Part(
            id="04.4",
            title="Draw a token",
            points=2,
            cells=("draw",),
            calls=(Call("draw", ("p", "u")),),
            outputs=("token",),
            reference=draw,
            cases=draw_cases,
        ),
        Part(
            id="04.5",
            title="Bits per character",
            points=3,
            cells=("bits_per_character",),
            calls=(Call("bits_per_character", ("scores", "targets", "lengths")),),
            outputs=("bits", "perplexity"),
            reference=bits_per_character,
            cases=bits_cases,
        ),
    ),
)
