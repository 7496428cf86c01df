"""What tests are made of: the golden files, and small models of random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import nelloc
from nelloc.codec import search
from nelloc.codec.format import Method
from nelloc.codec.lattice import OnLattice
from nelloc.codec.search import Trial
from nelloc.exact.context import ContextTables, Inputs, input_count
from nelloc.exact.lattice import Rule, conversion
from nelloc.exact.model import Layer, output_count, save_model

GOLDEN = Path(__file__).parent / "golden"


def small_model_bytes(
    seed: int = 0,
    width: int = 16,
    horizon: int = 3,
    components: int = 3,
    channels: int = 3,
    inputs: Inputs = "normalised",
    joint: bool = True,
    borders: bool = False,
) -> bytes:
    """A model file with random weights and one residual block, for tests that need speed, not a good rate."""
    from nelloc.training.networks.tables import mixture_tables

    random = np.random.default_rng(seed)
    first = (input_count(horizon, channels, inputs, borders), width)
    sizes = [first, *[(width, width)] * 4, (width, output_count(components, channels))]
    layers = []
    for index, (columns, rows) in enumerate(sizes):
        final = index == len(sizes) - 1
        limit = 400 if index == 0 else 60
        weight = random.integers(-limit, limit + 1, (rows, columns))
        bias = random.integers(-3000, 3000, rows)
        shift = np.full(rows, 10 if index == 0 else 4 if final else 7)
        skip = 0 if index == 3 else None
        layers.append(Layer(*(a.astype(np.int32) for a in (weight, bias, shift)), skip))
    return save_model(
        horizon=horizon,
        components=components,
        joint=joint,
        layers=tuple(layers),
        context=ContextTables.of(channels, inputs),
        mixture=mixture_tables(),
        channels=channels,
        inputs=inputs,
        borders=borders,
    )


def encode_by(trial: Trial, image: NDArray[np.uint8], **options: Any) -> bytes:
    """Encode an image of one group with one way of coding for every tile."""
    with patch.object(search, "_trials", lambda *_: iter([trial])):
        return nelloc.encode(image, past=False, **options)


# How the golden files were coded whose two layers learn: the model, and the way.
TWO_LAYERS = {
    "two-layers-photograph": ("model", Trial(Method.TWO_LAYERS)),
    "two-layers-gray": ("model-gray", Trial(Method.TWO_LAYERS)),
    "two-layers-shipped": ("fast", Trial(Method.TWO_LAYERS)),
    "two-layers-lattice": ("model", Trial(Method.LATTICE, OnLattice(Rule.JFIF, Method.TWO_LAYERS))),
    "two-layers-seen": ("model", Trial(Method.LATTICE, OnLattice(Rule.SEEN, Method.TWO_LAYERS))),
}


def on_lattice(image: NDArray[np.uint8], rule: Rule) -> NDArray[np.uint8]:
    """An image (H, W, 3) after a conversion to luma and chroma and back by a rule.

    For the rule of no formula it has few colours, of all levels.
    """
    if rule is Rule.SEEN:
        few = on_lattice(image, Rule.JFIF).astype(np.int64) // 12 * 12
        return (few @ [[9, -2, 1], [-1, 8, -1], [2, 0, 7]] // 8).clip(0, 255).astype(np.uint8)
    convert = conversion(rule)
    terms = convert.terms / convert.divisor
    matrix, origin = np.linalg.inv((terms[:, :, 255] - terms[:, :, 0]) / 255), terms[:, :, 0].sum(axis=1)
    planes = np.rint(np.tensordot(matrix, image.transpose(2, 0, 1) + 0.5 - origin[:, None, None], 1))
    return np.ascontiguousarray(convert.of(*np.clip(planes, 0, 255).astype(np.int64)).transpose(1, 2, 0))


# Models of every kind besides the usual one, normalised RGB with a joint mixture: fields of ``small_model_bytes``.
OTHER_KINDS: dict[str, dict] = {
    "gray": {"channels": 1},
    "raw": {"inputs": "raw", "joint": False},
    "raw gray": {"inputs": "raw", "channels": 1},
    "raw horizon 1": {"inputs": "raw", "horizon": 1},
    "raw horizon 5": {"inputs": "raw", "horizon": 5, "joint": False},
    "separate": {"joint": False},
    "borders": {"borders": True},
    "borders gray": {"borders": True, "channels": 1, "horizon": 4},
    "borders raw": {"borders": True, "inputs": "raw", "horizon": 5},
}
