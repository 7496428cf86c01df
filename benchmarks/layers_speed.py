"""Speed of the compiled core with 0, 1 or 2 layers that learn, on a colour lattice or not: a part of speed.py.

Tiles go straight to the core, without the search for a coding. On each CPU level all ways take turns, in CPU time of
one thread, and every stream is decoded and compared before anything is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from images import saved_as_jpeg
from numpy.typing import NDArray

from nelloc.bench import markdown
from nelloc.bench.timing import medians
from nelloc.codec.effort import photograph_tile
from nelloc.codec.tiling import tiles
from nelloc.exact import model_store, native
from nelloc.exact.coder import pixel_checksum
from nelloc.exact.lattice import Rule

# Layers that learn: as methods 5, 6 and 7.
LEARN = (0, 1, 2)
NAMES = ("none", "the last", "two")
QUALITY = 90


class _Way:
    """Image cut into tiles and coded by one level, ready to be coded again."""

    def __init__(self, image: NDArray[np.uint8], level: str, learns: int, rule: Rule | None):
        cut = tiles(*image.shape[:2], photograph_tile(learns > 0))
        self.planes = [np.ascontiguousarray(image[tile.rows, tile.columns].transpose(2, 0, 1)) for tile in cut]
        self.seeds = [pixel_checksum(planes) for planes in self.planes]
        self.core = native.Core(model_store.find(), 8, level, learns=learns, rule=rule)
        self.streams = self.encode()
        assert all(np.array_equal(a, b) for a, b in zip(self.decode(), self.planes, strict=True))

    def encode(self) -> list[bytes]:
        return [data for data, _ in self.core.encode(self.planes, self.seeds, _nothing)]

    def decode(self) -> list[NDArray[np.uint8] | None]:
        pairs = zip(self.planes, self.streams, strict=True)
        return self.core.decode([(planes.shape, data) for planes, data in pairs], pixel_checksum, _nothing)


def _nothing(_: int) -> None:
    """Ignore progress."""


def layers(name: str, photograph: NDArray[np.uint8], rounds: int) -> list[str]:
    """Compare what learns on each level of this machine, and the same with and without a lattice on a decoded JPEG."""
    decoded = saved_as_jpeg(photograph, QUALITY, 0)
    pixels = photograph.shape[0] * photograph.shape[1]
    heads = ["level", "learns", "encode, us/px", "decode, us/px", "by one layer less: encode", "decode"]
    learning = markdown.head(heads)
    heads = ["level", "learns", "encode, us/px", "decode, us/px", "by that without the lattice: encode", "decode"]
    lattices = markdown.head(heads)
    streams: dict[tuple[int, bool | None], list[bytes]] = {}
    for level in native.levels():
        ways = {(learns, None): _Way(photograph, level, learns, None) for learns in LEARN}
        ways |= {(n, on): _Way(decoded, level, n, Rule.JFIF if on else None) for n in LEARN for on in (False, True)}
        for key, way in ways.items():
            assert streams.setdefault(key, way.streams) == way.streams, "a level gives other bytes"
        encode: dict[tuple[int, bool | None], Callable[[], object]] = {key: way.encode for key, way in ways.items()}
        decode: dict[tuple[int, bool | None], Callable[[], object]] = {key: way.decode for key, way in ways.items()}
        times = [medians(variants, rounds, time.process_time) for variants in (encode, decode)]
        each = {key: [found[key] / pixels * 1e6 for found in times] for key in ways}
        for learns in LEARN:
            less = each.get((learns - 1, None))
            learning.append(_row(level, learns, each[learns, None], less))
            lattices.append(_row(level, learns, each[learns, True], each[learns, False]))
    first = f"{name}, {photograph.shape[1]} x {photograph.shape[0]}:"
    second = f"The same as a JPEG of quality {QUALITY}, decoded, with its lattice:"
    return [first, "", *learning, "", second, "", *lattices]


def _row(level: str, learns: int, own: list[float], beside: list[float] | None) -> str:
    """Row of a table: times, and their ratios to others."""
    ratios = ["", ""] if beside is None else [f"{one / other:.2f}" for one, other in zip(own, beside, strict=True)]
    return markdown.row([level, NAMES[learns], *(f"{value:.3f}" for value in own), *ratios])
