"""The torch twin of the character model: same scores, same gradient, same bits."""

import numpy as np
import pytest
import torch
from torch import nn

from rnncourse.cells import gru, lstm, vanilla
from rnncourse.models.char_lm import bits_per_character, init_char_model, logits, loss_and_gradient
from rnncourse.models.char_lm_torch import CharLM, bits_and_count, from_numpy
from rnncourse.params.trees import leaves

CELLS = {"vanilla": vanilla, "gru": gru, "lstm": lstm}
cells = pytest.mark.parametrize("cell", CELLS)
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
    ),
]


def pair(cell, device="cpu", layers=2):
    model = init_char_model(CELLS[cell], 9, 7, embedding_size=5, layers=layers, rng=np.random.default_rng(0))
    return model, from_numpy(model, cell).to(device)


def tokens(*shape, seed=1):
    return np.random.default_rng(seed).integers(0, 9, shape)


@cells
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layers", [1, 3])
def test_scores_and_gradients_agree(cell, device, layers):
    model, twin = pair(cell, device, layers)
    inputs, targets = tokens(6, 4), tokens(6, 4, seed=2)
    scores, _ = logits(CELLS[cell], model, inputs)
    _, _, states = loss_and_gradient(CELLS[cell], model, inputs, targets)
    loss, gradient, _ = loss_and_gradient(CELLS[cell], model, inputs, targets, states)
    x, y = torch.tensor(inputs, device=device), torch.tensor(targets, device=device)
    got, state = twin(x)
    np.testing.assert_allclose(got.detach().cpu(), scores, rtol=1e-4, atol=1e-5)
    detached = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
    again, _ = twin(x, detached)
    theirs = nn.functional.cross_entropy(again.flatten(0, 1), y.flatten())
    theirs.backward()
    assert theirs.item() == pytest.approx(loss, rel=1e-5)
    assert {name for name, p in twin.named_parameters() if p.grad is None} == set()
    ours = {id(a): g for a, g in zip(leaves(model), leaves(gradient), strict=True)}
    named = {
        "embedding.weight": model.embedding, "decoder.weight": model.weight, "decoder.bias": model.bias,
    }  # fmt: skip
    for k, layer in enumerate(model.layers):
        named |= {f"rnn.{n}_l{k}": a for n, a in zip(layer._fields, layer, strict=True)}
    for name, parameter in twin.named_parameters():
        expected = ours[id(named[name])]
        assert np.abs(parameter.grad.cpu().numpy() - expected).max() <= 1e-5 * np.abs(expected).max() + 1e-8


@cells
def test_there_and_back(cell):
    model, twin = pair(cell)
    for a, b in zip(leaves(model), leaves(twin.to_numpy()), strict=True):
        np.testing.assert_array_equal(a, b)


@cells
def test_bits_agree(cell):
    """Side by side with padding, window by window, against one document at a time in NumPy."""
    model, twin = pair(cell)
    documents = [tokens(n, seed=n) for n in (30, 1, 17, 400, 5, 5)] + [np.array([], np.int64)]
    expected = bits_per_character(CELLS[cell], model, documents)
    twin.train()
    for window, batch in ((500, 16), (7, 2), (1, 1)):
        bits, count = bits_and_count(twin, documents, window=window, batch=batch)
        assert count == 458 and bits / count == pytest.approx(expected, rel=1e-5)
    assert twin.training  # left as it was


def test_dropout_acts_in_training_only():
    twin = CharLM(9, 7, dropout=0.5, layers=2)
    x = torch.from_numpy(tokens(5, 2))
    assert not torch.equal(twin(x)[0], twin(x)[0])
    twin.eval()
    assert torch.equal(twin(x)[0], twin(x)[0])


def test_forget_bias_is_added_in_every_layer():
    torch.manual_seed(0)
    plain = CharLM(9, 4, layers=2).to_numpy()
    torch.manual_seed(0)
    biased = CharLM(9, 4, layers=2, forget_bias=1.5).to_numpy()
    for a, b in zip(plain.layers, biased.layers, strict=True):
        np.testing.assert_allclose(b.bias_ih - a.bias_ih, np.repeat([0, 1.5, 0, 0], 4), atol=1e-6)
    with pytest.raises(ValueError, match="forget_bias must be 0 for a gru cell"):
        CharLM(9, 4, cell="gru", forget_bias=1.0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"cell": "rnn"}, "cell must be one of vanilla, gru, lstm"),
        ({"hidden_size": 0}, "hidden_size must be at least 1"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\)"),
        ({"layers": 0}, "layers must be at least 1"),
    ],
)
def test_bad_sizes(bad, message):
    with pytest.raises(ValueError, match=message):
        CharLM(**{"vocabulary_size": 9, "hidden_size": 4} | bad)
