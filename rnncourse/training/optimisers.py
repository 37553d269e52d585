"""Optimisers over lists of arrays: each keeps its own state and returns new arrays.

    SGD    θ ← θ − η g
    Adam   m ← β₁ m + (1−β₁) g     v ← β₂ v + (1−β₂) g²
           θ ← θ − η · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε)

Source: Kingma and Ba (2015), algorithm 1; defaults are torch.optim's.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from rnncourse import _checks

Array = np.ndarray


class SGD:
    """Plain gradient descent with the learning rate η = `lr` > 0."""

    def __init__(self, lr: float):
        self.lr = _rate("SGD", lr)

    def update(
        self, parameters: Sequence[Float[Array, "..."]], gradients: Sequence[Float[Array, "..."]]
    ) -> list[Float[Array, "..."]]:
        """New parameters, in the order given; neither argument is written to.

        Raises ValueError where the gradients are not shaped like the parameters.
        """
        _require_alike("SGD", parameters, gradients)
        pairs = zip(parameters, gradients, strict=True)
        return [p - p.dtype.type(self.lr) * g for p, g in pairs]


class Adam:
    """Adam with the learning rate η = `lr` > 0; one instance serves one list of parameters."""

    def __init__(self, lr: float = 1e-3, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8):
        self.lr, self.betas, self.eps = _rate("Adam", lr), betas, _checks.number("Adam", "eps", eps)
        if not all(0 <= _checks.number("Adam", "betas", beta) < 1 for beta in betas) or eps <= 0:
            raise ValueError(f"Adam: betas must lie in [0, 1) and eps be > 0; got {betas} and {eps}")
        self.steps = 0
        self.means: list[Array] = []
        self.squares: list[Array] = []

    def update(
        self, parameters: Sequence[Float[Array, "..."]], gradients: Sequence[Float[Array, "..."]]
    ) -> list[Float[Array, "..."]]:
        """New parameters, in the order given; neither argument is written to.

        Raises ValueError where the gradients are not shaped like the parameters, or the parameters not like
        those of the first call.
        """
        _require_alike("Adam", parameters, gradients)
        if self.steps:
            _require_alike("Adam: the state of this instance", self.means, parameters)
        else:
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
    if _checks.number(subject, "lr", lr) <= 0:
        raise ValueError(f"{subject}: lr must be a finite number > 0; got {lr}")
    return lr


def _require_alike(
    subject: str, parameters: Sequence[Float[Array, "..."]], gradients: Sequence[Float[Array, "..."]]
) -> None:
    wanted, got = [p.shape for p in parameters], [g.shape for g in gradients]
    if wanted != got:
        raise ValueError(f"{subject}: gradients must have the parameters' shapes {wanted}; got {got}")
