"""The tiles of golden files that a model codes, for programs that read neither nelloc's files nor models.

    python tests/native/golden_tiles.py FILE

writes them to FILE for native/tests/golden_tiles.c, and prints what NumPy makes of them, as that program does.
"""

from __future__ import annotations

import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import nelloc
from nelloc.codec import decode as decoding
from nelloc.exact.coder import pixel_checksum
from nelloc.exact.lattice import Rule
from nelloc.exact.model import ExactModel, load_model
from nelloc.exact.tile_coder import tile_coder

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden"
PHOTOGRAPH = TESTS.parent / "docs" / "images" / "parrots.png"
SHIPPED = TESTS.parent / "weights"


@dataclass(frozen=True)
class Tile:
    """A tile's stream, what it decodes to by NumPy (planes, height, width), and what coded it."""

    model: ExactModel
    bits: int
    learns: bool
    rule: Rule | None  # of its colour lattice
    samples: NDArray[Any]
    data: bytes


class _Recorder:
    """A tile coder of NumPy that keeps the tiles it decodes."""

    def __init__(self, tiles: list[Tile]):
        self._tiles = tiles

    def __call__(
        self, model: ExactModel, bits: int = 8, *, learns: bool = False, rule: Rule | None = None, **_
    ) -> _Recorder:
        self._model, self._bits, self._learns, self._rule = model, bits, learns, rule
        return self

    def decode(self, tiles, progress):
        coder = tile_coder(self._model, self._bits, learns=self._learns, rule=self._rule, backend="numpy")
        decoded = coder.decode(tiles, progress)
        for (_, data), samples in zip(tiles, decoded, strict=True):
            assert samples is not None, "a golden file is damaged"
            self._tiles.append(Tile(self._model, self._bits, self._learns, self._rule, samples, data))
        return decoded


def golden_tiles() -> list[Tile]:
    """Every tile of the golden files that is coded with a model."""
    tiles: list[Tile] = []
    with patch.object(decoding, "tile_coder", _Recorder(tiles)):
        for path in sorted(GOLDEN.glob("*.nlc")):
            _decode(path.read_bytes())
    return tiles


def _decode(data: bytes) -> None:
    # A golden file's model is one that is shipped, or one beside it.
    for model in (None, GOLDEN):
        try:
            nelloc.decode(data, model=model)
            return
        except nelloc.NellocError:
            continue
    raise AssertionError("no model decodes a golden file")


def photograph_tiles() -> list[Tile]:
    """Parts of a photograph, most of which fill more than one block of lanes, coded by NumPy with shipped models."""
    pixels = np.asarray(Image.open(PHOTOGRAPH).convert("RGB")).transpose(2, 0, 1)
    found = []
    for name, learns, rule, height, width in (
        ("default", True, None, 18, 71),
        ("high", False, None, 9, 36),  # the slowest, in one block
        ("fast", False, None, 20, 80),
        ("fast", True, Rule.JFIF, 19, 83),
        ("fast", False, Rule.PHOTO_CD, 17, 70),
        ("fast", True, Rule.SEEN, 21, 81),
    ):
        path = SHIPPED / f"{name}.nlm"
        model = load_model(path.read_bytes(), str(path))
        samples = np.ascontiguousarray(pixels[:, 10 : 10 + height, 20 : 20 + width])
        coder = tile_coder(model, learns=learns, rule=rule, backend="numpy")
        code = coder.encode([samples], lambda _: None)[0]
        found.append(Tile(model, 8, learns, rule, samples, code.data))
    return found


def lines_of(tiles: list[Tile]) -> list[str]:
    """What the program prints of each tile after the level's name: its number, and two checksums."""
    return [
        f"{number} {zlib.crc32(tile.samples.astype('<u2').tobytes()):08x} {zlib.crc32(tile.data):08x}"
        for number, tile in enumerate(tiles)
    ]


def write(tiles: list[Tile], path: Path) -> None:
    """Write the models and the tiles as 32-bit little-endian integers, and streams as bytes."""
    models = {(id(tile.model), tile.bits): tile for tile in tiles}
    parts = [_integers([len(models)]), *(_model(tile.model, tile.bits) for tile in models.values())]
    parts.append(_integers([len(tiles)]))
    numbers = {key: number for number, key in enumerate(models)}
    for tile in tiles:
        about = [numbers[id(tile.model), tile.bits], tile.learns, tile.rule or 0, *tile.samples.shape]
        parts.append(_integers(about) + struct.pack("<II", pixel_checksum(tile.samples), len(tile.data)) + tile.data)
    path.write_bytes(b"".join(parts))


def _model(model: ExactModel, bits: int) -> bytes:
    about = [bits, model.horizon, model.components, model.channels, model.joint, model.inputs == "raw", model.borders]
    parts = [_integers([*about, len(model.layers)])]
    for layer in model.layers:
        skip = -1 if layer.skip is None else layer.skip
        arrays = (layer.weight, layer.bias, layer.shift)
        parts += [_integers([*layer.weight.shape, skip]), *map(_integers, arrays)]
    context, mixture = model.context, model.mixture
    tables = [context.thresholds, context.input_scale, context.activity_input]
    tables += [context.mean_scale, context.scale_offset]
    tables += [mixture.logistic, mixture.exponential, mixture.inverse_scale]
    for table in tables:
        parts.append(_integers([len(table)]) + _integers(table))
    return b"".join(parts)


def _integers(numbers: Any) -> bytes:
    return np.asarray(numbers).astype("<i4").tobytes()


if __name__ == "__main__":
    all_tiles = golden_tiles() + photograph_tiles()
    write(all_tiles, Path(sys.argv[1]))
    print("\n".join(lines_of(all_tiles)))
