"""What is tried to make an image's file smaller: tiles, and ways to code them, by level of effort."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from nelloc.container import Method
from nelloc.effort import LARGE_TILE, Effort
from nelloc.generic import survey
from nelloc.generic.adaptive import Form
from nelloc.generic.record import Way, ways
from nelloc.image.pixels import Samples
from nelloc.kinds import Group, Role
from nelloc.tiling import DEFAULT_TILE, tiles


@dataclass(frozen=True)
class Trial:
    """A way to code one group of planes of one tile; ``way`` is that of the adaptive coder."""

    method: Method
    way: Way | None = None


@dataclass(frozen=True)
class Piece:
    """One group of planes (planes, H, W) of one tile, of samples of at most ``bits`` bits, and what is tried on it."""

    samples: Samples
    bits: int
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Plan:
    """A cut into tiles of at most ``tile``, and their pieces in the order of the file."""

    tile: int
    pieces: tuple[Piece, ...]


def plans_for(
    groups: Sequence[Group], samples: Sequence[Samples], bits: Sequence[int], tile: int | None, effort: int
) -> list[Plan]:
    """What is tried for an image; with ``tile`` only tiles of this size.

    ``samples`` (planes, H, W) and their ``bits`` are those of each of the ``groups``.
    """
    _, height, width = samples[0].shape
    repeats = [survey.repeats(whole) for whole in samples]

    @cache
    def probed(number: int) -> Way:
        return survey.best_on_probe(samples[number], bits[number])

    def plan(size: int, large: bool = False) -> Plan:
        pieces = []
        for part in tiles(height, width, size):
            for number, group in enumerate(groups):
                view = samples[number][:, part.rows, part.columns]
                look = _Look(large or repeats[number], large, partial(probed, number))
                trials = _trials(group, view, bits[number], effort, look)
                pieces.append(Piece(view, bits[number], tuple(dict.fromkeys(trials))))
        return Plan(size, tuple(pieces))

    first = plan(tile or DEFAULT_TILE)
    if tile is not None or max(height, width) <= DEFAULT_TILE or effort < Effort.LARGE_TILES:
        return [first]
    photographs = (piece.trials[0].method in (Method.MIXTURE, Method.CONSTANT) for piece in first.pieces)
    return [first] if effort < Effort.LARGE_PHOTOGRAPHS and all(photographs) else [first, plan(LARGE_TILE, large=True)]


@dataclass(frozen=True)
class _Look:
    """What is known beforehand: that a test is ``needless``, since this is no photograph; if this is a ``large`` tile.

    ``probed`` gives the way that is best on a part of the image.
    """

    needless: bool
    large: bool
    probed: Callable[[], Way]


def _trials(group: Group, samples: Samples, bits: int, effort: int, look: _Look) -> Iterator[Trial]:
    """What is tried on a piece; the first is what the cheap test says."""
    if (samples == samples[:, :1, :1]).all():
        yield Trial(Method.CONSTANT)
        return
    modelled = group.role in (Role.COLOUR, Role.ALPHA)
    if modelled and not look.needless and survey.is_photograph(samples):
        yield Trial(Method.MIXTURE)
        if effort < Effort.PHOTOGRAPHS:
            return
    for way in _ways(samples, bits, effort, look):
        yield Trial(Method.ADAPTIVE, way)
    if modelled and effort >= (Effort.LARGE_PHOTOGRAPHS if look.large else Effort.MODEL):
        yield Trial(Method.MIXTURE)
    if not modelled:
        yield Trial(Method.DEFLATE)
    yield Trial(Method.STORED)


def _ways(samples: Samples, bits: int, effort: int, look: _Look) -> Iterator[Way]:
    yield survey.likely_way(samples, bits)
    if effort >= Effort.PROBE:
        yield look.probed()
    if effort >= Effort.NO_PALETTE:
        yield Way(Form.CANDIDATES_PLAIN)
    if effort >= Effort.FORMS:
        yield from (way for way in ways(samples, bits) if effort >= Effort.ORDERS or not way.order)
