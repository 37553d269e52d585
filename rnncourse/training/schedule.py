"""The learning rate over a training: warm up in a line, then fall along half a cosine.

    η(s) = η_max · s/w                                                  for s ≤ w, the warm-up
    η(s) = η_max · (ρ + (1 − ρ) · ½ (1 + cos(π (s − w)/(S − w))))       from w to S, the last step

Source: the cosine is that of Loshchilov and Hutter (2017), equation 5, without restarts.
"""

import math

from rnncourse import _checks


def warmup_cosine(step: int, *, steps: int, peak: float, warmup: int = 100, floor: float = 0.02) -> float:
    """η at `step` (1 … steps) for the peak η_max; `floor` is ρ, the share of it that is left at the end.

    A training shorter than `warmup` warms up all the way. ValueError for a step outside 1..steps, a peak that
    is not > 0 or a floor outside [0, 1].
    """
    subject = "warmup_cosine"
    if _checks.positive_int(subject, "step", step) > _checks.positive_int(subject, "steps", steps):
        raise ValueError(f"{subject}: step must lie in 1..steps = 1..{steps}; got {step}")
    if _checks.number(subject, "peak", peak) <= 0 or not 0 <= _checks.number(subject, "floor", floor) <= 1:
        raise ValueError(f"{subject}: peak must be > 0 and floor lie in [0, 1]; got {peak} and {floor}")
    if step <= warmup:
        return peak * step / warmup
    done = (step - warmup) / max(steps - warmup, 1)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))
