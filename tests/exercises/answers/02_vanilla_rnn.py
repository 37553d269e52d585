"""Exercise 02 answered in another style, and answered wrongly."""

SECOND = {
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
}

MUTANTS = {
    "02.1": {
        "no bias": ("rnn_step", " + bias", ""),
        "sigmoid instead of tanh": ("rnn_step", "np.tanh(", "1 / (1 + np.exp(-1) **"),
        "recurrent weights not transposed": ("rnn_step", "weight_hh.T", "weight_hh"),
        "batch of one only": ("rnn_step", "return h_new,", "return h_new[:1],"),
        "writes into h": ("rnn_step", "h_new = np.tanh(", "h_new = h; h_new[:] = np.tanh("),
        "hard-coded example": (
            "rnn_step",
            "def rnn_step(x, h, weight_ih, weight_hh, bias):\n    return np.array([[0.6351]]), None\n",
        ),
    },
}
