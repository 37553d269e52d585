"""Exercise 08 answered in another style, and answered wrongly."""

SECOND = {
    "reverse": """
def reverse(inputs, lengths):
    steps = np.arange(len(inputs))[:, None]
    order = np.where(steps < lengths, lengths - 1 - steps, steps)
    return inputs[order, np.arange(inputs.shape[1])]
""",
    # Each sequence alone and without its padding.
    "rnn_layer": """
def rnn_layer(x, weight_ih, weight_hh, bias):
    states = np.zeros((len(x) + 1, len(bias)), x.dtype)
    for t in range(len(x)):
        for j in range(len(bias)):
            a = (weight_ih[j] * x[t]).sum() + (weight_hh[j] * states[t]).sum() + bias[j]
            states[t + 1, j] = np.tanh(a)
    return states
""",
    "bidirectional": """
def bidirectional(inputs, lengths, w, u, b, w_reverse, u_reverse, b_reverse):
    steps, batch, _ = inputs.shape
    hidden = len(b)
    outputs = np.zeros((steps, batch, 2 * hidden), inputs.dtype)
    last, last_reverse = (np.zeros((batch, hidden), inputs.dtype) for _ in range(2))
    runs = []
    for k in range(batch):
        x = inputs[: lengths[k], k]
        ahead = rnn_layer(x, w, u, b)
        back = rnn_layer(x[::-1], w_reverse, u_reverse, b_reverse)
        outputs[: len(x), k] = np.hstack([ahead[1:], back[:0:-1]])
        last[k], last_reverse[k] = ahead[-1], back[-1]
        runs.append((x, ahead, back))
    weights = (w, u, b, w_reverse, u_reverse, b_reverse)
    return outputs, last, last_reverse, {"runs": runs, "w": weights, "T": steps}
""",
    # Time outside, layers inside.
    "stack": """
def stack(inputs, layers, masks):
    states = [np.zeros((inputs.shape[1], len(bias)), inputs.dtype) for _, _, bias in layers]
    outputs = np.empty((*inputs.shape[:2], len(layers[-1][2])), inputs.dtype)
    for t in range(len(inputs)):
        x = inputs[t]
        for k, (w, u, b) in enumerate(layers):
            states[k] = np.tanh(np.einsum("bi,hi->bh", x, w) + np.einsum("bj,hj->bh", states[k], u) + b)
            x = states[k] * masks[k][t] if k < len(masks) else states[k]
        outputs[t] = x
    return outputs, np.array(states)
""",
    "layer_backward": """
def layer_backward(d_out, d_last, x, states, w, u):
    deltas = np.zeros_like(states[1:])
    flow = d_last.copy()
    for t in range(len(x) - 1, -1, -1):
        flow = flow + d_out[t]
        deltas[t] = flow * (1 - states[t + 1] ** 2)
        flow = u.T @ deltas[t]
    return deltas @ w, deltas.T @ x, deltas.T @ states[:-1], deltas.sum(0)
""",
    "bidirectional_backward": """
def bidirectional_backward(doutputs, dlast, dlast_reverse, cache):
    w, u, b, w_reverse, u_reverse, b_reverse = cache["w"]
    hidden = len(b)
    total = [np.zeros_like(p) for p in cache["w"]]
    dinputs = np.zeros((cache["T"], len(dlast), w.shape[1]), w.dtype)
    for k, (x, ahead, back) in enumerate(cache["runs"]):
        d_out = doutputs[: len(x), k]
        dx, *some = layer_backward(d_out[:, :hidden], dlast[k], x, ahead, w, u)
        d_back = d_out[::-1, hidden:]
        dr, *more = layer_backward(d_back, dlast_reverse[k], x[::-1], back, w_reverse, u_reverse)
        dinputs[: len(x), k] = dx + dr[::-1]
        for so_far, term in zip(total, some + more):
            so_far += term
    return (dinputs, *total)
""",
}

