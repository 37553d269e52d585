"""Exercise 01 answered in another style, and answered wrongly."""

SECOND = {
    # In log-odds, with Bayes' rule as two additions.
    "belief": """
def belief(x, m, stay, noise):
    rows = []
    for values in x:
        prior = (2 * stay - 1) * m
        log_odds = np.log1p(prior) - np.log1p(-prior) + 2 * values / noise**2
        m = np.tanh(log_odds / 2)
        rows.append(m)
    return np.stack(rows)
""",
    # Each series alone.
    "belief_padded": """
def belief_padded(x, m, lengths, stay, noise):
    beliefs = np.zeros(x.shape, x.dtype)
    last = np.zeros(m.shape, m.dtype)
    for b in range(x.shape[1]):
        n = lengths[b]
        alone = belief(x[:n, b : b + 1], m[b : b + 1], stay, noise)
        beliefs[:n, b] = alone[:, 0]
        last[b] = alone[-1, 0]
    return beliefs, last
""",
    # The formula with its three indices, as it stands in the text.
    "streams_and_windows": """
def streams_and_windows(tokens, batch, window):
    size = (len(tokens) - 1) // batch
    k, t, b = np.ogrid[: size // window, :window, :batch]
    places = b * size + k * window + t
    return tokens[places], tokens[places + 1]
""",
}

