"""N-gram models of tokens 0..V−1, which a recurrent language model must beat; one fit gives orders 0 to n.

    P_k(w | h) = α_k(h w) + γ_k(h) P_{k−1}(w | h'),    P_0(w) = 1/V

h is the context, the k−1 tokens before w; h' is h without its oldest token. A document starts with an empty
past: its first contexts are filled with a start symbol, which is never predicted. An n-gram that was not
seen has α = 0, a context that was not seen has γ = 1, so it leaves the answer to the order below.

`dirichlet` and `kneser_ney` differ only in α and γ. Orders 0, 1 and 3 are the uniform, the unigram and the
trigram model.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Integer

from rnncourse import _checks

Array = np.ndarray
Documents = Sequence[Integer[Array, "_"]]


class Table(NamedTuple):
    """α of each k-gram and γ of each context. The last entry of both is for what was not seen: index −1."""

    alpha: Float[Array, "grams"]
    gamma: Float[Array, "contexts"]


class Level(NamedTuple):
    """The k-grams of one length k, each a key (number of its context) · V + token, in increasing order.

    The number of a context of k−1 tokens is the rank of the (k−1)-gram before w, so no key is longer than an
    int64 whatever k is. `top` serves the model of order k, `below` those of higher orders.
    """

    keys: Int[Array, "grams"]
    top: Table
    below: Table


class NgramModel(NamedTuple):
    """Every order from 0 to n. Made by `dirichlet` or `kneser_ney`."""

    vocabulary_size: int
    levels: tuple[Level, ...]

    @property
    def order(self) -> int:
        """The largest n; a model of order n looks at n − 1 tokens before."""
        return len(self.levels)

    def log2_probabilities(self, documents: Documents) -> Float[Array, "orders tokens"]:
        """log2 P_k(token | the tokens before it in its document), row k for order k = 0..n.

        The documents stand one after the other, without the start symbols.
        Raises TypeError or ValueError for documents that are not a list of integer arrays (T,) in 0..V−1.
        """
        tokens, first = _concatenate("log2_probabilities", documents, self.vocabulary_size)
        below = np.full(len(tokens), 1 / self.vocabulary_size)
        rows = [below]
        for level, gram, context in self._look_up(tokens, first):
            rows.append(level.top.alpha[gram] + level.top.gamma[context] * below)
            below = level.below.alpha[gram] + level.below.gamma[context] * below
        return np.log2(np.stack(rows))

    def bits(self, documents: Documents) -> Float[Array, "orders"]:
        """Bits per token, −mean log2 P_k, for each order k = 0..n: bits per character where tokens are those.

        Raises ValueError where the documents hold no token, and what `log2_probabilities` raises.
        """
        log2_p = self.log2_probabilities(documents)
        if log2_p.shape[1] == 0:
            raise ValueError("bits: documents must hold at least one token; got none")
        return -log2_p.mean(axis=1)

    def probabilities(
        self, past: Integer[Array, "_"], *, order: int | np.integer | None = None
    ) -> Float[Array, "V"]:
        """P_k(w | past) for every token w, where `past` is the document so far (empty: at its start).

        k is `order`, in 0..n, or n. Raises ValueError for another order, and what the other methods raise.
        """
        k_top = self.order if order is None else order
        if isinstance(order, bool) or not isinstance(k_top, int | np.integer) or not 0 <= k_top <= self.order:
            raise ValueError(f"probabilities: order must be an int in 0..n = 0..{self.order}; got {order!r}")
        size = self.vocabulary_size
        _check_tokens("probabilities", "past", past, size)
        # The last tokens decide. A token after them, whichever it is, has them as its context.
        recent = past[len(past) - min(len(past), max(k_top - 1, 0)) :]
        tokens = np.append(recent.astype(np.int64), 0)
        p = np.full(size, 1 / size)
        found = self._look_up(tokens, np.arange(len(tokens)) == 0)
        for k, (level, _, contexts) in zip(range(1, k_top + 1), found, strict=False):
            context = contexts[-1]
            if context < 0:  # nor was a longer one seen
                break
            table = level.top if k == k_top else level.below
            start, stop = np.searchsorted(level.keys, [context * size, (context + 1) * size])
            p = table.gamma[context] * p
            p[level.keys[start:stop] - context * size] += table.alpha[start:stop]
        return p

    def _look_up(self, tokens: Array, first: Array) -> Iterator[tuple[Level, Array, Array]]:
        """For each level the numbers of the k-gram that ends at each token and of its context; −1: unseen."""
        context = np.zeros(len(tokens), np.int64)
        for level in self.levels:
            key = context * self.vocabulary_size + tokens  # negative, and so never found, for context −1
            at = np.searchsorted(level.keys, key)
            at[at == len(level.keys)] = 0
            gram = np.where(level.keys[at] == key, at, -1)
            yield level, gram, context
            context = _contexts_of_next(gram, first, len(level.keys))


def dirichlet(
    documents: Documents, order: int, vocabulary_size: int, *, strength: float | None = None
) -> NgramModel:
    """Models of orders 0..n in which the order below weighs as much as `strength` seen tokens, a:

        P_k(w | h) = (c(h w) + a P_{k−1}(w | h')) / (c(h) + a)

    c counts in the training documents. This is the posterior mean when the prior of P_k(· | h) is a Dirichlet
    distribution with the mean P_{k−1}(· | h'): no probability is 0, they sum to 1, and the more often a
    context was seen the less the prior weighs. By default a = V, with which order 1 is add-one smoothing.
    Source: MacKay and Peto (1995), here with one strength for all contexts.
    Raises ValueError for no token at all, sizes below 1 or a strength that is not above 0, and what
    `NgramModel.log2_probabilities` raises for documents.
    """
    if strength is not None and _checks.number("dirichlet", "strength", strength) <= 0:
        raise ValueError(f"dirichlet: strength must be > 0; got {strength}")
    a = vocabulary_size if strength is None else strength

    def table(counts: Array, contexts: Array, size: int) -> Table:
        total = np.bincount(contexts, counts, size) + a
        return Table(np.append(counts / total[contexts], 0), np.append(a / total, 1))

    return _fit("dirichlet", documents, order, vocabulary_size, table, continuation=False)


def kneser_ney(
    documents: Documents, order: int, vocabulary_size: int, *, modified: bool = True
) -> NgramModel:
    """Interpolated Kneser–Ney models of orders 0..n: counts lose a discount D, which the order below gets.

        α_k(h w) = (c(h w) − D(c(h w))) / c(h)        γ_k(h) = Σ_w D(c(h w)) / c(h)

    At the model's own order c counts in the training documents. Below it c(h w) is the number of different
    tokens found before h w: a token that follows a single one is not likely elsewhere, however frequent.
    With n_i the number of k-grams with count i, and Y = n_1 / (n_1 + 2 n_2):
    `modified` has D(i) = i − (i+1) Y n_{i+1} / n_i for i = 1, 2 and for all i ≥ 3 that of 3; else D = Y.
    An order whose modified discounts are not all above 0, as happens in small or artificial data, takes
    D = Y, and D = 1/2 where no k-gram has count 1.
    Source: Kneser and Ney (1995); Chen and Goodman (1999) for both forms here.
    Raises ValueError for no token at all or sizes below 1, and what `NgramModel.log2_probabilities` raises
    for documents.
    """

    def table(counts: Array, contexts: Array, size: int) -> Table:
        discount = discounts(counts, modified=modified)[np.minimum(counts, 3) - 1]
        total = np.bincount(contexts, counts, size)
        freed = np.bincount(contexts, discount, size)
        # A context that no token follows, at the end of a document only, is as good as not seen.
        gamma = np.divide(freed, total, out=np.ones(size), where=total > 0)
        return Table(np.append((counts - discount) / total[contexts], 0), np.append(gamma, 1))

    return _fit("kneser_ney", documents, order, vocabulary_size, table, continuation=True)


def discounts(counts: Int[Array, "grams"], *, modified: bool = True) -> Float[Array, "3"]:
    """D(1), D(2) and D(3 and more) of k-grams with these counts, as `kneser_ney` says."""
    n = np.bincount(np.minimum(counts, 5), minlength=5)[1:5]
    if n[0] == 0:
        return np.full(3, 0.5)
    single = n[0] / (n[0] + 2 * n[1])
    i = np.arange(1, 4)
    if modified and n.all() and (found := i - (i + 1) * single * n[1:] / n[:-1]).min() > 0:
        return found
    return np.full(3, single)


def _fit(
    subject: str,
    documents: Documents,
    order: int,
    vocabulary_size: int,
    table: Callable[[Array, Array, int], Table],
    *,
    continuation: bool,
) -> NgramModel:
    size = _checks.positive_int(subject, "vocabulary_size", vocabulary_size)
    _checks.positive_int(subject, "order", order)
    tokens, first = _concatenate(subject, documents, size)
    if len(tokens) == 0:
        raise ValueError(f"{subject}: documents must hold at least one token; got none")
    levels: list[Level] = []
    context, contexts, shorter = np.zeros(len(tokens), np.int64), 1, np.zeros(0, np.int64)
    for k in range(1, order + 1):
        keys, place, gram, counts = _distinct(context * size + tokens)
        if k > 1 and continuation:
            last = levels[-1]
            before = np.bincount(shorter[place], minlength=len(last.keys))
            levels[-1] = last._replace(below=table(before, last.keys // size, len(last.top.gamma) - 1))
        top = table(counts, keys // size, contexts)
        levels.append(Level(keys, top, below=top))
        context, contexts, shorter = _contexts_of_next(gram, first, len(keys)), len(keys) + 1, gram
    return NgramModel(size, tuple(levels))


def _distinct(keys: Array) -> tuple[Array, Array, Array, Array]:
    """The different keys in increasing order, a place and the count of each, and the number of each place.

    `np.unique` finds the first place of each, for which it needs a stable sort: five times slower here.
    """
    order = np.argsort(keys)
    ordered = keys[order]
    is_new = np.append(True, ordered[1:] != ordered[:-1])
    number = np.empty(len(keys), np.int64)
    number[order] = np.cumsum(is_new) - 1
    starts = np.flatnonzero(is_new)
    return ordered[starts], order[starts], number, np.diff(np.append(starts, len(keys)))


def _contexts_of_next(gram: Array, first: Array, start: int) -> Array:
    """The number of each token's longer context: the k-gram before it, or `start` at a document's start."""
    longer = np.empty_like(gram)
    longer[1:] = gram[:-1]
    longer[first] = start
    return longer


def _concatenate(subject: str, documents: Documents, size: int) -> tuple[Array, Array]:
    """All tokens (N,) as int64, and (N,) where a document starts."""
    if not isinstance(documents, list | tuple):
        raise TypeError(
            f"{subject}: documents must be a list of integer arrays, one a document; "
            f"got {type(documents).__name__}. One document goes in as [document]"
        )
    for i, document in enumerate(documents):
        _check_tokens(subject, f"documents[{i}]", document, size)
    full = [document.astype(np.int64) for document in documents if len(document)]
    tokens = np.concatenate([np.zeros(0, np.int64), *full])
    first = np.zeros(len(tokens), bool)
    first[np.cumsum([0, *map(len, full)])[:-1]] = True
    return tokens, first


def _check_tokens(subject: str, name: str, tokens: Array, size: int) -> None:
    if not isinstance(tokens, np.ndarray) or not np.issubdtype(tokens.dtype, np.integer):
        got = tokens.dtype if isinstance(tokens, np.ndarray) else type(tokens).__name__
        raise TypeError(f"{subject}: {name} must be an array of integers; got {got}")
    if tokens.ndim != 1:
        raise ValueError(f"{subject}: {name} must have shape (T,); got {tokens.shape}")
    wrong = np.flatnonzero((tokens < 0) | (tokens >= size))
    if len(wrong):
        raise ValueError(
            f"{subject}: {name} must hold tokens in 0..V−1 = 0..{size - 1}; "
            f"got {tokens[wrong[0]]} at index {wrong[0]}"
        )
