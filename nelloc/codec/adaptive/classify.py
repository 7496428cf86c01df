"""Fast classification of samples: photographs, and settings of the adaptive coder for other images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.adaptive.coder import Form
from nelloc.codec.adaptive.colours import MAX_COLOURS, count_colours
from nelloc.codec.adaptive.memory import MULTIPLIERS
from nelloc.codec.adaptive.neighbourhood import median
from nelloc.codec.adaptive.stream import AdaptiveSetting, all_settings, encode
from nelloc.codec.tiling import tiles

# A photograph has fewer equal neighbours than this share, uses more of the levels between its extremes than this
# share, and its neighbours differ no more than its pixels differ from their mean.
EQUAL_SHARE, USED_LEVELS = 0.5, 0.6
# Steps between its neighbours are not those of the line above more often than this.
COMPUTED_SHARE = 0.8
# If more neighbours of a photograph are equal, at least SMOOTH_SHARE of the others differ by SMALL_DIFFERENCE at most;
# and unlike a computed gradient, it is somewhere further than this from the prediction of its neighbours.
SMOOTH_SHARE, SMALL_DIFFERENCE = 0.33, 2
# In photographs with at least this share of equal neighbours one layer may learn better than two.
_FLAT_SHARE = 0.3
# Most colours for each plane, and least mean number of pixels of a colour, for which the adaptive coder was always
# smaller than a network.
_FEW_COLOURS, _PIXELS_OF_A_COLOUR = 16, 24
# Number of evenly spread pixels whose colours and levels are counted.
_SAMPLED = 4096
_PROBE = 64
# Strips of pixels of more than one colour that are the same elsewhere are rare in photographs.
_STRIP, REPEATED_SHARE = 8, 0.5
_STRIP_MULTIPLIERS = MULTIPLIERS[4 : 4 + _STRIP]
_STRIP_SUM = np.sum(_STRIP_MULTIPLIERS)


def is_photograph(samples: NDArray) -> bool:
    """True if samples (planes, H, W) look as if they came from a lens, whatever their number of bits."""
    planes = len(samples)
    along, before = _neighbours(samples)
    if not along.size or (along == before).mean() > EQUAL_SHARE:
        return False
    sampled = _sampled(samples).astype(np.int64)
    steps = np.abs(_sampled(along).astype(np.int64) - _sampled(before))
    if _is_rough(sampled, steps):
        return False
    if sampled.shape[1] < _SAMPLED:
        return True  # too small to tell by its levels
    if _is_computed(samples) or (planes > 1 and different_colours(sampled) <= MAX_COLOURS):
        return False
    return all(_uses_its_levels(plane) for plane in samples)


def is_partly_flat(samples: NDArray) -> bool:
    """True if many neighbours are equal in samples (planes, H, W), as in a sky that is cut off at white."""
    along, before = _neighbours(samples)
    return bool(along.size) and bool((along == before).mean() >= _FLAT_SHARE)


def _neighbours(samples: NDArray) -> tuple[NDArray, NDArray]:
    """Samples (planes, H, W) and those before them along rows, or along the only column."""
    if samples.shape[2] > 1:
        return samples[:, :, 1:], samples[:, :, :-1]
    return samples[:, 1:], samples[:, :-1]


def _is_rough(pixels: NDArray[np.int64], steps: NDArray[np.int64]) -> bool:
    """True if the mean of ``steps`` is larger than the mean distance of ``pixels`` (planes, n) to their plane's mean.

    In integers: rounding would depend on the order in which numbers are added, that is, on how they lie in memory.
    """
    n = pixels.shape[1]
    distances = np.abs(n * pixels - pixels.sum(axis=1, keepdims=True))  # n times as large
    return int(steps.sum()) * n * distances.size > int(distances.sum()) * steps.size


def _is_computed(samples: NDArray) -> bool:
    """True if most steps in samples (planes, H, W) are exactly those of the line above, as in a computed gradient."""
    steps = samples[:, :, 1:] - samples[:, :, :-1]  # modulo their type
    moving = steps[:, 1:] != 0
    same = moving & (steps[:, 1:] == steps[:, :-1])
    return bool(np.count_nonzero(same) > COMPUTED_SHARE * np.count_nonzero(moving))


def is_smooth(samples: NDArray) -> bool:
    """True if samples (planes, H, W) look like a blurred or dark part of a photograph, of mostly equal neighbours."""
    if min(samples.shape[1:]) < 2:
        return False
    wide = samples.astype(np.int64)
    steps = np.abs(wide[:, :, 1:] - wide[:, :, :-1])
    different = steps[steps > 0]
    if different.size > (1 - EQUAL_SHARE) * steps.size or not different.size:
        return False
    if (different <= SMALL_DIFFERENCE).mean() < SMOOTH_SHARE:
        return False
    expected = median(wide[:, 1:, :-1], wide[:, :-1, 1:], wide[:, :-1, :-1])
    return bool((np.abs(wide[:, 1:, 1:] - expected) > SMALL_DIFFERENCE).any())


def has_few_colours(samples: NDArray, bits: int) -> bool:
    """True if samples (planes, H, W) have too few different colours for a network to be worth its time."""
    most = min(_FEW_COLOURS * len(samples), samples[0].size // _PIXELS_OF_A_COLOUR)
    return count_colours(samples, bits) <= most


def repeats(samples: NDArray) -> bool:
    """True if samples (planes, H, W) repeat themselves exactly: most strips of a few pixels occur more than once.

    Strips of one colour do not count: photographs have them where they are over-exposed.
    """
    _, height, width = samples.shape
    if width < 2 * _STRIP or height < 2:
        return False
    colours = np.zeros((height, width), np.uint64)
    for plane, multiplier in zip(samples, MULTIPLIERS, strict=False):
        colours += plane * multiplier
    count = width - _STRIP + 1
    strips = np.zeros((height, count), np.uint64)
    for k, multiplier in enumerate(_STRIP_MULTIPLIERS):
        strips += colours[:, k : k + count] * multiplier
    flat = strips == colours[:, :count] * _STRIP_SUM
    # By their hash, so that the same strips are looked at wherever they are.
    chosen = np.sort(strips[(strips >> np.uint64(61) == 0) & ~flat])
    return chosen.size > 1 and bool((chosen[1:] == chosen[:-1]).mean() > REPEATED_SHARE)


def likely_setting(samples: NDArray, bits: int) -> AdaptiveSetting:
    """The setting for samples (planes, H, W) that are no photograph's, by rule of thumb."""
    colours = next(iter(all_settings(samples, bits)))
    if colours.form is Form.PALETTE:
        return colours
    equal = (samples[:, :, 1:] == samples[:, :, :-1]).all(axis=0)
    repeats = equal.size > 0 and equal.mean() > EQUAL_SHARE / 2
    return AdaptiveSetting(Form.CANDIDATES_PLAIN if repeats else Form.PLAIN)


