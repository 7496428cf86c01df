"""Promises of writing images: what is read back is the same picture, or a sentence says why not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nelloc import image
from nelloc.errors import NellocError
from nelloc.image.kinds import Kind
from nelloc.image.pixels import Palette, Pixels

RANDOM = np.random.default_rng(7)
COLOURS = bytes(RANDOM.integers(0, 256, 768, dtype=np.uint8))


def sample(kind: Kind, height: int = 5, width: int = 7, seed: int = 0) -> Pixels:
    """An image of a kind with random samples; colours under alpha 0 are random too."""
    random = np.random.default_rng(seed)
    groups = []
    for group in kind.groups:
        top = 16 if group.role.value == "index" else 1 << group.bits
        samples = random.integers(0, top, (group.planes, height, width))
        if group.role.value == "alpha":
            samples[:, : height // 2] = 0
        groups.append(samples.astype(np.uint16 if group.bits > 8 else np.uint8))
    palette = Palette("RGB", COLOURS[:48]) if kind is Kind.PALETTE else None
    return Pixels(kind, tuple(groups), palette)


HOLDS = {
    ".png": set(Kind),
    ".tif": set(Kind),
    ".webp": {Kind.RGB, Kind.RGBA},
    ".bmp": {Kind.GRAY, Kind.RGB, Kind.PALETTE, Kind.BILEVEL},
    ".pnm": {Kind.GRAY, Kind.RGB, Kind.BILEVEL, Kind.GRAY16, Kind.RGB16},
    ".ppm": {Kind.RGB, Kind.RGB16},
    ".pgm": {Kind.GRAY, Kind.GRAY16},
    ".pbm": {Kind.BILEVEL},
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("suffix", HOLDS)
@pytest.mark.parametrize("size", [(5, 7), (1, 1)])
def test_a_format_holds_a_kind_exactly_or_a_sentence_says_that_it_does_not(suffix, kind, size):
    pixels = sample(kind, *size)
    if kind not in HOLDS[suffix]:
        with pytest.raises(NellocError, match=r"^photo: .*; use \.png"):
            image.write(pixels, suffix, "photo")
        return
    back = image.read(image.write(pixels, suffix.upper(), "photo").data, "photo")
    assert back.kind is kind
    for mine, other in zip(pixels.groups, back.groups, strict=True):
        np.testing.assert_array_equal(mine, other)
    if pixels.palette is not None:
        assert back.palette.colours.startswith(pixels.palette.colours)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 256), st.integers(1, 256), st.sampled_from(["RGB", "RGBA"]), st.data())
def test_any_palette_and_its_transparency_come_back_from_png(colours, used, mode, data):
    size = len(mode)
    transparency = None
    if mode == "RGB":
        table = st.binary(min_size=1, max_size=colours)
        transparency = data.draw(st.one_of(st.none(), st.integers(0, colours - 1), table))
    bytes_ = data.draw(st.binary(min_size=size * colours, max_size=size * colours))
    indices = np.random.default_rng(used).integers(0, used, (1, 9, 13)).astype(np.uint8)
    pixels = Pixels(Kind.PALETTE, (indices,), Palette(mode, bytes_, transparency))
    back = image.read(image.write(pixels, ".png", "photo").data, "photo")
    np.testing.assert_array_equal(back.planes, indices)
    if used > colours:  # what an index beyond the palette shows is undefined
        return
    shown = np.asarray(image.to_image(pixels).convert("RGBA"))
    np.testing.assert_array_equal(np.asarray(image.to_image(back).convert("RGBA")), shown)


@pytest.mark.parametrize("kind", [Kind.GRAY, Kind.RGB, Kind.GRAY16, Kind.RGB16, Kind.BILEVEL])
def test_a_transparent_colour_is_kept_in_png_and_nowhere_else(kind):
    pixels = sample(kind)
    colour = tuple(int(plane[0, 0]) for plane in pixels.planes)
    pixels = Pixels(kind, pixels.groups, transparent=colour)
    assert image.read(image.write(pixels, ".png", "photo").data, "photo").transparent == colour
    for suffix in (".tif", ".pnm"):
        with pytest.raises(NellocError, match="transparent colour, which"):
            image.write(pixels, suffix, "photo")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_pillow_image_comes_back_as_it_was(mode):
    picture = Image.new(mode, (5, 4))
    picture.putdata(
        [n * 17 % 200 if len(picture.getbands()) == 1 else (n,) * len(picture.getbands()) for n in range(20)]
    )
    if mode == "P":
        picture.putpalette(COLOURS[:300])
        picture.info["transparency"] = 7
    back = image.to_image(image.from_image(picture))
    assert (back.mode, back.getpalette(), back.info.get("transparency")) == (
        mode,
        picture.getpalette(),
        picture.info.get("transparency"),
    )
    np.testing.assert_array_equal(np.asarray(back), np.asarray(picture))


def test_16_bit_colour_makes_no_pillow_image():
    with pytest.raises(NellocError, match="photo: has 16-bit colour, which Pillow cannot hold"):
        image.to_image(sample(Kind.RGB16), "photo")


def test_a_name_that_says_gray_does_not_get_rgb():
    with pytest.raises(NellocError, match=r"^photo: is an RGB image, and \.pgm holds gray only"):
        image.write(sample(Kind.RGB), ".pgm", "photo")


def test_an_image_too_large_for_the_format_is_refused():
    with pytest.raises(NellocError, match=r"^photo: cannot be written as WEBP"):
        image.write(image.from_array(np.zeros((1, 17000, 3), np.uint8)), ".webp", "photo")


@pytest.mark.parametrize(
    "name", ["photo.jpg", "photo.jpeg", "photo.JPG", "photo.gif", "photo.jp2", "photo.nlc", "photo", ".png"]
)
def test_an_output_name_that_is_not_of_a_lossless_format_is_refused(name, tmp_path):
    with pytest.raises(NellocError, match=r"not a lossless image format; use one of \.png"):
        image.check_output(tmp_path / name)


def test_every_lossless_output_name_is_accepted_in_any_case(tmp_path):
    for name in ("a.png", "a.PPM", "a.Tif", "a.b.webp"):
        image.check_output(tmp_path / name)
