"""The training of a language model: what decides it, what survives a kill, and what several processes do."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from rnncourse.data.vocabulary import vocabulary_of
from rnncourse.models.char_lm import bits_per_character, loss_and_gradient
from rnncourse.models.char_lm_torch import CharLM
from rnncourse.models.weights import CELLS
from rnncourse.params.trees import leaves, rebuild
from rnncourse.training import char_lm_torch, checkpoint
from rnncourse.training.char_lm_torch import train
from rnncourse.training.clipping import clip_by_norm
from rnncourse.training.optimisers import Adam
from rnncourse.training.recipe import Recipe
from rnncourse.training.records import read
from rnncourse.training.schedule import warmup_cosine

WORDS = ["one two three\n", "four five six seven\n", "eight nine ten eleven twelve\n"]
TEXTS = [word * 9 for word in WORDS]
VOCABULARY = vocabulary_of(TEXTS)
DOCUMENTS = [VOCABULARY.encode(text) for text in TEXTS]
RECIPE = Recipe(
    hidden_size=12, embedding_size=6, batch=4, window=10, steps=24, warmup=4, valid_every=6, dropout=0.2
)


def run(folder, recipe=RECIPE, **options):
    options = {"progress": False, "device": "cpu", "checkpoint_every": 5} | options
    return train(recipe, VOCABULARY, DOCUMENTS, DOCUMENTS[:1], folder, **options)


def curve(folder):
    """The records, less the time."""
    return [{k: v for k, v in record.items() if k != "seconds"} for record in read(folder / "records.jsonl")]


def weights(outcome):
    return {name: value.numpy() for name, value in outcome.model.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("cell", ["vanilla", "gru", "lstm"])
def test_it_equals_the_same_training_by_hand_in_numpy(tmp_path, cell):
    """The oracle shares no code with the loop: NumPy's gradient, clipping, Adam and windows cut here."""
    recipe = Recipe(
        hidden_size=7, embedding_size=5, batch=2, window=8, steps=9, warmup=3, clip=0.2, layers=2, cell=cell
    )
    torch.manual_seed(recipe.seed)
    model = CharLM(len(VOCABULARY), 7, cell=cell, embedding_size=5, layers=2).to_numpy()
    adam, state, losses, norms = Adam(1.0, betas=(0.9, 0.99)), None, [], []
    order = np.random.default_rng([0, 0]).permutation(len(DOCUMENTS))
    text = np.concatenate([np.r_[1, DOCUMENTS[k]] for k in order])
    half = len(text) // 2
    stream = np.stack([text[:half], text[half : 2 * half]], axis=1)
    for step in range(1, recipe.steps + 1):
        rows = stream[(step - 1) * 8 : step * 8 + 1]
        loss, gradient, state = loss_and_gradient(CELLS[cell], model, rows[:-1], rows[1:], state)
        clipped, norm = clip_by_norm(leaves(gradient), recipe.clip)
        adam.lr = warmup_cosine(step, steps=recipe.steps, peak=recipe.lr, warmup=3)
        model = rebuild(model, iter(adam.update(leaves(model), clipped)))
        losses.append(loss / np.log(2))
        norms.append(norm)
    outcome = run(tmp_path, recipe)
    got = curve(tmp_path)
    np.testing.assert_allclose([r["bits"] for r in got], losses, rtol=1e-5)
    np.testing.assert_allclose([r["gradient_norm"] for r in got], norms, rtol=1e-4)
    assert max(norms) > recipe.clip  # so that clipping had something to do
    expected = bits_per_character(CELLS[cell], model, DOCUMENTS[:1])
    assert outcome.valid_bits == pytest.approx(expected, rel=1e-4)
    assert outcome.best_step == 9


def test_it_learns_and_keeps_the_best(tmp_path):
    outcome = run(tmp_path, Recipe(hidden_size=24, batch=4, window=10, steps=150, lr=0.02, valid_every=10))
    records = read(tmp_path / "records.jsonl")
    assert records[0]["bits"] == pytest.approx(np.log2(len(VOCABULARY)), abs=0.5)
    assert outcome.valid_bits < 0.6
    valid = {r["step"]: r["valid_bits"] for r in records if "valid_bits" in r}
    assert outcome.valid_bits == min(valid.values())
    assert valid[outcome.best_step] == outcome.valid_bits


