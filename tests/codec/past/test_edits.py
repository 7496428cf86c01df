"""Edited parts of pictures that were JPEGs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import nelloc
from nelloc.codec import container
from nelloc.codec.format import SectionType
from nelloc.codec.past.decode import decode
from nelloc.codec.past.detect import LEAST_SHARE, has_part_of_jpeg, share_of_colours
from nelloc.codec.past.edits import distrust, flattened, foreign_blocks
from nelloc.codec.past.invert import Candidate, invert
from nelloc.codec.past.tile_sides import bits_by_side
from nelloc.codec.past.worth import exact_blocks
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
@pytest.mark.parametrize(("edited", "sides"), [(np.s_[64:192, 80:240], {64}), (np.s_[100:110, 20:300], {256, 1024})])
def test_tiles_leave_large_edits_apart(edited, sides):
    saved = io.BytesIO()
    Image.open(PARROTS).convert("RGB").crop((0, 0, 320, 256)).save(saved, "JPEG", quality=90)
    image = np.array(Image.open(saved))
    image[edited] = np.clip(image[edited] * 1.3, 0, 255)
    packed = nelloc.encode(image, effort=1)
    file = container.parse(packed)
    assert file.section(SectionType.PAST) is not None
    assert file.tile in sides
    assert np.array_equal(nelloc.decode(packed), image)


def jpeg(box: tuple[int, int, int, int]) -> Image.Image:
    """A part of the parrots as a JPEG is decoded."""
    saved = io.BytesIO()
    Image.open(PARROTS).convert("RGB").crop(box).save(saved, "JPEG", quality=85)
    return Image.open(saved)


def share_of_pixels(image: Image.Image) -> float:
    """The file of an image, which comes back, as a share of what it takes without a search for a JPEG."""
    pixels = np.asarray(image)
    data = nelloc.encode(pixels, effort=2)
    assert container.parse(data).section(SectionType.PAST) is not None
    assert np.array_equal(nelloc.decode(data), pixels)
    return len(data) / len(nelloc.encode(pixels, effort=2, past=False, verify=False))


@needs_core
def test_a_photograph_in_a_page_of_text_is_found_at_once(monkeypatch):
    looked_at = []
    first_look = Candidate.first_look
    monkeypatch.setattr(Candidate, "first_look", lambda self, **more: looked_at.append(1) or first_look(self, **more))
    """Off the grid of 8 pixels; the text, in gray like a JPEG's colours, has no coefficients."""
    page = Image.new("RGB", (416, 352), "white")
    for y in range(5, 350, 13):
        ImageDraw.Draw(page).text((6, y), f"line {y * y} of text on a page " * 3, "black")
    page.paste(jpeg((256, 128, 512, 352)), (83, 61))
    found = invert(np.ascontiguousarray(np.asarray(page).transpose(2, 0, 1)))
    assert len(looked_at) == 1
    assert found is not None
    assert (found.top % 8, found.left % 8) == (-61 % 8, -83 % 8)
    assert found.image.components[0].coefficients[:8, :, 1:].any(axis=2).mean() < 0.02
    assert share_of_pixels(page) < 0.65


@needs_core
def test_a_picture_is_found_that_was_a_jpeg_in_its_smaller_part():
    """The other part has colours that no decoder makes, too many for a first look at all of them."""
    image = Image.open(PARROTS).convert("RGB").crop((0, 0, 384, 256))
    image.paste(jpeg((240, 0, 384, 256)), (240, 0))
    planes = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    assert share_of_colours(planes) < LEAST_SHARE
    assert has_part_of_jpeg(planes)
    assert share_of_pixels(image) < 0.95


def test_noise_has_no_part_of_a_jpeg():
    rng = np.random.default_rng(4)
    assert not has_part_of_jpeg(rng.integers(0, 256, (3, 130, 150), np.uint8))
    assert not has_part_of_jpeg(rng.integers(0, 256, (3, 9, 150), np.uint8))


def test_blocks_are_foreign_where_tiles_are_wrong_and_beside_them():
    waves = np.ones((24, 24), bool)
    waves[20:, 20:] = False
    right = np.ones((24, 24), bool)
    right[:8, :10] = False  # a tile, and a part of the next one
    right[12, 12] = False  # alone
    expected = np.zeros((24, 24), bool)
    expected[:8, :10] = True
    assert np.array_equal(foreign_blocks(waves, right), expected)
    assert not foreign_blocks(waves, np.zeros_like(right)).any()  # of no JPEG at all
    right[8:, ::2] = False  # as of a fine table: then wrong blocks beside a foreign tile may be right after a search
    expected[:8, 8:10] = False
    assert np.array_equal(foreign_blocks(waves, right), expected)
    assert not foreign_blocks(waves & False, right & False).any()


def test_tiles_are_as_large_as_edits_allow():
    rng = np.random.default_rng(2)
    made = (np.add.outer(np.arange(300), np.arange(500)) // 4 + rng.integers(0, 9, (3, 300, 500))).astype(np.uint8)
    assert next(iter(bits_by_side(made, made))) == 1024
    for first, side in ((256, 256), (384, 128), (448, 64)):
        samples = made.copy()
        samples[:, :, first:] = rng.integers(100, 130, samples[:, :, first:].shape)
        bits = bits_by_side(samples, made)
        assert next(iter(bits)) == side
        assert list(bits.values()) == sorted(bits.values())
