"""Exercise 06 answered in another style, and answered wrongly."""

SECOND = {
    "lstm_step": """
def lstm_step(x, h, c, weight_ih, weight_hh, bias):
    H = h.shape[1]
    gates = {}
    for k, name in enumerate("ifgo"):
        rows = slice(k * H, (k + 1) * H)
        a = np.einsum("bi,hi->bh", x, weight_ih[rows])
        a = a + np.einsum("bj,hj->bh", h, weight_hh[rows]) + bias[rows]
        gates[name] = np.tanh(a) if name == "g" else sigmoid(a)
    c_new = gates["f"] * c + gates["i"] * gates["g"]
    cache = dict(gates, x=x, h=h, c=c, c_new=c_new, w=weight_ih, u=weight_hh)
    return gates["o"] * np.tanh(c_new), c_new, cache
""",
    "lstm_step_backward": """
def lstm_step_backward(dh_new, dc_new, cache):
    k = cache
    H = k["h"].shape[1]
    shown = np.tanh(k["c_new"])
    total = dc_new + dh_new * k["o"] / np.cosh(k["c_new"]) ** 2
    slopes = {name: k[name] * (1 - k[name]) for name in "ifo"}
    blocks = {
        "i": total * k["g"] * slopes["i"],
        "f": total * k["c"] * slopes["f"],
        "g": total * k["i"] * (1 - k["g"] ** 2),
        "o": dh_new * shown * slopes["o"],
    }
    dx, dh = np.zeros_like(k["x"]), np.zeros_like(k["h"])
    dw, du = np.zeros_like(k["w"]), np.zeros_like(k["u"])
    db = np.zeros(4 * H, dh.dtype)
    for n, name in enumerate("ifgo"):
        rows = slice(n * H, (n + 1) * H)
        for b in range(len(dx)):
            dx[b] += k["w"][rows].T @ blocks[name][b]
            dh[b] += k["u"][rows].T @ blocks[name][b]
            dw[rows] += np.outer(blocks[name][b], k["x"][b])
            du[rows] += np.outer(blocks[name][b], k["h"][b])
            db[rows] += blocks[name][b]
    return dx, dh, total * k["f"], dw, du, db
""",
    "lstm_forward": """
def lstm_forward(inputs, h0, c0, weight_ih, weight_hh, bias):
    T, B, _ = inputs.shape
    outputs = np.empty((T, B, h0.shape[1]), inputs.dtype)
    states, caches = [(h0, c0)], {}
    for t in range(T):
        h, c, caches[t] = lstm_step(inputs[t], *states[t], weight_ih, weight_hh, bias)
        states.append((h, c))
        outputs[t] = h
    return outputs, states[T][0], states[T][1], caches
""",
    "lstm_backward": """
def lstm_backward(doutputs, dh_last, dc_last, caches):
    T = len(caches)
    back = {T: (None, dh_last, dc_last)}
    for t in range(T - 1, -1, -1):
        _, dh, dc = back[t + 1][:3]
        back[t] = lstm_step_backward(doutputs[t] + dh, dc, caches[t])
    dinputs = np.array([back[t][0] for t in range(T)])
    sums = [np.sum([back[t][k] for t in range(T)], axis=0) for k in (3, 4, 5)]
    return dinputs, back[0][1], back[0][2], sums[0], sums[1], sums[2]
""",
    "lstm_init": """
def lstm_init(rng, input_size, hidden_size, forget_bias):
    H, k = hidden_size, hidden_size**-0.5

    def draw(*shape):
        return np.float32(k * (2 * rng.random(shape) - 1))

    bias = np.concatenate([draw(H), np.full(H, forget_bias, np.float32), draw(2 * H)])
    blocks = [draw(H, H) for _ in range(4)]
    return draw(4 * H, input_size), np.concatenate(blocks), bias
""",
}

