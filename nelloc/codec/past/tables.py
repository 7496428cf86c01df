"""Tables of quantisation: those of the IJG's encoder by quality, and the likely ones of given coefficients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    tried: list[bytes] = []
    for table, own in _candidates(samples, known, base, across, down, quality):
        if table.tobytes() not in tried:
            tried.append(table.tobytes())
            yield table, own


def _candidates(
    samples: NDArray[np.float32],
    known: NDArray[np.bool_],
    base: NDArray[Any],
    across: int,
    down: int,
    quality: int | None,
) -> Iterator[tuple[NDArray[np.uint16], int]]:
    if quality is not None:
        yield standard_table(base, quality), quality
    chosen, (rows, columns) = _busiest(samples, known), known.shape
    scores, counts = np.empty((64, 256), np.float32), np.empty(64, np.int32)
    native._native.past_scores(samples, chosen, rows, columns, noise(across, down), scores, counts)
    scores[:, 0] = -np.inf
    places = np.arange(64)
    standard = standard_tables(base)
    best = int(scores[places, standard].sum(axis=1).argmax()) + 1
    table = standard[best - 1]

    def mended(table: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """The table with the entries that explain the samples much better."""
        better = (scores.max(axis=1) - scores[places, table] > _GAIN) & (counts > 2)
        return np.where(better, scores.argmax(axis=1), table).astype(np.uint16)

    yield table, best
    yield mended(table), best
    if quality is not None:
        yield mended(standard_table(base, quality)), quality


def _busiest(samples: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Some hundred of the known blocks, those with the widest range: rounding is noise where samples vary."""
    rows, columns = known.shape
    blocks = samples.reshape(rows, 8, columns, 8)
    spans = np.where(known, blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3)), -1).ravel()
    chosen = np.zeros(spans.size, np.uint8)
    order = np.argsort(-spans, kind="stable")[:_BLOCKS]
    chosen[order[spans[order] >= 0]] = 1
    return chosen.reshape(rows, columns)
