"""Tiles on a colour lattice, as files hold them: the rule, and the method of the model.

docs/methods/lattices.md, section 15. This is also where the encoder finds out whether a tile is on one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.format import LAYERS, Method
from nelloc.exact.lattice import CHANNELS, CONVERSIONS, LEVELS, Rule, conversion, numbers
from nelloc.image.pixels import Samples
from nelloc.varint import MalformedError

# Number of low bits of the first byte of a record that are the rule; the others are the method of the model.
_RULE_BITS = 5
_BELOW = tuple(LAYERS)
# Number of evenly spread pixels of a tile that are tested, and of their different colours at least and at most.
_SAMPLED, _LEAST_COLOURS, _MOST_COLOURS = 4096, 24, 256
# Distances of other colours, which show the share that is on a lattice by chance; it is larger for nearly gray colours.
_NEAR = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
# Colours nearer to 0 or 255 are not counted, since values out of range were clipped to them.
_EDGE = 3
_STEPS = np.array([[-1], [0], [1]])
# Least gain of a rule over chance, in bits a pixel, that is worth its time; and of the colours that a tile has seen.
LEAST_GAIN, LEAST_GAIN_OF_SEEN = 0.5, 0.3
# Rows of which the first half are noted, the row of theirs in which colours are looked for, and how many at most.
_BAND, _BETWEEN, _LOOKED_FOR = 16, 12, 2048
# Fewer pixels than these see too few colours.
_LEAST_PIXELS = 64 * 64
# Distances of other colours for that, to all sides.
_AROUND = (*_NEAR, (-1, 0, 0), (0, -1, 0), (0, 0, -1), (1, -1, 0), (0, 1, -1), (-1, 0, 1))


@dataclass(frozen=True)
class OnLattice:
    """A way to code a tile: on the lattice of ``rule``, ``below`` it as with a method of the model alone."""

    rule: Rule
    below: Method

    @property
    def byte(self) -> bytes:
        """The first byte of a record."""
        return bytes([self.rule + (_BELOW.index(self.below) << _RULE_BITS)])

    @classmethod
    def of(cls, data: bytes) -> OnLattice:
        """Read the first byte of a record. Raises MalformedError if it is not known."""
        try:
            below, rule = divmod(data[0], 1 << _RULE_BITS)
            return cls(Rule(rule), _BELOW[below])
        except (IndexError, ValueError):
            raise MalformedError("lattice") from None


def likely_rule(samples: Samples) -> Rule | None:
    """The rule on whose lattice samples (3, H, W) of 8 bits seem to be, if any is worth its time."""
    known = _likely_conversion(samples)
    return Rule.SEEN if known is None and _gain_of_seen(samples) >= LEAST_GAIN_OF_SEEN else known


def _likely_conversion(samples: Samples) -> Rule | None:
    colours = _different(samples)
    if colours.shape[1] < _LEAST_COLOURS:
        return None
    shares = {rule: share_on(rule, colours) for rule in CONVERSIONS}
    best = max(CONVERSIONS, key=lambda rule: shares[rule])
    if _gain(shares[best], 0) < LEAST_GAIN:  # which is more than with any other chance
        return None
    chance = sum(share_on(best, colours + np.array(near)[:, None]) for near in _NEAR) / len(_NEAR)
    return best if _gain(shares[best], chance) >= LEAST_GAIN else None


def _gain_of_seen(samples: Samples) -> float:
    """Bits a pixel that it helps to know the colours seen before: how much rarer colours near those of pixels are.

    Where a picture has all colours of a region, both are about as rare.
    """
    if samples[0].size < _LEAST_PIXELS:
        return 0.0
    place = np.arange(samples.shape[1]) % _BAND
    before, after = (samples[:, rows].reshape(CHANNELS, -1) for rows in (place < _BAND // 2, place == _BETWEEN))
    some = after[:, :: max(1, after.shape[1] // _LOOKED_FOR)]
    after = _telling(some)
    if after.shape[1] < _LEAST_COLOURS:
        return 0.0
    seen = np.zeros(LEVELS**CHANNELS, np.bool_)
    seen[numbers(before)] = True
    share = float(seen[numbers(after)].mean())
    near = [seen[numbers(after + np.array(distance)[:, None])].mean() for distance in _AROUND]
    return _gain(share, float(sum(near)) / len(near)) * after.shape[1] / some.shape[1]


def _different(samples: Samples) -> NDArray[np.int64]:
    """Some of the colours (3, N) of samples, without those that say little: gray ones, and those at an edge."""
    pixels = samples.shape[1] * samples.shape[2]
    apart = math.isqrt(max(1, pixels // _SAMPLED))
    found = np.unique(numbers(_telling(samples[:, ::apart, ::apart].reshape(CHANNELS, -1))))
    found = found[:: -(-len(found) // _MOST_COLOURS)] if len(found) else found
    return np.stack([found >> 16, found >> 8 & 255, found & 255])


def _telling(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Select from colours (3, N) the ones that are neither gray nor at an edge."""
    wide = colours.astype(np.int64)
    inside = ((wide >= _EDGE) & (wide < LEVELS - _EDGE)).all(axis=0)
    gray = (wide[0] == wide[1]) & (wide[1] == wide[2])
    return wide[:, inside & ~gray]


