"""Exercise 02 answered in another style, and answered wrongly."""

SECOND = {
    # Number by number.
    "rnn_step": """
def rnn_step(x, h, weight_ih, weight_hh, bias):
    out = np.empty_like(h)
    for b in range(len(x)):
        for j in range(len(bias)):
            a = bias[j]
            for k in range(x.shape[1]):
                a += weight_ih[j, k] * x[b, k]
            for k in range(h.shape[1]):
                a += weight_hh[j, k] * h[b, k]
            out[b, j] = np.tanh(a)
    return out, {"x": x, "h": h, "out": out, "wi": weight_ih, "wh": weight_hh}
""",
    # The sums of the text, one sequence at a time.
    "rnn_step_backward": """
def rnn_step_backward(dh_new, cache):
    wi, wh = cache["wi"], cache["wh"]
    dx, dh = np.zeros_like(cache["x"]), np.zeros_like(cache["h"])
    dwi, dwh, db = np.zeros_like(wi), np.zeros_like(wh), np.zeros_like(wh[0])
    for b, (x, h, out) in enumerate(zip(cache["x"], cache["h"], cache["out"])):
        da = dh_new[b] * (1 - out) * (1 + out)
        dx[b] = np.einsum("i,ij->j", da, wi)
        dh[b] = np.einsum("i,ik->k", da, wh)
        dwi += np.outer(da, x)
        dwh += np.outer(da, h)
        db += da
    return [dx, dh, dwi, dwh, db]
""",
    # All inputs in one product, states written in place.
    "rnn_forward": """
def rnn_forward(inputs, h, weight_ih, weight_hh, bias):
    outputs = np.einsum("tbi,hi->tbh", inputs, weight_ih) + bias
    before = h
    for t in range(len(outputs)):
        outputs[t] += np.einsum("bk,hk->bh", before, weight_hh)
        np.tanh(outputs[t], out=outputs[t])
        before = outputs[t]
    return outputs, before.copy()
""",
    # Place by place.
    "cross_entropy": """
def cross_entropy(scores, targets):
    T, B, V = scores.shape
    loss, dscores = 0.0, np.zeros_like(scores)
    for t in range(T):
        for b in range(B):
            s, c = scores[t, b], targets[t, b]
            e = np.exp(s - np.max(s))
            loss += np.max(s) + np.log(e.sum()) - s[c]
            dscores[t, b] = e / e.sum()
            dscores[t, b, c] -= 1
    return loss / (T * B), dscores / (T * B)
""",
}

