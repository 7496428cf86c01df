"""Section 3: the pixels of a tile in the order of coding, by every method that needs a model."""

from __future__ import annotations

from zlib import crc32

from independent.coder import Coder
from independent.context import predict
from independent.lattice import Lattice
from independent.learning import LastLayer
from independent.model_file import Model
from independent.notation import require
from independent.two_layers import TwoLayers


def decode_tile(
    model: Model, data: bytes, width: int, height: int, planes: int, depth: int, learns: int, rule: int = 0
) -> list[list[int]]:
    """Sections 3, 7, 9 and 13 to 15: all pixels of a tile, step by step, and the check of its end."""
    tables = model.tables
    usable = not model.raw and len(tables["context.thresholds"]) >= 8 and len(tables["mixture.inverse_scale"]) >= 32
    require(depth == 8 or usable, "a model that codes 8 bits only")
    require(not learns or depth == 8, "samples of more than 8 bits that teach")
    require(not rule or depth == 8, "samples of more than 8 bits on a lattice")
    layer = (None, LastLayer, TwoLayers)[learns]
    layer, lattice = layer and layer(model), Lattice(rule) if rule else None
    coder, pace = Coder(data), model.horizon + 1
    known: dict[tuple[int, int], list[int]] = {}
    for t in range(width + (height - 1) * pace):
        places = [(i, t - i * pace) for i in range(height) if 0 <= t - i * pace < width]
        step = [predict(model, known, i, j, width, depth, layer) for i, j in places]
        pixels = [pixel for pixel, _ in step]
        for plane in range(planes):
            for pixel in pixels:
                pixel.begin_plane()
            if lattice is not None and plane == 1:
                for pixel in pixels:
                    lattice.weigh_green(pixel)
                for pixel in pixels:
                    pixel.on = coder.digit(lattice.bounds(pixel)) == 1
                for pixel in pixels:
                    pixel.masses = [e if pixel.on else p - e for p, e in zip(pixel.masses, pixel.expected, strict=True)]
            if lattice is not None and plane == 2:
                for pixel in pixels:
                    lattice.weigh_blue(pixel)
            for d in [4**k for k in reversed(range(depth // 2))]:
                for pixel in pixels:
                    pixel.lo += d * coder.digit(pixel.bounds(d))
            for pixel in pixels:
                pixel.end_plane()
        for place, pixel in zip(places, pixels, strict=True):
            known[place] = pixel.values * (model.channels // planes)  # a gray tile has equal channels
        if layer is not None:
            layer.learn(step)
        if lattice is not None:
            lattice.learn(pixels)
    samples = [[known[i, j][p] for i in range(height) for j in range(width)] for p in range(planes)]
    require(not coder.words, "words are left after the last digit")
    size = 2 if depth > 8 else 1
    whole = b"".join(sample.to_bytes(size, "little") for plane in samples for sample in plane)
    require(coder.state == crc32(whole), "the end state is not the CRC-32 of the samples")
    return samples