MUTANTS = {
    "06.1": {
        "blocks in the order i, g, f, o": ("lstm_step", "a_i, a_f, a_g, a_o =", "a_i, a_g, a_f, a_o ="),
        "blocks in the order i, f, o, g": ("lstm_step", "a_i, a_f, a_g, a_o =", "a_i, a_f, a_o, a_g ="),
        "blocks interleaved": ("lstm_step", "np.split(a, 4, axis=1)", "(a[:, k::4] for k in range(4))"),
        "input and forget gate exchanged": ("lstm_step", "c_new = f * c + i * g", "c_new = i * c + f * g"),
        "nothing is forgotten": ("lstm_step", "c_new = f * c + i * g", "c_new = c + i * g"),
        "coupled gates": ("lstm_step", "c_new = f * c + i * g", "c_new = f * c + (1 - f) * g"),
        "candidate through a sigmoid": ("lstm_step", "np.tanh(a_g)", "sigmoid(a_g)"),
        "h without the tanh": ("lstm_step", "h_new = o * tanh_c", "h_new = o * c_new"),
        "h shows the old cell state": ("lstm_step", "tanh_c = np.tanh(c_new)", "tanh_c = np.tanh(c)"),
        "no recurrent product": ("lstm_step", " + h @ weight_hh.T", ""),
        "no bias": ("lstm_step", " + bias", ""),
        "writes into c": ("lstm_step", "c_new = f * c + i * g", "c *= f; c += i * g; c_new = c"),
        "gates not a number at large input": (
            "lstm_step",
            "    a_i, a_f, a_g",
            "    sigmoid = lambda v: np.exp(v) / (1 + np.exp(v))\n    a_i, a_f, a_g",
        ),
        "float64 whatever comes in": ("lstm_step", " + bias", " + bias.astype(float)"),
        "batch of one only": ("lstm_step", "return h_new, c_new,", "return h_new[:1], c_new[:1],"),
        "one bias entry for all": ("lstm_step", " + bias", " + bias[0]"),
        "hard-coded example": (
            "lstm_step",
            "def lstm_step(*_):\n    return np.array([[0.3534]]), np.array([[0.8808]]), None\n",
        ),
    },
    "06.2": {
        "no path through h into c": ("lstm_step_backward", "dc_new + dh_new * o * (1 - tanh_c**2)", "dc_new"),
        "only the path through h": ("lstm_step_backward", "delta = dc_new + dh_new", "delta = dh_new"),
        "path through h without the gate": ("lstm_step_backward", "dh_new * o * (1 - t", "dh_new * (1 - t"),
        "path through h without the slope": ("lstm_step_backward", "* o * (1 - tanh_c**2)", "* o"),
        "output gate gets delta": ("lstm_step_backward", "da_o = dh_new *", "da_o = delta *"),
        "blocks in the order i, f, o, g": ("lstm_step_backward", "da_g, da_o], axis", "da_o, da_g], axis"),
        "forget gate gets the new cell state": (
            "lstm_step_backward",
            "delta * c * f",
            "delta * (f * c + i * g) * f",
        ),
        "no slope of the sigmoid": ("lstm_step_backward", "delta * g * i * (1 - i)", "delta * g"),
        "slope of g as for a sigmoid": ("lstm_step_backward", "(1 - g**2)", "g * (1 - g)"),
        "dc handed back without the forget gate": ("lstm_step_backward", "delta * f\n", "delta\n"),
        "dc handed back without the path through h": (
            "lstm_step_backward",
            "da @ weight_hh, delta * f",
            "da @ weight_hh, dc_new * f",
        ),
        "dh also has what came in": (
            "lstm_step_backward",
            "da @ weight_hh, delta",
            "da @ weight_hh + dh_new, delta",
        ),
        "mean over the batch": (
            "lstm_step_backward",
            "da.T @ x, da.T @ h, da.sum(axis=0)",
            "da.T @ x / len(x), da.T @ h / len(x), da.mean(axis=0)",
        ),
        "bias gradient not summed over the batch": ("lstm_step_backward", "da.sum(axis=0)", "da[0]"),
        "weight gradient transposed, then reshaped": (
            "lstm_step_backward",
            "da.T @ h,",
            "(h.T @ da).reshape(weight_hh.shape),",
        ),
        "writes into dc_new": (
            "lstm_step_backward",
            "delta = dc_new + dh_new",
            "delta = dc_new; delta += dh_new",
        ),
        "float64 whatever comes in": ("lstm_step_backward", "delta * f\n", "delta * f.astype(float)\n"),
    },
    "06.3": {
        "the cell state is not passed on": (
            "lstm_forward",
            "h, c, cache = lstm_step(x, h, c,",
            "h, _, cache = lstm_step(x, h, c,",
        ),
        "the hidden state is not passed on": (
            "lstm_forward",
            "lstm_step(x, h, c,",
            "lstm_step(x, h0, c,",
        ),
        "starts from zeros": ("lstm_forward", "h0, c0, [], []", "0 * h0, 0 * c0, [], []"),
        "outputs are the cell states": ("lstm_forward", "outputs.append(h)", "outputs.append(c)"),
        "backwards in time": ("lstm_forward", "for x in inputs:", "for x in inputs[::-1]:"),
        "the first input at every step": (
            "lstm_forward",
            "lstm_step(x, h",
            "lstm_step(inputs[0], h",
        ),
        "the last step left out": (
            "lstm_forward",
            "for x in inputs:",
            "for x in inputs[:-1] if len(inputs) > 1 else inputs:",
        ),
        "outputs begin with the initial state": (
            "lstm_forward",
            "np.stack(outputs)",
            "np.stack([h0, *outputs[:-1]])",
        ),
        "batch and time exchanged": ("lstm_forward", "np.stack(outputs)", "np.stack(outputs, axis=1)"),
        "one array for all steps": (
            "lstm_forward",
            "        outputs.append(h)",
            "        h0[:] = h\n        outputs.append(h0)",
        ),
        "float64 whatever comes in": ("lstm_forward", "np.stack(outputs)", "np.stack(outputs).astype(float)"),
        "h_last and c_last exchanged": ("lstm_forward", "h, c, caches\n", "c, h, caches\n"),
    },
    "06.4": {
        "weights of the first step only": (
            "lstm_backward",
            "sums = [s + n for s, n in zip(sums, shares, strict=True)]",
            "sums = shares",
        ),
        "weights of the last step only": (
            "lstm_backward",
            "sums = [s + n for s, n in zip(sums, shares, strict=True)]",
            "sums = sums if dinputs[1:] else shares",
        ),
        "mean over time": (
            "lstm_backward",
            "return np.stack(dinputs[::-1]), dh, dc, *sums",
            "return np.stack(dinputs[::-1]), dh, dc, *(s / len(caches) for s in sums)",
        ),
        "only the last output counts": (
            "lstm_backward",
            "lstm_step_backward(dh + d,",
            "lstm_step_backward(dh + d * (len(dinputs) == 0),",
        ),
        "what comes back for h is dropped": (
            "lstm_backward",
            "lstm_step_backward(dh + d,",
            "lstm_step_backward(d,",
        ),
        "dh_last left out": (
            "lstm_backward",
            "sums = dh_last,",
            "sums = 0,",
        ),
        "dc_last left out": (
            "lstm_backward",
            "dh_last, dc_last, []",
            "dh_last, 0 * dc_last, []",
        ),
        "what comes back for c is dropped": (
            "lstm_backward",
            "dx, dh, dc, *shares = lstm_step_backward(dh + d, dc, cache)",
            "dx, dh, dc, *shares = lstm_step_backward(dh + d, dc_last, cache)",
        ),
        "forward in time": (
            "lstm_backward",
            "zip(reversed(doutputs), reversed(caches), strict=True)",
            "zip(doutputs, caches, strict=True)",
        ),
        "gradients of the outputs shifted by one": (
            "lstm_backward",
            "reversed(doutputs)",
            "[0 * dh, *doutputs[:0:-1]]",
        ),
        "input gradients in reverse order": ("lstm_backward", "dinputs[::-1]", "dinputs"),
        "dh0 with the first output's gradient": (
            "lstm_backward",
            "return np.stack(dinputs[::-1]), dh, dc",
            "return np.stack(dinputs[::-1]), dh + doutputs[0], dc",
        ),
        "last output's gradient counted twice": (
            "lstm_backward",
            "[0, 0, 0]\n",
            "[0, 0, 0]\n    dh = dh + doutputs[-1]\n",
        ),
        "writes into dh_last": (
            "lstm_backward",
            "lstm_step_backward(dh + d,",
            "lstm_step_backward(np.add(dh, d, out=dh),",
        ),
        "one cache for all steps": (
            "lstm_forward",
            "c, caches\n",
            "c, [caches[-1]] * len(caches)\n",
        ),
    },
    "06.5": {
        "bias of the input gate": ("lstm_init", "bias[hidden_size : 2 * hidden_size]", "bias[:hidden_size]"),
        "bias of the candidate": (
            "lstm_init",
            "bias[hidden_size : 2 * hidden_size]",
            "bias[2 * hidden_size : 3 * hidden_size]",
        ),
        "one row too far": (
            "lstm_init",
            "bias[hidden_size : 2 * hidden_size]",
            "bias[hidden_size : 2 * hidden_size + 1]",
        ),
        "added to what was drawn": ("lstm_init", "hidden_size] = forget", "hidden_size] += forget"),
        "other biases 0": ("lstm_init", "rng.uniform(-k, k, rows)", "np.zeros(rows)"),
        "normal numbers": (
            "lstm_init",
            "rng.uniform(-k, k, (rows, hidden_size))",
            "rng.normal(0, k, (rows, hidden_size))",
        ),
        "from 0 to k": (
            "lstm_init",
            "rng.uniform(-k, k, (rows, input_size))",
            "rng.uniform(0, k, (rows, input_size))",
        ),
        "range from the number of rows": (
            "lstm_init",
            "1 / np.sqrt(hidden_size)",
            "1 / np.sqrt(4 * hidden_size)",
        ),
        "range from the input size": ("lstm_init", "1 / np.sqrt(hidden_size)", "1 / np.sqrt(input_size)"),
        "a seed of its own": (
            "lstm_init",
            "    k, rows",
            "    rng = np.random.default_rng(0)\n    k, rows",
        ),
        "the global generator": (
            "lstm_init",
            "rng.uniform(-k, k, (rows, hidden_size))",
            "np.random.uniform(-k, k, (rows, hidden_size))",
        ),
        "one block four times": (
            "lstm_init",
            "rng.uniform(-k, k, (rows, hidden_size))",
            "np.tile(rng.uniform(-k, k, (hidden_size, hidden_size)), (4, 1))",
        ),
        "float64": ("lstm_init", "rng.uniform(-k, k, rows).astype(np.float32)", "rng.uniform(-k, k, rows)"),
        "transposed weights": ("lstm_init", "(rows, input_size)", "(input_size, rows)"),
    },
}
