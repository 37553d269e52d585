"""Exercise 06b answered in another style, and answered wrongly or too slowly."""

SECOND = {
    # Gate by gate, and each gate with its own products.
    "lstm_step": """
def lstm_step(x, h, c, weight_ih, weight_hh, bias):
    gates = []
    for w, u, b in zip(np.split(weight_ih, 4), np.split(weight_hh, 4), np.split(bias, 4)):
        gates.append(np.einsum("bi,hi->bh", x, w) + np.einsum("bj,hj->bh", h, u) + b)
    for k, activation in enumerate((sigmoid, sigmoid, np.tanh, sigmoid)):
        gates[k] = activation(gates[k])
    new = gates[0] * gates[2]
    new += gates[1] * c
    return np.multiply(gates[3], np.tanh(new)), new
""",
    # Step by step, with x and h side by side and the results in a list.
    "lstm_sequence": """
def lstm_sequence(inputs, h, c, weight_ih, weight_hh, bias):
    both = np.concatenate([weight_ih, weight_hh], axis=1)
    hidden, outputs = h.shape[1], []
    for x in inputs:
        a = np.hstack([x, h]) @ both.T + bias
        squashed = 1 / (1 + np.exp(-np.clip(a, -80, 80)))
        squashed = squashed.reshape(len(a), 4, hidden)
        c = squashed[:, 1] * c + squashed[:, 0] * np.tanh(a[:, 2 * hidden : 3 * hidden])
        h = squashed[:, 3] * np.tanh(c)
        outputs.append(h)
    return np.array(outputs), h, c
""",
}

