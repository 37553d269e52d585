"""temperature_explorer's numbers: those of the model, computed here from its scores by other code."""

import numpy as np
import pytest

pytest.importorskip("anywidget", reason="the widgets' libraries are not installed here")
pytest.importorskip("matplotlib", reason="the widgets' libraries are not installed here")

import traitlets

from rnncourse.cells import gru
from rnncourse.data.vocabulary import vocabulary_of
from rnncourse.models import char_lm, weights
from rnncourse.models.generation import Setting, write_texts
from rnncourse.widgets import temperature_explorer

VOCABULARY = vocabulary_of(["abcdefghijklmnop qrs\n"])
CONTEXTS = {"a word: ab": "ab", "an end: s": "qrs\n"}
TEMPERATURES = [0.0, 0.5, 1.0, 2.0]
TOP_KS = [1, 3, None]
LENGTH = 30


def a_model(seed=0):
    model = char_lm.init_char_model(
        gru, len(VOCABULARY), 8, embedding_size=4, layers=2, rng=np.random.default_rng(seed)
    )
    return weights.Saved(model._replace(weight=model.weight * 9), "gru", VOCABULARY, {})  # far from uniform


@pytest.fixture(scope="module")
def shared():
    options = {"contexts": CONTEXTS, "temperatures": TEMPERATURES, "top_ks": TOP_KS, "length": LENGTH}
    return temperature_explorer(a_model(), **options)


@pytest.fixture
def widget(shared):
    place(shared, "a word: ab", 1.0, None)
    return shared


def place(widget, context, temperature, top_k):
    widget.context, widget.temperature, widget.top_k = context, temperature, top_k


def the_scores(text):
    saved = a_model()
    read = np.array([1, *saved.vocabulary.encode(text)])[:, None]
    return char_lm.logits(gru, saved.model, read)[0][-1, 0].astype(np.float64)


def expected_probabilities(scores, temperature, top_k):
    """By the definition, with no care for overflow: the scores here are small."""
    kept = set(np.argsort(-scores)[:top_k].tolist())
    if temperature == 0:
        return np.eye(len(scores))[scores.argmax()]
    powers = np.array([np.exp(s / temperature) if v in kept else 0.0 for v, s in enumerate(scores)])
    return powers / powers.sum()


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("top_k", TOP_KS)
def test_bars_and_entropy_are_those_of_the_model(widget, context, temperature, top_k):
    place(widget, context, temperature, top_k)
    scores, now = the_scores(CONTEXTS[context]), widget.values()
    order = np.argsort(-scores)[:12]
    p = expected_probabilities(scores, temperature, top_k)
    signs = {" ": "␣", "\n": "↵", VOCABULARY.characters[1]: "end"}
    names = [VOCABULARY.characters[v] for v in order]
    assert now["labels"] == [*(signs.get(name, name) for name in names), "rest"]
    assert now["p"] == pytest.approx([*p[order], 1 - p[order].sum()], abs=1e-5)
    itself = expected_probabilities(scores, 1.0, None)
    assert now["model"] == pytest.approx([*itself[order], 1 - itself[order].sum()], abs=1e-4)
    assert now["entropy"] == pytest.approx(sum(-q * np.log2(q) for q in p if q > 0), abs=1e-3)


def test_entropy_rises_with_temperature_and_with_k(widget):
    entropies = np.array([c["entropy"] for c in widget._grid["contexts"]])  # (contexts, temperatures, ks)
    hotter, more = np.diff(entropies, axis=1), np.diff(entropies, axis=2)
    assert (hotter >= 0).all() and (hotter[..., 2] > 0).all()
    assert (more >= 0).all() and (more[:, 1:] > 0).all()
    assert (entropies[:, 0] == 0).all() and (entropies[..., 0] == 0).all()


def test_texts_without_a_choice_are_the_likeliest(widget):
    """Temperature 0 and k = 1 write the same text, which `generate` finds too, and so are its bits."""
    saved, bits = a_model(), []
    for context, text in CONTEXTS.items():
        prime = VOCABULARY.encode(text)
        rng = np.random.default_rng(7)
        tokens = list(char_lm.generate(gru, saved.model, prime, LENGTH, rng=rng, temperature=0.0))
        for temperature, top_k in ((0.0, None), (0.0, 3), (0.0, 1), (1.0, 1), (2.0, 1)):
            place(widget, context, temperature, top_k)
            assert widget.values()["text"] == VOCABULARY.decode(np.array(tokens))
        alone = write_texts(gru, saved.model, [prime], LENGTH, [Setting(0.0)], rng=rng)
        bits.append(alone.bits.mean())
    assert widget.values()["bits"] == pytest.approx(np.mean(bits), abs=1e-3)


