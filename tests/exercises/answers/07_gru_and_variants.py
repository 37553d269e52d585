"""Exercise 07 answered in another style, and answered wrongly."""

SECOND = {
    "gru_step": """
def gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    H = h.shape[1]
    R, Z, N = (slice(k * H, (k + 1) * H) for k in range(3))

    def from_x(rows):
        return np.einsum("bi,hi->bh", x, weight_ih[rows]) + bias_ih[rows]

    def from_h(rows):
        return np.einsum("bj,hj->bh", h, weight_hh[rows]) + bias_hh[rows]

    r, z = sigmoid(from_x(R) + from_h(R)), sigmoid(from_x(Z) + from_h(Z))
    p = from_h(N)
    n = np.tanh(from_x(N) + r * p)
    cache = {"x": x, "h": h, "w": weight_ih, "u": weight_hh, "r": r, "z": z, "n": n, "p": p}
    return n + z * (h - n), cache
""",
    "gru_step_backward": """
def gru_step_backward(dh_new, cache):
    x, h, w, u, r, z, n, p = (cache[k] for k in ("x", "h", "w", "u", "r", "z", "n", "p"))
    B, H = h.shape
    dx, dh = np.zeros_like(x), np.zeros_like(h)
    dw, du = np.zeros_like(w), np.zeros_like(u)
    db, dc = np.zeros(3 * H, h.dtype), np.zeros(3 * H, h.dtype)
    for b in range(B):
        dh[b] = dh_new[b] * z[b]
        for j in range(H):
            dn = dh_new[b, j] * (1 - z[b, j]) * (1 - n[b, j] ** 2)
            dr = dn * p[b, j] * r[b, j] * (1 - r[b, j])
            dz = dh_new[b, j] * (h[b, j] - n[b, j]) * z[b, j] * (1 - z[b, j])
            for row, from_x, from_h in ((j, dr, dr), (H + j, dz, dz), (2 * H + j, dn, dn * r[b, j])):
                dx[b] += from_x * w[row]
                dh[b] += from_h * u[row]
                dw[row] += from_x * x[b]
                du[row] += from_h * h[b]
                db[row] += from_x
                dc[row] += from_h
    return [dx, dh, dw, du, db, dc]
""",
    "gru_step_before": """
def gru_step_before(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    H = h.shape[1]
    out = np.empty_like(h)
    bias = bias_ih + bias_hh
    for b in range(len(h)):
        gates = sigmoid(weight_ih[: 2 * H] @ x[b] + weight_hh[: 2 * H] @ h[b] + bias[: 2 * H])
        seen = gates[:H] * h[b]
        n = np.tanh(weight_ih[2 * H :] @ x[b] + weight_hh[2 * H :] @ seen + bias[2 * H :])
        out[b] = n + gates[H:] * (h[b] - n)
    return out
""",
    "load_gru": """
def load_gru(weight_ih, weight_hh, bias_ih, bias_hh):
    H = weight_hh.shape[1]
    order = np.r_[H : 2 * H, 0:H, 2 * H : 3 * H]
    results = [array[order].copy() for array in (weight_ih, weight_hh, bias_ih, bias_hh)]
    for array in results:
        array[H : 2 * H] *= -1
    return results
""",
    "gru_roads": """
def gru_roads(inputs, h0, weight_ih, weight_hh, bias_ih, bias_hh):
    H = len(h0)
    h, caches = np.tile(h0, (H, 1)), []
    for x in inputs:
        copies = np.tile(x, (H, 1))
        h, cache = gru_step(copies, h, weight_ih, weight_hh, bias_ih, bias_hh)
        caches.append(cache)
    back, highway = np.eye(H, dtype=h0.dtype), np.ones(H, h0.dtype)
    for cache in caches[::-1]:
        back = gru_step_backward(back, cache)[1]
        highway = highway * cache["z"][0]
    return back, highway
""",
}

