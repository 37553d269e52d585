"""Exercise 05 answered in another style, and answered wrongly."""

SECOND = {
    "step_jacobian": """
def step_jacobian(x, h, weight_ih, weight_hh, bias):
    a = np.einsum("bi,hi->bh", x, weight_ih) + np.einsum("bk,hk->bh", h, weight_hh) + bias
    h_new = np.tanh(a)
    jacobian = np.zeros((*h.shape, h.shape[1]), h.dtype)
    for b, row in enumerate(h_new):
        jacobian[b] = np.diag((1 - row) * (1 + row)) @ weight_hh
    return h_new, jacobian
""",
    "jacobians_to_end": """
def jacobians_to_end(inputs, h0, weight_ih, weight_hh, bias):
    identity = np.stack([np.eye(h0.shape[1], dtype=h0.dtype)] * len(h0))
    h, products = h0, [identity]
    for x in inputs:
        h, j = step_jacobian(x, h, weight_ih, weight_hh, bias)
        products = [np.einsum("bij,bjk->bik", j, p) for p in products] + [identity]
    return np.array(products, dtype=h0.dtype)
""",
    "log10_bound": """
def log10_bound(outputs, weight_hh):
    steps, batch, _ = outputs.shape
    beta = np.sqrt(np.linalg.eigvalsh(weight_hh.T.astype(float) @ weight_hh).max())
    bound = np.zeros((steps + 1, batch))
    for t in range(steps):
        for b in range(batch):
            slope = 1 - float(np.abs(outputs[t, b]).min()) ** 2
            bound[: t + 1, b] += math.log10(beta * slope)
    return bound.astype(outputs.dtype)
""",
    "clip_by_norm": """
def clip_by_norm(gradients, threshold):
    norm = math.hypot(*[float(x) for g in gradients for x in g.flat])
    if not math.isfinite(norm):
        raise ValueError("not finite")
    out = []
    for g in gradients:
        new = np.array(g)
        if norm > threshold:
            new *= threshold / norm
        out.append(new)
    return out, norm
""",
    "orthogonal": """
def orthogonal(gates, hidden_size, gain, rng):
    rows = []
    for _ in range(gates):
        a = rng.standard_normal((hidden_size, hidden_size))
        columns = []
        for v in a.T:
            for _ in range(2):
                for q in columns:
                    v = v - (q @ v) * q
            columns.append(v / np.sqrt(v @ v))
        rows.extend(gain * np.array(columns).T)
    return np.array(rows, dtype="float32")
""",
}

# Lines of the solutions that several mutants replace.
SLOPES = "(1 - h_new**2)[:, :, None] * weight_hh"
SWEEP = "products[t] = products[t + 1] @ factors[t]"
SCALE = "[g * scale for g in gradients], norm"
FINITE = (
    "    if not all(np.isfinite(g).all() for g in gradients):\n"
    '        raise ValueError("clip_by_norm: every gradient must be finite")\n'
)

