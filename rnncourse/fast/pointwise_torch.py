"""What is done to each entry between two products: the same few functions in NumPy and in PyTorch.

On the CPU NumPy's functions start in a third of the time of PyTorch's, and its tanh takes a tenth (PyTorch
asks MKL for it); PyTorch's are faster on large arrays that are parts of larger ones, and have a sigmoid. So
there are three kinds, `chosen` by device, dtype and size. A tensor's array is the same memory, no copy.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

# States of up to so many entries are NumPy's: there starting costs more than strides do.
SMALL = 4096


class Pointwise(NamedTuple):
    """Functions with out=, as both libraries have them; `view` makes of a tensor what they take."""

    view: Any
    add: Any
    multiply: Any
    subtract: Any
    tanh: Any
    sigmoid: Any
    relu: Any
    copy: Any  # copy(to, what)
    one_kernel_sums: bool  # a product and a sum in one call, where each call is a kernel on a device


def _numpy_sigmoid(a: np.ndarray, out: np.ndarray) -> None:
    if a.size > 1024:  # PyTorch's is one pass over memory, this one is four
        torch.sigmoid(torch.from_numpy(a), out=torch.from_numpy(out))
        return
    # σ(a) = (1 + tanh(a/2))/2: exact at both ends, and there is no overflow to guard against.
    np.multiply(a, 0.5, out=out)
    np.tanh(out, out=out)
    out *= 0.5
    out += 0.5


def _numpy_relu(a: np.ndarray, out: np.ndarray) -> None:
    np.maximum(a, 0, out=out)


def _torch_relu(a: Tensor, out: Tensor) -> None:
    torch.clamp(a, min=0, out=out)


def _tanh_of_numpy(a: Tensor, out: Tensor) -> None:
    np.tanh(a.numpy(), out=out.numpy())


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _copy(to: Tensor, what: Tensor) -> None:
    to.copy_(what)


_NUMPY = Pointwise(
    Tensor.numpy, np.add, np.multiply, np.subtract, np.tanh, _numpy_sigmoid, _numpy_relu, np.copyto, False
)
_DEVICE = Pointwise(
    _same, torch.add, torch.mul, torch.sub, torch.tanh, torch.sigmoid, _torch_relu, _copy, True
)
_CPU = _DEVICE._replace(tanh=_tanh_of_numpy, one_kernel_sums=False)


def chosen(like: Tensor, entries: int) -> Pointwise:
    """The kind for arrays of so many entries, of `like`'s device and dtype."""
    if like.device.type != "cpu" or like.dtype not in (torch.float32, torch.float64):
        return _DEVICE
    return _NUMPY if entries <= SMALL else _CPU