@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_bits_and_repetition_are_of_the_texts_shown(widget, temperature):
    saved, grams, bits = a_model(), [], []
    for context, text in CONTEXTS.items():
        place(widget, context, temperature, None)
        written = widget.values()["text"]
        assert len(written) == LENGTH
        grams += [written[k : k + 5] for k in range(LENGTH - 4)]
        read = np.array([1, *VOCABULARY.encode(text + written)])[:, None]
        scores = char_lm.logits(gru, saved.model, read[:-1])[0][-LENGTH:, 0].astype(np.float64)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        bits.append(-log_p[np.arange(LENGTH), read[-LENGTH:, 0]].mean() / np.log(2))
    now = widget.values()
    assert now["repeated"] == pytest.approx(1 - len(set(grams)) / len(grams), abs=1e-4)
    assert now["bits"] == pytest.approx(np.mean(bits), abs=1e-3)


def test_a_seed_repeats_and_another_writes_other_texts(widget):
    options = {"contexts": CONTEXTS, "temperatures": [2.0], "top_ks": [None], "length": LENGTH}
    texts = [
        temperature_explorer(a_model(), **options, seed=seed)._grid["contexts"][0]["texts"]
        for seed in (0, 0, 1)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_the_model_stays_as_it_is():
    saved = a_model()
    before = [part.copy() for layer in saved.model.layers for part in layer] + [saved.model.weight.copy()]
    temperature_explorer(saved, contexts=CONTEXTS, temperatures=[1.0], top_ks=[None], length=5)
    after = [part for layer in saved.model.layers for part in layer] + [saved.model.weight]
    assert all(map(np.array_equal, before, after))


def test_static_form_and_words(widget):
    place(widget, "an end: s", 0.5, 3)
    figure, now, alt = widget.static(), widget.values(), widget.alt_text()
    (ax,) = figure.axes
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(now["p"].tolist())
    assert [label.get_text() for label in ax.get_xticklabels()] == now["labels"]
    assert now["text"][:10] in figure.get_supxlabel().replace("\n", "\n") or "…" in figure.get_supxlabel()
    best = now["labels"][int(np.argmax(now["p"][:-1]))]
    for part in ('after "s"', "temperature 0.5", "top 3", f"{best} {now['p'].max():.2f}", "Entropy"):
        assert part in alt
    assert f"{now['bits']:.2f} bits per character" in alt
    place(widget, "a word: ab", 1.0, None)
    assert "all characters" in widget.alt_text()


def test_a_knob_takes_only_values_of_its_grid(widget):
    for knob, value in (("temperature", 0.7), ("top_k", 2), ("context", "none")):
        with pytest.raises(traitlets.TraitError, match=f"TemperatureExplorer: {knob} must be one of .*; got"):
            setattr(widget, knob, value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"contexts": {}}, TypeError, "temperature_explorer: contexts must be a dict of name -> text"),
        ({"contexts": ["ab"]}, TypeError, "contexts must be a dict of name -> text, not empty; got list"),
        ({"contexts": {"x": "aXb"}}, ValueError, "got 'X' .* at position 1"),
        ({"temperatures": [-0.5, 1.0]}, ValueError, "temperatures must be >= 0; got -0.5"),
        ({"temperatures": [1.0, 0.5]}, ValueError, "temperatures must rise from value to value"),
        ({"temperatures": []}, ValueError, "temperatures must hold at least one number"),
        ({"top_ks": []}, ValueError, "top_ks must hold at least one k, and None only as the last"),
        ({"top_ks": [None, 3]}, ValueError, r"None only as the last; got \[None, 3\]"),
        ({"top_ks": [3, 1]}, ValueError, "top_ks must rise from value to value"),
        ({"top_ks": [99]}, ValueError, "top_ks must lie in 1..V = 1..23; got 99"),
        ({"length": 4}, ValueError, "length must be at least 5; got 4"),
        ({"seed": -1}, ValueError, "seed must be an int >= 0; got -1"),
    ],
)
def test_bad_arguments_are_named(own_errors, arguments, error, message):
    with pytest.raises(error, match=message):
        temperature_explorer(a_model(), **({"contexts": CONTEXTS} | arguments))


def test_one_setting_and_an_empty_context():
    single = temperature_explorer(
        a_model(), contexts={"nothing": ""}, temperatures=[1.0], top_ks=[None], length=5
    )
    now = single.values()
    assert now["p"].sum() == pytest.approx(1, abs=1e-3) and len(now["text"]) == 5
    single.static()


def test_state_stays_small(shared):
    """Two bytes for each bar: 12 characters and the rest, for each setting and context."""
    assert len(shared._p) == 2 * 13 * len(CONTEXTS) * len(TEMPERATURES) * len(TOP_KS)
