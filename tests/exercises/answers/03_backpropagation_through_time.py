"""Exercise 03 answered in another style, and answered wrongly."""

SECOND = {
    # First all deltas, then one product for each gradient.
    "rnn_backward": """
def rnn_backward(doutputs, dlast, inputs, states, weight_ih, weight_hh):
    T = doutputs.shape[0]
    slopes = (1 - states[1:]) * (1 + states[1:])
    deltas = np.zeros_like(doutputs)
    for t in range(T - 1, -1, -1):
        later = dlast if t == T - 1 else np.einsum("bi,ij->bj", deltas[t + 1], weight_hh)
        deltas[t] = (doutputs[t] + later) * slopes[t]
    return (
        np.einsum("tbh,hi->tbi", deltas, weight_ih),
        np.einsum("bi,ij->bj", deltas[0], weight_hh),
        np.einsum("tbh,tbi->hi", deltas, inputs),
        np.einsum("tbh,tbk->hk", deltas, states[:-1]),
        np.einsum("tbh->h", deltas),
    )
""",
    # One loop over all steps, in which what comes from a border is forgotten.
    "rnn_backward_in_pieces": """
def rnn_backward_in_pieces(doutputs, inputs, states, weight_ih, weight_hh, n):
    dwi, dwh, db = weight_ih * 0, weight_hh * 0, weight_hh[0] * 0
    dh = states[0] * 0
    for t in range(len(inputs), 0, -1):
        if t % n == 0:
            dh = states[0] * 0
        h = states[t]
        da = (dh + doutputs[t - 1]) * (1 - h * h)
        for b in range(da.shape[0]):
            dwi = dwi + np.outer(da[b], inputs[t - 1, b])
            dwh = dwh + np.outer(da[b], states[t - 1, b])
            db = db + da[b]
        dh = da @ weight_hh
    return dwi, dwh, db
""",
    # Each loss by itself, with Jacobians.
    "gradient_by_distance": """
def gradient_by_distance(doutputs, states, weight_hh):
    T, B, H = doutputs.shape
    D = np.zeros((T, H, H), states.dtype)
    for b in range(B):
        for t in range(1, T + 1):
            row = doutputs[t - 1, b]
            for k in range(t, 0, -1):
                slope = 1 - states[k, b] ** 2
                D[t - k] += np.outer(row * slope, states[k - 1, b])
                row = row @ (np.diag(slope) @ weight_hh)
    full = D.sum(axis=0)
    size = np.linalg.norm(full)
    bias = [np.linalg.norm(D[n:].sum(axis=0)) / size for n in range(1, T + 1)]
    return D, np.array(bias, states.dtype)
""",
}