MUTANTS = {
    "02.1": {
        "no bias": ("rnn_step", " + bias", ""),
        "old state left out": ("rnn_step", " + h @ weight_hh.T", ""),
        "input weights for the state": ("rnn_step", "x @ weight_ih.T + h", "x @ weight_ih.T + np.tanh(h)"),
        "sigmoid instead of tanh": ("rnn_step", "np.tanh(", "1 / (1 + np.exp(-1) **"),
        "no tanh": ("rnn_step", "np.tanh(", "("),
        "recurrent weights not transposed": ("rnn_step", "weight_hh.T", "weight_hh"),
        "both weights not transposed": (
            "rnn_step",
            "x @ weight_ih.T + h @ weight_hh.T",
            "x @ weight_ih + h @ weight_hh",
        ),
        "batch of one only": ("rnn_step", "return h_new,", "return h_new[:1],"),
        "no cache": ("rnn_step", "return h_new, (x, h, weight_ih, weight_hh, h_new)", "return h_new"),
        "writes into h": ("rnn_step", "h_new = np.tanh(", "h_new = h; h_new[:] = np.tanh("),
        "float64 always": ("rnn_step", "+ bias)", "+ bias.astype(float))"),
        "tanh by exponentials": (
            "rnn_step",
            "h_new = np.tanh(x @ weight_ih.T + h @ weight_hh.T + bias)",
            "a = x @ weight_ih.T + h @ weight_hh.T + bias\n"
            "    h_new = (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))",
        ),
        "hard-coded example": (
            "rnn_step",
            "def rnn_step(x, h, weight_ih, weight_hh, bias):\n    return np.array([[0.6351]]), None\n",
        ),
    },
    "02.2": {
        "slope forgotten": ("rnn_step_backward", "dh_new * (1 - h_new**2)", "dh_new"),
        "slope of the old state": ("rnn_step_backward", "(1 - h_new**2)", "(1 - h**2)"),
        "slope of a sigmoid": ("rnn_step_backward", "(1 - h_new**2)", "h_new * (1 - h_new)"),
        "slope of the state, not of the sum": ("rnn_step_backward", "h_new**2", "np.tanh(h_new) ** 2"),
        "nothing to the state before": ("rnn_step_backward", "da @ weight_hh", "np.zeros_like(h)"),
        "recurrent weights transposed": ("rnn_step_backward", "da @ weight_hh", "da @ weight_hh.T"),
        "old and new state exchanged": ("rnn_step_backward", "da.T @ h,", "da.T @ h_new,"),
        "weight gradient transposed": ("rnn_step_backward", "da.T @ h,", "h.T @ da,"),
        "weights and inputs exchanged": ("rnn_step_backward", "da.T @ x, da.T @ h", "da.T @ h, da.T @ x"),
        "bias not summed over the batch": ("rnn_step_backward", "da.sum(axis=0)", "da"),
        "bias summed over the units": ("rnn_step_backward", "da.sum(axis=0)", "da.sum(axis=1)"),
        "mean over the batch": (
            "rnn_step_backward",
            "da.T @ x, da.T @ h, da.sum(axis=0)",
            "da.T @ x / len(x), da.T @ h / len(x), da.mean(axis=0)",
        ),
        "first sequence only": (
            "rnn_step_backward",
            "da.T @ x, da.T @ h, da.sum(axis=0)",
            "np.outer(da[0], x[0]), np.outer(da[0], h[0]), da[0]",
        ),
        "writes into dh_new": (
            "rnn_step_backward",
            "    da = dh_new * (1 - h_new**2)",
            "    da = dh_new\n    da *= 1 - h_new**2",
        ),
        "float64 always": ("rnn_step_backward", "da = dh_new", "da = dh_new.astype(float)"),
        "hard-coded example": (
            "rnn_step_backward",
            "def rnn_step_backward(dh_new, cache):\n"
            "    values = 0.5966, -1.1932, 2.3863, 0.5966\n"
            "    return *(np.array([[v]]) for v in values), np.array([1.1932])\n",
        ),
    },
    "02.3": {
        "starts from 0": ("rnn_forward", "outputs = []", "outputs, h = [], np.zeros_like(h)"),
        "state not carried": ("rnn_forward", "        h, _ = rnn_step(", "        new, _ = rnn_step("),
        "all steps from the initial state": (
            "rnn_forward",
            "def rnn_forward(inputs, h, weight_ih, weight_hh, bias):\n"
            "    outputs = np.stack([rnn_step(x, h, weight_ih, weight_hh, bias)[0] for x in inputs])\n"
            "    return outputs, outputs[-1]\n",
        ),
        "puts out the state before the step": (
            "rnn_forward",
            "        h, _ = rnn_step(x, h, weight_ih, weight_hh, bias)\n        outputs.append(h)",
            "        outputs.append(h)\n        h, _ = rnn_step(x, h, weight_ih, weight_hh, bias)",
        ),
        "reads backwards": ("rnn_forward", "for x in inputs:", "for x in inputs[::-1]:"),
        "right states in the wrong order": ("rnn_forward", "np.stack(outputs)", "np.stack(outputs[::-1])"),
        "batch first": ("rnn_forward", "np.stack(outputs)", "np.stack(outputs, axis=1)"),
        "walks over the batch": (
            "rnn_forward",
            "for x in inputs:",
            "for x in np.resize(inputs.transpose(1, 0, 2), inputs.shape):",
        ),
        "initial state among the outputs": (
            "rnn_forward",
            "outputs = []",
            "outputs = [h]",
        ),
        "all states as the last": ("rnn_forward", "(outputs), h", "(outputs), np.stack(outputs)"),
        "last step forgotten": (
            "rnn_forward",
            "    return np.stack(outputs), h",
            "    outputs[-1] = outputs[-1] * 0\n    return np.stack(outputs), h",
        ),
        "one step only": ("rnn_forward", "np.stack(outputs), h", "np.stack(outputs[:1]), outputs[0]"),
        "first sequence for all": ("rnn_forward", "rnn_step(x, h,", "rnn_step(x, h[:1] + 0 * h,"),
        "writes into h": ("rnn_forward", "        h, _ = rnn_step(", "        h[:], _ = rnn_step("),
        "float64 always": ("rnn_forward", "np.stack(outputs), h", "np.stack(outputs).astype(float), h"),
        "hard-coded example": (
            "rnn_forward",
            "def rnn_forward(inputs, h, weight_ih, weight_hh, bias):\n"
            "    return np.array([[[0.6351]], [[-0.3672]]]), np.array([[-0.3672]])\n",
        ),
    },
    "02.4": {
        "largest score not subtracted": (
            "cross_entropy",
            "scores - scores.max(axis=-1, keepdims=True)",
            "scores",
        ),
        "one largest score for all": (
            "cross_entropy",
            "scores.max(axis=-1, keepdims=True)",
            "scores.max()",
        ),
        "logarithm of a rounded probability": (
            "cross_entropy",
            "log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
            "log_p = np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True))",
        ),
        "softmax over time": (
            "cross_entropy",
            "np.exp(shifted).sum(axis=-1, keepdims=True)",
            "np.exp(shifted).sum(axis=0, keepdims=True)",
        ),
        "sum instead of mean": (
            "cross_entropy",
            "-log_p[right].mean(), (np.exp(log_p) - right) / targets.size",
            "-log_p[right].sum(), np.exp(log_p) - right",
        ),
        "mean over time only": (
            "cross_entropy",
            "-log_p[right].mean(), (np.exp(log_p) - right) / targets.size",
            "-log_p[right].sum() / len(scores), (np.exp(log_p) - right) / len(scores)",
        ),
        "mean over the classes too": ("cross_entropy", "/ targets.size", "/ scores.size"),
        "gradient not divided": ("cross_entropy", " / targets.size", ""),
        "one loss for each place": ("cross_entropy", "-log_p[right].mean()", "-log_p[right]"),
        "sign of the loss": ("cross_entropy", "-log_p[right].mean()", "log_p[right].mean()"),
        "sign of the gradient": ("cross_entropy", "np.exp(log_p) - right", "right - np.exp(log_p)"),
        "target not subtracted": ("cross_entropy", "(np.exp(log_p) - right)", "np.exp(log_p)"),
        "gradient at the right class only": (
            "cross_entropy",
            "(np.exp(log_p) - right)",
            "right * (np.exp(log_p) - 1)",
        ),
        "targets of the first sequence for all": (
            "cross_entropy",
            "targets[..., None]",
            "(targets[:, :1] + 0 * targets)[..., None]",
        ),
        "in bits": ("cross_entropy", "-log_p[right].mean()", "-log_p[right].mean() / np.log(2)"),
        "writes into scores": (
            "cross_entropy",
            "    shifted = scores - scores.max(axis=-1, keepdims=True)",
            "    shifted = scores\n    shifted -= scores.max(axis=-1, keepdims=True)",
        ),
        "float64 from np.eye": (
            "cross_entropy",
            "(np.exp(log_p) - right)",
            "(np.exp(log_p) - np.eye(scores.shape[-1])[targets])",
        ),
        "hard-coded example": (
            "cross_entropy",
            "def cross_entropy(scores, targets):\n"
            "    return 1.0397, np.array([[[-0.25, 0.25], [0.375, -0.375]]])\n",
        ),
    },
}
