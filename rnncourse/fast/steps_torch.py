"""What a cell must tell `fast.sequence_torch`, so that one node of autograd serves all three."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from rnncourse.fast.pointwise_torch import Pointwise
from rnncourse.fast.product_torch import Stepwise


class Steps(ABC):
    """What a cell does besides the products. A state is a tuple of (B, H), h first.

    `run` and `back` hold the loops, so they call `ops` for all they do; what they are given are tensors.
    """

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h",)
    made: ClassVar[int] = 1  # so many of `slopes`' results, the first ones, become gradients in `back`

    def kernel(self, x: Float[Tensor, "T B I"], hidden: int) -> "Whole | None":
        """The same cell with all steps in one call, or None for a cell that has no such kernel.

        ValueError, with the reason, where it does not run for such x; ImportError without Triton.
        """
        del x, hidden
        return None

    def input_bias(self, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
        """What is added to the product of all inputs."""
        return bias_ih + bias_hh

    @abstractmethod
    def tape(self, gates: Float[Tensor, "T B GH"]) -> tuple[Tensor, ...]:
        """Room for what `run` writes and `back` needs, (T, B, ·) each: outputs first, gates last."""

    def hold(self, gates: Float[Tensor, "T B GH"], mask: Bool[Tensor, "T B 1"]) -> None:
        """See to it that all of the state but h stays as it is where `mask` is False."""
        del gates, mask  # here h is all of the state

    @abstractmethod
    def run(
        self, ops: Pointwise, product: Stepwise, tape: tuple, start: tuple, bias_hh: Tensor | None
    ) -> None:
        """All steps of the tape, from `start`. Its gates hold the inputs' share, and become gates."""

    def state_after(self, tape: tuple, t: int) -> tuple[Tensor, ...]:
        """The state after step t."""
        return (tape[0][t],)

    @abstractmethod
    def slopes(self, tape: tuple, h_before: Float[Tensor, "T B H"], start: tuple) -> tuple[Tensor, ...]:
        """The local derivatives of these steps, (T, B, ·) each; first those that become ∂L/∂a (T, B, GH)."""

    @abstractmethod
    def back(
        self, ops: Pointwise, product: Stepwise, local: tuple, above: Float[Tensor, "T B H"], dstate: tuple
    ) -> None:
        """These steps, last first: `dstate` goes from ∂L/∂(state after them) to ∂L/∂(state before them).

        above[t] is what arrives from outside at h_{t−1}. All of it is added to; `local` may be written over.
        """

    def input_side(self, local: tuple) -> Float[Tensor, "T B GH"]:
        """∂L/∂(the inputs' share of a), once ∂L/∂(the state's share) is no longer needed."""
        return local[0]

    @abstractmethod
    def plain(self, x: Float[Tensor, "B I"], state: tuple, weights: tuple) -> tuple[Tensor, ...]:
        """One step that autograd can follow: for the gradient of a gradient."""


class Whole(Steps):
    """A cell that runs a sequence in one call instead of step by step."""

    @abstractmethod
    def run_whole(
        self, tape: tuple, start: tuple, weight_hh: Float[Tensor, "GH H"], bias_hh: Tensor | None
    ) -> None:
        """What `run` does."""

    @abstractmethod
    def back_whole(
        self, tape: tuple, weight_hh: Float[Tensor, "GH H"], above: Float[Tensor, "T1 B H"], dstate: tuple
    ) -> tuple[Tensor, ...]:
        """∂L/∂a first, and what else `input_side` takes. `dstate` goes from the last state's to the first's.

        above[t], t = 0..T, is what arrives from outside at h after t steps; that for T is in `dstate` too.
        """


def parts(gates: Any, count: int) -> tuple[Any, ...]:
    """The gates (…, H) of (…, count·H), as views."""
    size = gates.shape[-1] // count
    return tuple(gates[..., k * size : (k + 1) * size] for k in range(count))
