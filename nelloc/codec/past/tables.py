"""Tables of quantisation: those of the IJG's encoder by quality, and the likely ones of given coefficients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.samples import SIDE, over_blocks
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
_BLOCKS = 600
# Deviations of noise from which on coefficients are looked at, and from which on they are none: of any noise, and of
# such as is alike in lines; and the gain in log-likelihood that an entry has which is the same as one before it.
_NEAR, _FAR, _FAR_OF_LINES, _SAME = 5.0, 12.0, 5.0, 2.0

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


def exact_quality(table: NDArray[Any], base: NDArray[Any]) -> int | None:
    """The quality whose standard table a table is, or None."""
    quality = quality_of(table, base)
    return quality if np.array_equal(standard_table(base, quality), table) else None


def quality_of(table: NDArray[Any], base: NDArray[Any]) -> int:
    """The quality whose standard table is most like a table."""
    return int(np.abs(standard_tables(base).astype(int) - table).sum(axis=1).argmin()) + 1


def noise(across: int, down: int) -> NDArray[np.float32]:
    """The variance of each frequency (64,) of samples that were rounded, and, if enlarged, made smaller again."""
    k = np.arange(8)
    gain = 8 / (10 + 6 * np.cos(np.pi * k / 8))
    spread = np.outer(gain if down == 2 else np.ones(8), gain if across == 2 else np.ones(8)).ravel()
    return ((spread + (across * down > 1)) / 12).astype(np.float32)


def noise_of_lines(across: int, down: int) -> NDArray[np.float32]:
    """The same where all columns, or all rows, have the same noise: it adds up in waves of the other direction."""
    k = np.arange(8)
    gain = 8 / (10 + 6 * np.cos(np.pi * k / 8))
    noise = np.zeros((SIDE, SIDE), np.float32)
    enlarged = across * down > 1
    noise[0] = SIDE * ((gain if across == 2 else 1) + enlarged) / 12
    noise[:, 0] = SIDE * ((gain if down == 2 else 1) + enlarged) / 12
    return noise.ravel()


class Probe(NamedTuple):
    """Samples (H, W) of a component, in whole blocks, of which some (rows, columns) are ``known``."""

    samples: NDArray[np.float32]
    known: NDArray[np.bool_]


def likely(probes: Sequence[Probe], base: NDArray[Any], across: int, down: int) -> Iterator[NDArray[np.uint16]]:
    """The tables that may explain components that share one: the likeliest standard one of ``base``, and any.

    There are none without probes.
    """
    if probes:
        chosen = [(own.samples, _busiest(own.samples, own.known)) for own in probes]
        yield from _Evidence(chosen, across, down).tables(base)


def likely_by_parts(probe: Probe, base: NDArray[Any], across: int, down: int) -> Iterator[NDArray[np.uint16]]:
    """The tables that may explain parts of a component that were edited.

    Text and lines are the busiest blocks, and others may fill a side of the picture: so they are found by blocks of
    medium range, of all of it and of its quarters.
    """
    for part in _parts(probe.known):
        yield from _Evidence([(probe.samples, _busiest(probe.samples, part, passed=0.5))], across, down).tables(base)


def _parts(known: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """The mask (rows, columns) of known blocks, and those of each quarter of the picture."""
    yield known
    rows, columns = (np.array_split(np.arange(size), 2) for size in known.shape)
    for own in product(rows, columns):
        part = np.zeros_like(known)
        part[np.ix_(*own)] = known[np.ix_(*own)]
        yield part


class _Evidence:
    """Blocks of components, of each samples and which are ``chosen``, and how well entries of a table explain them."""

    def __init__(self, chosen: Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]], across: int, down: int):
        self._chosen, self._noise = chosen, noise(across, down)
        self._near = np.float32(_NEAR) * np.sqrt(self._noise)
        of_lines = np.float32(_FAR_OF_LINES) * np.sqrt(noise_of_lines(across, down))
        self._far = np.maximum(np.float32(_FAR) * np.sqrt(self._noise), of_lines)
        self._scores, self._counts = self._of(self._near)

    def _of(self, least: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """The log-likelihoods (64, 256) of entries, and the number of coefficients (64,) that each is of.

        Smaller ones than ``least`` (64,) do not count.
        """
        scores, counts = np.zeros((64, 256), np.float32), np.zeros(64, np.int32)
        for samples, chosen in self._chosen:
            own, number = np.empty_like(scores), np.empty_like(counts)
            native._native.past_scores(samples, chosen, *chosen.shape, self._noise, least, own, number)
            scores += own
            counts += number
        scores[:, 0] = -np.inf
        return scores, counts

    def tables(self, base: NDArray[Any]) -> Iterator[NDArray[np.uint16]]:
        """The likeliest standard table of ``base``, and the likeliest ones of all, if coarse and if fine.

        Noise of samples that are alike from line to line adds up, and looks like multiples of small entries: coarse
        tables are told by larger coefficients.
        """
        tables = standard_tables(base)
        standard = tables[int(self._scores[np.arange(64), tables].sum(axis=1).argmax())]
        yield standard
        yield self._any_table(standard, self._far)
        yield self._any_table(standard, self._near)

    def _any_table(self, standard: NDArray[np.uint16], least: NDArray[np.float32]) -> NDArray[np.uint16]:
        """The likeliest table, in which entries that nothing tells are as large as those before them.

        Coefficients smaller than ``least`` (64,) tell only of entries as small, which lie among such. The first entry
        is the ``standard`` one if nothing tells it.
        """
        scores, counts = self._of(least)
        table = np.zeros((SIDE, SIDE), np.uint16)
        for v, u in sorted(product(range(SIDE), repeat=2), key=sum):
            k = SIDE * v + u
            before = [*table[v - 1 : v, u].tolist(), *table[v, u - 1 : u].tolist()]
            most = max(before, default=standard[0])
            if counts[k] or (self._counts[k] and most < least[k]):
                own = scores[k] if counts[k] else self._scores[k]
                likeliest, same = own.argmax(), max(before, key=own.__getitem__, default=0)
                table[v, u] = same if own[same] + _SAME > own[likeliest] else likeliest
            else:
                table[v, u] = most
        return table.ravel()


def _busiest(samples: NDArray[np.float32], known: NDArray[np.bool_], passed: float = 0) -> NDArray[np.uint8]:
    """Some hundred of the known blocks, those with the widest range: rounding is noise where samples vary.

    A share of the known blocks is passed over, with a wider one.
    """
    spans = np.where(known, over_blocks(np.maximum, samples) - over_blocks(np.minimum, samples), -1).ravel()
    chosen = np.zeros(spans.size, np.uint8)
    order = np.argsort(-spans, kind="stable")[int(passed * known.sum()) :][:_BLOCKS]
    chosen[order[spans[order] >= 0]] = 1
    return chosen.reshape(known.shape)
