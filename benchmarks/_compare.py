"""Layers that compute the same, on one device: first whether they do, then how long each takes.

On a GPU time is between two CUDA events, with the device idle before the first. Inputs rotate and are
together larger than the L2 cache. Rounds are interleaved, and the first is not counted.
"""

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from rnncourse.fast.measure import interleave

PASSES = ("forward", "forward+backward")
ROUNDS, FEW = 15, 3


class EventClock:
    """Seconds by events on the device; a call waits until the device has done what it was given."""

    def __init__(self) -> None:
        self.seconds, self.last = 0.0, self._now()

    def _now(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def __call__(self) -> float:
        now = self._now()
        now.synchronize()
        self.seconds += self.last.elapsed_time(now) / 1e3
        self.last = self._now()  # the wait itself is not counted
        return self.seconds


def same_parameters(layers: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """These layers, all with the first one's parameters."""
    first, *others = layers.values()
    with torch.no_grad():
        for layer in others:
            for to, what in zip(layer.parameters(), first.parameters(), strict=True):
                to.copy_(what)
    return layers


def inputs(size: tuple[int, int, int], dtype: torch.dtype, device: torch.device) -> list[tuple]:
    """Pairs (x, ∂L/∂outputs), at least two: between two uses of one, the others' x fill the L2 cache."""
    cuda = device.type == "cuda"
    cache = torch.cuda.get_device_properties(device).L2_cache_size if cuda else 0
    count = 2 + cache // (size[0] * size[1] * size[2] * dtype.itemsize)
    pairs = (torch.randn(2, *size, device=device, dtype=dtype) for _ in range(count))
    return [(x.clone().requires_grad_(), dy.clone()) for x, dy in pairs]


def difference(name: str, layer: nn.Module, standard: nn.Module, pair: tuple, tolerance: float) -> float:
    """Of two layers' outputs and ∂L/∂x, relative to the largest entry; AssertionError beyond `tolerance`.

    ∂L/∂x tells of every step of the backward pass. In 16 bits a weight's gradient depends on the order of
    its sum: autograd adds up the steps of a loop of cells in that dtype.
    """
    x, dy = pair
    results = []
    for module in (layer, standard):
        outputs = module(x)[0]
        results.append((outputs.detach().float(), torch.autograd.grad(outputs, x, dy)[0].float()))
    found = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(*results, strict=True))
    if not found <= tolerance:  # a NaN is beyond it too
        raise AssertionError(
            f"{name}: outputs and ∂L/∂x must equal the standard's to {tolerance:g} of the largest entry; "
            f"got a difference of {found:.2g}. Find out why; it is not timed before"
        )
    return found


def actions(layer: nn.Module, pairs: Iterable[tuple]) -> dict[str, Callable[[], Any]]:
    """What is timed in each pass; every call takes the next pair."""
    rotating, parameters = itertools.cycle(pairs), list(layer.parameters())

    def forward() -> None:
        with torch.no_grad():
            layer(next(rotating)[0])

    def both() -> None:
        x, dy = next(rotating)
        torch.autograd.grad(layer(x)[0], [x, *parameters], dy)

    return dict(zip(PASSES, (forward, both), strict=True))


def compare(
    layers: dict[str, nn.Module],
    size: tuple[int, int, int],
    dtype: torch.dtype,
    device: torch.device,
    *,
    tolerance: float,
    slow: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Differences from the first layer, then times by pass and name; size is (T, B, I), I = H.

    `slow` names layers that run in fewer rounds, of their own. AssertionError where one differs.
    """
    pairs, (first, *others) = inputs(size, dtype, device), layers
    far = {n: difference(n, layers[n], layers[first], pairs[0], tolerance) for n in others}
    found: dict[str, Any] = {f"difference from {first}": {n: float(f"{d:.1e}") for n, d in far.items()}}
    clock = EventClock() if device.type == "cuda" else time.perf_counter
    todo = {name: actions(layer, pairs) for name, layer in layers.items()}
    for which in PASSES:
        taken: dict[str, np.ndarray] = {}
        for few in (False, True):
            now = {name: act[which] for name, act in todo.items() if (name in slow) == few}
            taken |= interleave(now, rounds=FEW if few else ROUNDS, clock=clock)
        found[which] = {n: summary(taken[n], taken[first], first, size[0]) for n in layers}
    return found


def summary(seconds: np.ndarray, base: np.ndarray, first: str, steps: int) -> dict[str, Any]:
    """ms as [median, least, most]; of the medians, µs a step and the ratio to the first layer's."""
    median = float(np.median(seconds))
    return {
        "ms": [round(1e3 * float(of(seconds)), 3) for of in (np.median, np.min, np.max)],
        "µs a step": round(1e6 * median / steps, 2),
        f"/ {first}": round(median / float(np.median(base)), 2),
    }
