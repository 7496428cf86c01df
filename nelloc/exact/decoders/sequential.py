"""sNeLLoC: one pixel at a time. The reference that the other decoders are compared with.

It walks the order that every stream has, step by step of the wavefront, and gathers each pixel's
context straight from the rule of docs/FORMAT.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.callbacks import Advance
from nelloc.exact.context import border_distances, window
from nelloc.exact.decoders.interface import EncodedTile
from nelloc.exact.engine import Engine
from nelloc.exact.lattice import Spot
from nelloc.exact.learning import Learner, Lesson, joined
from nelloc.exact.mixture import Coding
from nelloc.exact.wavefront import step_count, step_rows


def decode(engine: Engine, tiles: Sequence[EncodedTile], progress: Advance) -> list[NDArray]:
    """Decode ``tiles`` one after the other, pixel by pixel (thesis section 5.5, sNeLLoC)."""
    return [_decode_tile(engine, tile, progress) for tile in tiles]


def _decode_tile(engine: Engine, tile: EncodedTile, progress: Advance) -> NDArray:
    horizon = engine.horizon
    offsets = window(horizon)
    image = np.zeros((engine.channels, tile.height, tile.width), engine.mixture.sample_type)
    learner, keeper = engine.learner(1), engine.keeper(1)
    for step in range(step_count(tile.height, tile.width, horizon)):
        first, last = step_rows(step, tile.height, tile.width, horizon)
        pixels = [(row, step - row * (horizon + 1)) for row in range(first, last)]
        codings, lessons, spots = [], [], []
        for row, column in pixels:
            context = np.stack([_neighbour(image, row, column, di, dj, engine.first_pixel) for di, dj in offsets])
            distances = border_distances(np.array([row]), np.array([column]), tile.width, horizon)
            spot = keeper.begin(context[:, :, None] * np.float32(4), [(0, slice(0, 1))])
            coding, lesson = _code_pixel(engine, learner, context, distances, tile.planes, spot)
            codings.append(coding)
            lessons.append(lesson)
            spots.append(spot)
        digits = tile.planes * len(engine.mixture.strides) + (engine.lattice is not None)
        for (row, column), value in zip(pixels, _decode_step(tile, codings, digits), strict=True):
            image[:, row, column] = value
        learned = [lesson for lesson in lessons if lesson is not None]
        if learned:
            learner.learn(joined(learned), [(0, slice(0, len(learned)))])
        if pixels:
            keeper.learn(spots, [(0, slice(0, len(spots)))])
        progress(len(pixels))
    return image[: tile.planes]


def _neighbour(image: NDArray, row: int, column: int, di: int, dj: int, first_pixel: int) -> NDArray:
    """The value (channels,) that pixel (row, column) sees at offset (di, dj)."""
    channels, _, width = image.shape
    if row == column == 0:
        return np.full(channels, first_pixel, image.dtype)
    i, j = max(0, row + di), min(max(0, column + dj), width - 1)
    if i == row and j >= column:  # not decoded yet
        i, j = (row, column - 1) if column else (row - 1, 0)
    return image[:, i, j]


def _code_pixel(
    engine: Engine,
    learner: Learner,
    context: NDArray,
    distances: NDArray[np.float32],
    planes: int,
    spot: Spot | None,
) -> tuple[Coding, Lesson | None]:
    """The coding of one pixel, from its ``context`` (window, channels) and ``distances`` (3, 1) to the borders."""
    normalised = engine.normaliser(context[:, :, None] * np.float32(4), distances)
    outputs, hidden = engine.evaluate(normalised.inputs)
    outputs, lesson = learner.correct(outputs.copy(), hidden, normalised.level, [(0, slice(0, 1))])
    return engine.mixture.code(outputs, normalised.base, normalised.level, planes, lesson, spot), lesson


def _decode_step(tile: EncodedTile, codings: list[Coding], digits: int) -> list[NDArray]:
    """The values (planes,) of a step's pixels, each of ``digits`` digits.

    The stream has the first digits of all pixels, then the second, and so on.
    """
    frequencies = [next(coding) for coding in codings]
    values: list[NDArray] = []
    for _ in range(digits):
        for index, coding in enumerate(codings):
            digit = tile.digits.decode(frequencies[index])
            try:
                frequencies[index] = coding.send(digit)
            except StopIteration as end:
                values.append(end.value[:, 0])
    return values
