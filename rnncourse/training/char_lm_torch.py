"""Train a character model by a recipe: truncated BPTT with carried state, on one device or on many.

    for each window of T characters, in B streams side by side:
        loss, state = model(window, state)      state from the window before, its gradient cut
        g = ∂loss/∂θ, averaged over processes;  clip;  Adam with the schedule's rate

Every number depends on the recipe, the corpus and the step alone: which characters a step reads, its
learning rate, what dropout draws. So a training that was killed and resumed is the same as one that was not,
bit for bit on a CPU (with the same number of threads).
"""

import hashlib
import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm import tqdm

from rnncourse import _checks
from rnncourse.data.vocabulary import BOUNDARY, Vocabulary
from rnncourse.models.char_lm import NATS_PER_BIT
from rnncourse.models.char_lm_torch import CharLM, bits_and_count
from rnncourse.training import checkpoint
from rnncourse.training.devices_torch import make_fabric
from rnncourse.training.recipe import Recipe
from rnncourse.training.records import Records
from rnncourse.training.schedule import warmup_cosine
from rnncourse.training.truncated import streams

Array = np.ndarray
CHECKPOINT, RECORDS = "checkpoint.pt", "records.jsonl"
LEFT_BEHIND = (CHECKPOINT, f"{CHECKPOINT}.previous", "weights.npz")
Tokens = Sequence[Int[Array, "_"]]


class Outcome(NamedTuple):
    """The best model by validation, its step and bits per character there, and the steps that were taken."""

    model: CharLM
    best_step: int
    valid_bits: float
    steps: int
    stopped_early: bool


class Progress(NamedTuple):
    """What a checkpoint holds besides the recipe."""

    step: int
    model: dict[str, Any]
    optimiser: dict[str, Any]
    state: Any
    best_step: int
    best_bits: float
    best_model: dict[str, Any]
    seconds: float
    precision: dict[str, Any]


def train(
    recipe: Recipe,
    vocabulary: Vocabulary,
    documents: Tokens,
    valid: Tokens,
    folder: str | Path,
    *,
    resume: bool = False,
    device: str = "auto",
    checkpoint_every: int = 200,
    progress: bool = True,
) -> Outcome:
    """Train on `documents`, choose by `valid`; both are whole documents as tokens (N,), without boundaries.

    `folder` gets records.jsonl (one line a step), checkpoint.pt and checkpoint.pt.previous. An existing
    training there is continued with `resume`; without it FileExistsError.

    Raises FloatingPointError with the step and the gradient's norm when the loss or, without fp16, the norm
    is no longer finite; CheckpointError where the checkpoint is broken or of another recipe; ValueError
    where the corpus is too short for one window in each stream.
    """
    _checks.positive_int("train", "checkpoint_every", checkpoint_every)
    folder = Path(folder)
    fabric = make_fabric(device, recipe.precision)
    with torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []):
        run = _Run(fabric, recipe, vocabulary, documents, valid, folder)
        run.begin(resume)
        return run.loop(checkpoint_every, progress)


