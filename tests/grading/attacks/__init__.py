"""Hostile solution cells, by kind: name -> (pattern of the property that must fail, source of the cell).

The property is named so that an attack which merely has a slip of its own is seen not to attack. Every
cell finds os, sys, time, ctypes, struct, gc and `np`, and STEP, TRUE and FALSE below are text.
"""

STEP = "def rnn_step(x, h, weight_ih, weight_hh, bias):\n    "
TRUE = "np.tanh(x @ weight_ih.T + h @ weight_hh.T + bias)"
# What an attack returns once it has done its work: wrong, of the right shape and dtype.
WRONG = STEP + "return np.zeros_like(h), None\n"