MUTANTS = {
    "03.1": {
        "nothing from later steps": ("rnn_backward", "dh = da @ weight_hh", "dh = dlast"),
        "only the step before": ("rnn_backward", "dh = da @ weight_hh", "dh = doutputs[t] @ weight_hh"),
        "slope forgotten": ("rnn_backward", " * (1 - states[t + 1] ** 2)", ""),
        "slope of the state before": ("rnn_backward", "states[t + 1] ** 2", "states[t] ** 2"),
        "slope for the later part only": (
            "rnn_backward",
            "(dh + doutputs[t]) * (1 - states[t + 1] ** 2)",
            "dh * (1 - states[t + 1] ** 2) + doutputs[t]",
        ),
        "losses at the steps forgotten": ("rnn_backward", "(dh + doutputs[t])", "dh"),
        "loss added after the step": (
            "rnn_backward",
            "def rnn_backward(doutputs, dlast, inputs, states, weight_ih, weight_hh):\n"
            "    dinputs, dbias = np.empty_like(inputs), np.zeros_like(states[0, 0])\n"
            "    dweight_ih, dweight_hh = np.zeros_like(weight_ih), np.zeros_like(weight_hh)\n"
            "    dh = dlast\n"
            "    for t in reversed(range(len(inputs))):\n"
            "        da = dh * (1 - states[t + 1] ** 2)\n"
            "        dinputs[t] = da @ weight_ih\n"
            "        dweight_ih += da.T @ inputs[t]\n"
            "        dweight_hh += da.T @ states[t]\n"
            "        dbias += da.sum(axis=0)\n"
            "        dh = da @ weight_hh + doutputs[t]\n"
            "    return dinputs, dh, dweight_ih, dweight_hh, dbias\n",
        ),
        "last state forgotten": ("rnn_backward", "dh = dlast", "dh = np.zeros_like(dlast)"),
        "last state at every step": ("rnn_backward", "dh = da @ weight_hh", "dh = da @ weight_hh + dlast"),
        "recurrent weights transposed": ("rnn_backward", "dh = da @ weight_hh", "dh = da @ weight_hh.T"),
        "forward in time": ("rnn_backward", "reversed(range(len(inputs)))", "range(len(inputs))"),
        "state after the step for the weights": (
            "rnn_backward",
            "da.T @ states[t]",
            "da.T @ states[t + 1]",
        ),
        "initial state taken for 0": ("rnn_backward", "da.T @ states[t]", "da.T @ states[t] * (t > 0)"),
        "weights not summed over time": ("rnn_backward", "dweight_hh += da", "dweight_hh = da"),
        "bias not summed over time": ("rnn_backward", "dbias += da", "dbias = da"),
        "mean over the batch": (
            "rnn_backward",
            "return dinputs, dh, dweight_ih, dweight_hh, dbias",
            "B = len(dlast)\n    return dinputs, dh, dweight_ih / B, dweight_hh / B, dbias / B",
        ),
        "mean over time": (
            "rnn_backward",
            "return dinputs, dh, dweight_ih, dweight_hh, dbias",
            "T = len(inputs)\n    return dinputs, dh, dweight_ih / T, dweight_hh / T, dbias / T",
        ),
        "gradient of h_1 for that of h_0": (
            "rnn_backward",
            "        dh = da @ weight_hh",
            "        dh = da @ weight_hh if t else dh + doutputs[0]",
        ),
        "inputs in the wrong order": ("rnn_backward", "return dinputs,", "return dinputs[::-1],"),
        "first sequence only": (
            "rnn_backward",
            "dweight_hh += da.T @ states[t]",
            "dweight_hh += np.outer(da[0], states[t, 0])",
        ),
        "writes into dlast": (
            "rnn_backward",
            "        da = (dh + doutputs[t])",
            "        dh += doutputs[t]\n        da = dh",
        ),
        "float64 always": ("rnn_backward", "np.zeros_like(weight_hh)", "np.zeros(weight_hh.shape)"),
        "hard-coded example": (
            "rnn_backward",
            "def rnn_backward(doutputs, dlast, inputs, states, weight_ih, weight_hh):\n"
            "    values = np.array([[[3.75]], [[2.0]]]), np.array([[7.5]]), np.array([[-7.625]])\n"
            "    return *values, np.array([[4.75]]), np.array([5.75])\n",
        ),
    },
    "03.2": {
        "nothing is cut": (
            "rnn_backward_in_pieces",
            "range(0, len(inputs), n):",
            "[0]:\n        n = len(inputs)",
        ),
        "cut at every step": (
            "rnn_backward_in_pieces",
            "    for s in range(0, len(inputs), n):",
            "    n = 1\n    for s in range(0, len(inputs), n):",
        ),
        "pieces one step too short": (
            "rnn_backward_in_pieces",
            "    nothing =",
            "    n = max(n - 1, 1 + (n == 1))\n    nothing =",
        ),
        "pieces counted from the end": (
            "rnn_backward_in_pieces",
            "def rnn_backward_in_pieces(doutputs, inputs, states, weight_ih, weight_hh, n):\n"
            "    total = [0, 0, 0]\n"
            "    for end in range(len(inputs), 0, -n):\n"
            "        s = max(end - n, 0)\n"
            "        piece = doutputs[s:end], 0 * states[0], inputs[s:end], states[s : end + 1]\n"
            "        parts = rnn_backward(*piece, weight_ih, weight_hh)[2:]\n"
            "        total = [a + b for a, b in zip(total, parts)]\n"
            "    return tuple(total)\n",
        ),
        "one piece too many": (
            "rnn_backward_in_pieces",
            "range(0, len(inputs), n)",
            "range(0, len(inputs) + n - 1, n)",
        ),
        "short last piece dropped": (
            "rnn_backward_in_pieces",
            "range(0, len(inputs), n)",
            "range(0, len(inputs) - n + 1, n)",
        ),
        "last piece only": ("rnn_backward_in_pieces", "a + b for a, b", "b for a, b"),
        "first piece only": (
            "rnn_backward_in_pieces",
            "    return tuple(total)",
            "        break\n    return tuple(total)",
        ),
        "mean over the pieces": (
            "rnn_backward_in_pieces",
            "return tuple(total)",
            "return tuple(a / len(range(0, len(inputs), n)) for a in total)",
        ),
        "state before each piece taken for 0": (
            "rnn_backward_in_pieces",
            "states[s : s + n + 1]",
            "np.concatenate([nothing[None], states[s + 1 : s + n + 1]])",
        ),
        "states one step late": (
            "rnn_backward_in_pieces",
            "states[s : s + n + 1]",
            "np.resize(states[s + 1 : s + n + 2], states[s : s + n + 1].shape)",
        ),
        "sliding window": (
            "rnn_backward_in_pieces",
            "def rnn_backward_in_pieces(doutputs, inputs, states, weight_ih, weight_hh, n):\n"
            "    total = [0, 0, 0]\n"
            "    for t in range(len(inputs)):\n"
            "        s = max(t - n + 1, 0)\n"
            "        only = doutputs[s : t + 1] * 0\n"
            "        only[-1] = doutputs[t]\n"
            "        piece = only, 0 * states[0], inputs[s : t + 1], states[s : t + 2]\n"
            "        parts = rnn_backward(*piece, weight_ih, weight_hh)[2:]\n"
            "        total = [a + b for a, b in zip(total, parts)]\n"
            "    return tuple(total)\n",
        ),
        "last loss sent back by every piece": (
            "rnn_backward_in_pieces",
            "nothing = np.zeros_like(states[0])",
            "nothing = doutputs[-1]",
        ),
        "float64 always": ("rnn_backward_in_pieces", "np.zeros_like(p)", "np.zeros(p.shape)"),
        "writes into doutputs": (
            "rnn_backward_in_pieces",
            "    return tuple(total)",
            "    doutputs[:] = 0\n    return tuple(total)",
        ),
        "hard-coded example": (
            "rnn_backward_in_pieces",
            "def rnn_backward_in_pieces(doutputs, inputs, states, weight_ih, weight_hh, n):\n"
            "    return np.array([[-2.125]]), np.array([[1.25]]), np.array([1.75])\n",
        ),
    },
    "03.3": {
        "slope forgotten": ("gradient_by_distance", "dh * (1 - states[1 : last + 1] ** 2)", "dh"),
        "slopes of the states before": ("gradient_by_distance", "states[1 : last + 1]", "states[:last]"),
        "slopes always of the last states": (
            "gradient_by_distance",
            "states[1 : last + 1] ** 2",
            "states[1 + d :] ** 2",
        ),
        "weights act on the state after": (
            "gradient_by_distance",
            "da, states[:last]",
            "da, states[1 : last + 1]",
        ),
        "weights act where the loss is": (
            "gradient_by_distance",
            "da, states[:last]",
            "da, states[d:-1]",
        ),
        "wrong end dropped": ("gradient_by_distance", "(da @ weight_hh)[1:]", "(da @ weight_hh)[:-1]"),
        "recurrent weights transposed": ("gradient_by_distance", "da @ weight_hh", "da @ weight_hh.T"),
        "losses come in at every distance": (
            "gradient_by_distance",
            "(da @ weight_hh)[1:]",
            "(da @ weight_hh)[1:] + doutputs[: last - 1]",
        ),
        "by step instead of by distance": (
            "gradient_by_distance",
            "def gradient_by_distance(doutputs, states, weight_hh):\n"
            "    steps, dh = [], 0\n"
            "    for t in reversed(range(len(doutputs))):\n"
            "        da = (dh + doutputs[t]) * (1 - states[t + 1] ** 2)\n"
            "        steps.append(da.T @ states[t])\n"
            "        dh = da @ weight_hh\n"
            "    sums = np.cumsum(steps, axis=0)\n"
            "    norms = np.sqrt(((sums - sums[-1]) ** 2).sum(axis=(1, 2)))\n"
            "    return np.stack(steps), norms / np.linalg.norm(sums[-1])\n",
        ),
        "distances in the wrong order": (
            "gradient_by_distance",
            "np.stack(by_distance)",
            "np.stack(by_distance[::-1])",
        ),
        "windows instead of distances": ("gradient_by_distance", "np.stack(by_distance)", "windows"),
        "distance 0 left out": (
            "gradient_by_distance",
            "    windows =",
            "    by_distance[0] = 0 * by_distance[0]\n    windows =",
        ),
        "matrices transposed": ("gradient_by_distance", "tbi,tbj->ij", "tbi,tbj->ji"),
        "mean over the batch": (
            "gradient_by_distance",
            "da, states[:last])",
            "da, states[:last]) / da.shape[1]",
        ),
        "size of one distance instead of the bias": (
            "gradient_by_distance",
            "(windows - windows[-1])",
            "np.array(by_distance)",
        ),
        "size of the window instead of its error": (
            "gradient_by_distance",
            "(windows - windows[-1])",
            "windows",
        ),
        "error not relative": ("gradient_by_distance", " / np.linalg.norm(windows[-1])", ""),
        "relative to the window": (
            "gradient_by_distance",
            "np.linalg.norm(windows[-1])",
            "np.sqrt((windows**2).sum(axis=(1, 2)))",
        ),
        "norm squared": ("gradient_by_distance", "np.sqrt(", "("),
        "largest singular value as the norm": (
            "gradient_by_distance",
            "np.sqrt(((windows - windows[-1]) ** 2).sum(axis=(1, 2)))",
            "np.linalg.norm(windows - windows[-1], 2, axis=(1, 2))",
        ),
        "writes into doutputs": (
            "gradient_by_distance",
            "da = dh *",
            "da = dh\n        da *=",
        ),
        "float64 always": (
            "gradient_by_distance",
            "np.stack(by_distance),",
            "np.stack(by_distance) * np.ones(1),",
        ),
        "hard-coded example": (
            "gradient_by_distance",
            "def gradient_by_distance(doutputs, states, weight_hh):\n"
            "    return np.array([[[1.25]], [[1.5]]]), np.array([0.5455, 0.0])\n",
        ),
    },
}
