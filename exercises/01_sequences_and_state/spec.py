"""Exercise 01: a state over a series and over a padded batch; a text cut into windows."""

import numpy as np

from rnncourse.data import regimes
from rnncourse.grading import draws
from rnncourse.grading.spec import Call, Case, Exercise, Part
from rnncourse.training import truncated


def follow(x, m, stay, noise):
    """The package begins at belief 0: here with a value before x_1 that leads to m_0."""
    before = noise**2 * np.arctanh(m.astype(np.float64))
    values = np.vstack([before, x.astype(np.float64)])[:, :, None]
    return regimes.belief(values, stay=stay, noise=noise)[1:, :, 0].astype(x.dtype)


def series(rng, steps, batch, dtype=np.float64):
    """A series, a state to begin with, and the two numbers of the equation."""
    return {
        "x": 2 * draws.normal(rng, (steps, batch), dtype),
        "m": rng.uniform(-0.9, 0.9, batch).astype(dtype),
        "stay": round(float(rng.uniform(0.7, 0.98)), 2),
        "noise": round(float(rng.uniform(1.5, 2.5)), 2),
    }


def belief_cases(rng):
    yield Case("at T = 1", series(rng, 1, 2), small=True)
    yield Case("at T > 1", series(rng, 3, 2), small=True)
    yield Case("for a batch of one", series(rng, 5, 1))
    yield Case("for a batch", series(rng, 6, 4))
    yield Case("when T and B are equal", series(rng, 4, 4))
    yield Case("in float32", series(rng, 5, 3, np.float32))
    large = series(rng, 5, 3)
    yield Case("at large input", large | {"x": 1e4 * large["x"]})


def follow_padded(x, m, lengths, stay, noise):
    """Each series alone."""
    beliefs, last = np.zeros_like(x), m.copy()
    for b, n in enumerate(lengths):
        beliefs[:n, b] = follow(x[:n, b : b + 1], m[b : b + 1], stay, noise)[:, 0]
        last[b] = beliefs[n - 1, b]
    return beliefs, last


def padded(rng, steps, lengths, padding=1000.0, dtype=np.float64):
    """A batch whose series have these lengths, in any order."""
    lengths = rng.permutation(np.array(lengths))
    drawn = series(rng, steps, len(lengths), dtype)
    drawn["x"][np.arange(steps)[:, None] >= lengths] = padding
    return drawn | {"lengths": lengths}


def padded_cases(rng):
    yield Case("when all series have T steps", padded(rng, 3, [3, 3]), small=True)
    yield Case("when lengths differ", padded(rng, 3, [3, 1], 9.0), small=True)
    yield Case("for a batch of one", padded(rng, 4, [4]))
    yield Case("for a batch", padded(rng, 6, [6, 1, 4, 2]))
    yield Case("when every series ends before T", padded(rng, 5, [2, 4, 3]))
    yield Case("when T and B are equal", padded(rng, 4, [4, 2, 3, 1]))
    yield Case("with NaN in the padding", padded(rng, 2, [2, 1], np.nan), small=True)
    yield Case("in float32", padded(rng, 5, [5, 3, 2], dtype=np.float32))


def cut(tokens, batch, window):
    """The package's streams and windows, of which only whole ones are kept."""
    streams = (truncated.streams(part, batch) for part in (tokens[:-1], tokens[1:]))
    pairs = truncated.windows(*streams, window=window)
    whole = [pair for pair in pairs if len(pair[0]) == window]
    inputs, targets = zip(*whole, strict=True)
    return np.stack(inputs), np.stack(targets)


def text(rng, batch, window, count, spare_steps=0, spare_tokens=0):
    """A text for `count` windows, with so much left over of each stream and of the text."""
    pairs = batch * (count * window + spare_steps) + spare_tokens
    tokens = rng.integers(0, 1000, pairs + 1)
    return {"tokens": tokens, "batch": batch, "window": window}


def text_cases(rng):
    yield Case("for one stream", text(rng, 1, 3, 3), small=True)
    yield Case("for two streams", text(rng, 2, 2, 2), small=True)
    yield Case("for one window", text(rng, 3, 4, 1))
    yield Case("for windows of one step", text(rng, 3, 1, 4))
    of_streams = text(rng, 2, 2, 2, spare_steps=1)
    yield Case("when steps of a stream are left over", of_streams, small=True)
    of_text = text(rng, 4, 2, 3, spare_tokens=3)
    yield Case("when tokens of the text are left over", of_text)
    of_both = text(rng, 3, 5, 2, spare_steps=4, spare_tokens=1)
    yield Case("when both are left over", of_both)
    yield Case("when K, W and B are equal", text(rng, 3, 3, 3))


EXERCISE = Exercise(
    "01",
    "Sequences and state",
    (
        Part(
            id="01.1",
            title="A belief as the state",
            points=2,
            cells=("belief",),
            calls=(Call("belief", ("x", "m", "stay", "noise")),),
            outputs=("beliefs",),
            reference=follow,
            cases=belief_cases,
        ),
        Part(
            id="01.2",
            title="Series of different lengths",
            points=3,
            cells=("belief", "belief_padded"),
            calls=(Call("belief_padded", ("x", "m", "lengths", "stay", "noise")),),
            outputs=("beliefs", "last"),
            reference=follow_padded,
            cases=padded_cases,
        ),
        Part(
            id="01.3",
            title="One long text, cut so that a state can be carried",
            points=3,
            cells=("streams_and_windows",),
            calls=(Call("streams_and_windows", ("tokens", "batch", "window")),),
            outputs=("inputs", "targets"),
            reference=cut,
            cases=text_cases,
        ),
    ),
)