@dataclass(frozen=True)
class _Search:
    """Search for the colours of a rule without its table.

    ``matrix`` and the colour ``origin`` of no luma and chroma find about where a colour came from; ``terms`` are those
    of the conversion, whose sums fit 32 bits.
    """

    matrix: NDArray[np.float64]
    origin: NDArray[np.float64]
    terms: NDArray[np.int32]
    divisor: int

    @classmethod
    @cache
    def of(cls, rule: Rule) -> _Search:
        """The search for colours of a rule."""
        convert = conversion(rule)
        terms: NDArray[np.float64] = convert.terms / convert.divisor
        matrix = np.linalg.inv((terms[:, :, 255] - terms[:, :, 0]) / 255).astype(np.float64)
        return cls(matrix, terms[:, :, 0].sum(axis=1), convert.terms.astype(np.int32), convert.divisor)


def share_on(rule: Rule, colours: NDArray[np.int64]) -> float:
    """The share of colours (3, N), all of 1 to 254, that are on the lattice of a rule, without its table."""
    search = _Search.of(rule)
    near = np.rint(search.matrix @ (colours + 0.5 - search.origin[:, None])).astype(np.int64)
    luma, first, second = np.clip(near[:, None] + _STEPS, 0, LEVELS - 1)  # (3, N) each: all of 27 ways are tried
    red, green, blue = search.terms
    # A channel is right if its sum is from colour * divisor to less than (colour + 1) * divisor.
    below = colours.astype(np.int32) * search.divisor
    reds = _from_0_to(search.divisor, (red[0][luma] - below[0])[:, None] + red[2][second])
    blues = _from_0_to(search.divisor, (blue[0][luma] - below[2])[:, None] + blue[1][first])
    greens = (green[0][luma] - below[1])[:, None, None] + green[1][first][:, None] + green[2][second]
    found = _from_0_to(search.divisor, greens) & reds[:, None] & blues[:, :, None]
    return float(found.any(axis=(0, 1, 2)).mean())


def _from_0_to(end: int, numbers: NDArray[np.int32]) -> NDArray[np.bool_]:
    return numbers.view(np.uint32) < end  # negative ones are large without their sign


def _gain(share: float, chance: float) -> float:
    """Bits a pixel that a lattice saves if this share of colours is on it, and the share ``chance`` of others."""
    if share <= chance:
        return 0.0
    least = 1 / _MOST_COLOURS
    chance = min(max(chance, least), 1 - least)
    off = (1 - share) * math.log2((1 - share) / (1 - chance)) if share < 1 else 0.0
    return share * math.log2(share / chance) + off