def test_an_epoch_begins_from_a_zero_state_in_a_new_order(tmp_path):
    recipe = Recipe(hidden_size=4, batch=1, window=100, steps=12, valid_every=100)
    made = char_lm_torch._Run(
        char_lm_torch.make_fabric("cpu"), recipe, VOCABULARY, DOCUMENTS, DOCUMENTS, tmp_path
    )
    made.state = "from the window before"
    first, _ = made._window(0)
    assert made.state is None
    made.state = "from the window before"
    second, targets = made._window(1)
    assert made.state == "from the window before"
    np.testing.assert_array_equal(second[1:], targets[:-1])
    stream = [made._streams(epoch)[:, 0].tolist() for epoch in range(4)]
    np.testing.assert_array_equal(first[:, 0], stream[0][:100])
    np.testing.assert_array_equal(second[:, 0], stream[0][100:200])
    assert len({tuple(s) for s in stream}) > 1
    assert all(sorted(s) == sorted(stream[0]) for s in stream)
    again, _ = made._window(made.windows)
    assert made.state is None
    np.testing.assert_array_equal(again[:, 0], stream[1][:100])


def test_it_stops_early(tmp_path):
    recipe = Recipe(hidden_size=8, batch=4, window=10, steps=400, lr=1e-12, valid_every=2, patience=3)
    outcome = run(tmp_path, recipe)
    assert outcome.stopped_early and outcome.steps == outcome.best_step + 6 < 400
    resumed = run(tmp_path, recipe, resume=True)
    assert resumed.steps == outcome.steps and resumed.stopped_early


@pytest.mark.parametrize("cell", ["vanilla", "gru", "lstm"])
def test_resumed_at_every_checkpoint_it_is_the_same(tmp_path, cell, monkeypatch):
    recipe = Recipe(**RECIPE.as_dict() | {"cell": cell, "layers": 2, "steps": 12})
    whole = run(tmp_path / "whole", recipe)
    for stop in (1, 5, 6, 7, 11):
        folder = tmp_path / f"stopped-{stop}"
        with monkeypatch.context() as patch:
            step = char_lm_torch._Run._one_step

            def until(self, step=step, stop=stop):
                if self.step == stop:
                    raise KeyboardInterrupt
                return step(self)

            patch.setattr(char_lm_torch._Run, "_one_step", until)
            with pytest.raises(KeyboardInterrupt):
                run(folder, recipe, checkpoint_every=1)
        resumed = run(folder, recipe, resume=True)
        assert_same(weights(whole), weights(resumed))
        assert curve(folder) == curve(tmp_path / "whole")
        assert resumed[1:] == whole[1:]


@pytest.mark.parametrize("forgotten", ["state", "optimiser", "best_bits"])
def test_a_checkpoint_that_forgets_something_is_not_the_same(tmp_path, monkeypatch, forgotten):
    """The test above bites: leave out one part, and the curve or the outcome differs."""
    whole = run(tmp_path / "whole")
    folder = tmp_path / "stopped"
    step = char_lm_torch._Run._one_step
    with monkeypatch.context() as patch:

        def until(self):
            if self.step == 7:
                raise KeyboardInterrupt
            return step(self)

        patch.setattr(char_lm_torch._Run, "_one_step", until)
        with pytest.raises(KeyboardInterrupt):
            run(folder, checkpoint_every=7 if forgotten != "best_bits" else 1)
        path = folder / "checkpoint.pt"
        if not path.exists():
            pytest.fail("no checkpoint was written at step 7")
    held = torch.load(io.BytesIO(checkpoint.load(path)), weights_only=True)
    if forgotten == "state":
        held["state"] = None
    elif forgotten == "optimiser":
        held["optimiser"]["state"] = {}
    else:
        held["best_bits"] = 0.0
    buffer = io.BytesIO()
    torch.save(held, buffer)
    checkpoint.save(path, buffer.getvalue())
    resumed = run(folder, resume=True)
    assert curve(folder) != curve(tmp_path / "whole") or resumed.valid_bits != whole.valid_bits


