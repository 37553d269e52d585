"""N-gram models: a count of tuples in dictionaries, sums over all tokens, and figures worked out by hand."""

import inspect
import textwrap
from collections import Counter

import numpy as np
import pytest
from test_mutants import mutant

from rnncourse.models import ngram


def documents(text, alphabet="abcdefgh"):
    """One document for each word of the text."""
    return [np.array([alphabet.index(c) for c in word]) for word in text.split()]


def random_documents(seed, size, lengths=(40, 0, 1, 25, 2)):
    """Skewed draws that repeat pieces, so that counts from 1 to well above 4 occur at several orders."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(size, 0.4))
    piece = rng.choice(size, 6, p=p)
    made = [np.concatenate([rng.choice(size, n, p=p), np.tile(piece, n // 8)]) for n in lengths]
    return [d.astype(np.uint8) for d in made]


class Oracle:
    """The definitions word for word: padded tuples counted in dictionaries, and a recursion."""

    PAD = -1

    def __init__(self, docs, order, size, modified=True, strength=None):
        self.size, self.modified, self.strength = size, modified, strength
        self.counts = {k: Counter() for k in range(1, order + 1)}
        for doc in docs:
            padded = [self.PAD] * order + [int(t) for t in doc]
            for end in range(order, len(padded)):
                for k in self.counts:
                    self.counts[k][tuple(padded[end - k + 1 : end + 1])] += 1
        self.before = {k: Counter(g[1:] for g in self.counts[k + 1]) for k in range(1, order)}

    def discount(self, counts):
        n1, n2, n3, n4 = (sum(c == i for c in counts.values()) for i in (1, 2, 3, 4))
        if n1 == 0:
            return lambda c: 0.5
        y = n1 / (n1 + 2 * n2)
        if self.modified and n1 and n2 and n3 and n4:
            d = {1: 1 - 2 * y * n2 / n1, 2: 2 - 3 * y * n3 / n2, 3: 3 - 4 * y * n4 / n3}
            if min(d.values()) > 0:
                return lambda c: d[min(c, 3)]
        return lambda c: y

    def p(self, past, w, k, top=True):
        if k == 0:
            return 1 / self.size
        history = tuple([self.PAD] * k + [int(t) for t in past])
        h = history[len(history) - k + 1 :]
        counts = self.counts[k] if top or self.strength else self.before[k]
        seen = {g[-1]: c for g, c in counts.items() if g[:-1] == h}
        total, lower = sum(seen.values()), self.p(past, w, k - 1, top=False)
        if self.strength:
            return (seen.get(w, 0) + self.strength * lower) / (total + self.strength)
        if not seen:
            return lower
        d = self.discount(counts)
        own = seen[w] - d(seen[w]) if w in seen else 0
        return (own + sum(map(d, seen.values())) * lower) / total

    def log2(self, docs, k):
        return [np.log2(self.p(doc[:i], int(doc[i]), k)) for doc in docs for i in range(len(doc))]


FITS = {
    "modified": (ngram.kneser_ney, {}),
    "single discount": (ngram.kneser_ney, {"modified": False}),
    "dirichlet": (ngram.dirichlet, {"strength": 3.0}),
}
SEEDS = (5, 10)
fits = pytest.mark.parametrize("kind", FITS)


def check_against_the_oracle(module, kind, seed, size):
    make, options = FITS[kind]
    train, held_out = random_documents(seed, size), random_documents(seed + 1, size, (30, 3, 0, 1))
    model = getattr(module, make.__name__)(train, 4, size, **options)
    oracle = Oracle(train, 4, size, **options)
    for docs in (train, held_out):
        got = model.log2_probabilities(docs)
        for k in range(5):
            np.testing.assert_allclose(got[k], oracle.log2(docs, k), rtol=0, atol=1e-12)
    for past in (*held_out, *train, train[0][:7]):
        for k in range(5):
            expected = [oracle.p(past, w, k) for w in range(size)]
            np.testing.assert_allclose(model.probabilities(past, order=k), expected, rtol=0, atol=1e-12)


@fits
@pytest.mark.parametrize("size", [1, 2, 9])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_order_equals_counting_in_dictionaries(kind, size, seed):
    check_against_the_oracle(ngram, kind, seed, size)


def test_the_random_documents_reach_all_three_discounts_and_each_fallback():
    found = set()
    for seed in SEEDS:
        oracle = Oracle(random_documents(seed, 9), 4, 9)
        for counts in (*oracle.counts.values(), *oracle.before.values()):
            d = oracle.discount(counts)
            missing = {1, 2, 3, 4} - set(counts.values())
            found.add((len({d(1), d(2), d(3)}), bool(missing)))
    # Three discounts; one, since a count is missing; one, since a modified discount is negative.
    assert found == {(3, False), (1, True), (1, False)}


MUTANTS = [
    ("modified", "(counts - discount) / total[contexts]", "counts / total[contexts]"),
    ("modified", "np.bincount(shorter[place]", "np.bincount(shorter"),
    ("modified", "below=table(before, ", "below=table(counts[:len(before)], "),
    ("modified", "- (i + 1) * single", "- i * single"),
    ("modified", "np.minimum(counts, 5), minlength=5)", "np.minimum(counts, 4), minlength=5)"),
    ("modified", ".min() > 0", ".min() > -9"),
    ("single discount", "n[0] + 2 * n[1]", "n[0] + n[1]"),
    ("single discount", "where=total > 0)", "where=total > -1)"),
    ("dirichlet", "a / total, 1)", "a / total, 0)"),
    ("dirichlet", "longer[first] = start", "longer[first] = 0"),
    ("modified", "k == k_top", "k < k_top"),
    ("modified", "min(len(past), max(k_top - 1, 0))", "min(len(past), max(k_top - 2, 0))"),
]


@pytest.mark.parametrize(("kind", "old", "new"), MUTANTS, ids=[m[1] for m in MUTANTS])
@pytest.mark.filterwarnings("ignore")  # a mutant may divide by 0
def test_a_wrong_model_fails(kind, old, new):
    def check(module):
        for seed in SEEDS:
            check_against_the_oracle(module, kind, seed, 9)

    check(mutant(ngram, old, old))
    with pytest.raises((AssertionError, IndexError, ValueError)):
        check(mutant(ngram, old, new))


@fits
def test_probabilities_sum_to_one_over_every_context(kind):
    make, options = FITS[kind]
    model = make(random_documents(0, 3), 3, 3, **options)
    pasts = [[], *([a] for a in range(3)), *([a, b] for a in range(3) for b in range(3))]
    for past in pasts:
        for k in range(4):
            p = model.probabilities(np.array(past, int), order=k)
            assert p.min() > 0 and p.sum() == pytest.approx(1, abs=1e-14)


def test_kneser_ney_by_hand():
    # abaab, c never seen. Pairs: start-a 1, ab 2, ba 1, aa 1; n1 = 3, n2 = 1, D = 3/5.
    # Before a stand start, b and a, before b only a: 3 and 1; n1 = 1, n2 = 0, D = 1.
    # So below order 2: a (3 − 1)/4 + 2/4 · 1/3 = 2/3, b and c 2/4 · 1/3 = 1/6.
    model = ngram.kneser_ney(documents("abaab"), 2, 3, modified=False)
    for past, expected in [
        ("a", [2 / 5, 8 / 15, 1 / 15]),  # γ = 2 · 3/5 / 3 = 2/5; b: (2 − 3/5)/3 + 2/5 · 1/6
        ("b", [4 / 5, 1 / 10, 1 / 10]),  # γ = 3/5; a: 1 − 3/5 + 3/5 · 2/3
        ("c", [2 / 3, 1 / 6, 1 / 6]),  # not seen: the order below
        ("bbbca", [2 / 5, 8 / 15, 1 / 15]),  # only the last token counts
    ]:
        p = model.probabilities(documents(past)[0])
        np.testing.assert_allclose(p, expected, atol=1e-15)
    np.testing.assert_allclose(model.probabilities(np.array([], int)), [4 / 5, 1 / 10, 1 / 10], atol=1e-15)
    # Order 1 on its own counts tokens: a 3, b 2; no count is 1, so D = 1/2.
    one = model.probabilities(np.array([], int), order=1)
    np.testing.assert_allclose(one, [2.5 / 5 + 1 / 15, 1.5 / 5 + 1 / 15, 1 / 15], atol=1e-15)


def test_discounts_by_hand():
    counts = np.repeat([1, 2, 3, 4, 9], [6, 3, 2, 1, 5])  # Y = 6/12
    np.testing.assert_allclose(ngram.discounts(counts), [0.5, 1, 2])
    np.testing.assert_allclose(ngram.discounts(counts, modified=False), [0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([1, 1, 2, 3], 1 / 2),  # nothing has count 4
        ([1, 2, 3, 3, 3, 4], 1 / 3),  # 2 − 3 · 1/3 · 3 < 0
        ([1, 1, 7], 1),  # nothing has count 2: all singletons are chance
        ([2, 3, 4, 5], 1 / 2),  # nothing has count 1
        ([8], 1 / 2),
    ],
)
def test_discounts_that_the_counts_do_not_give_fall_back_to_one(counts, expected):
    np.testing.assert_allclose(ngram.discounts(np.array(counts)), np.full(3, expected))


def test_a_token_that_follows_a_single_one_is_unlikely_elsewhere():
    # c is the most frequent token, and stands after b only. After d, which ends the text, order 2 must guess.
    model = ngram.kneser_ney(documents("bcbcbcbcabaeafbcbcd"), 2, 6)
    after_d = model.probabilities(documents("d")[0])
    alone = model.probabilities(documents("d")[0], order=1)
    assert alone.argmax() in (1, 2) and alone[2] > 1.9 * alone[0]
    assert after_d[2] < after_d[0]


def test_a_certain_text_in_closed_form():
    # abab…ab: start-a 1, ab n, ba n − 1, so D = 1, and the order below has a: (2 − 1)/3 + 2/3 · 1/2, b: 1/3.
    n = 500
    model = ngram.kneser_ney([np.tile([0, 1], n)], 2, 2)
    p = model.probabilities(np.array([0]))
    np.testing.assert_allclose(p, [2 / 3 / n, 1 - 1 / n + 1 / 3 / n], atol=1e-15)


def test_dirichlet_of_order_1_is_add_one_smoothing():
    model = ngram.dirichlet(documents("aab ac"), 1, 4)
    np.testing.assert_allclose(model.probabilities(np.array([2])), np.array([4, 2, 2, 1]) / 9, atol=1e-15)


@pytest.mark.parametrize(("strength", "expected"), [(1e-12, [0, 2 / 3, 1 / 3]), (1e12, [1 / 3] * 3)])
def test_dirichlet_lies_between_the_frequencies_and_the_uniform_model(strength, expected):
    model = ngram.dirichlet(documents("abab ac"), 2, 3, strength=strength)
    np.testing.assert_allclose(model.probabilities(np.array([0])), expected, atol=1e-11)


@fits
def test_orders_do_not_depend_on_the_highest_one(kind):
    make, options = FITS[kind]
    train, held_out = random_documents(0, 5), random_documents(1, 5)
    bits = make(train, 6, 5, **options).bits(held_out)
    assert bits[0] == pytest.approx(np.log2(5), abs=1e-12)
    for k in range(1, 6):
        np.testing.assert_array_equal(make(train, k, 5, **options).bits(held_out), bits[: k + 1])


def test_bits_are_a_mean_over_all_tokens_of_all_documents():
    model = ngram.kneser_ney(random_documents(0, 5), 3, 5)
    docs = random_documents(1, 5, (9, 0, 4))
    each = [model.log2_probabilities([d]) for d in docs]
    assert [e.shape[1] for e in each] == [len(d) for d in docs]
    np.testing.assert_array_equal(np.concatenate(each, axis=1), model.log2_probabilities(docs))
    np.testing.assert_allclose(model.bits(docs), -np.concatenate(each, axis=1).mean(axis=1), atol=1e-14)


def test_the_end_of_one_document_is_no_context_of_the_next():
    apart = ngram.kneser_ney(documents("ab ab ab cd cd"), 2, 4)
    joined = ngram.kneser_ney(documents("abababcdcd"), 2, 4)
    after_b = documents("b")[0]
    np.testing.assert_array_equal(apart.probabilities(after_b), apart.probabilities(documents("d")[0]))
    assert joined.probabilities(after_b).argmax() == 0


@fits
@pytest.mark.parametrize("order", [1, 2, 9])
def test_one_token_one_symbol_and_orders_beyond_the_document(kind, order):
    make, options = FITS[kind]
    certain = make([np.zeros(5, int)], order, 1, **options)
    np.testing.assert_allclose(certain.bits([np.zeros(7, int)]), np.zeros(order + 1), atol=1e-15)
    one = make([np.array([2])], order, 4, **options)
    if kind == "dirichlet":
        assert one.probabilities(np.array([], int)).argmax() == 2
    else:  # one count of 1 tells nothing: D = 1
        np.testing.assert_allclose(one.bits([np.array([0, 1, 2, 3])]), np.full(order + 1, 2.0), atol=1e-14)


def test_code_gets_cheaper_with_longer_contexts():
    text = inspect.getsource(textwrap) + inspect.getsource(inspect)
    alphabet = sorted(set(text))
    tokens = np.array([alphabet.index(c) for c in text])
    cut = len(tokens) * 9 // 10
    train, held_out, size = [tokens[:cut]], [tokens[cut:]], len(alphabet)
    bits = ngram.kneser_ney(train, 6, size).bits(held_out)
    assert (np.diff(bits[:5]) < 0).all() and 1.2 < bits[6] < 2.8 and 4 < bits[1] < 5.2
    assert bits[3] < ngram.dirichlet(train, 3, size).bits(held_out)[3] < bits[1]


def test_arguments_stay_as_they_are_and_any_integer_type_will_do():
    docs = random_documents(0, 5)
    for d in docs:
        d.flags.writeable = False
    model = ngram.kneser_ney(docs, 3, 5)
    wide = ngram.kneser_ney([d.astype(np.int64) for d in docs], 3, 5)
    np.testing.assert_array_equal(model.bits(docs), wide.bits([d.astype(np.int32) for d in docs]))
    best = model.bits(docs).argmin()  # an np.int64 names an order too
    np.testing.assert_array_equal(
        model.probabilities(docs[0], order=best), model.probabilities(docs[0], order=int(best))
    )


@pytest.mark.usefixtures("own_errors")
@pytest.mark.parametrize("fit", [ngram.kneser_ney, ngram.dirichlet])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], 2, 3), ValueError, "documents must hold at least one token; got none"),
        (([np.array([], int)], 2, 3), ValueError, "documents must hold at least one token"),
        (
            ([np.array([0, 3])], 2, 3),
            ValueError,
            r"documents\[0\] must hold tokens in 0..V−1 = 0..2; got 3 at",
        ),
        (([np.array([0]), np.array([1, -1])], 2, 3), ValueError, r"documents\[1\] must .* got -1 at index 1"),
        (([np.array([0.0])], 2, 3), TypeError, r"documents\[0\] must be an array of integers; got float64"),
        (([np.array([True])], 2, 3), TypeError, "got bool"),
        (([[0, 1]], 2, 3), TypeError, r"documents\[0\] must be an array of integers; got list"),
        (([np.zeros((2, 2), int)], 2, 3), ValueError, r"documents\[0\] must have shape \(T,\); got \(2, 2\)"),
        ((np.array([0, 1]), 2, 3), TypeError, "must be a list of integer arrays.*got ndarray.*as .document"),
        (([np.array([0])], 0, 3), ValueError, "order must be at least 1; got 0"),
        (([np.array([0])], 2.0, 3), TypeError, "order must be an int; got float"),
        (([np.array([0])], 2, 0), ValueError, "vocabulary_size must be at least 1; got 0"),
    ],
)
def test_fits_name_what_is_wrong(fit, arguments, error, message):
    with pytest.raises(error, match=f"{fit.__name__}: .*{message}"):
        fit(*arguments)


@pytest.mark.usefixtures("own_errors")
def test_models_name_what_is_wrong():
    model = ngram.kneser_ney(documents("abc"), 2, 3)
    assert model.order == 2 and model.log2_probabilities([]).shape == (3, 0)
    for call, error, message in [
        (lambda: model.bits([]), ValueError, "bits: documents must hold at least one token"),
        (
            lambda: model.bits([np.array([3])]),
            ValueError,
            r"documents\[0\] must hold tokens in 0..V−1 = 0..2",
        ),
        (lambda: model.probabilities(np.array([3])), ValueError, "probabilities: past must hold tokens in"),
        (lambda: model.probabilities([0]), TypeError, "past must be an array of integers; got list"),
        (lambda: model.probabilities(np.array([0]), order=3), ValueError, "in 0..n = 0..2; got 3"),
        (lambda: model.probabilities(np.array([0]), order=-1), ValueError, "in 0..n = 0..2; got -1"),
        (lambda: model.probabilities(np.array([0]), order=1.0), ValueError, "order must be an int"),
        (lambda: ngram.dirichlet(documents("a"), 1, 1, strength=0.0), ValueError, "strength must be > 0"),
        (lambda: ngram.dirichlet(documents("a"), 1, 1, strength=np.nan), ValueError, "finite number"),
        (lambda: ngram.dirichlet(documents("a"), 1, 1, strength="much"), TypeError, "must be a number"),
    ]:
        with pytest.raises(error, match=message):
            call()
