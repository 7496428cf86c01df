"""Plans to code an image that was a JPEG as one, and whether its pixels have to be tried besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from nelloc.codec.adaptive import classify
from nelloc.codec.container import Section
from nelloc.codec.description import Described
from nelloc.codec.effort import Effort
from nelloc.codec.format import SectionType
from nelloc.codec.options import EncodeOptions
from nelloc.codec.past import pixels as past_pixels
from nelloc.codec.past import worth
from nelloc.codec.past.inversion import Inverted
from nelloc.codec.past.invert import invert
from nelloc.codec.past.tile_sides import bits_by_side
from nelloc.codec.search import TileSearch, plan_for_past
from nelloc.codec.tiling import DEFAULT_TILE
from nelloc.image import Pixels
from nelloc.image.kinds import Kind, Role
from nelloc.image.pixels import Samples

# Pixels are not tried if a JPEG has at least this share of the blocks right, in at most this number of bits a sample.
_RIGHT_BLOCKS, _FEW_BITS = 0.9, 2.5
# Nor if its bits, each of which counts for more, and the entropy of what is wrong are less than this share of the
# entropy of pixels: a model codes these in 0.5 to 0.8 of that.
_SURELY = 0.85
# Other tiles are tried in pictures of up to this number of pixels, if they seem to take up to this many times the bits.
_SMALL, _NEARLY = 1 << 17, 1.05
# The share of wrong pixels from which on only one of two JPEGs is tried.
_MOSTLY_EDITED = 0.25


def plan_past(image: Pixels, what: Described, options: EncodeOptions, *, learns: int) -> list[TileSearch]:
    """Plans of an image that was a JPEG, coded as one; none if it was not."""
    if not options.past or image.kind.deep or not has_colour(image):
        return []
    found = invert(what.groups[0], partial(options.progress.advance, 0), options.effort)
    if found is None:
        return []
    effort, bits = options.effort, bits_of(image.kind, what)
    plans = []
    for one, section in _worth_coding(found, what.groups[0], effort):
        for tile in [options.tile] if options.tile else _tiles(what.groups[0], one.pixels, effort):
            plan = plan_for_past(
                image.kind,
                what.groups,
                bits,
                tile,
                effort,
                one.pixels,
                section,
                learns=learns,
                lattices=options.lattice,
            )
            plans.append(replace(plan, sections=(section, *what.sections)))
    return plans


def _worth_coding(found: Inverted, samples: Samples, effort: int) -> list[tuple[Inverted, Section]]:
    """The JPEGs to try for ``samples`` (planes, H, W), and their sections: the likelier alone if corrections are long.

    What the two have apart, blocks at the edges of a picture, is little of it then.
    """
    both = [one for one in (found, found.uncut) if one is not None]
    packed = [(one, Section(SectionType.PAST, past_pixels.pack_section(one))) for one in both]
    wrong = (found.pixels != samples).any(axis=0).mean()
    if wrong < _MOSTLY_EDITED or effort >= Effort.LARGE_PHOTOGRAPHS:
        return packed

    def likely_bits(one: tuple[Inverted, Section]) -> float:
        return 8 * len(one[1].data) + worth.entropies_of_pixels(one[0].pixels, samples)[0]

    return [min(packed, key=likely_bits)]


def _tiles(samples: Samples, made: Samples, effort: int) -> list[int]:
    """Sides of tiles to try for a picture that was a JPEG, which ``made`` other samples (planes, H, W)."""
    bits = bits_by_side(samples, made)
    likely, *others = bits
    if effort >= Effort.LARGE_PHOTOGRAPHS:
        return list(bits)
    near = [side for side in others if bits[side] < _NEARLY * bits[likely]]
    if near and samples[0].size <= _SMALL:
        return [likely, max(near, key=lambda side: max(side / likely, likely / side))]
    return list(dict.fromkeys([likely] if classify.is_photograph(samples) else [likely, DEFAULT_TILE]))


def is_enough(plans: Sequence[TileSearch], image: Pixels) -> bool:
    """True if nothing can be smaller than the first plan that has a JPEG's coefficients: of a photograph."""
    if not plans or not classify.is_photograph(image.groups[0]):
        return False
    section = plans[0].sections[0]
    pieces = [(piece.samples, piece.trials[0].setting) for piece in plans[0].pieces]
    made = [(samples, first.pixels) for samples, first in pieces if isinstance(first, past_pixels.Made)]
    bits, size = 8 * len(section.data), image.kind.groups[0].planes * image.area
    few = len(image.planes) >= 3 and bits < _FEW_BITS * size
    if few and min(worth.exact_blocks(*one)[0] for one in made) >= _RIGHT_BLOCKS:
        return True
    wrong, whole = map(sum, zip(*(worth.entropies_of_pixels(pixels, own) for own, pixels in made), strict=True))
    return bits * worth.OF_CODED + wrong < _SURELY * whole


def bits_of(kind: Kind, what: Described) -> list[int]:
    """Bits of the samples of each group of an image."""
    return [min(group.bits, depth.bits) for group, depth in zip(kind.groups, what.depths, strict=True)]


def has_colour(image: Pixels) -> bool:
    """True if a model may code the image: indices and bits mean nothing to one."""
    return image.kind.groups[0].role is Role.COLOUR
