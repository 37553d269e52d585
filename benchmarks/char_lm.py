"""The shipped language model against n-grams: bits per character on held-out documents.

Both read the same characters of the same documents of Python's standard library. The n-grams' order and kind
are chosen on the validation part. Kneser-Ney goes up to an order at which nothing is left to gain: several
minutes and 9 GB. With --baselines only the n-grams are measured.
"""

import sys
import time

import torch
from _record import save

from rnncourse.data.corpora import corpus
from rnncourse.data.text import fingerprint
from rnncourse.data.vocabulary import vocabulary_of
from rnncourse.models import ngram, weights
from rnncourse.models.char_lm_torch import bits_and_count, from_numpy

KINDS = {"Kneser-Ney": (ngram.kneser_ney, 48), "Dirichlet": (ngram.dirichlet, 14)}


def baselines(tokens, size):
    """One entry a kind and order, and the best of all by validation."""
    entries = []
    for kind, (fit, orders) in KINDS.items():
        begin = time.perf_counter()
        model = fit(tokens[0], orders, size)
        bits = [model.bits(part) for part in tokens[1:]]
        print(f"{kind}, orders 0 to {orders}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
        entries += [
            {"kind": kind, "order": order, "valid_bits": float(valid), "test_bits": float(test)}
            for order, (valid, test) in enumerate(zip(*bits, strict=True))
        ]
    return entries, min(entries, key=lambda entry: entry["valid_bits"])


def main():
    parts = corpus("python")
    only = "--baselines" in sys.argv[1:]
    saved = None if only else weights.shipped("python")
    vocabulary = vocabulary_of((d.text for d in parts.train), at_least=20) if only else saved.vocabulary
    tokens = [[vocabulary.encode(d.text) for d in part] for part in parts]
    entries, best = baselines(tokens, len(vocabulary))
    for entry in entries:
        print("{kind:<11} order {order:2}: validation {valid_bits:.4f}, test {test_bits:.4f}".format(**entry))
    print("best n-gram by validation: {kind}, order {order}".format(**best))
    result = {
        "characters": {n: sum(map(len, part)) for n, part in zip(parts._fields, tokens, strict=True)},
        "corpus": fingerprint([d for part in parts for d in part]),
        "ngrams": entries,
        "best_ngram": best,
    }
    if not only:
        torch.set_grad_enabled(False)
        model = from_numpy(saved.model, saved.cell)
        for name, part in (("valid", tokens[1]), ("test", tokens[2])):
            bits, count = bits_and_count(model, part)
            below = 1 - bits / count / best[f"{name}_bits"]
            result[name] = {"model_bits": bits / count, "below_best_ngram": below}
            print(f"{name}: {bits / count:.4f} bits per character, {below:.1%} below the best n-gram")
        result["command"] = saved.about["command"]
        save("char_lm", result)


if __name__ == "__main__":
    main()