MUTANTS = {
    "07.1": {
        "reset and update gate exchanged": ("gru_step", "r, z = sigmoid(x_r", "z, r = sigmoid(x_r"),
        "z takes the new state": ("gru_step", "(1 - z) * n + z * h", "z * n + (1 - z) * h"),
        "reset before the product": (
            "gru_step",
            "    n = np.tanh(x_n + r * p)",
            "    H = h.shape[1]\n"
            "    p = (r * h) @ weight_hh[2 * H :].T + bias_hh[2 * H :]\n"
            "    n = np.tanh(x_n + p)",
        ),
        "reset gate not used": ("gru_step", "x_n + r * p", "x_n + p"),
        "reset gate on all of the candidate": ("gru_step", "x_n + r * p", "r * (x_n + p)"),
        "both biases added at one place": (
            "gru_step",
            "x_r, x_z, x_n = np.split(x @ weight_ih.T + bias_ih, 3, axis=1)\n"
            "    h_r, h_z, p = np.split(h @ weight_hh.T + bias_hh, 3, axis=1)",
            "x_r, x_z, x_n = np.split(x @ weight_ih.T + bias_ih + bias_hh, 3, axis=1)\n"
            "    h_r, h_z, p = np.split(h @ weight_hh.T, 3, axis=1)",
        ),
        "candidate through a sigmoid": ("gru_step", "n = np.tanh(", "n = sigmoid("),
        "old state added in full": ("gru_step", "(1 - z) * n + z * h", "(1 - z) * n + h"),
        "blocks interleaved": (
            "gru_step",
            "x_r, x_z, x_n = np.split(x @ weight_ih.T + bias_ih, 3, axis=1)",
            "x_r, x_z, x_n = ((x @ weight_ih.T + bias_ih)[:, k::3] for k in range(3))",
        ),
        "not a number at large input": (
            "gru_step",
            "    r, z = ",
            "    sigmoid = lambda v: np.exp(v) / (1 + np.exp(v))\n    r, z = ",
        ),
        "writes into h": ("gru_step", "h_new = (1 - z) * n + z * h", "h *= z; h += (1 - z) * n; h_new = h"),
        "float64 whatever comes in": ("gru_step", "x @ weight_ih.T", "x.astype(float) @ weight_ih.T"),
        "first sequence for all": (
            "gru_step",
            "return h_new,",
            "h_new = np.repeat(h_new[:1], len(h), axis=0)\n    return h_new,",
        ),
        "hard-coded example": ("gru_step", "def gru_step(*_):\n    return np.array([[0.8808]]), None\n"),
    },
    "07.2": {
        "no highway": ("gru_step_backward", "dh_new * z + da_h", "da_h"),
        "highway with 1 - z": ("gru_step_backward", "dh_new * z + da_h", "dh_new * (1 - z) + da_h"),
        "only the highway": ("gru_step_backward", "dh_new * z + da_h @ weight_hh", "dh_new * z"),
        "candidate without the reset gate": ("gru_step_backward", "da_n * r], axis=1)", "da_n], axis=1)"),
        "reset gate gets h for the product": ("gru_step_backward", "da_n * p * r", "da_n * h * r"),
        "sign of the update gate": ("gru_step_backward", "(h - n)", "(n - h)"),
        "update gate without the candidate": ("gru_step_backward", "(h - n)", "h"),
        "no slope of the tanh": ("gru_step_backward", "(1 - z) * (1 - n**2)", "(1 - z)"),
        "no slope of the reset gate": ("gru_step_backward", "da_n * p * r * (1 - r)", "da_n * p"),
        "one bias gradient for both": ("gru_step_backward", "da_h.sum(axis=0)", "da_x.sum(axis=0)"),
        "gates exchanged": (
            "gru_step_backward",
            "da_x = np.concatenate([da_r, da_z,",
            "da_x = np.concatenate([da_z, da_r,",
        ),
        "mean over the batch": (
            "gru_step_backward",
            "da_x.T @ x, da_h.T @ h,",
            "da_x.T @ x / len(x), da_h.T @ h / len(x),",
        ),
        "bias gradient not summed over the batch": ("gru_step_backward", "da_x.sum(axis=0)", "da_x[0]"),
        "recurrent weights not transposed": (
            "gru_step_backward",
            "da_h @ weight_hh",
            "sum(\n"
            "        a @ w.T\n"
            "        for a, w in zip(np.split(da_h, 3, axis=1), np.split(weight_hh, 3), strict=True)\n"
            "    )",
        ),
        "writes into dh_new": (
            "gru_step_backward",
            "dh_new * z + da_h @ weight_hh",
            "np.add(dh_new * z, da_h @ weight_hh, out=dh_new)",
        ),
        "float64 whatever comes in": (
            "gru_step_backward",
            "da_x @ weight_ih,",
            "da_x @ weight_ih.astype(float),",
        ),
    },
    "07.3": {
        "reset after the product": (
            "gru_step_before",
            "(r * h) @ W_n.T + b_n",
            "r * (h @ W_n.T + b_n)",
        ),
        "reset after the product, bias outside": (
            "gru_step_before",
            "(r * h) @ W_n.T",
            "r * (h @ W_n.T)",
        ),
        "no reset": ("gru_step_before", "(r * h) @", "h @"),
        "reset twice": ("gru_step_before", "(r * h) @ W_n.T", "r * ((r * h) @ W_n.T)"),
        "update gate in the product": ("gru_step_before", "(r * h) @", "(z * h) @"),
        "update gate sees the reset state": ("gru_step_before", "x_z + h @", "x_z + (r * h) @"),
        "reset state is also what is kept": ("gru_step_before", "+ z * h", "+ z * (r * h)"),
        "z takes the new state": ("gru_step_before", "(1 - z) * n + z * h", "z * n + (1 - z) * h"),
        "recurrent bias of the candidate left out": ("gru_step_before", "W_n.T + b_n", "W_n.T"),
        "blocks in the order z, r, n": ("gru_step_before", "W_r, W_z, W_n =", "W_z, W_r, W_n ="),
        "writes into h": ("gru_step_before", "(r * h) @", "np.multiply(r, h, out=h) @"),
        "float64 whatever comes in": ("gru_step_before", "W_n.T + b_n", "W_n.T + b_n.astype(float)"),
        "batch of one only": (
            "gru_step_before",
            "return (1 - z) * n + z * h",
            "return ((1 - z) * n + z * h)[:1]",
        ),
    },
    "07.4": {
        "sign of z left as it was": ("load_gru", "[r, -z, n]", "[r, z, n]"),
        "blocks left in their order": ("load_gru", "[r, -z, n]", "[-z, r, n]"),
        "sign of r turned": ("load_gru", "[r, -z, n]", "[-r, z, n]"),
        "sign of all blocks turned": ("load_gru", "[r, -z, n]", "[-r, -z, -n]"),
        "one minus the weights": ("load_gru", "-z, n]", "1 - z, n]"),
        "blocks rolled": ("load_gru", "[r, -z, n]", "[n, -z, r]"),
        "sign turned in the weights only": (
            "load_gru",
            "[r, -z, n]",
            "[r, -z if z.ndim == 2 else z, n]",
        ),
        "sign turned for the input only": (
            "load_gru",
            "        ours.append(np.concatenate([r, -z, n]))",
            "        sign = 1 if array is weight_hh or array is bias_hh else -1\n"
            "        ours.append(np.concatenate([r, sign * z, n]))",
        ),
        "biases left as they were": ("load_gru", "return tuple(ours)", "return *ours[:2], bias_ih, bias_hh"),
        "writes into their arrays": (
            "load_gru",
            "ours.append(np.concatenate([r, -z, n]))",
            "array[:] = np.concatenate([r, -z, n])\n        ours.append(array)",
        ),
        "blocks as columns": ("load_gru", "np.concatenate([r, -z, n])", "np.stack([r, -z, n], axis=-1)"),
        "float64 whatever comes in": ("load_gru", "[r, -z, n]", "[r.astype(float), -z, n]"),
    },
    "07.5": {
        "only the highway": ("gru_roads", "one @ jacobian,", "np.diag(highway * z),"),
        "Jacobian of the last step": ("gru_roads", "one @ jacobian,", "one,"),
        "product in the wrong order": ("gru_roads", "one @ jacobian,", "jacobian @ one,"),
        "transposed": ("gru_roads", "return jacobian,", "return jacobian.T,"),
        "side road of z left out": ("gru_roads", " + ((h - n) * z * (1 - z))[:, None] * W_z", ""),
        "side road of n left out": ("gru_roads", "(e * r)[:, None] * W_n + (e", "(e"),
        "side road of r left out": ("gru_roads", " + (e * p * r * (1 - r))[:, None] * W_r", ""),
        "columns in place of rows": ("gru_roads", "(e * r)[:, None]", "(e * r)[None]"),
        "state after the step": ("gru_roads", "((h - n) * z", "((new[0] - n) * z"),
        "state never goes on": ("gru_roads", "highway * z, new[0]", "highway * z, h"),
        "highway of the last step": ("gru_roads", "highway * z, new", "z, new"),
        "highway of what is new": ("gru_roads", "highway * z, new", "highway * (1 - z), new"),
        "highway summed": ("gru_roads", "highway * z, new", "highway + z, new"),
        "the first step left out": (
            "gru_roads",
            "    return jacobian, highway",
            "    return (one if len(inputs) == 1 else jacobian @ np.linalg.inv(one)), highway",
        ),
        "starts from zeros": ("gru_roads", "h, highway = h0,", "h, highway = 0 * h0,"),
        "float64 whatever comes in": ("gru_roads", "np.diag(highway)\n", "np.eye(len(h0))\n"),
        "writes into h0": (
            "gru_roads",
            "highway * z, new[0]",
            "highway * z, h\n        h[:] = new[0]",
        ),
    },
}