MUTANTS = {
    "05.1": {
        "slope of the old state": ("step_jacobian", SLOPES, "(1 - h**2)[:, :, None] * weight_hh"),
        "columns in place of rows": ("step_jacobian", SLOPES, "(1 - h_new**2)[:, None, :] * weight_hh"),
        "transposed": ("step_jacobian", SLOPES, "(1 - h_new**2)[:, None, :] * weight_hh.T"),
        "weights without slopes": ("step_jacobian", SLOPES, "np.array([weight_hh for _ in x])"),
        "derivative of the sigmoid": ("step_jacobian", "(1 - h_new**2)", "(h_new * (1 - h_new))"),
        "slope of the state's sum": ("step_jacobian", "(1 - h_new**2)", "(1 - np.tanh(h_new) ** 2)"),
        "mean over the batch": ("step_jacobian", SLOPES, f"({SLOPES}).mean(axis=0)"),
        "first sequence for all": ("step_jacobian", "(1 - h_new**2)", "(1 - h_new[:1] ** 2 + 0 * h_new)"),
        "diagonal only": (
            "step_jacobian",
            SLOPES,
            "(1 - h_new**2)[:, :, None] * np.diag(np.diag(weight_hh))",
        ),
        "Jacobian of the input": ("step_jacobian", "[:, :, None] * weight_hh", "[:, :, None] * weight_ih"),
        "no bias": ("step_jacobian", " + bias", ""),
        "tanh from exponentials": (
            "step_jacobian",
            "h_new = np.tanh(x @ weight_ih.T + h @ weight_hh.T + bias)",
            "a = x @ weight_ih.T + h @ weight_hh.T + bias\n"
            "    h_new = (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))",
        ),
        "always float64": ("step_jacobian", "(1 - h_new**2)", "(1 - h_new.astype(float) ** 2)"),
        "new state written into h": ("step_jacobian", "h_new = np.tanh(", "h_new = h; h_new[:] = np.tanh("),
        "hard-coded example": (
            "step_jacobian",
            "def step_jacobian(x, h, weight_ih, weight_hh, bias):\n"
            "    return np.array([[0.0, 0.5]]), np.array([[[1.0, 2.0], [2.25, 3.0]]])\n",
        ),
    },
    "05.2": {
        "factors in the other order": (
            "jacobians_to_end",
            SWEEP,
            "products[t] = factors[t] @ products[t + 1]",
        ),
        "entry by entry": ("jacobians_to_end", SWEEP, "products[t] = products[t + 1] * factors[t]"),
        "one step too late": (
            "jacobians_to_end",
            SWEEP,
            "products[t] = products[t + 1] @ factors[min(t + 1, steps - 1)]",
        ),
        "transposed": ("jacobians_to_end", "return products", "return products.swapaxes(2, 3)"),
        "no identity at the end": ("jacobians_to_end", "return products", "return products[:-1]"),
        "no derivative by h0": ("jacobians_to_end", "return products", "return products[1:]"),
        "from the first step in place of to the last": (
            "jacobians_to_end",
            "    products[steps] = np.eye(hidden)\n"
            "    for t in reversed(range(steps)):\n"
            "        products[t] = products[t + 1] @ factors[t]\n",
            "    products[0] = np.eye(hidden)\n"
            "    for t in range(steps):\n"
            "        products[t + 1] = factors[t] @ products[t]\n",
        ),
        "time counted from the end": ("jacobians_to_end", "return products", "return products[::-1]"),
        "state not handed on": ("jacobians_to_end", "h, jacobian = step", "_, jacobian = step"),
        "starts from zero": ("jacobians_to_end", "h, factors = h0, []", "h, factors = np.zeros_like(h0), []"),
        "only the factor of the step": ("jacobians_to_end", SWEEP, "products[t] = factors[t]"),
        "first sequence for all": ("jacobians_to_end", "@ factors[t]", "@ factors[t][:1]"),
        "one factor to a power": (
            "jacobians_to_end",
            SWEEP,
            "products[t] = np.linalg.matrix_power(factors[-1], steps - t)",
        ),
        "always float64": ("jacobians_to_end", ", weight_hh.dtype)", ")"),
    },
    "05.3": {
        "Frobenius norm": ("log10_bound", "np.linalg.norm(weight_hh, 2)", "np.linalg.norm(weight_hh)"),
        "spectral radius": (
            "log10_bound",
            "np.linalg.norm(weight_hh, 2)",
            "np.abs(np.linalg.eigvals(weight_hh)).max()",
        ),
        "largest entry": ("log10_bound", "np.linalg.norm(weight_hh, 2)", "np.abs(weight_hh).max()"),
        "smallest singular value": ("log10_bound", "(weight_hh, 2)", "(weight_hh, -2)"),
        "mean slope": ("log10_bound", ".max(axis=-1)", ".mean(axis=-1)"),
        "smallest slope": ("log10_bound", ".max(axis=-1)", ".min(axis=-1)"),
        "slope 1": ("log10_bound", "(1 - outputs**2)", "(0 * outputs + 1)"),
        "steepest unit of the batch": ("log10_bound", ".max(axis=-1)", ".max(axis=(1, 2))[:, None]"),
        "first sequence for all": ("log10_bound", "logs[::-1]", "logs[::-1, :1]"),
        "sum from the beginning": (
            "log10_bound",
            "log_bound[:-1] = np.cumsum(logs[::-1], axis=0)[::-1]",
            "log_bound[1:] = np.cumsum(logs, axis=0)",
        ),
        "not turned back": ("log10_bound", "axis=0)[::-1]", "axis=0)"),
        "only one step": ("log10_bound", "np.cumsum(logs[::-1], axis=0)[::-1]", "logs"),
        "the weight once": (
            "log10_bound",
            "    logs = np.log10(slopes) + np.log10(np.linalg.norm(weight_hh, 2))",
            "    logs = np.log10(slopes)\n    logs[-1] += np.log10(np.linalg.norm(weight_hh, 2))",
        ),
        "no entry for T": ("log10_bound", "return log_bound", "return log_bound[:-1]"),
        "natural logarithm": ("log10_bound", "return log_bound", "return log_bound * math.log(10)"),
        "logarithm of the product": (
            "log10_bound",
            "np.cumsum(logs[::-1], axis=0)[::-1]",
            "np.log10(np.cumprod(10 ** logs[::-1], axis=0)[::-1])",
        ),
        "always float64": ("log10_bound", ", outputs.dtype)", ")"),
        "squares in place": ("log10_bound", "(1 - outputs**2)", "(1 - np.square(outputs, out=outputs))"),
    },
    "05.4": {
        "squared norm": ("clip_by_norm", "largest * math.sqrt(squares)", "largest**2 * squares"),
        "each array by its own norm": (
            "clip_by_norm",
            SCALE,
            "[g * min(1.0, threshold / (np.linalg.norm(g) or 1.0)) for g in gradients], norm",
        ),
        "each entry": ("clip_by_norm", SCALE, "[np.clip(g, -threshold, threshold) for g in gradients], norm"),
        "short gradients made longer": ("clip_by_norm", "min(1.0, threshold / norm)", "threshold / norm"),
        "to length 1": ("clip_by_norm", "min(1.0, threshold / norm)", "min(1.0, 1 / norm)"),
        "norm of the first array": (
            "clip_by_norm",
            "** 2)) for g in gradients)",
            "** 2)) for g in gradients[:1])",
        ),
        "sum of the norms": (
            "clip_by_norm",
            "largest * math.sqrt(squares)",
            "float(sum(largest * np.linalg.norm(g / largest) for g in gradients))",
        ),
        "largest entry for a norm": ("clip_by_norm", "largest * math.sqrt(squares)", "largest"),
        "norm after clipping": ("clip_by_norm", SCALE, "[g * scale for g in gradients], norm * scale"),
        "writes into the arrays": (
            "clip_by_norm",
            f"return {SCALE}",
            "for g in gradients:\n        g *= scale\n    return gradients, norm",
        ),
        "replaces entries of the list": (
            "clip_by_norm",
            f"return {SCALE}",
            "for k, g in enumerate(gradients):\n        gradients[k] = g * scale\n    return gradients, norm",
        ),
        "squares overflow": (
            "clip_by_norm",
            "    norm = largest * math.sqrt(squares)",
            "    norm = float(np.sqrt(sum(np.sum(g**2) for g in gradients)))",
        ),
        "divides by 0": (
            "clip_by_norm",
            "    if largest == 0:\n        return [g.copy() for g in gradients], 0.0\n",
            "",
        ),
        "lets NaN through": ("clip_by_norm", FINITE, ""),
        "lets infinity through": ("clip_by_norm", "not all(np.isfinite(g).all()", "any(np.isnan(g).any()"),
        "NaN becomes 0": ("clip_by_norm", FINITE, "    gradients = [np.nan_to_num(g) for g in gradients]\n"),
        "float32 becomes float64": ("clip_by_norm", "g * scale", "g * np.float64(scale)"),
        "one flat array": (
            "clip_by_norm",
            SCALE,
            "np.concatenate([scale * g.ravel() for g in gradients]), norm",
        ),
        "flat arrays": ("clip_by_norm", "[g * scale for", "[g.ravel() * scale for"),
        "norm forgotten": ("clip_by_norm", f"return {SCALE}", "return [g * scale for g in gradients]"),
        "hard-coded example": ("clip_by_norm", SCALE, "[np.array([0.6, 0.0]), np.array([0.8])], 5.0"),
    },
    "05.5": {
        "signs left as they are": ("orthogonal", " * np.sign(np.diag(r))", ""),
        "signs of rows": ("orthogonal", "np.sign(np.diag(r))", "np.sign(np.diag(r))[:, None]"),
        "diagonal without its sign": ("orthogonal", "np.sign(np.diag(r))", "np.diag(r)"),
        "gain forgotten": ("orthogonal", "gain * q", "q"),
        "gain squared": ("orthogonal", "gain * q", "gain**2 * q"),
        "transposed": (
            "orthogonal",
            "np.sign(np.diag(r)))",
            "np.sign(np.diag(r)))\n        blocks[-1] = blocks[-1].T",
        ),
        "Gaussian, scaled": (
            "orthogonal",
            "q * np.sign(np.diag(r))",
            "(q @ r) / np.sqrt(hidden_size)",
        ),
        "columns of length 1 only": (
            "orthogonal",
            "q * np.sign(np.diag(r))",
            "(q @ r) / np.linalg.norm(r, axis=0)",
        ),
        "one block for all gates": (
            "orthogonal",
            "def orthogonal(gates, hidden_size, gain, rng):\n"
            "    q, r = np.linalg.qr(rng.standard_normal((hidden_size, hidden_size)))\n"
            "    return np.tile(gain * q * np.sign(np.diag(r)), (gates, 1)).astype(np.float32)\n",
        ),
        "one tall matrix": (
            "orthogonal",
            "def orthogonal(gates, hidden_size, gain, rng):\n"
            "    q, r = np.linalg.qr(rng.standard_normal((gates * hidden_size, hidden_size)))\n"
            "    return (gain * q * np.sign(np.diag(r))).astype(np.float32)\n",
        ),
        "blocks side by side": ("orthogonal", "np.concatenate(blocks)", "np.concatenate(blocks, axis=1)"),
        "blocks on an axis of their own": ("orthogonal", "np.concatenate(blocks)", "np.stack(blocks)"),
        "float64": ("orthogonal", ".astype(np.float32)", ""),
        "a generator of its own": (
            "orthogonal",
            "    blocks = []\n",
            "    blocks, rng = [], np.random.default_rng(0)\n",
        ),
        "global randomness": (
            "orthogonal",
            "rng.standard_normal((hidden_size, hidden_size))",
            "np.random.randn(hidden_size, hidden_size)",
        ),
        "uniform numbers": ("orthogonal", "rng.standard_normal((", "rng.uniform(-1, 1, ("),
        "identity": ("orthogonal", "q * np.sign(np.diag(r))", "np.eye(hidden_size)"),
    },
}
