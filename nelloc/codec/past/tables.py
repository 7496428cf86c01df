"""Tables of quantisation: those of the IJG's encoder by quality, and the likely ones of given coefficients."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.samples import over_blocks
from nelloc.exact import native

# The examples of the JPEG standard, annex K, which most encoders scale by their quality.
LUMA = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61),
        *(12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56),
        *(14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77),
        *(24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101),
        *(72, 92, 95, 98, 112, 100, 103, 99),
    ]
)
CHROMA = np.full(64, 99)
CHROMA.reshape(8, 8)[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
QUALITIES = range(1, 101)
# Least gain in log-likelihood for which an entry other than the standard one is chosen.
_GAIN = 8.0
_BLOCKS = 600

_ANGLES = np.outer(np.arange(8), 2 * np.arange(8) + 1) * (np.pi / 16)
_ONE_WAY = np.cos(_ANGLES) * 0.5 * np.where(np.arange(8) == 0, np.sqrt(0.5), 1.0)[:, None]
# The cosine transform of a block: rows are frequencies, columns samples.
WAVES = np.kron(_ONE_WAY, _ONE_WAY).astype(np.float32)
HIGH = np.flatnonzero(np.add.outer(np.arange(8), np.arange(8)).ravel() >= 6)


def standard_table(base: NDArray[Any], quality: int) -> NDArray[np.uint16]:
    """The table that the IJG's encoder makes of ``base`` for a quality from 1 to 100."""
    return standard_tables(base)[quality - 1]


def standard_tables(base: NDArray[Any]) -> NDArray[np.uint16]:
    """The standard tables (100, 64) of all qualities."""
    quality = np.array(QUALITIES)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((base * scale + 50) // 100, 1, 255).astype(np.uint16)


def quality_of(table: NDArray[Any], base: NDArray[Any]) -> int:
    """The quality whose standard table is most like a table."""
    return int(np.abs(standard_tables(base).astype(int) - table).sum(axis=1).argmin()) + 1


def noise(across: int, down: int) -> NDArray[np.float32]:
    """The variance of each frequency (64,) of samples that were rounded, and, if enlarged, made smaller again."""
    k = np.arange(8)
    gain = 8 / (10 + 6 * np.cos(np.pi * k / 8))
    spread = np.outer(gain if down == 2 else np.ones(8), gain if across == 2 else np.ones(8)).ravel()
    return ((spread + (across * down > 1)) / 12).astype(np.float32)


def likely(
    samples: NDArray[np.float32],
    known: NDArray[np.bool_],
    base: NDArray[Any],
    across: int,
    down: int,
    quality: int | None,
) -> Iterator[tuple[NDArray[np.uint16], int]]:
    """The tables that may explain samples (H, W), in whole blocks, of which some are ``known``, the likeliest first.

    With ``quality`` that one is the first. Each has the quality that it is of, or is like, or 0.
    """
    if quality is not None:
        yield standard_table(base, quality), quality
    scores = _Scores(samples, _busiest(samples, known), across, down)
    table, best = scores.standard(base)
    yield table, best
    yield scores.mended(table), best
    if quality is not None:
        yield scores.mended(standard_table(base, quality)), quality


def likely_by_parts(
    samples: NDArray[np.float32], known: NDArray[np.bool_], base: NDArray[Any], across: int, down: int
) -> Iterator[tuple[NDArray[np.uint16], int]]:
    """The tables that may explain parts of samples (H, W) that were edited, with their qualities.

    Text and lines are the busiest blocks, and others may fill a side of the picture: so they are found by blocks of
    medium range, of all of it and of its quarters.
    """
    for part in _parts(known):
        scores = _Scores(samples, _busiest(samples, part, passed=0.5), across, down)
        table, quality = scores.standard(base)
        yield table, quality
        yield scores.mended(table), quality


def _parts(known: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """The mask (rows, columns) of known blocks, and those of each quarter of the picture."""
    yield known
    rows, columns = (np.array_split(np.arange(size), 2) for size in known.shape)
    for own in product(rows, columns):
        part = np.zeros_like(known)
        part[np.ix_(*own)] = known[np.ix_(*own)]
        yield part


class _Scores:
    """The log-likelihoods of entries of a table: (64, 256), and the number of coefficients (64,) that each is of."""

    def __init__(self, samples: NDArray[np.float32], chosen: NDArray[np.uint8], across: int, down: int):
        self._scores, self._counts = np.empty((64, 256), np.float32), np.empty(64, np.int32)
        native._native.past_scores(samples, chosen, *chosen.shape, noise(across, down), self._scores, self._counts)
        self._scores[:, 0] = -np.inf

    def standard(self, base: NDArray[Any]) -> tuple[NDArray[np.uint16], int]:
        """The likeliest standard table of ``base``, and its quality."""
        tables = standard_tables(base)
        best = int(self._scores[np.arange(64), tables].sum(axis=1).argmax())
        return tables[best], best + 1

    def mended(self, table: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """The table with the entries that explain the samples much better."""
        better = (self._scores.max(axis=1) - self._scores[np.arange(64), table] > _GAIN) & (self._counts > 2)
        return np.where(better, self._scores.argmax(axis=1), table).astype(np.uint16)


def _busiest(samples: NDArray[np.float32], known: NDArray[np.bool_], passed: float = 0) -> NDArray[np.uint8]:
    """Some hundred of the known blocks, those with the widest range: rounding is noise where samples vary.

    A share of the known blocks is passed over, with a wider one.
    """
    spans = np.where(known, over_blocks(np.maximum, samples) - over_blocks(np.minimum, samples), -1).ravel()
    chosen = np.zeros(spans.size, np.uint8)
    order = np.argsort(-spans, kind="stable")[int(passed * known.sum()) :][:_BLOCKS]
    chosen[order[spans[order] >= 0]] = 1
    return chosen.reshape(known.shape)
