"""Exercise 04 answered in another style, and answered wrongly."""

SECOND = {
    "embed": """
def embed(weight, tokens):
    one_hot = np.zeros((*tokens.shape, len(weight)), weight.dtype)
    np.put_along_axis(one_hot, tokens[..., None], 1, axis=-1)
    return one_hot @ weight
""",
    "embed_backward": """
def embed_backward(dx, tokens, rows):
    total = [[0.0] * dx.shape[2] for _ in range(rows)]
    for t, line in enumerate(tokens):
        for b, v in enumerate(line):
            for i in range(dx.shape[2]):
                total[v][i] += float(dx[t, b, i])
    return np.array(total, dtype=dx.dtype)
""",
    "distribution": """
def distribution(scores, temperature, top_k):
    p = np.zeros_like(scores)
    for b, row in enumerate(scores.tolist()):
        best = max(row)
        if temperature == 0:
            p[b, row.index(best)] = 1
            continue
        edge = sorted(row, reverse=True)[top_k - 1]
        raw = [math.exp((s - best) / temperature) if s >= edge else 0.0 for s in row]
        p[b] = [r / sum(raw) for r in raw]
    return p
""",
    "draw": """
def draw(p, u):
    p = [float(x) for x in p]
    left, last = u * sum(p), 0
    for v, mass in enumerate(p):
        if mass > 0:
            last = v
            if left < mass:
                return v
        left -= mass
    return last
""",
    "bits_per_character": """
def bits_per_character(scores, targets, lengths):
    surprises = []
    for b, n in enumerate(lengths):
        for t in range(n):
            row = [float(s) for s in scores[t, b]]
            best = max(row)
            log_sum = best + math.log(sum(math.exp(s - best) for s in row))
            surprises.append((log_sum - row[targets[t, b]]) / math.log(2))
    bits = math.fsum(surprises) / len(surprises)
    return bits, math.exp(bits * math.log(2))
""",
}

# Lines of the solutions that several mutants replace.
DRAWN = 'int(np.searchsorted(edges, u * edges[-1], side="right"))'
SHIFTED = "shifted = scores - scores.max(axis=-1, keepdims=True)"
LOG_P = "log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))"
MEAN = "picked[mask].mean()"
BITS = "bits_per_character"

