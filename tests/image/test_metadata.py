"""Metadata is kept item by item, and restored into every format that can hold it."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from nelloc import image
from nelloc.image import metadata
from nelloc.image.kinds import Kind
from nelloc.image.metadata import Item, ItemType, Metadata, Resolution, Text, resolution_item, text_item
from nelloc.image.pixels import Pixels
from nelloc.varint import MalformedError

RGB = np.random.default_rng(7).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PROFILE = bytes(range(256)) * 2


def camera() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[274] = "a camera", 6
    exif.get_ifd(0x8769)[33434] = 0.01
    return exif


def saved(file_format: str, picture: np.ndarray = RGB, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, file_format, **options)
    return out.getvalue()


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=99), st.text(max_size=9), st.text(max_size=9))
def test_any_text_comes_back(keyword, text, language, translated):
    given_text = Text(keyword, text, language, translated)
    packed = metadata.pack(Metadata((text_item(given_text),)))
    assert metadata.parse(packed).texts == [given_text]


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 2**32 - 1)] * 4), st.sampled_from(["", "inch", "cm", "metre"]))
def test_any_resolution_comes_back(numbers, unit):
    resolution = Resolution(numbers[:2], numbers[2:], unit)
    assert metadata.parse(metadata.pack(Metadata((resolution_item(resolution),)))).resolution == resolution


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_random_bytes_are_items_or_malformed(data):
    try:
        found = metadata.parse(data)
    except MalformedError:
        return
    assert metadata.pack(found) == data


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_profile_and_exif_are_read_of_every_format(file_format):
    found = image.read(saved(file_format, icc_profile=PROFILE, exif=camera().tobytes()), "photo").metadata
    assert found.get(ItemType.ICC) == PROFILE
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + found.get(ItemType.EXIF))
    assert exif[271] == "a camera"
    # TIFF files are turned upright when they are read.
    assert exif.get(274) == (None if file_format == "TIFF" else 6)
    assert float(exif.get_ifd(0x8769)[33434]) == 0.01


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("source", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_profile_exif_and_xmp_go_from_every_format_to_every_other(source, suffix):
    options = {} if source in ("PNG", "TIFF") else {"xmp": b"<x/>"}
    if source == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", "<x/>")
    elif source == "TIFF":
        options["tiffinfo"] = {700: b"<x/>", 271: "a camera"}
    data = saved(source, icc_profile=PROFILE, **({} if source == "TIFF" else {"exif": camera()}), **options)
    pixels = image.read(data, "photo")
    written = image.write(pixels, suffix, "photo")
    back = image.read(written.data, "photo").metadata
    assert set(back.names) >= {"ICC profile", "EXIF", "XMP"}
    assert back.get(ItemType.ICC) == PROFILE
    assert back.get(ItemType.XMP) == b"<x/>"
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + back.get(ItemType.EXIF))
    assert exif[271] == "a camera"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_goes_into_a_tiff_file_and_turns_what_is_read_of_it(orientation):
    exif = Image.Exif()
    exif[274], exif[271] = orientation, "a camera"
    pixels = image.read(saved("PNG", exif=exif), "photo")
    data = image.write(pixels, ".tif").data
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.tag_v2[274] == orientation
        np.testing.assert_array_equal(
            np.asarray(opened), np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(saved("PNG", exif=exif)))))
        )
    assert Image.open(io.BytesIO(image.write(pixels, ".png").data)).getexif()[274] == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_tiff_files_are_turned_upright_as_pillow_does(orientation):
    import tifffile

    deep = RGB.astype(np.uint16) * 256 + 7
    out, shallow = io.BytesIO(), io.BytesIO()
    extra = [(274, 3, 1, orientation, True)]
    tifffile.imwrite(out, deep, photometric="rgb", extratags=extra, metadata=None)
    tifffile.imwrite(shallow, RGB, photometric="rgb", extratags=extra, metadata=None)
    found = image.to_array(image.read(out.getvalue(), "photo"))
    np.testing.assert_array_equal(found >> 8, image.to_array(image.read(shallow.getvalue(), "photo")))


def test_what_a_format_does_not_hold_is_named():
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a photograph")
    pixels = image.read(saved("PNG", pnginfo=info, icc_profile=PROFILE, dpi=(300, 300)), "photo")
    assert set(pixels.metadata.names) == {"ICC profile", "resolution", "text"}
    assert image.write(pixels, ".png").left_out == ()
    assert image.write(pixels, ".tif").left_out == ("text",)
    assert image.write(pixels, ".webp").left_out == ("text", "resolution")
    assert image.write(pixels, ".bmp").left_out == ("ICC profile", "text")
    assert image.write(pixels, ".ppm").left_out == pixels.metadata.names


@pytest.mark.parametrize(
    ("resolution", "suffix", "expected"),
    [
        (Resolution((300, 1), (150, 1), "inch"), ".tif", (300, 150)),
        (Resolution((11811, 1), (5906, 1), "metre"), ".tif", (299.9994, 150.0124)),
        (Resolution((11811, 1), (5906, 1), "metre"), ".png", (299.9994, 150.0124)),
        (Resolution((300, 1), (150, 1), "inch"), ".png", (299.9994, 150.0124)),
        (Resolution((100, 1), (50, 1), "cm"), ".bmp", (254, 127)),
    ],
)
def test_a_resolution_keeps_its_meaning(resolution, suffix, expected):
    pixels = Pixels(Kind.RGB, (RGB.transpose(2, 0, 1),), metadata=Metadata((resolution_item(resolution),)))
    written = image.write(pixels, suffix)
    assert written.left_out == ()
    found = [float(value) for value in Image.open(io.BytesIO(written.data)).info["dpi"]]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_pillow_image_keeps_what_its_file_said():
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a photograph")
    data = saved("PNG", pnginfo=info, icc_profile=PROFILE, exif=camera(), dpi=(300, 300))
    opened = Image.open(io.BytesIO(data))
    assert set(image.from_image(opened).metadata.items) == set(image.read(data, "photo").metadata.items)


def test_a_malformed_chunk_is_kept_as_it_is():
    from conformance.pictures import as_read, picture, png

    samples = picture(3, 8)
    for chunk in ((b"iTXt", b"no end"), (b"zTXt", b"Title\0\0not deflated"), (b"prVt", b"anything")):
        data = png(samples, 2, 8, [chunk])
        pixels = image.read(data, "photo")
        np.testing.assert_array_equal(image.to_array(pixels), as_read(samples, 2, 8))
        assert pixels.metadata.items == (Item(ItemType.PNG_CHUNK, chunk[0] + chunk[1]),)


def test_all_chunks_together_unpack_to_a_bounded_size(monkeypatch):
    from conformance.pictures import picture, png

    monkeypatch.setattr("nelloc.image.formats.png._MAX_UNPACKED", 1 << 20)
    chunk = (b"iCCP", b"a\0\0" + zlib.compress(bytes(300_000)))
    found = image.read(png(picture(3, 8), 2, 8, [chunk] * 9), "photo").metadata
    assert [item.type for item in found.items] == [ItemType.ICC] * 3 + [ItemType.PNG_CHUNK] * 6


def test_a_chunk_whose_name_png_does_not_allow_is_left_out_and_named():
    from conformance.pictures import picture, png

    pixels = image.read(png(picture(3, 8), 2, 8, [(b"pr0v", b"x"), (b"prVt", b"y"), (b"p_ov", b"z")]), "photo")
    assert pixels.metadata.items == (Item(ItemType.PNG_CHUNK, b"prVty"),)
    assert pixels.left_out == ("a PNG chunk of a malformed name",)


def test_square_pixels_of_no_size_are_no_metadata():
    assert image.read(saved("JPEG"), "photo").metadata.items == ()
    assert struct.unpack(">HH", saved("JPEG")[14:18]) == (1, 1)


@pytest.mark.parametrize("suffix", image.OUTPUT_SUFFIXES)
def test_a_photo_with_broken_exif_is_written_in_every_format(suffix):
    pixels = image.read(saved("JPEG", exif=b"Exif\0\0broken", icc_profile=PROFILE), "photo")
    if suffix in (".pbm", ".pgm"):
        pytest.skip("holds no colour")
    left_out = {".png": (), ".webp": (), ".tif": ("EXIF",), ".tiff": ("EXIF",)}
    assert image.write(pixels, suffix).left_out == left_out.get(suffix, ("ICC profile", "EXIF"))


@pytest.mark.parametrize("kind", [Kind.RGB, Kind.RGB16, Kind.GRAY16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_exif_costs_the_pixels(kind, suffix, changes):
    exif = bytearray(camera().tobytes()[6:])
    for place, value in changes:
        exif[place % len(exif)] = value
    groups = (np.zeros((kind.planes, 5, 7), np.uint16 if kind.deep else np.uint8),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.write(Pixels(kind, groups, metadata=Metadata((Item(ItemType.EXIF, bytes(exif)),))), suffix)


@pytest.mark.parametrize("kind", [Kind.RGB, Kind.RGB16, Kind.GRAY16])
def test_metadata_that_a_format_does_not_take_is_left_out_and_other_metadata_kept(kind):
    forged = (
        Item(ItemType.PNG_CHUNK, b"iCCPno profile"),
        resolution_item(Resolution((1, 2**32 - 1), (2**32 - 1, 7), "metre")),
        text_item(Text("single", "\ud800")),
    )
    xmp = Item(ItemType.XMP, b"<x/>")
    groups = (np.zeros((kind.planes, 5, 7), np.uint16 if kind.deep else np.uint8),)
    for item in forged:
        pixels = Pixels(kind, groups, metadata=Metadata((item, xmp)))
        for suffix in (".png", ".tif"):
            assert xmp in image.read(image.write(pixels, suffix).data, "photo").metadata.items
        data = image.write_slices(iter([pixels]), 5, ".png", "photo").data
        assert xmp in image.read(data, "photo").metadata.items


def test_exif_does_not_say_how_the_pixels_of_a_tiff_file_are_stored():
    exif = Image.Exif()
    exif[256], exif[257], exif[278], exif[271] = 4000, 3000, 0, "a camera"
    written = image.write(image.read(saved("JPEG", exif=exif), "photo"), ".tif")
    assert written.left_out == ()
    assert Image.open(io.BytesIO(written.data)).tag_v2[271] == "a camera"