COMMAND = [sys.executable, "-m", "rnncourse", "train", "char-lm", "--device", "cpu"]


def options(corpus, folder, **more):
    values = {
        "corpus": corpus, "hidden-size": 16, "batch": 4, "window": 20, "steps": 60, "warmup": 5,
        "valid-every": 20, "dropout": 0.1, "checkpoint-every": 3, "out": folder,
    } | more  # fmt: skip
    return [str(word) for name, value in values.items() for word in (f"--{name}", value)]


@pytest.fixture
def corpus(tmp_path):
    """A folder of text: forty documents, so that each part gets some."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for k in range(40):
        (folder / f"part{k}.txt").write_text(f"chapter {k}\n" + WORDS[k % 3] * 5)
    return folder


def environment(**more):
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"} | more


def test_killed_at_any_moment_and_resumed_it_is_the_same(corpus, tmp_path):
    """kill -9, three times, then to the end: records and weights equal those of a run left in peace."""
    whole = tmp_path / "whole"
    subprocess.run([*COMMAND, *options(corpus, whole)], check=True, env=environment(), capture_output=True)
    killed, kills = tmp_path / "killed", 0
    for lines in (7, 25, 44):
        resume = ["--resume"] if (killed / "checkpoint.pt").exists() else []
        process = subprocess.Popen(
            [*COMMAND, *options(corpus, killed), *resume], env=environment(), stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 120
        records = killed / "records.jsonl"
        while process.poll() is None and time.monotonic() < deadline:
            if records.exists() and records.read_bytes().count(b"\n") >= lines:
                process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
                process.wait(30)
                kills += 1
                break
            time.sleep(0.001)
        process.wait(30)
    assert kills == 3, "the training ended before it could be killed"
    command = [*COMMAND, *options(corpus, killed), "--resume"]
    done = subprocess.run(command, check=True, env=environment(), capture_output=True, text=True)
    assert curve(killed) == curve(whole)
    assert [r["step"] for r in curve(killed)] == list(range(1, 61))
    assert (killed / "weights.npz").read_bytes() == (whole / "weights.npz").read_bytes()
    assert "bits per character on held-out text" in done.stdout


def torchrun(processes, *words):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [*command, "-m", *words[0], *map(str, words[1:])],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun's rendezvous needs libuv, which Windows lacks")
def test_two_processes_are_one_with_the_doubled_batch(corpus, tmp_path):
    """DistributedDataParallel over gloo: each process reads half of the streams."""
    one, two = tmp_path / "one", tmp_path / "two"
    words = {"dropout": 0.0, "steps": 30}
    subprocess.run([*COMMAND, *options(corpus, one, **words)], check=True, env=environment())
    torchrun(2, COMMAND[2:3], *COMMAND[3:], *options(corpus, two, **words))
    for a, b in zip(curve(one), curve(two), strict=True):
        assert a.keys() == b.keys() and a["step"] == b["step"]
        for name in a:
            assert b[name] == pytest.approx(a[name], rel=1e-5), (name, a["step"])
    with np.load(one / "weights.npz") as a, np.load(two / "weights.npz") as b:
        np.testing.assert_allclose(a["bias"], b["bias"], atol=2e-3)
    # Resumed with two processes, each finds its own half of the carried state.
    half = tmp_path / "half"
    longer = words | {"checkpoint-every": 10}
    torchrun(2, COMMAND[2:3], *COMMAND[3:], *options(corpus, half, **longer))
    (half / "checkpoint.pt.previous").replace(half / "checkpoint.pt")
    lines = (half / "records.jsonl").read_text().splitlines(keepends=True)
    (half / "records.jsonl").write_text("".join(lines[:20]))
    torchrun(2, COMMAND[2:3], *COMMAND[3:], *options(corpus, half, **longer), "--resume")
    assert curve(half) == curve(two)


def test_precision_bf16_trains_too(tmp_path):
    exact = run(tmp_path / "32", Recipe(**RECIPE.as_dict() | {"dropout": 0.0}))
    mixed = run(tmp_path / "16", Recipe(**RECIPE.as_dict() | {"dropout": 0.0, "precision": "bf16-mixed"}))
    assert {p.dtype for p in mixed.model.parameters()} == {torch.float32}
    assert mixed.valid_bits == pytest.approx(exact.valid_bits, rel=0.02)
    assert curve(tmp_path / "16") != curve(tmp_path / "32")


# What a training refuses


def test_a_loss_that_is_no_number_stops_it_with_the_step(tmp_path):
    with pytest.raises(FloatingPointError, match=r"got a loss of (nan|inf).* at step \d+ .*smaller --lr"):
        run(tmp_path, Recipe(hidden_size=8, batch=4, window=10, steps=50, lr=1e30, warmup=1, cell="vanilla"))
    assert read(tmp_path / "records.jsonl")  # what was measured until then is kept


def test_a_validation_that_is_no_number_stops_it_too(tmp_path, monkeypatch):
    monkeypatch.setattr(char_lm_torch, "bits_and_count", lambda *_: (float("nan"), 10))
    with pytest.raises(FloatingPointError, match="validation bits must stay finite; got nan at step 6"):
        run(tmp_path)


def test_it_never_writes_over_a_training(tmp_path):
    run(tmp_path)
    before = (tmp_path / "records.jsonl").read_bytes()
    with pytest.raises(FileExistsError, match="Continue it with --resume, or choose another folder"):
        run(tmp_path)
    assert (tmp_path / "records.jsonl").read_bytes() == before
    # A training of which only the checkpoint before the last is left is one too.
    (tmp_path / "checkpoint.pt").unlink()
    with pytest.raises(FileExistsError, match="holds checkpoint.pt.previous"):
        run(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="expected a folder to write to; .*file is a file"):
        run(tmp_path / "file")


def test_a_full_disk_leaves_checkpoint_and_records_and_says_which_file(tmp_path, monkeypatch):
    def full(self, **record):
        if record["step"] < 9:
            return append(self, **record)
        with monkeypatch.context() as patch:
            patch.setattr("builtins.open", no_room)
            return append(self, **record)

    def no_room(*args, **kwargs):
        raise OSError(28, "No space left on device")

    append = char_lm_torch.Records.append
    monkeypatch.setattr(char_lm_torch.Records, "append", full)
    with pytest.raises(OSError, match="could not write a record .*checkpoint is untouched.*records.jsonl"):
        run(tmp_path)
    monkeypatch.undo()
    resumed = run(tmp_path, resume=True)  # there is room again
    assert_same(weights(resumed), weights(run(tmp_path / "whole")))
    assert curve(tmp_path) == curve(tmp_path / "whole")


def test_it_resumes_only_its_own_recipe(tmp_path):
    run(tmp_path)
    other = Recipe(**RECIPE.as_dict() | {"hidden_size": 13})
    with pytest.raises(checkpoint.CheckpointError, match="hidden_size 12, now 13"):
        run(tmp_path, other, resume=True)
    # The same number of characters, but not the same ones; and another part to choose by.
    turned = [document[::-1].copy() for document in DOCUMENTS]
    for documents, valid in ((turned, DOCUMENTS[:1]), (DOCUMENTS, turned[:1])):
        with pytest.raises(checkpoint.CheckpointError, match="expected the recipe and corpus.* with text "):
            train(RECIPE, VOCABULARY, documents, valid, tmp_path, resume=True, device="cpu")


def test_it_does_not_go_on_with_a_hole_in_its_records(tmp_path):
    run(tmp_path)
    path = tmp_path / "records.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    for left in (lines[:3] + lines[4:], []):
        path.write_text("".join(left))
        with pytest.raises(checkpoint.CheckpointError, match=r"each of the steps 1 to 24; got \d+ records"):
            run(tmp_path, resume=True)


def test_nothing_to_resume_is_said(tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match="expected .*checkpoint.pt; found none.*start again"):
        run(tmp_path, resume=True)


def test_a_broken_checkpoint_is_refused_and_the_one_before_is_good(tmp_path):
    whole = run(tmp_path / "whole")
    run(tmp_path / "cut")
    path = tmp_path / "cut" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(checkpoint.CheckpointError, match="was cut short.*rename .*checkpoint.pt.previous"):
        run(tmp_path / "cut", resume=True)
    path.with_name("checkpoint.pt.previous").rename(path)
    resumed = run(tmp_path / "cut", resume=True)
    assert_same(weights(whole), weights(resumed))


def test_a_corpus_too_short_for_a_window_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"at least batch \* \(window \+ 1\) = 4004 characters"):
        run(tmp_path, Recipe(batch=4, window=1000))


def test_devices_are_named_or_chosen():
    from rnncourse.training.devices_torch import choose_device

    assert choose_device("cpu") == "cpu"
    assert choose_device() in ("cpu", "cuda", "mps")
    with pytest.raises(ValueError, match="device must be one of auto, cpu, cuda, mps; got 'tpu'"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match=r"expected one that is here \(cpu.*\); got cuda"):
            choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_cuda_trains_as_the_cpu_does(tmp_path, precision):
    recipe = Recipe(**RECIPE.as_dict() | {"dropout": 0.0, "precision": precision})
    gpu = run(tmp_path / "gpu", recipe, device="cuda")
    cpu = run(tmp_path / "cpu", Recipe(**recipe.as_dict() | {"precision": "32-true"}))
    assert gpu.valid_bits == pytest.approx(cpu.valid_bits, rel=0.02 if "mixed" in precision else 1e-3)


def test_the_command_writes_what_made_it(corpus, tmp_path):
    from rnncourse.cli import main
    from rnncourse.models import weights as files

    out = tmp_path / "out"
    assert main([*COMMAND[3:], *options(corpus, out)]) == 0
    saved = files.load(out / "weights.npz")
    assert saved.about["recipe"]["hidden_size"] == 16 and "--hidden-size 16" in saved.about["command"]
    parts = saved.about["corpus"]
    assert sum(parts[name]["documents"] for name in ("train", "valid", "test")) == 40
    assert len(parts["sha256"]) == 64
    # The figures are those of the weights as stored, computed again here by the NumPy cells.
    from rnncourse.data.corpora import corpus as read_corpus

    test = [saved.vocabulary.encode(d.text) for d in read_corpus(str(corpus)).test]
    bits = bits_per_character(files.CELLS[saved.cell], saved.model, test)
    assert bits == pytest.approx(saved.about["test_bits"], abs=2e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corpus", "no/such/place"], "or a file or folder of text; got 'no/such/place'"),
        (["--lr", "0"], "lr must be > 0; got 0.0"),
        (["--cell", "gated"], "cell must be one of vanilla, gru, lstm; got 'gated'"),
        (["--dropout", "1"], "dropout must lie in"),
        (["--precision", "8"], "precision must be one of"),
        (["--device", "tpu"], "device must be one of"),
        (["--precision", "16-mixed"], "expected a GPU for precision 16-mixed"),
        (["--corpus", ""], "or a file or folder of text; got ''"),
        (["--seed", "99999999999999"], "seed must lie in 0..2"),
        (["--forget-bias", "1e40"], "forget_bias must lie in"),
        (["--checkpoint-every", "0"], "checkpoint_every must be"),
        (["--lr", "1e30"], "The training has diverged: start again with a smaller --lr"),
    ],
)
def test_the_command_says_what_is_wrong(words, message, corpus, tmp_path, capsys):
    from rnncourse.cli import main

    arguments = [*COMMAND[3:], *options(corpus, tmp_path / "out"), *words]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error and error.startswith("rnncourse train: ") and "Traceback" not in error


def test_records_are_json_lines(tmp_path):
    run(tmp_path)
    lines = Path(tmp_path / "records.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 25))
    assert set(json.loads(lines[5])) == {"step", "bits", "gradient_norm", "lr", "seconds", "valid_bits"}
