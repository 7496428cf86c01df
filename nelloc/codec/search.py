"""Search for the smallest file of an image: tiles, and ways to code them, by level of effort."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cache, partial

import numpy as np

from nelloc.codec.adaptive import classify
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.adaptive.stream import AdaptiveSetting, all_settings
from nelloc.codec.container import Section
from nelloc.codec.effort import LARGE_TILE, Effort, photograph_tile
from nelloc.codec.format import Method
from nelloc.codec.lattice import OnLattice, likely_rule
from nelloc.codec.lzma_rows import Filter, likely_filters
from nelloc.codec.past.pixels import Made
from nelloc.codec.tiling import DEFAULT_TILE, Rectangle, tiles
from nelloc.exact.lattice import CHANNELS
from nelloc.image import mapped_array
from nelloc.image.kinds import Group, Kind, Role
from nelloc.image.pixels import Samples

# The share of a photograph's pieces that may look like none.
MOST_DRAWN = 1 / 16
# Pixels of a tile from which a second layer learns enough to pay for what it spoils at first.
LEAST_FOR_TWO = 96 * 96
# A model is not tried on drawn pieces where another way takes fewer bits a pixel than this: there it needs far more.
_LEAST_OF_MODEL = 0.08


@dataclass(frozen=True)
class Trial:
    """A way to code one group of planes of one tile.

    ``setting`` of the method is that of the adaptive coder, the filter of rows, the lattice, or what a JPEG makes of
    the piece. A trial is left out if another has made a record of fewer than ``least`` bytes; with None that is found
    out by ``lzma_rows.fewest_bytes``.
    """

    method: Method
    setting: AdaptiveSetting | Filter | OnLattice | Made | None = None
    least: int | None = field(default=0, compare=False)


@dataclass(frozen=True)
class Piece:
    """One group of planes (planes, H, W) of one tile, of samples of at most ``bits`` bits, and its trials.

    ``alone`` if it is all of a small image, whose file has a checksum only if the method has none.
    """

    samples: Samples
    bits: int
    trials: tuple[Trial, ...]
    alone: bool = False

    def apart(self) -> list[Piece]:
        """The piece as a JPEG makes it, and in all other ways, which do not depend on the JPEG."""
        own = tuple(trial for trial in self.trials if isinstance(trial.setting, Made))
        others = self.trials[len(own) :]
        return [replace(self, trials=trials) for trials in (own, others) if trials]


@dataclass(frozen=True)
class TileSearch:
    """A cut into tiles of at most ``tile``, and their pieces in the order of the file.

    With ``joined`` colour and alpha are one group. ``sections`` are those that the records need.
    """

    tile: int
    pieces: tuple[Piece, ...]
    joined: bool = False
    sections: tuple[Section, ...] = ()


def plans_for(
    kind: Kind,
    samples: Sequence[Samples],
    bits: Sequence[int],
    tile: int | None,
    effort: int,
    *,
    learns: int = 0,
    lattices: bool = False,
) -> list[TileSearch]:
    """Plan the trials for an image; with ``tile`` only tiles of this size.

    ``samples`` (planes, H, W) and their ``bits`` are those of each of the groups of ``kind``. At most
    ``learns`` layers of the model learn; with ``lattices`` it may know which colours can occur.
    """
    apart = _Planner(kind.groups, samples, bits, effort, learns, lattices)
    size = max(samples[0].shape[1:])
    likely = apart.likely(tile or DEFAULT_TILE)
    drawn = sum(number for method, number in likely.items() if not (method.needs_model or method is Method.CONSTANT))
    cut = tile is None and size > DEFAULT_TILE
    of_model = likely[Method.LEARNING] or likely[Method.TWO_LAYERS]
    photographs = cut and of_model and drawn <= MOST_DRAWN * likely.total()
    plans = [apart.plan(photograph_tile(learns > 0) if photographs else tile or DEFAULT_TILE)]
    large = cut and effort >= Effort.LARGE_TILES
    mostly_drawn = 2 * drawn >= likely.total()
    if large and (mostly_drawn or effort >= Effort.LARGE_PHOTOGRAPHS):
        plans.append(apart.plan(LARGE_TILE, large=True, needless=mostly_drawn))
    if kind.joined_groups is not None and drawn and effort >= Effort.OTHER_WAYS:
        together = _Planner(kind.joined_groups, [mapped_array.joined(samples)], [max(bits)], effort, learns, lattices)
        plans.append(together.plan(tile or (LARGE_TILE if large else DEFAULT_TILE), large=large, needless=large))
    return plans


def plan_for_past(
    kind: Kind,
    samples: Sequence[Samples],
    bits: Sequence[int],
    tile: int,
    effort: int,
    made: Samples,
    section: Section,
    *,
    learns: int = 0,
    lattices: bool = False,
) -> TileSearch:
    """Plan the trials for an image whose colours are mostly those that the JPEG in ``section`` ``made``.

    A tile that is mostly wrong is also tried without it. Otherwise as ``plans_for``.
    """
    planner = _Planner(kind.groups, samples, bits, effort, learns, lattices)
    pieces: list[Piece] = []
    _, height, width = samples[0].shape
    for part in tiles(height, width, tile):
        own = made[:, part.rows, part.columns]
        view = samples[0][:, part.rows, part.columns]
        trial = Trial(Method.PAST, Made(own))
        if 2 * np.count_nonzero((view != own).any(axis=0)) > own[0].size:
            pieces.append(planner.piece(part, 0, False, False, trial))
        else:
            pieces.append(Piece(view, bits[0], (trial,)))
        pieces += (planner.piece(part, number, False, False) for number in range(1, len(kind.groups)))
    return TileSearch(tile, tuple(pieces), sections=(section,))


class _Planner:
    """Plans for an image in the given groups of planes."""

    def __init__(
        self,
        groups: Sequence[Group],
        samples: Sequence[Samples],
        bits: Sequence[int],
        effort: int,
        learns: int,
        lattices: bool,
    ):
        self._groups, self._samples, self._bits, self._effort = groups, samples, bits, effort
        self._learns, self._lattices = learns, lattices
        self._repeats = [_repeats(whole) for whole in samples]
        self._probed = cache(lambda number: classify.best_on_probe(samples[number], bits[number]))
        self._likeness = cache(lambda part, number: _likeness(self._view(part, number)))

    def likely(self, tile: int) -> Counter[Method]:
        """Count the likeliest methods of tiles of this size, without a look for lattices."""
        _, height, width = self._samples[0].shape
        places = itertools.product(tiles(height, width, tile), range(len(self._groups)))
        found = (self._trials(part, number, large=False, needless=False, lattices=False) for part, number in places)
        return Counter(next(trials).method for trials in found)

    def plan(self, tile: int, large: bool = False, needless: bool = False) -> TileSearch:
        """Plan tiles of this size, which are ``large`` in a second try; ``needless`` if no photographs are expected."""
        pieces: list[Piece] = []
        _, height, width = self._samples[0].shape
        for part in tiles(height, width, tile):
            pieces += (self.piece(part, number, large, needless) for number in range(len(self._groups)))
        if len(pieces) == 1 and max(height, width) <= DEFAULT_TILE:
            pieces = [replace(pieces[0], alone=True)]
        return TileSearch(tile, tuple(pieces), self._groups[0].role is Role.COLOUR_AND_ALPHA)

    def piece(self, part: Rectangle, number: int, large: bool, needless: bool, *first: Trial) -> Piece:
        """Plan a group of a tile; the trials ``first`` come before all others."""
        trials = self._trials(part, number, large=large, needless=needless, lattices=self._lattices)
        return Piece(self._view(part, number), self._bits[number], tuple(dict.fromkeys((*first, *trials))))

    def _view(self, part: Rectangle, number: int) -> Samples:
        return self._samples[number][:, part.rows, part.columns]

    def _trials(self, part: Rectangle, number: int, *, large: bool, needless: bool, lattices: bool) -> Iterator[Trial]:
        view, bits, group = self._view(part, number), self._bits[number], self._groups[number]
        codable = group.role in (Role.COLOUR, Role.ALPHA)
        methods = _methods(view, self._learns if bits <= 8 else 0) if codable else []
        lattices = lattices and bits <= 8 and group.role is Role.COLOUR and group.planes == CHANNELS
        unlike = not codable or needless or self._repeats[number]
        likeness = (lambda: _Likeness.DRAWN) if unlike else partial(self._likeness, part, number)
        probed = partial(self._probed, number)
        return _trials(_Facts(view, bits, self._effort, large, methods, lattices, likeness, probed))


class _Likeness(IntEnum):
    """Likeness of a tile to a photograph: a column of the table of trials."""

    PHOTOGRAPH = 0
    SMOOTH = 1
    DRAWN = 2


def _likeness(samples: Samples) -> _Likeness:
    if classify.is_photograph(samples):
        return _Likeness.PHOTOGRAPH
    return _Likeness.SMOOTH if classify.is_smooth(samples) else _Likeness.DRAWN


def _repeats(samples: Samples) -> bool:
    """True if most tiles of an image repeat themselves; large ones, since a tile is coded without those around it."""
    _, height, width = samples.shape
    parts = tiles(height, width, LARGE_TILE)
    return 2 * sum(classify.repeats(samples[:, part.rows, part.columns]) for part in parts) > len(parts)


@dataclass(frozen=True)
class _Facts:
    """Facts about a piece, by which its trials are chosen.

    ``methods`` are those of the model, the likeliest first, if one may code it. It may be of a ``large`` tile, or on
    one of the ``lattices``. ``likeness`` is found out when it is asked for, and so are the settings that are best on a
    part of the image, ``probed``.
    """

    samples: Samples
    bits: int
    effort: int
    large: bool
    methods: Sequence[Method]
    lattices: bool
    likeness: Callable[[], _Likeness]
    probed: Callable[[], Sequence[AdaptiveSetting]]


def _trials(facts: _Facts) -> Iterator[Trial]:
    """Yield the trials of a piece, in the order of the table, the likeliest first."""
    if (facts.samples == facts.samples[:, :1, :1]).all():
        yield Trial(Method.CONSTANT)
        return
    column = facts.likeness()
    for *efforts, trials in _TABLE:
        if facts.effort >= efforts[column]:
            yield from trials(facts)


def _of_model(facts: _Facts, *, sure: bool = False) -> Iterator[Trial]:
    """Yield the trials of the model, on a lattice if the colours seem to be on one.

    The first method is tried alone if it is ``sure`` to be the best, which learning of two layers is not on partly flat
    tiles. With the highest effort all of them, also without the lattice, and without learning.
    """
    samples = facts.samples
    sure = sure or facts.likeness() is _Likeness.PHOTOGRAPH
    sure = sure and (samples[0].size < LEAST_FOR_TWO or not classify.is_partly_flat(samples))
    enough = Effort.EVERYTHING if sure else Effort.OTHER_WAYS
    tried = facts.methods if facts.effort >= enough else facts.methods[:1]
    rule = likely_rule(samples) if facts.lattices else None
    if rule is not None:
        yield from (Trial(Method.LATTICE, OnLattice(rule, method)) for method in tried)
        if facts.effort < Effort.EVERYTHING:
            return
    yield from map(Trial, tried)
    if facts.effort >= Effort.EVERYTHING:
        yield Trial(Method.MIXTURE)


def _of_model_anyway(facts: _Facts) -> Iterator[Trial]:
    """Yield the trials of the model for a piece that looks like none, unless it seems a waste of time."""
    if not facts.methods or (facts.large and facts.effort < Effort.LARGE_PHOTOGRAPHS):
        return
    if facts.effort >= Effort.EVERYTHING:
        yield from _of_model(facts, sure=True)
    elif not classify.has_few_colours(facts.samples, facts.bits):
        least = int(_LEAST_OF_MODEL * facts.samples[0].size / 8)
        yield from (replace(trial, least=least) for trial in _of_model(facts, sure=True))


def _by_settings(choose: Callable[[_Facts], Iterable[AdaptiveSetting]]) -> Callable[[_Facts], Iterator[Trial]]:
    """Make the trials of the adaptive coder with the settings that ``choose`` gives."""
    return lambda facts: (Trial(Method.ADAPTIVE, setting) for setting in choose(facts))


def _rows(facts: _Facts) -> Iterator[Trial]:
    """Yield the trials of filtered rows, for samples of one byte."""
    if facts.bits <= 8:
        for filter_, least in likely_filters(facts.samples).items():
            yield Trial(Method.ROWS, filter_, least if facts.effort < Effort.EVERYTHING else 0)


def _plain(facts: _Facts) -> Iterator[Trial]:
    """Yield the trials that model nothing."""
    if len(facts.samples) == 1 and not facts.methods:
        yield Trial(Method.DEFLATE)
    yield Trial(Method.STORED)


def _methods(samples: Samples, learns: int) -> list[Method]:
    """List the methods of a model of which ``learns`` layers can learn, the likeliest for a tile first."""
    if not learns:
        return [Method.MIXTURE]
    if learns == 1:
        return [Method.LEARNING]
    both = [Method.TWO_LAYERS, Method.LEARNING]
    return both if samples[0].size >= LEAST_FOR_TWO else both[::-1]


_NEVER = Effort.EVERYTHING + 1
_likely = _by_settings(lambda facts: [classify.likely_setting(facts.samples, facts.bits)])
_probed = _by_settings(lambda facts: facts.probed())
_repeated = _by_settings(lambda facts: [AdaptiveSetting(Form.CANDIDATES_PLAIN)])
_all_forms = _by_settings(lambda facts: all_settings(facts.samples, facts.bits))
# Trials in their order, and the least effort at which each is made, by the likeness of a piece.
# fmt: off
_TABLE: list[tuple[int, int, int, Callable[[_Facts], Iterator[Trial]]]] = [
    # PHOTOGRAPH         SMOOTH              DRAWN
    (Effort.GUESS,       Effort.GUESS,       _NEVER,             _of_model),
    (Effort.EVERYTHING,  Effort.OTHER_WAYS,  Effort.GUESS,       _likely),
    (Effort.EVERYTHING,  Effort.EVERYTHING,  Effort.PROBE,       _probed),
    (Effort.EVERYTHING,  Effort.EVERYTHING,  Effort.OTHER_WAYS,  _repeated),
    (Effort.EVERYTHING,  Effort.EVERYTHING,  Effort.EVERYTHING,  _all_forms),
    (_NEVER,             _NEVER,             Effort.MODEL,       _of_model_anyway),
    (Effort.EVERYTHING,  Effort.OTHER_WAYS,  Effort.OTHER_WAYS,  _rows),
    (Effort.EVERYTHING,  Effort.EVERYTHING,  Effort.GUESS,       _plain),
]
# fmt: on