MUTANTS = {
    "08.1": {
        "flips the padding to the front": (
            "reverse",
            "def reverse(inputs, lengths):\n    return inputs[::-1].copy()\n",
        ),
        "padding set to zero": ("reverse", "inputs.copy()", "np.zeros_like(inputs)"),
        "off by one": ("reverse", "inputs[:n, b][::-1]", "np.roll(inputs[:n, b][::-1], 1, axis=0)"),
        "leaves the first step out": (
            "reverse",
            "out[:n, b] = inputs[:n, b]",
            "out[1:n, b] = inputs[1:n, b]",
        ),
        "one length for the whole batch": (
            "reverse",
            "out[:n, b] = inputs[:n, b]",
            "n = lengths[0]; out[:n, b] = inputs[:n, b]",
        ),
        "batch of one only": ("reverse", "enumerate(lengths)", "enumerate(lengths[:1])"),
        "turns the batch around too": ("reverse", "inputs[:n, b]", "inputs[:n, -1 - b]"),
        "writes into inputs": ("reverse", "out = inputs.copy()", "out = inputs; inputs = inputs.copy()"),
        "float64 whatever comes in": ("reverse", "inputs.copy()", "inputs.astype(float)"),
        "hard-coded example": (
            "reverse",
            """
def reverse(inputs, lengths):
    return np.array([[3.0, 8], [2, 7], [1, 6], [9, 5], [9, 4]])[:, :, None]
""",
        ),
    },
    "08.2": {
        "reverse direction begins with the padding": (
            "bidirectional",
            "backwards = reverse(inputs, lengths)",
            "backwards = inputs[::-1]",
        ),
        "reverse outputs not put back": ("bidirectional", "[ahead, reverse(back, lengths)]", "[ahead, back]"),
        "reverse outputs flipped with their padding": (
            "bidirectional",
            "[ahead, reverse(back, lengths)]",
            "[ahead, back[::-1]]",
        ),
        "last reverse state from the end of the outputs": (
            "bidirectional",
            "last_reverse, cache",
            "outputs[lengths - 1, np.arange(len(lengths)), len(bias):], cache",
        ),
        "last state from the last row": (
            "bidirectional",
            "return outputs, last,",
            "return outputs, ahead[-1],",
        ),
        "padding keeps the last state in the outputs": ("rnn_layer", "h * active", "h"),
        "padding moves the state": ("rnn_layer", "h = np.where(active, new, h)", "h = new"),
        "padding resets the state": ("rnn_layer", "np.where(active, new, h)", "new * active"),
        "one step too long": ("rnn_layer", "t < lengths", "t <= lengths"),
        "both directions share the weights": ("bidirectional", "lengths, *other)", "lengths, *one)"),
        "reverse half first": (
            "bidirectional",
            "[ahead, reverse(back, lengths)]",
            "[reverse(back, lengths), ahead]",
        ),
        "adds the directions": (
            "bidirectional",
            "np.concatenate([ahead, reverse(back, lengths)], axis=2)",
            "ahead + reverse(back, lengths)",
        ),
        "reverse direction begins where the other ended": (
            "bidirectional",
            "    return outputs, last,",
            "    last_reverse = last + last_reverse\n    return outputs, last,",
        ),
        "no bias": ("rnn_layer", " + bias", ""),
        "float64 whatever comes in": ("rnn_layer", "len(bias)), inputs.dtype)", "len(bias)))"),
        "writes into inputs": ("rnn_layer", "x @ weight_ih.T", "np.multiply(x, active, out=x) @ weight_ih.T"),
    },
    "08.3": {
        "drops in time": (
            "stack",
            """
def stack(inputs, layers, masks):
    x, states = inputs, []
    for k, (w, u, b) in enumerate(layers):
        h, out = np.zeros((x.shape[1], len(b)), x.dtype), []
        for t in range(len(x)):
            h = np.tanh(x[t] @ w.T + h @ u.T + b)
            h = h * masks[k][t] if k < len(masks) else h
            out.append(h)
        x = np.stack(out)
        states.append(h)
    return x, np.stack(states)
""",
        ),
        "no masks": ("stack", "x * masks[number - 1] if number else x", "x"),
        "drops without the scale": ("stack", "x * masks[number - 1]", "x * (masks[number - 1] > 0)"),
        "scales twice": ("stack", "x * masks[number - 1]", "x * masks[number - 1] ** 2"),
        "one mask for all steps": ("stack", "masks[number - 1]", "masks[number - 1][:1]"),
        "one mask for all layers": ("stack", "masks[number - 1]", "masks[0]"),
        "masks from the top": ("stack", "masks[number - 1]", "masks[-number]"),
        "last states are dropped too": (
            "stack",
            "states.append(last)",
            "states.append(last * masks[number][-1] if number < len(masks) else last)",
        ),
        "the second layer in every place above the first": (
            "stack",
            "read, full, *layer",
            "read, full, *(layer if number == 0 else layers[1])",
        ),
        "states from the top": ("stack", "np.stack(states)", "np.stack(states[::-1])"),
        "states of the top layer only": ("stack", "np.stack(states)", "states[-1]"),
        "last outputs only": ("stack", "return x,", "return x[-1],"),
        "each layer reads the inputs": (
            "stack",
            "x, last = rnn_layer(read, full, *layer)",
            "x, last = rnn_layer(inputs, full, *layer)",
        ),
        "takes the masks out of the list": ("stack", "masks[number - 1] if", "masks.pop(0) if"),
        "float64 whatever comes in": (
            "stack",
            "return x, np.stack(states)",
            "return x.astype(float), np.stack(states)",
        ),
        "batch of one only": ("stack", "np.full(batch, steps)", "np.arange(batch) * -steps + steps"),
    },
    "08.4": {
        "gradient stops in the padding": (
            "layer_backward",
            "np.where(active, delta @ weight_hh, dh)",
            "delta @ weight_hh",
        ),
        "forgets the last states": ("layer_backward", "dh = dlast", "dh = np.zeros_like(dlast)"),
        "reads the gradient of padded outputs": ("layer_backward", "active * doutputs[t]", "doutputs[t]"),
        "reverse gradient not turned around": (
            "bidirectional_backward",
            "read = reverse(back, lengths)",
            "read = back",
        ),
        "reverse gradient flipped with its padding": (
            "bidirectional_backward",
            "read = reverse(back, lengths)",
            "read = back[::-1]",
        ),
        "gradient of the inputs not put back": (
            "bidirectional_backward",
            "dx + reverse(dx_reverse, lengths)",
            "dx + dx_reverse",
        ),
        "inputs of the forward direction only": (
            "bidirectional_backward",
            "dx + reverse(dx_reverse, lengths)",
            "dx",
        ),
        "last states exchanged": (
            "bidirectional_backward",
            "ahead, back = np",
            "dlast, dlast_reverse = dlast_reverse, dlast\n    ahead, back = np",
        ),
        "no derivative of tanh": ("layer_backward", "active * dh * (1 - outputs[t] ** 2)", "active * dh"),
        "no gradient through time": ("layer_backward", "np.where(active, delta @ weight_hh, dh)", "dlast"),
        "recurrent weights transposed": ("layer_backward", "delta @ weight_hh,", "delta @ weight_hh.T,"),
        "state after the step": (
            "layer_backward",
            "        if t > 0:\n            dweights[1] += delta.T @ outputs[t - 1]",
            "        dweights[1] += delta.T @ outputs[t]",
        ),
        "input weights not summed over time": ("layer_backward", "dweights[0] +=", "dweights[0] ="),
        "bias of one sequence": ("layer_backward", "delta.sum(axis=0)", "delta[0]"),
        "mean over the batch": (
            "layer_backward",
            "return dinputs, dweights",
            "return dinputs, [w / len(dlast) for w in dweights]",
        ),
        "writes into dlast": (
            "layer_backward",
            "dh = dh + active * doutputs[t]",
            "dh += active * doutputs[t]",
        ),
        "float64 whatever comes in": ("layer_backward", "np.zeros_like(w) for w", "np.zeros(w.shape) for w"),
    },
}
