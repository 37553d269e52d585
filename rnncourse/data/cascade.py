"""A task made for depth: each stage looks at three neighbouring steps of the stage below."""

import numpy as np

from rnncourse import _checks
from rnncourse.data.tasks import Labelled


def cascade(steps: int, batch: int, *, stages: int, rng: np.random.Generator) -> Labelled:
    """Random bits through K = `stages` stages; inputs (T, B, 1) are ±1 in float32, targets (T, B) 0 or 1.

        b^0_t = the input bit,   b^k_t = b^{k−1}_t xor (b^{k−1}_{t−1} or b^{k−1}_{t−2}),   target_t = b^K_t

    Bits before the first step are 0. The rule is number 30 of Wolfram (1983), read along time. One layer of a
    network could compute one stage; the target depends on the last 2K + 1 inputs. For each history exactly
    half of the present bits give a 1, so a guess costs 1 bit. ValueError for sizes below 1.
    """
    _checks.drawing("cascade", rng, np.float32, steps=steps, batch=batch, stages=stages)
    bits = rng.integers(0, 2, (steps, batch))
    inputs = (2 * bits - 1)[:, :, None].astype(np.float32)
    for _ in range(stages):
        earlier = np.pad(bits, ((2, 0), (0, 0)))
        bits = bits ^ (earlier[1:-1] | earlier[:-2])
    return Labelled(inputs, bits, np.ones((steps, batch), bool))
