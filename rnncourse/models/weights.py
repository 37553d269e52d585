"""Small files of weights: each row of a matrix as 8-bit integers times one number, and what made them.

    W_ij ≈ s_i · q_ij,   s_i = max_j |W_ij| / 127,   q_ij = round(W_ij / s_i) ∈ −127 … 127

Vectors are kept in float16. A file is an .npz without pickle: arrays, and one JSON text, `about`.
"""

import io
import json
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnncourse._files import write_atomically
from rnncourse.data.vocabulary import Vocabulary
from rnncourse.models.char_lm import CELLS, CharModel
from rnncourse.params import Params

Array = np.ndarray
FORMAT = "rnncourse char-lm"
VERSION = 1
LEVELS = 127
MOST = 65504  # the largest number of float16


class Saved(NamedTuple):
    """A model in float32, the name of its cell in `CELLS`, its vocabulary, and the recipe and figures."""

    model: CharModel
    cell: str
    vocabulary: Vocabulary
    about: dict[str, Any]


def save(path: str | Path, saved: Saved) -> int:
    """Write the file atomically and return its size in bytes. OSError where it cannot be written."""
    arrays: dict[str, Array] = {}
    named = {"embedding": saved.model.embedding, "weight": saved.model.weight, "bias": saved.model.bias}
    for k, layer in enumerate(saved.model.layers):
        named |= {f"{name}_l{k}": value for name, value in zip(layer._fields, layer, strict=True)}
    for name, value in named.items():
        largest = float(np.abs(value).max(initial=0))
        if not largest <= MOST:
            raise ValueError(
                f"weights: {name} must be finite, with entries of at most {MOST} in size; got {largest:.3g}. "
                "The training has diverged: start again with a smaller --lr"
            )
        if value.ndim == 1:
            arrays[name] = value.astype(np.float16)
        else:
            scale = np.abs(value).max(axis=1) / LEVELS
            scale = np.where(scale > 0, scale, 1).astype(np.float32)
            arrays[name] = np.rint(value / scale[:, None]).astype(np.int8)
            arrays[f"{name}.scale"] = scale
    about = {"format": FORMAT, "version": VERSION, "cell": saved.cell, "layers": len(saved.model.layers)}
    about |= {"characters": saved.vocabulary.characters, "about": saved.about}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, header=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())
    return len(buffer.getvalue())


def load(path: str | Path) -> Saved:
    """Read what `save` wrote. FileNotFoundError; ValueError where it is broken or of another version."""
    data = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)):
            pass  # NumPy would take another file for a pickle
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = dict(file)
        header = dict(json.loads(str(arrays.pop("header"))))
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError, TypeError) as error:
        raise ValueError(f"weights: {path} is not a file of weights, or was cut short ({error})") from error
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise ValueError(
            f"weights: expected {FORMAT} version {VERSION}; {path} has {header.get('format')} version "
            f"{header.get('version')}. Use the version of rnncourse that wrote it"
        )

    def array(name: str) -> Array:
        value = arrays[name]
        if value.ndim == 1:
            return value.astype(np.float32)
        return value.astype(np.float32) * arrays[f"{name}.scale"][:, None]

    try:
        layers = tuple(
            Params(*(array(f"{name}_l{k}") for name in Params._fields)) for k in range(header["layers"])
        )
        model = CharModel(array("embedding"), layers, array("weight"), array("bias"))
        vocabulary, about = Vocabulary(header["characters"]), header["about"]
        CELLS[header["cell"]]
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"weights: {path} lacks {error}, or holds it in another form") from error
    return Saved(model, header["cell"], vocabulary, about)


def shipped(name: str = "python") -> Saved:
    """The weights that come with the package: "python", trained on the sources of Python's library.

    Raises FileNotFoundError for another name, ValueError as `load`.
    """
    place = Path(str(files("rnncourse.models"))) / "shipped" / f"{name}.npz"
    if not place.is_file():
        there = sorted(p.stem for p in place.parent.glob("*.npz"))
        raise FileNotFoundError(f"shipped: expected one of {', '.join(there) or 'none'}; got {name!r}")
    return load(place)