class _Run:
    """One training: what stays the same over its steps, and where it is."""

    def __init__(
        self,
        fabric: Fabric,
        recipe: Recipe,
        vocabulary: Vocabulary,
        documents: Tokens,
        valid: Tokens,
        folder: Path,
    ):
        self.fabric, self.recipe, self.folder = fabric, recipe, folder
        self.vocabulary, self.documents, self.valid = vocabulary, documents, valid
        self.edge = vocabulary.characters.index(BOUNDARY)
        rows = (sum(len(d) + 1 for d in documents)) // recipe.batch
        self.windows = (rows - 1) // recipe.window  # in one epoch
        if self.windows < 1:
            raise ValueError(
                f"train: expected at least batch * (window + 1) = {recipe.batch * (recipe.window + 1)} "
                f"characters to train on; got {rows * recipe.batch}. Take a larger corpus, or make both "
                "smaller"
            )
        if recipe.batch % fabric.world_size:
            raise ValueError(
                f"train: batch must be a multiple of the {fabric.world_size} processes; got {recipe.batch}"
            )
        share = recipe.batch // fabric.world_size
        self.columns = slice(fabric.global_rank * share, (fabric.global_rank + 1) * share)
        torch.manual_seed(recipe.seed)
        self.module = CharLM(
            len(vocabulary),
            recipe.hidden_size,
            cell=recipe.cell,
            embedding_size=recipe.embedding_size,
            layers=recipe.layers,
            dropout=recipe.dropout,
            forget_bias=recipe.forget_bias,
        )
        self.optimiser = torch.optim.Adam(self.module.parameters(), lr=recipe.lr, betas=(0.9, 0.99))
        self.model, self.wrapped_optimiser = fabric.setup(self.module, self.optimiser)
        self.step, self.norm = 0, 0.0
        self.state: Any = None
        self.best_step, self.best_bits, self.best_model = 0, float("inf"), self._weights()
        self.seconds_before, self.started = 0.0, time.perf_counter()
        self.epoch, self.stream = -1, torch.empty(0)

    def begin(self, resume: bool) -> None:
        """Load the checkpoint or make sure that none would be lost; open the records."""
        path = self.folder / CHECKPOINT
        if self.folder.exists() and not self.folder.is_dir():
            raise FileExistsError(f"train: expected a folder to write to; {self.folder} is a file")
        there = [name for name in LEFT_BEHIND if (self.folder / name).exists()]
        if not resume and there:
            raise FileExistsError(
                f"train: expected a folder without a training; {self.folder} holds {there[0]}. "
                "Continue it with --resume, or choose another folder"
            )
        self.fabric.barrier()  # nobody looks after the first has begun to write
        if resume:
            self._load(path)
        if self.fabric.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.records = Records(self.folder / RECORDS, keep_until=self.step)
            if self.records.steps != list(range(1, self.step + 1)):
                raise checkpoint.CheckpointError(
                    f"train: {self.records.path} must hold each of the steps 1 to {self.step}; got "
                    f"{len(self.records.steps)} records. Put the file back, or start again in another folder"
                )

    def loop(self, checkpoint_every: int, progress: bool) -> Outcome:
        """Steps, validation and checkpoints, to the recipe's end or until validation stands still."""
        recipe, shown = self.recipe, self.fabric.is_global_zero and progress
        bar = tqdm(
            total=recipe.steps,
            initial=self.step,
            unit="step",
            disable=None if shown else True,  # None: where nobody looks, no bar
            file=sys.stderr,
        )
        with bar:
            while self.step < recipe.steps and not self._waited():
                record = self._one_step()
                if self.step % recipe.valid_every == 0 or self.step == recipe.steps:
                    record["valid_bits"] = self._validate()
                if self.fabric.is_global_zero:
                    self.records.append(**record)
                    bar.set_postfix(bits=f"{record['bits']:.3f}", best=f"{self.best_bits:.3f}")
                bar.update()
                if self.step % checkpoint_every == 0 or self.step == recipe.steps or self._waited():
                    self._save()
        best = CharLM(
            len(self.vocabulary),
            recipe.hidden_size,
            cell=recipe.cell,
            embedding_size=recipe.embedding_size,
            layers=recipe.layers,
        )
        best.load_state_dict(self.best_model)
        return Outcome(best, self.best_step, self.best_bits, self.step, self._waited())

    def _waited(self) -> bool:
        """Whether validation has not improved for as many looks as the recipe's patience."""
        looks = (self.step - self.best_step) // self.recipe.valid_every
        return 0 < self.recipe.patience <= looks

    def _one_step(self) -> dict[str, Any]:
        recipe, fabric = self.recipe, self.fabric
        inputs, targets = self._window(self.step)
        self.step += 1
        rate = warmup_cosine(self.step, steps=recipe.steps, peak=recipe.lr, warmup=recipe.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Dropout draws from the step's own seed: a resumed training draws the same.
        torch.manual_seed((recipe.seed * 1_000_003 + self.step) * 1_009 + fabric.global_rank)
        self.model.train()
        self.wrapped_optimiser.zero_grad()
        scores, state = self.model(inputs, self.state)
        loss = nn.functional.cross_entropy(scores.float().flatten(0, 1), targets.flatten())
        fabric.backward(loss)
        norm: Any = fabric.clip_gradients(
            self.model, self.wrapped_optimiser, max_norm=recipe.clip, error_if_nonfinite=False
        )
        mean: Any = fabric.all_reduce(loss.detach(), reduce_op="mean")
        value, size = float(mean), float(norm)
        # fp16 meets infinities while it looks for its scale, and leaves those steps out by itself.
        if not np.isfinite(value) or (recipe.precision != "16-mixed" and not np.isfinite(size)):
            raise FloatingPointError(
                f"train: loss and gradient must stay finite; got a loss of {value:.4g} and a gradient norm "
                f"of {size:.4g} at step {self.step} (one step before: {self.norm:.4g}, rate {rate:.2g}). "
                "Start again with a smaller --lr, a smaller --clip or a longer --warmup; with 16-mixed, try "
                "bf16-mixed"
            )
        self.norm = size
        self.wrapped_optimiser.step()
        self.state = _detach(state)
        return {
            "step": self.step,
            "bits": value / NATS_PER_BIT,
            "gradient_norm": size if np.isfinite(size) else None,  # JSON has no infinity
            "lr": rate,
            "seconds": round(self.seconds_before + time.perf_counter() - self.started, 2),
        }

    def _window(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets (T, B/processes) of a step, from 0; a new epoch begins from a zero state."""
        epoch, place = divmod(step, self.windows)
        if epoch != self.epoch:
            self.epoch, self.stream = epoch, self._streams(epoch)
        if place == 0:
            self.state = None
        begin = place * self.recipe.window
        rows = self.stream[begin : begin + self.recipe.window + 1, self.columns].to(self.fabric.device)
        return rows[:-1], rows[1:]

    def _streams(self, epoch: int) -> Tensor:
        """The documents in the epoch's order, a boundary before each, cut into B streams: (N, B)."""
        order = np.random.default_rng([self.recipe.seed, epoch]).permutation(len(self.documents))
        pieces = [part for k in order for part in ([self.edge], self.documents[k])]
        tokens = np.concatenate(pieces)
        return torch.from_numpy(streams(tokens, self.recipe.batch))

    def _validate(self) -> float:
        fabric = self.fabric
        mine = self.valid[fabric.global_rank :: fabric.world_size]
        with fabric.autocast():
            bits, count = bits_and_count(self.module, mine)
        kind = torch.float32 if fabric.device.type == "mps" else torch.float64  # mps has no float64
        sums: Any = torch.tensor([bits, count], dtype=kind, device=fabric.device)
        total: Any = fabric.all_reduce(sums, reduce_op="sum")
        bits, count = total.tolist()
        if not np.isfinite(bits):
            raise FloatingPointError(
                f"train: the validation bits must stay finite; got {bits / count:.4g} at step {self.step} "
                f"(gradient norm {self.norm:.4g}). Start again with a smaller --lr"
            )
        if bits / count < self.best_bits:
            self.best_step, self.best_bits, self.best_model = self.step, bits / count, self._weights()
        return bits / count

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self.module.state_dict().items()}

    def _save(self) -> None:
        state = self._gathered_state()
        if not self.fabric.is_global_zero:
            return
        seconds = self.seconds_before + time.perf_counter() - self.started
        held = Progress(
            self.step, self._weights(), self.optimiser.state_dict(), state,
            self.best_step, self.best_bits, self.best_model, seconds,
            self.fabric.strategy.precision.state_dict(),
        )  # fmt: skip
        buffer = io.BytesIO()
        torch.save({"recipe": self.recipe.as_dict(), "corpus": self._corpus(), **held._asdict()}, buffer)
        checkpoint.save(self.folder / CHECKPOINT, buffer.getvalue())

    def _load(self, path: Path) -> None:
        payload = checkpoint.load(path)
        held = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        expected = self.recipe.as_dict() | {"text": self._corpus()}
        got = held.pop("recipe") | {"text": held.pop("corpus")}
        differ = [name for name, value in expected.items() if got.get(name) != value]
        if differ:
            words = ", ".join(f"{name} {got.get(name)!r}, now {expected[name]!r}" for name in differ)
            raise checkpoint.CheckpointError(
                f"train: expected the recipe and corpus of the checkpoint {path}; it was made with {words}. "
                "Resume with the same options, or start in another folder"
            )
        before = Progress(**held)
        self.module.load_state_dict(before.model)
        self.optimiser.load_state_dict(before.optimiser)
        self.fabric.strategy.precision.load_state_dict(before.precision)
        self.step, self.seconds_before = before.step, before.seconds
        self.best_step, self.best_bits, self.best_model = (
            before.best_step,
            before.best_bits,
            before.best_model,
        )
        if before.state is not None:
            mine = [part[:, self.columns].contiguous().to(self.fabric.device) for part in before.state]
            self.state = mine[0] if len(mine) == 1 else tuple(mine)

    def _gathered_state(self) -> tuple[Tensor, ...] | None:
        """The state of all streams, (L, B, H) each, on the CPU; every process takes part."""
        if self.state is None:
            return None
        parts = self.state if isinstance(self.state, tuple) else (self.state,)
        if self.fabric.world_size > 1:
            gathered = [self.fabric.all_gather(part) for part in parts]
            parts = tuple(torch.cat(list(part), dim=1) for part in gathered)
        return tuple(part.cpu() for part in parts)

    def _corpus(self) -> str:
        """What was read: a SHA-256 of the vocabulary and of every document."""
        found = hashlib.sha256("\0".join(self.vocabulary.characters).encode())
        for part in (self.documents, self.valid):
            found.update(b"part")
            for document in part:
                found.update(len(document).to_bytes(8, "little") + np.asarray(document, "<i8").tobytes())
        return found.hexdigest()


def _detach(state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