MUTANTS = {
    "01.1": {
        "state never moves": ("belief", "        m = np.tanh", "        new = np.tanh"),
        "state not carried": (
            "belief",
            "def belief(x, m, stay, noise):\n"
            "    return np.tanh(x / noise**2 + np.arctanh((2 * stay - 1) * m))\n",
        ),
        "starts from 0": ("belief", "np.empty_like(x)", "np.empty_like(x); m = np.zeros_like(m)"),
        "puts out the state before the step": (
            "belief",
            "def belief(x, m, stay, noise):\n"
            "    beliefs = np.empty_like(x)\n"
            "    for t in range(len(x)):\n"
            "        beliefs[t] = m\n"
            "        m = np.tanh(x[t] / noise**2 + np.arctanh((2 * stay - 1) * m))\n"
            "    return beliefs\n",
        ),
        "last belief only": ("belief", "return beliefs", "return m"),
        "stay in place of 2 stay - 1": ("belief", "(2 * stay - 1)", "stay"),
        "noise not squared": ("belief", "noise**2", "noise"),
        "no artanh": ("belief", "np.arctanh", ""),
        "time and batch exchanged": ("belief", "return beliefs", "return beliefs.T"),
        "first series for all": ("belief", "x[t] /", "x[t, :1] /"),
        "last step forgotten": ("belief", "range(len(x))", "range(len(x) - 1)"),
        "writes into m": ("belief", "        m = np.tanh", "        m[:] = np.tanh"),
        "float64 always": ("belief", "np.empty_like(x)", "np.empty(x.shape)"),
        "tanh by exponentials": (
            "belief",
            "def belief(x, m, stay, noise):\n"
            "    beliefs = np.empty_like(x)\n"
            "    for t in range(len(x)):\n"
            "        a = x[t] / noise**2 + np.arctanh((2 * stay - 1) * m)\n"
            "        m = (np.exp(2 * a) - 1) / (np.exp(2 * a) + 1)\n"
            "        beliefs[t] = m\n"
            "    return beliefs\n",
        ),
        "hard-coded example": (
            "belief",
            "def belief(x, m, stay, noise):\n    return np.array([[0.4621], [-0.6438]])\n",
        ),
    },
    "01.2": {
        "last row of the beliefs": ("belief_padded", "return beliefs, m", "return beliefs, beliefs[-1]"),
        "one step too long": (
            "belief_padded",
            "beliefs[t] = np.where(t < lengths, new, 0)",
            "beliefs[t] = np.where(t <= lengths, new, 0)",
        ),
        "state ends one step early": (
            "belief_padded",
            "m = np.where(t < lengths, new, m)",
            "m = np.where(t + 1 < lengths, new, m)",
        ),
        "state runs on in the padding": ("belief_padded", "m = np.where(t < lengths, new, m)", "m = new"),
        "state set to 0 at the end": ("belief_padded", "new, m)", "new, 0)"),
        "puts out the kept state in the padding": ("belief_padded", "np.where(t < lengths, new, 0)", "m"),
        "mask as a factor": (
            "belief_padded",
            "beliefs[t] = np.where(t < lengths, new, 0)",
            "beliefs[t] = new * (t < lengths)",
        ),
        "lengths not looked at": (
            "belief_padded",
            "def belief_padded(x, m, lengths, stay, noise):\n"
            "    beliefs = belief(x, m, stay, noise)\n"
            "    return beliefs, beliefs[-1]\n",
        ),
        "length of the first for all": (
            "belief_padded",
            "def belief_padded(x, m, lengths, stay, noise):\n"
            "    beliefs = belief(x, m, stay, noise)\n"
            "    beliefs[lengths[0] :] = 0\n"
            "    return beliefs, beliefs[lengths[0] - 1]\n",
        ),
        "cut to the longest": ("belief_padded", "return beliefs,", "return beliefs[: lengths.max()],"),
        "padding set to 0 in the argument": (
            "belief_padded",
            "    beliefs = np.empty_like(x)",
            "    x[np.arange(len(x))[:, None] >= lengths] = 0\n    beliefs = np.empty_like(x)",
        ),
        "padding of zeros is an input": (
            "belief_padded",
            "def belief_padded(x, m, lengths, stay, noise):\n"
            "    lasts = np.arange(len(x))[:, None] < lengths\n"
            "    beliefs = belief(np.where(lasts, x, 0), m, stay, noise)\n"
            "    return np.where(lasts, beliefs, 0), beliefs[-1]\n",
        ),
        "float64 always": ("belief_padded", "np.empty_like(x)", "np.empty(x.shape)"),
        "hard-coded example": (
            "belief_padded",
            "def belief_padded(x, m, lengths, stay, noise):\n"
            "    return np.array([[0.4621, 0.4621], [-0.6438, 0]]), np.array([-0.6438, 0.4621])\n",
        ),
    },
    "01.3": {
        "tokens dealt out one by one": (
            "streams_and_windows",
            ".reshape(batch, steps)",
            ".reshape(steps, batch).T",
        ),
        "windows dealt out to the streams": (
            "streams_and_windows",
            "        streams = a[: steps * batch].reshape(batch, steps)\n"
            "        whole = streams[:, : count * window].reshape(batch, count, window)\n"
            "        return whole.transpose(1, 2, 0)",
            "        whole = a[: count * window * batch].reshape(count, batch, window)\n"
            "        return whole.transpose(0, 2, 1)",
        ),
        "targets are the inputs": ("streams_and_windows", "cut(tokens[1:])", "cut(tokens[:-1])"),
        "targets one step back": (
            "streams_and_windows",
            "return cut(tokens[:-1]), cut(tokens[1:])",
            "return cut(tokens[1:]), cut(tokens[:-1])",
        ),
        "batch first": ("streams_and_windows", "transpose(1, 2, 0)", "transpose(1, 0, 2)"),
        "streams first": ("streams_and_windows", "return whole.transpose(1, 2, 0)", "return whole"),
        "the last token is forgotten": ("streams_and_windows", "(len(tokens) - 1)", "(len(tokens) - 2)"),
        "last window of each stream forgotten": (
            "streams_and_windows",
            "count = steps // window",
            "count = max(steps // window - 1, 1)",
        ),
        "next token taken round the stream": (
            "streams_and_windows",
            "    return cut(tokens[:-1]), cut(tokens[1:])",
            "    inputs = cut(tokens[:-1])\n"
            "    flat = inputs.reshape(count * window, batch)\n"
            "    return inputs, np.roll(flat, -1, axis=0).reshape(inputs.shape)",
        ),
        "left-over steps go to the next stream": (
            "streams_and_windows",
            "    count = steps // window",
            "    count = steps // window\n    steps = count * window",
        ),
        "one stream only": (
            "streams_and_windows",
            "def streams_and_windows(tokens, batch, window):\n"
            "    count = (len(tokens) - 1) // window\n"
            "    parts = tokens[: count * window], tokens[1 : count * window + 1]\n"
            "    return tuple(p.reshape(count, window, 1) for p in parts)\n",
        ),
        "floats": (
            "streams_and_windows",
            "return whole.transpose(1, 2, 0)",
            "return whole.transpose(1, 2, 0) * 1.0",
        ),
        "hard-coded example": (
            "streams_and_windows",
            "def streams_and_windows(tokens, batch, window):\n"
            "    inputs = np.array([[[0, 5], [1, 6]], [[2, 7], [3, 8]]])\n"
            "    return inputs, inputs + 1\n",
        ),
    },
}