def best_on_probe(samples: NDArray, bits: int) -> Sequence[AdaptiveSetting]:
    """The setting that codes the busiest part of samples (planes, H, W) smallest, with planes in their first order.

    All settings if that part is the whole, which is sooner with other images of its size (``record.encode_many``). A
    palette of more than one plane is taken unseen, since it hardly ever loses.
    """
    first, *others = (setting for setting in all_settings(samples, bits) if not setting.order)
    if first.form is Form.PALETTE and len(samples) > 1:
        return [first]
    _, height, width = samples.shape
    if max(height, width) <= _PROBE:
        return [first, *others]
    parts = tiles(height, width, _PROBE)
    busiest = max(parts, key=lambda part: _changes(samples[:, part.rows, part.columns]))
    probe = np.ascontiguousarray(samples[:, busiest.rows, busiest.columns])
    return [min((first, *others), key=lambda setting: len(encode(probe, bits, setting)))]


def _changes(samples: NDArray) -> float:
    """The share of neighbours that differ."""
    return float((samples[:, :, 1:] != samples[:, :, :-1]).mean()) if samples.shape[2] > 1 else 0.0


def _sampled(samples: NDArray) -> NDArray:
    """About _SAMPLED pixels (planes, n)."""
    flat = samples.reshape(len(samples), -1)
    return flat[:, :: max(1, flat.shape[1] // _SAMPLED)]


def different_colours(pixels: NDArray) -> int:
    """Number of different colours of pixels (planes, n), of at most four planes."""
    colours = np.zeros(pixels.shape[1], np.uint64)
    for plane in pixels:
        colours = colours << np.uint64(16) | plane.astype(np.uint64, copy=False)
    return len(np.unique(colours))


def _uses_its_levels(plane: NDArray) -> bool:
    """True unless many levels between the darkest and the brightest do not occur. Deep samples have too many levels."""
    low, high = int(plane.min()), int(plane.max())
    if high > 255:
        return True
    return bool(np.count_nonzero(np.bincount(plane.ravel())) > USED_LEVELS * (high - low + 1))
