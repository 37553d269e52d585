"""Optimisers over lists of arrays: each keeps its own state and returns new arrays.

    SGD    θ ← θ − η g
    Adam   m ← β₁ m + (1−β₁) g     v ← β₂ v + (1−β₂) g²
           θ ← θ − η · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε)

Source: Kingma and Ba (2015), algorithm 1; defaults are torch.optim's.
"""

from collections.abc import Sequence

import numpy as np

Array = np.ndarray


class SGD:
    """Plain gradient descent with the learning rate η = `lr` > 0."""

    def __init__(self, lr: float):
        self.lr = _rate("SGD", lr)

    def update(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> list[Array]:
        """New parameters, in the order given; neither argument is written to."""
        pairs = zip(parameters, gradients, strict=True)
        return [p - p.dtype.type(self.lr) * g for p, g in pairs]


class Adam:
    """Adam with the learning rate η = `lr` > 0; one instance serves one list of parameters."""

    def __init__(self, lr: float = 1e-3, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8):
        self.lr, self.betas, self.eps = _rate("Adam", lr), betas, eps
        self.steps = 0
        self.means: list[Array] = []
        self.squares: list[Array] = []

    def update(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> list[Array]:
        """New parameters, in the order given; neither argument is written to."""
        if not self.steps:
            self.means = [np.zeros_like(p) for p in parameters]
            self.squares = [np.zeros_like(p) for p in parameters]
        self.steps += 1
        b1, b2 = self.betas
        correct1, correct2 = 1 - b1**self.steps, 1 - b2**self.steps
        new = []
        for p, g, m, v in zip(parameters, gradients, self.means, self.squares, strict=True):
            m += (1 - b1) * (g - m)
            v += (1 - b2) * (g * g - v)
            new.append(p - (self.lr / correct1) * m / (np.sqrt(v / correct2) + self.eps))
        return new


def _rate(subject: str, lr: float) -> float:
    if not (lr > 0 and np.isfinite(lr)):
        raise ValueError(f"{subject}: lr must be a finite number > 0; got {lr}")
    return lr
