"""Inversion of a JPEG decoder: coefficients from pixels.

A JPEG decoder rounds three times: samples of blocks, smaller components that it enlarges, and colours. Each rounding is
undone where it can be: colours exactly, enlarged components by least squares, blocks by the cosine transform and the
table of quantisation, which is found from how coefficients cluster. What rounding leaves wrong is searched for in the
compiled core. Nothing is believed but what the decoder of docs/methods/jpeg.md, section 17, makes of the result.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nelloc.codec.effort import DEFAULT_EFFORT, Effort
from nelloc.codec.past import worth
from nelloc.codec.past.detect import (
    LEAST_SHARE,
    find_grid,
    grids_of_parts,
    has_part_of_jpeg,
    share_of_colours,
    was_jpeg,
)
from nelloc.codec.past.edits import distrust
from nelloc.codec.past.inversion import Inversion, Inverted
from nelloc.codec.past.samples import Plane
from nelloc.exact import native
from nelloc.exact.callbacks import Watch

# At least this share of whole and fully known blocks must be found in the first try.
LEAST_BLOCKS = 0.03
# The same of gray pictures, whose colours tell nothing, and how clear their grid must be.
GRAY_BLOCKS, GRAY_CLEAR = 0.3, 9
# Share of a JPEG's colours from which on a picture is taken for one that was not changed, and searched in any case.
UNCHANGED = 0.995
# A gray picture with fewer values is a drawing.
GRAY_VALUES = 16
# Share of right blocks up to which edits may have hidden the tables.
EDITED = 0.5
# Share of right blocks that confirms a sampling of chroma, and the share that does so after a short search.
CLEARLY, PROBABLY = 0.9, 0.5
# Factor by which more blocks, flat ones left out, are right by the sampling of a picture that was edited in parts.
_TIMES, _BY_CHANCE = 2, 0.02
# A sampling of less than this share of the cost is right nevertheless.
_CHEAPER = 0.75
# Factor of the length of the search at high efforts.
LONG_PATIENCE = 4


def invert(pixels: Plane, watch: Watch = lambda: None, effort: int = DEFAULT_EFFORT) -> Inverted | None:
    """Find the JPEG that a picture (1 or 3 planes, H, W) was, or None.

    ``effort`` decides how long is searched for blocks that are not right at once, and whether that is done where it
    seems to be in vain. ``watch`` is called now and then, and may raise to stop.
    """
    patience = 0 if effort < Effort.PROBE else 1 if effort < Effort.LARGE_PHOTOGRAPHS else LONG_PATIENCE
    if native.missing() is not None:
        return None
    pixels = np.ascontiguousarray(pixels)
    gray = len(pixels) == 1 or bool((pixels[0] == pixels[1]).all() and (pixels[0] == pixels[2]).all())
    colours = 1.0 if gray else share_of_colours(pixels)
    changed = gray or colours < UNCHANGED  # colours of gray do not tell
    judged = changed and effort < Effort.LARGE_PHOTOGRAPHS
    if colours < LEAST_SHARE and not has_part_of_jpeg(pixels):
        return None
    if judged and not gray and _is_hopeless(pixels, watch):
        return None
    inversion = _first_look(pixels, watch, gray=gray, judged=judged, changed=changed)
    if inversion is not None:
        share = inversion.share_of_pixels() if judged else 0
        if share >= worth.DOUBTFUL or (share >= worth.WORTH and not _may_gain(inversion, pixels, watch, patience)):
            return None
        inversion.search(watch, patience)
        if share >= worth.WORTH and not worth.is_less(*inversion.entropies()):
            return None
    if patience and not gray and not judged:
        inversion = _beside_edits(inversion, pixels, watch, patience, changed=changed)
    if inversion is None:
        return None
    found = inversion.inverted(apart=True)
    uncut = inversion.without_cut(watch, patience) if patience else None
    return found if uncut is None else replace(found, uncut=uncut.inverted(apart=True))


def _is_hopeless(pixels: Plane, watch: Watch) -> bool:
    """True if no part of a large RGB picture is likely to be smaller as a JPEG, and two have colours."""
    looked_at = 0
    for part in filter(was_jpeg, worth.parts(pixels)):
        inversion = _first_look(part, watch, judged=True)
        if inversion is not None and inversion.share_of_pixels() < worth.WORTH:
            return False
        looked_at += 1
    return looked_at > 1


def _may_gain(inversion: Inversion, pixels: Plane, watch: Watch, patience: int) -> bool:
    """True if a picture in doubt is likely to be smaller as a JPEG after a search, by parts of it if it is large."""
    if next(worth.parts(pixels), None) is None:
        return not inversion.gray and inversion.share_of_luma() < worth.LIKELY
    as_jpeg = as_pixels = 0.0
    for part in worth.parts(pixels):
        if not (inversion.gray or was_jpeg(part)):
            continue
        of_part = _first_look(part, watch, gray=inversion.gray)
        if of_part is not None:
            of_part.search(watch, patience)
            jpeg, own = of_part.entropies()
            as_jpeg, as_pixels = as_jpeg + jpeg, as_pixels + own
    return worth.is_less(as_jpeg, as_pixels)


def _beside_edits(
    found: Inversion | None, pixels: Plane, watch: Watch, patience: int, *, changed: bool
) -> Inversion | None:
    """An inversion by tables of parts, searched, if what was ``found`` is wrong in most blocks, and it is better."""
    if found is not None and worth.exact_blocks(pixels, found.inverted().pixels)[0] > EDITED:
        return found
    other = _first_look(pixels, watch, changed=changed, by_parts=True)
    if other is None:
        return found
    other.search(watch, patience)
    return other if found is None else min(found, other, key=Inversion.likely_bits)


def _first_look(
    pixels: Plane,
    watch: Watch,
    *,
    gray: bool = False,
    judged: bool = False,
    changed: bool = True,
    by_parts: bool = False,
) -> Inversion | None:
    """The picture as a JPEG whose tables and sampling were found, before a search; None if it was none.

    It is ``gray``, or its colours are such as a JPEG decoder makes. One in colour that is ``judged`` is also None if
    luma shows that it is not smaller as a JPEG: chroma takes most of the time. No blocks are foreign if colours were
    ``changed``, which makes many a little wrong. With ``by_parts`` the table of luma is that of parts that may not have
    been edited.
    """
    if gray:
        if np.count_nonzero(np.bincount(pixels[0].ravel(), minlength=256)) < GRAY_VALUES:
            return None
        low = high = np.ascontiguousarray(pixels[:1])
    else:
        low, high = np.empty_like(pixels), np.empty_like(pixels)
        if native._native.past_separate(pixels, low, high):
            distrust(low, high)
    watch()
    top, left, clear = find_grid(low[0], high[0], None if gray else pixels)
    if gray and clear < GRAY_CLEAR:
        return None
    watch()
    inversion = Inversion(low, high, top, left, pixels)
    least = GRAY_BLOCKS if gray else LEAST_BLOCKS
    share = inversion.find_luma_table(by_parts=by_parts)
    for grid in grids_of_parts(low[0], high[0], pixels) if share < EDITED and not gray else ():
        if grid == (top, left):
            continue
        other = Inversion(low, high, *grid, pixels)
        own = other.find_luma_table(by_parts=by_parts)
        share, inversion = (own, other) if own > share else (share, inversion)
    if share < least:
        return None
    foreign = None if changed else inversion.foreign()
    if foreign is not None and foreign.any():
        low[:, foreign], high[:, foreign] = 0, 255
        inversion = Inversion(low, high, inversion.top, inversion.left, pixels, foreign)
        if inversion.find_luma_table(by_parts=by_parts) < least:
            return None
    if gray:
        return inversion
    return None if judged and inversion.share_of_luma() >= worth.WORTH else _best_sampling(inversion, watch)


def _best_sampling(inversion: Inversion, watch: Watch) -> Inversion:
    """The inversion with chroma as it is most likely sampled."""
    trials = []
    for sampling, origin in inversion.samplings():
        trial = inversion.at(*origin)
        trial.try_chroma(*sampling)
        watch()
        if PROBABLY < trial.share <= CLEARLY:
            trial.improve_chroma()
        if trial.share > CLEARLY:
            return trial
        trials.append(trial)
    best = min(trials, key=lambda trial: trial.cost())
    *others, right = sorted(trials, key=lambda trial: trial.share_with_waves)
    is_clear = all(right.share_with_waves > _TIMES * other.share_with_waves + _BY_CHANCE for other in others)
    if is_clear and best.cost() > _CHEAPER * right.cost():
        best = right
    best.improve_chroma()
    watch()
    return best