MUTANTS = {
    "04.1": {
        "columns in place of rows": ("embed", "weight[tokens]", "weight.T[tokens % len(weight.T)]"),
        "time and batch exchanged": ("embed", "weight[tokens]", "weight[tokens.T]"),
        "batch of one only": ("embed", "weight[tokens]", "weight[tokens[:, 0]][:, None]"),
        "steps in one row": ("embed", "weight[tokens]", "weight[tokens.ravel()]"),
        "tokens counted from 1": ("embed", "weight[tokens]", "weight[tokens - 1]"),
        "one-hot vectors": ("embed", "weight[tokens]", "np.eye(len(weight), dtype=weight.dtype)[tokens]"),
        "product in float64": ("embed", "weight[tokens]", "np.eye(len(weight))[tokens] @ weight"),
        "clears row 0 of the table": (
            "embed",
            "    return weight[tokens]",
            "    weight[0] = 0\n    return weight[tokens]",
        ),
        "hard-coded example": ("embed", "weight[tokens]", "np.array([[[5.0, 6.0]], [[1.0, 2.0]]])"),
    },
    "04.2": {
        "+= keeps the last term": (
            "embed_backward",
            "np.add.at(dweight, tokens, dx)",
            "dweight[tokens] += dx",
        ),
        "one row for each different token": (
            "embed_backward",
            "def embed_backward(dx, tokens, rows):\n"
            "    return np.stack([dx[tokens == v].sum(axis=0) for v in np.unique(tokens)])\n",
        ),
        "as many rows as the largest token": ("embed_backward", "(rows,", "(tokens.max() + 1,"),
        "mean in place of sum": (
            "embed_backward",
            "return dweight",
            "n = np.bincount(tokens.ravel(), minlength=rows)\n"
            "    return dweight / np.maximum(n, 1)[:, None].astype(dx.dtype)",
        ),
        "batch of one only": ("embed_backward", "tokens, dx)", "tokens[:, 0], dx[:, 0])"),
        "last step only": ("embed_backward", "tokens, dx)", "tokens[-1], dx[-1])"),
        "always float64": ("embed_backward", ", dx.dtype)", ")"),
        "always float32": ("embed_backward", ", dx.dtype)", ", np.float32)"),
        "table transposed": ("embed_backward", "return dweight", "return dweight.T"),
        "time and batch exchanged": (
            "embed_backward",
            "tokens, dx)",
            "tokens.T.ravel(), dx.reshape(-1, dx.shape[-1]))",
        ),
        "scaled in place": ("embed_backward", "    np.add", "    dx /= tokens.shape[1]\n    np.add"),
    },
    "04.3": {
        "multiplied by the temperature": ("distribution", "/ temperature", "* temperature"),
        "temperature after the softmax": (
            "distribution",
            "raw = np.exp(shifted)",
            "raw = np.exp(shifted * temperature) / temperature",
        ),
        "maximum not subtracted": ("distribution", "(scores - scores.max(axis=1, keepdims=True))", "scores"),
        "divided before the maximum is subtracted": (
            "distribution",
            "shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature",
            "shifted = scores / temperature\n    shifted = shifted - shifted.max(axis=1, keepdims=True)",
        ),
        "one maximum for the whole batch": (
            "distribution",
            "scores.max(axis=1, keepdims=True)",
            "scores.max()",
        ),
        "no temperature 0": ("distribution", "temperature == 0", "temperature < 0"),
        "temperature 0 shared among equal scores": (
            "distribution",
            "return np.eye(scores.shape[1], dtype=scores.dtype)[scores.argmax(axis=1)]",
            "best = scores == scores.max(axis=1, keepdims=True)\n"
            "        return best / best.sum(axis=1, keepdims=True)",
        ),
        "temperature 0 as a small one": (
            "distribution",
            "        return np.eye(scores.shape[1], dtype=scores.dtype)[scores.argmax(axis=1)]",
            "        temperature = 1e-9",
        ),
        "exactly k of equal scores": (
            "distribution",
            "(scores >= edge)",
            "(np.argsort(np.argsort(-scores, axis=1), axis=1) < top_k)",
        ),
        "k + 1 tokens": ("distribution", "-top_k,", "-min(top_k + 1, scores.shape[1]),"),
        "the edge itself is cut": ("distribution", ">= edge", "> edge"),
        "the k smallest": ("distribution", "-top_k, None]\n", "top_k - 1, None]\n"),
        "edge of the first row for all": ("distribution", "[:, -top_k, None]", "[0, -top_k]"),
        "top-k not normalised": (
            "distribution",
            "raw / raw.sum(axis=1, keepdims=True)",
            "raw / np.exp(shifted).sum(axis=1, keepdims=True)",
        ),
        "normalised over the batch": ("distribution", "raw.sum(axis=1,", "raw.sum(axis=0,"),
        "what is cut gets the score 0": (
            "distribution",
            "np.exp(shifted) * (scores >= edge)",
            "np.exp(np.where(scores >= edge, shifted, 0))",
        ),
        "writes -inf into the scores": (
            "distribution",
            "    raw =",
            "    scores[scores < edge] = -np.inf\n    raw =",
        ),
        "float64 for all": ("distribution", "return raw /", "return raw.astype(float) /"),
    },
    "04.4": {
        "the likeliest token": ("draw", DRAWN, "int(np.argmax(p))"),
        "uniform": ("draw", DRAWN, "int(u * len(p))"),
        "a probability": ("draw", DRAWN, f"p[{DRAWN}]"),
        "an array": ("draw", DRAWN, 'np.searchsorted(edges, [u * edges[-1]], side="right")'),
        "the other side": ("draw", '"right"', '"left"'),
        "one token too early": ("draw", DRAWN, f"{DRAWN} - 1"),
        "sum taken as 1": ("draw", "u * edges[-1]", "u"),
        "beyond the end becomes the last token": (
            "draw",
            DRAWN,
            'min(int(np.searchsorted(edges, u, side="right")), len(p) - 1)',
        ),
        "sums in the dtype of p": ("draw", ", dtype=np.float64", ""),
        "place in the sorted order": ("draw", "np.cumsum(p,", "np.cumsum(np.sort(p)[::-1],"),
        "from the other end": ("draw", "u * edges[-1]", "(1 - u) * edges[-1]"),
        "a random number of its own": ("draw", "u * edges", "np.random.default_rng().random() * edges"),
        "adds up in place": ("draw", "    return", "    p[:] = edges\n    return"),
        "hard-coded example": ("draw", DRAWN, "{0.2: 0, 0.25: 2, 0.9: 3}.get(u, 0)"),
    },
    "04.5": {
        "nats": (BITS, " / math.log(2)", ""),
        "logarithm to base 10": (BITS, "math.log(2)", "math.log(10)"),
        "perplexity with base e": (BITS, "2**bits", "math.e**bits"),
        "mean of means": (BITS, MEAN, "np.mean([picked[:n, b].mean() for b, n in enumerate(lengths)])"),
        "padding counts": (BITS, MEAN, "picked.mean()"),
        "padding in the denominator": (BITS, MEAN, "np.where(mask, picked, 0).mean()"),
        "multiplied by the mask": (BITS, MEAN, "(picked * mask).sum() / mask.sum()"),
        "mask one step too long": (BITS, "< lengths", "<= lengths"),
        "mask one step too short": (BITS, "< lengths", "< np.maximum(lengths - 1, 1)"),
        "lengths of other texts": (BITS, "< lengths", "< lengths[::-1]"),
        "maximum not subtracted": (BITS, SHIFTED, "shifted = scores"),
        "logarithm of the softmax": (
            BITS,
            LOG_P,
            "log_p = np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True))",
        ),
        "a small number under the logarithm": (
            BITS,
            LOG_P,
            "log_p = np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True) + 1e-9)",
        ),
        "softmax over the batch": (BITS, "np.exp(shifted).sum(axis=-1,", "np.exp(shifted).sum(axis=1,"),
        "sign forgotten": (BITS, "bits = -", "bits = "),
        "first text only": (BITS, MEAN, "picked[:, 0][mask[:, 0]].mean()"),
        "sum in place of mean": (BITS, MEAN, "picked[mask].sum()"),
        "shifts in place": (
            BITS,
            SHIFTED,
            "scores -= scores.max(axis=-1, keepdims=True)\n    shifted = scores",
        ),
        "hard-coded example": (BITS, "bits, 2**bits", "5 / 3, 2 ** (5 / 3)"),
    },
}
