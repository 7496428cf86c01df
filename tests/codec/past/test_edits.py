"""Edited parts of pictures that were JPEGs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nelloc
from nelloc.codec import container
from nelloc.codec.format import SectionType
from nelloc.codec.past.decode import decode
from nelloc.codec.past.edits import distrust, flattened
from nelloc.codec.past.invert import exact_blocks, invert
from nelloc.exact import native

needs_core = pytest.mark.skipif(native.missing() is not None, reason="the compiled core is not built")
PARROTS = Path(__file__).parents[3] / "docs/images/parrots.png"


def brightened(sampling: int) -> tuple[np.ndarray, np.ndarray]:
    """Planes of a decoded JPEG of quality 95, and the same with a brighter part of 64 x 80 pixels."""
    file = io.BytesIO()
    image = Image.open(PARROTS).convert("RGB").crop((0, 0, 192, 160))
    image.save(file, "JPEG", quality=95, subsampling=sampling)
    planes = np.ascontiguousarray(np.asarray(Image.open(file)).transpose(2, 0, 1))
    edited = planes.copy()
    edited[:, 48:112, 32:112] = np.clip(edited[:, 48:112, 32:112] * 1.2, 0, 255).astype(np.uint8)
    return planes, edited


@needs_core
@pytest.mark.parametrize("sampling", [0, 2])
def test_an_edited_part_has_no_coefficients_and_spoils_no_others(sampling):
    planes, edited = brightened(sampling)
    whole, found = invert(planes), invert(edited)
    assert whole is not None
    assert found is not None
    inner = found.image.components[0].coefficients[7:13, 5:13, 1:]
    assert np.count_nonzero(inner) < 0.1 * np.count_nonzero(whole.image.components[0].coefficients[7:13, 5:13, 1:])
    for part in (np.s_[:, :32], np.s_[:, 128:], np.s_[:, :, 128:]):
        assert (
            exact_blocks(edited[part], found.pixels[part])[0]
            >= exact_blocks(planes[part], whole.pixels[part])[0] - 0.05
        )


def test_colours_among_impossible_ones_are_not_believed():
    low = np.full((3, 20, 20), 90, np.uint8)
    high = low.copy()
    rng = np.random.default_rng(1)
    wrong = np.zeros((20, 20), bool)
    wrong[5:15, 4:16] = rng.random((10, 12)) < 0.75
    low[:, wrong], high[:, wrong] = 0, 255
    distrust(low, high)
    unknown = (low == 0) & (high == 255)
    assert unknown[:, 6:14, 5:15].mean() > 0.99
    assert not unknown[:, :4].any()
    assert not unknown[:, :, 17:].any()
    alone = np.full((3, 20, 20), 90, np.uint8), np.full((3, 20, 20), 90, np.uint8)
    alone[0][:, 7, 7], alone[1][:, 7, 7] = 0, 255
    distrust(*alone)
    assert np.count_nonzero(alone[0] != alone[1]) == 3


@needs_core
@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 5)])
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_only_blocks_far_off_become_flat(sampling, top, left):
    planes, _ = brightened(sampling)
    found = invert(planes)
    assert found is not None
    made = decode(found.image)[:, top:, left:]
    pixels = made.copy()
    pixels[0, 60, 60] += 9
    assert flattened(found.image, pixels, made, top, left) is None
    pixels[:, 32 - top : 80 - top, 64 - left : 112 - left] ^= 64
    flat = flattened(found.image, pixels, made, top, left)
    assert flat is not None
    expected = np.zeros(found.image.components[0].coefficients.shape[:2], bool)
    expected[4:10, 8:14] = True
    before, after = found.image.components[0].coefficients, flat.components[0].coefficients
    assert not after[expected][:, 1:].any()
    assert np.array_equal(before[~expected], after[~expected])
    mean = (77 * pixels[0].astype(int) + 150 * pixels[1].astype(int) + 29 * pixels[2].astype(int) + 128 >> 8)[
        32 - top : 40 - top, 64 - left : 72 - left
    ].mean()
    assert abs(after[4, 8, 0] * int(flat.components[0].quantisation[0]) / 8 + 128 - mean) < 1


@needs_core
@pytest.mark.parametrize(("edited", "tile"), [(np.s_[64:192, 80:240], 64), (np.s_[100:110, 20:300], 1024)])
def test_tiles_leave_large_edits_apart(edited, tile):
    saved = io.BytesIO()
    Image.open(PARROTS).convert("RGB").crop((0, 0, 320, 256)).save(saved, "JPEG", quality=90)
    image = np.array(Image.open(saved))
    image[edited] = np.clip(image[edited] * 1.3, 0, 255)
    packed = nelloc.encode(image, effort=1)
    file = container.parse(packed)
    assert file.section(SectionType.PAST) is not None
    assert file.tile == tile
    assert np.array_equal(nelloc.decode(packed), image)
