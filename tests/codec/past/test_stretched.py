"""Pictures that were JPEGs and then stretched are coded as the JPEGs that they were, by the numbers of their levels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from materials import GOLDEN
from PIL import Image, ImageOps

import nelloc
from nelloc.codec import container
from nelloc.codec.format import SectionType
from nelloc.codec.past import core
from nelloc.codec.past.invert import invert
from nelloc.codec.past.stretched import _MOST_APART, _beginnings, _share, _stretches, levels_of_jpeg
from nelloc.codec.past.worth import exact_blocks
from nelloc.image.levels import find, reduce_planes

pytestmark = pytest.mark.skipif(not core.available(), reason="the compiled core is not built")
PARROTS = GOLDEN.parents[1] / "docs" / "images" / "parrots.png"


def decoded(quality=80, low=(0, 0, 0), high=(255, 255, 255)):
    """A photograph whose channels have levels in these ranges, out of a JPEG file."""
    samples = np.asarray(Image.open(PARROTS))[100:228, 150:310].astype(float)
    ranges = np.array(low), np.array(high)
    squeezed = np.rint(ranges[0] + samples / 255 * (ranges[1] - ranges[0])).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(squeezed).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def planes(image):
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def contrasted(image, cutoff=0):
    return np.asarray(ImageOps.autocontrast(Image.fromarray(image), cutoff=cutoff))


def alike(image, low=20, high=230):
    """Every sample stretched by the same table."""
    table = np.clip(np.rint((np.arange(256) - low) * 255 / (high - low)), 0, 255).astype(np.uint8)
    return table[image]


@pytest.mark.parametrize("quality", [60, 80, 92])
@pytest.mark.parametrize("stretch", [contrasted, alike])
def test_a_stretched_jpeg_is_coded_as_the_jpeg(quality, stretch):
    image = stretch(decoded(quality, (20, 26, 31), (205, 232, 220)))
    data, plain = nelloc.encode(image, model="fast"), nelloc.encode(image, model="fast", levels=False)
    sections = {section.type for section in container.parse(data).sections}
    assert {SectionType.PAST, SectionType.LEVELS} <= sections
    assert np.array_equal(nelloc.decode(data), image)
    assert len(data) < 0.75 * len(plain)


@pytest.mark.parametrize("quality", [60, 85])
def test_a_stretched_gray_jpeg_too(quality):
    file = io.BytesIO()
    samples = np.asarray(Image.open(PARROTS).convert("L"))[100:228, 150:310]
    Image.fromarray(samples // 8 * 5 + 40).save(file, "JPEG", quality=quality)
    image = np.asarray(ImageOps.autocontrast(Image.open(file)))
    data, plain = nelloc.encode(image, model="fast"), nelloc.encode(image, model="fast", levels=False)
    assert {section.type for section in container.parse(data).sections} == {SectionType.PAST, SectionType.LEVELS}
    assert np.array_equal(nelloc.decode(data), image)
    assert len(data) < 0.7 * len(plain)


@pytest.mark.parametrize("quality", [60, 92])
def test_nearly_all_blocks_are_right_by_the_numbers_that_are_found(quality):
    image = planes(contrasted(decoded(quality, (40, 10, 25), (200, 240, 250))))
    lists = levels_of_jpeg(image, [find(plane) for plane in image])
    numbers = reduce_planes(image, lists, np.uint8)
    assert exact_blocks(numbers, invert(numbers).pixels)[0] > 0.98


def test_what_was_no_jpeg_has_no_such_numbers():
    image = planes(contrasted(np.asarray(Image.open(PARROTS))[100:228, 150:310] // 2 + 30))
    lists = [find(plane) for plane in image]
    assert all(lists)
    assert levels_of_jpeg(image, lists) is None
    assert levels_of_jpeg(image[:1], lists[:1]) is None
    assert levels_of_jpeg(image, [None] * 3) is None


@pytest.mark.parametrize(("low", "high"), [(0, 200), (37, 247), (5, 255)])
def test_stretches_have_those_of_pillow(low, high):
    ramp = np.arange(low, high + 1, dtype=np.uint8)[None]
    stretched = np.asarray(ImageOps.autocontrast(Image.fromarray(ramp)))[0].tolist()
    assert stretched in [values.tolist() for values in _stretches(high - low + 1)]


def test_first_levels_that_are_left_out_have_few_colours_of_a_jpeg():
    """All differences from red's first level, tried one by one, in levels of a JPEG and in such of a photograph."""
    rng = np.random.default_rng(2)
    sizes = [240, 250, 236]
    colours = rng.integers(1, 230, (3, 1)) + rng.integers(0, 3, (3, 40))
    jpeg = np.stack(np.broadcast_arrays(np.arange(60, 100), np.arange(60, 100) - 3, np.arange(60, 100) + 4))
    for some in (colours, jpeg):
        kept = {one for one in _beginnings(sizes, some) if _share(some, one) > 0.9}
        every = set()
        for green in range(-16, 7):
            for blue in range(-16, 21):
                lowest = min(0, green, blue)
                firsts = (-lowest, green - lowest, blue - lowest)
                if all(first <= 256 - size for first, size in zip(firsts, sizes, strict=True)):
                    every.add(firsts)
        assert max(max(one) for one in every) <= _MOST_APART
        assert kept == {one for one in every if _share(some, one) > 0.9}