MUTANTS = {
    "06b.1": {
        "right, but a loop over the sequences": (
            "lstm_step",
            """
def lstm_step(x, h, c, weight_ih, weight_hh, bias):
    h_new, c_new = np.empty_like(h), np.empty_like(c)
    for b in range(len(x)):
        i, f, g, o = np.split(weight_ih @ x[b] + weight_hh @ h[b] + bias, 4)
        c_new[b] = sigmoid(f) * c[b] + sigmoid(i) * np.tanh(g)
        h_new[b] = sigmoid(o) * np.tanh(c_new[b])
    return h_new, c_new
""",
        ),
        "right, but loops over gates and sequences": (
            "lstm_step",
            """
def lstm_step(x, h, c, weight_ih, weight_hh, bias):
    H = h.shape[1]
    h_new, c_new = np.empty_like(h), np.empty_like(c)
    for b in range(len(x)):
        gates = []
        for k in range(4):
            rows = slice(k * H, (k + 1) * H)
            a = weight_ih[rows] @ x[b] + weight_hh[rows] @ h[b] + bias[rows]
            gates.append(np.tanh(a) if k == 2 else sigmoid(a))
        c_new[b] = gates[1] * c[b] + gates[0] * gates[2]
        h_new[b] = gates[3] * np.tanh(c_new[b])
    return h_new, c_new
""",
        ),
        "right, but number by number": (
            "lstm_step",
            """
def lstm_step(x, h, c, weight_ih, weight_hh, bias):
    H = h.shape[1]
    h_new, c_new = np.empty_like(h), np.empty_like(c)
    for b in range(len(x)):
        for j in range(H):
            a = []
            for row in range(j, 4 * H, H):
                total = bias[row]
                for k in range(len(x[b])):
                    total += weight_ih[row, k] * x[b, k]
                for k in range(H):
                    total += weight_hh[row, k] * h[b, k]
                a.append(total)
            c_new[b, j] = sigmoid(a[1]) * c[b, j] + sigmoid(a[0]) * np.tanh(a[2])
            h_new[b, j] = sigmoid(a[3]) * np.tanh(c_new[b, j])
    return h_new, c_new
""",
        ),
        "gates f and i exchanged": ("lstm_step", "i, f, g, o =", "f, i, g, o ="),
        "order of CS231n": ("lstm_step", "i, f, g, o =", "i, f, o, g ="),
        "gates cut out of the batch": (
            "lstm_step",
            "np.split(a, 4, axis=1)",
            "np.split(np.reshape(a.T, (4, -1)).T, 4, axis=1)",
        ),
        "no tanh of c": ("lstm_step", "sigmoid(o) * np.tanh(c_new)", "sigmoid(o) * c_new"),
        "forgets the old h": ("lstm_step", " + h @ weight_hh.T", ""),
        "bias of the first gate for all": ("lstm_step", "+ bias", "+ np.tile(bias[: h.shape[1]], 4)"),
        "writes into c": (
            "lstm_step",
            "c_new = sigmoid(f) * c +",
            "c *= sigmoid(f)\n    c_new = c; c_new +=",
        ),
        "NaN at large input": (
            "lstm_step",
            "    i, f, g, o = np.split(a, 4, axis=1)",
            "    i, f, g, o = np.split(a, 4, axis=1)\n    sigmoid = lambda a: np.exp(a) / (1 + np.exp(a))",
        ),
        "float64 whatever comes in": (
            "lstm_step",
            "* np.tanh(c_new), c_new",
            "* np.tanh(c_new), c_new.astype(float)",
        ),
        "results exchanged": (
            "lstm_step",
            "return sigmoid(o) * np.tanh(c_new), c_new",
            "return c_new, sigmoid(o) * np.tanh(c_new)",
        ),
    },
    "06b.2": {
        "right, but a loop over the sequences": (
            "lstm_sequence",
            """
def lstm_sequence(inputs, h, c, weight_ih, weight_hh, bias):
    steps, batch, _ = inputs.shape
    outputs, h, c = np.empty((steps, *h.shape), h.dtype), h.copy(), c.copy()
    for b in range(batch):
        from_inputs = inputs[:, b] @ weight_ih.T + bias
        for t in range(steps):
            i, f, g, o = np.split(from_inputs[t] + weight_hh @ h[b], 4)
            c[b] = sigmoid(f) * c[b] + sigmoid(i) * np.tanh(g)
            h[b] = outputs[t, b] = sigmoid(o) * np.tanh(c[b])
    return outputs, h, c
""",
        ),
        "right, but a loop over the sequences in each step": (
            "lstm_sequence",
            """
def lstm_sequence(inputs, h, c, weight_ih, weight_hh, bias):
    outputs = []
    for x in inputs:
        new = []
        for b in range(len(x)):
            i, f, g, o = np.split(weight_ih @ x[b] + weight_hh @ h[b] + bias, 4)
            c_b = sigmoid(f) * c[b] + sigmoid(i) * np.tanh(g)
            new.append((sigmoid(o) * np.tanh(c_b), c_b))
        h, c = np.stack([n[0] for n in new]), np.stack([n[1] for n in new])
        outputs.append(h)
    return np.stack(outputs), h, c
""",
        ),
        "right, but a loop over the units": (
            "lstm_sequence",
            """
def lstm_sequence(inputs, h, c, weight_ih, weight_hh, bias):
    steps, batch, H = len(inputs), *h.shape
    from_inputs = inputs @ weight_ih.T + bias
    outputs = np.empty((steps, batch, H), h.dtype)
    for t in range(steps):
        h_new, c_new = np.empty_like(h), np.empty_like(c)
        for j in range(H):
            i, f, g, o = (from_inputs[t, :, r] + h @ weight_hh[r] for r in range(j, 4 * H, H))
            c_new[:, j] = sigmoid(f) * c[:, j] + sigmoid(i) * np.tanh(g)
            h_new[:, j] = sigmoid(o) * np.tanh(c_new[:, j])
        h, c = h_new, c_new
        outputs[t] = h
    return outputs, h, c
""",
        ),
        "starts from zeros": ("lstm_sequence", "    for t in", "    h, c = h * 0, c * 0\n    for t in"),
        "right steps, sequence read backwards": ("lstm_sequence", "from_inputs[t]", "from_inputs[-1 - t]"),
        "every step reads the first input": ("lstm_sequence", "from_inputs[t]", "from_inputs[0]"),
        "state does not go on": (
            "lstm_sequence",
            "        h = sigmoid(o) * np.tanh(c)\n        outputs[t] = h",
            "        outputs[t] = sigmoid(o) * np.tanh(c)",
        ),
        "batch and time exchanged": (
            "lstm_sequence",
            "inputs.reshape(steps * batch, size_in)",
            "inputs.swapaxes(0, 1).reshape(steps * batch, size_in)",
        ),
        "outputs one step late": (
            "lstm_sequence",
            "        c = sigmoid(f)",
            "        outputs[t] = h; continue\n        c = sigmoid(f)",
        ),
        "gates f and i exchanged": ("lstm_sequence", "i, f, g, o =", "f, i, g, o ="),
        "puts out c": ("lstm_sequence", "outputs[t] = h", "outputs[t] = c"),
        "last state of the first step": (
            "lstm_sequence",
            "return outputs, h, c",
            "return outputs, outputs[0], c",
        ),
        "bias added in every step again": ("lstm_sequence", "h @ weight_hh.T", "h @ weight_hh.T + bias"),
        "writes into h": ("lstm_sequence", "        h = sigmoid(o)", "        h[:] = sigmoid(o)"),
        "float64 whatever comes in": ("lstm_sequence", "*h.shape), inputs.dtype)", "*h.shape))"),
        "NaN at large input": (
            "lstm_sequence",
            "    outputs = np.empty",
            "    sigmoid = lambda a: np.exp(a) / (1 + np.exp(a))\n    outputs = np.empty",
        ),
    },
}
