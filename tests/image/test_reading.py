"""Promises of reading and writing images: exactly the pixels, or a sentence that says why not."""

from __future__ import annotations

import errno
import io
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from nelloc import image
from nelloc.errors import NellocError
from nelloc.image.kinds import Kind

RANDOM = np.random.default_rng(7)
GRAY = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)
LOSSLESS = ["PNG", "TIFF", "BMP", "PPM", "WEBP"]


def saved(picture: Image.Image | np.ndarray, file_format: str, **options) -> bytes:
    """The bytes of an image file."""
    out = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(out, file_format, **options)
    return out.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG written by hand, for what Pillow does not write; ``rows`` have their filter bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        out += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return out


def tiff(bits: tuple[int, ...], samples: bytes, *more: tuple[int, int], width: int = 2, height: int = 2) -> bytes:
    """An uncompressed little-endian TIFF written by hand, with ``more`` tags and values."""
    photometric = 2 if len(bits) > 2 else 1
    tags = [(256, width), (257, height), (259, 1), (262, photometric), (273, 8), (277, len(bits))]
    entries = {tag: struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in (*tags, (278, height), *more)}
    samples += b"\0" * (len(samples) % 2)
    depths = struct.pack(f"<{len(bits)}H", *bits)
    place = struct.pack("<I", 8 + len(samples)) if len(bits) > 2 else depths.ljust(4, b"\0")
    entries[258] = struct.pack("<HHI", 258, 3, len(bits)) + place
    entries.setdefault(279, struct.pack("<HHII", 279, 4, 1, len(samples)))
    body = b"II*\0" + struct.pack("<I", 8 + len(samples) + len(depths)) + samples + depths
    return body + struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + b"\0" * 4


def refusal(data: bytes, **options) -> str:
    """The sentence with which an image file is refused."""
    with pytest.raises(NellocError) as caught:
        image.read(data, "photo.xyz", **options)
    sentence = str(caught.value)
    assert sentence.startswith("photo.xyz: ")
    assert "\n" not in sentence
    return sentence


# What is read


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_rgb_files_are_read_as_their_pixels(file_format):
    found = image.read(saved(RGB, file_format, **({"lossless": True} if file_format == "WEBP" else {})), "photo")
    assert found.kind is Kind.RGB
    np.testing.assert_array_equal(found.planes, RGB.transpose(2, 0, 1))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP", "PPM"])
def test_gray_files_are_read_as_their_pixels(file_format):
    found = image.read(saved(GRAY, file_format), "photo")
    assert found.kind is Kind.GRAY
    np.testing.assert_array_equal(found.planes, GRAY[None])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_files_are_read_as_their_pixels(compression):
    for array in (GRAY, RGB):
        found = image.read(saved(array, "TIFF", compression=compression), "photo")
        np.testing.assert_array_equal(image.to_array(found), array)


@pytest.mark.parametrize("array", [GRAY, RGB], ids=["gray", "rgb"])
def test_a_jpeg_is_read_as_its_decoded_pixels(array):
    data = saved(array, "JPEG", quality=70)
    found = image.read(data, "photo.jpg")
    np.testing.assert_array_equal(image.to_array(found), np.asarray(Image.open(io.BytesIO(data))))


def test_plain_netpbm_files_are_read_as_their_samples():
    bits = image.read(b"P1\n# a comment\n3 2\n1 0 1\n011\n", "photo")
    assert bits.kind is Kind.BILEVEL
    np.testing.assert_array_equal(image.to_array(bits), [[False, True, False], [True, False, False]])
    same = io.BytesIO(b"P4\n3 2\n\xa0\x60")
    np.testing.assert_array_equal(image.to_array(bits), np.asarray(Image.open(same)))
    gray = image.read(b"P2 3 1 255\n0 255\n7", "photo")
    np.testing.assert_array_equal(image.to_array(gray), [[0, 255, 7]])
    colour = image.read(b"P3\n1 2\n255\n1 2 3 250 251 252\n", "photo")
    np.testing.assert_array_equal(image.to_array(colour), [[[1, 2, 3]], [[250, 251, 252]]])
    for data in (b"P1 2 2\n1 0 1", b"P1 1 1\n2", b"P2 2 1 255\n9", b"P3 1 1 255\n1 2"):
        assert "is damaged" in refusal(data)


@pytest.mark.parametrize("depth", [2, 4])
def test_a_gray_png_of_fewer_bits_is_read_as_its_gray_levels(depth):
    levels = 1 << depth
    data = png(8 // depth, 1, depth, 0, b"\0" + bytes([0b00011011 if depth == 2 else 0x1E]))
    values = [0, 1, 2, 3] if depth == 2 else [1, 14]
    assert image.read(data, "photo").planes.ravel().tolist() == [255 * value // (levels - 1) for value in values]


@pytest.mark.parametrize("width", [*range(1, 70), 160, 216, 533, 720])
def test_no_width_is_mistaken_for_a_depth_of_16_bits(width):
    # The rows of 720 RGB pixels have 2160 bytes, a number that once was taken for "16 bits".
    array = RANDOM.integers(0, 256, (2, width, 3), dtype=np.uint8)
    for picture in (array, array[:, :, 0]):
        for file_format in ("BMP", "TIFF", "PPM", "PNG"):
            found = image.read(saved(picture, file_format), "photo")
            np.testing.assert_array_equal(image.to_array(found), picture)


def test_a_tiled_tiff_is_read_as_its_pixels():
    for side in (16, 48, 160):
        tags = ((322, side), (323, side), (324, 8), (325, side * side))
        data = tiff((8,), np.full((side, side), 9, np.uint8).tobytes(), *tags, width=side, height=side)
        assert (image.read(data, "photo").planes == 9).all()


# What is refused


@pytest.mark.parametrize("mode", ["PA", "I", "F", "CMYK", "YCbCr", "LAB", "HSV", "RGBa", "La", "RGBX"])
def test_another_mode_is_refused_and_named(mode):
    with pytest.raises(
        NellocError, match=rf"^photo: is of mode {mode}; only the modes 1, L, LA, P, RGB, RGBA.*; convert it to"
    ):
        image.from_image(Image.new(mode, (3, 2)), "photo")


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [*(("CMYK", name) for name in ("JPEG", "TIFF")), *((mode, "TIFF") for mode in ("I", "F", "LAB")), ("F", "PPM")],
)
def test_a_file_of_another_mode_is_refused_with_the_mode_and_the_file(mode, file_format):
    sentence = refusal(saved(Image.new(mode, (3, 2)), file_format))
    assert f"is of mode {mode}; only" in sentence or "has samples of" in sentence


DEEP_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type of PNG


@pytest.mark.parametrize("colour", DEEP_CHANNELS)
def test_a_16_bit_png_is_read_as_its_samples(colour):
    channels = DEEP_CHANNELS[colour]
    samples = RANDOM.integers(0, 1 << 16, (2, 3, channels)).astype(np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    data = png(3, 2, 16, colour, rows)
    np.testing.assert_array_equal(image.to_array(image.read(data, "photo")).reshape(samples.shape), samples)
    if channels > 1:
        assert Image.open(io.BytesIO(data)).mode != "I;16"  # so the mode does not tell
        with pytest.raises(NellocError, match="photo: has 16 bits per sample"):
            image.from_image(Image.open(io.BytesIO(data)), "photo")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_16_bit_tiff_is_read_as_its_samples(channels):
    samples = RANDOM.integers(0, 1 << 16, (2, 2, channels)).astype("<u2")
    found = image.read(tiff((16,) * channels, samples.tobytes()), "photo")
    np.testing.assert_array_equal(image.to_array(found).reshape(samples.shape), samples)


def test_a_16_bit_ppm_is_read_as_its_samples_and_never_scaled():
    samples = RANDOM.integers(0, 1 << 16, (2, 2, 3)).astype(">u2")
    head = b"2 # a comment\n2\n65535\n"
    for magic, array in ((b"P6 ", samples), (b"P5 ", samples[:, :, 0])):
        np.testing.assert_array_equal(image.to_array(image.read(magic + head + array.tobytes(), "photo")), array)
    for maximum in (256, 1023):
        head = b"2 2\n%d\n" % maximum
        assert f"samples of 0 to {maximum};" in refusal(b"P6 " + head + samples.tobytes())
        assert f"samples of 0 to {maximum};" in refusal(b"P3 " + head + b"1 " * 12)
    assert "in a form of PPM that is not read" in refusal(b"P3 2 2 65535\n" + b"1 " * 12)


def test_16_bit_colour_without_its_library_is_refused_with_a_sentence(monkeypatch):
    data = png(1, 1, 16, 2, b"\0" + bytes(6))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert "needs imagecodecs, which is not installed; pip install 'PATH[deep]'" in refusal(data)


def test_a_ppm_of_fewer_levels_is_never_scaled():
    for maximum in (1, 15, 100, 254):
        assert f"samples of 0 to {maximum};" in refusal(b"P6 1 1 %d\n" % maximum + b"\1\0\1")
        assert f"samples of 0 to {maximum};" in refusal(b"P2 1 1 %d\n1" % maximum)


def test_a_tiff_with_an_extra_channel_is_not_stripped_of_it():
    data = tiff((8,) * 4, bytes(range(16)), (338, 0))
    assert "extra channels" in refusal(data) or "is of mode" in refusal(data)


@pytest.mark.parametrize("colour", [0, 2])
def test_the_transparent_colour_of_a_png_is_kept(colour):
    rows = b"\0" + b"\x01\x02\x03\x04\x05\x06"[: 2 if colour == 0 else 6]
    data = png(2, 1, 8, colour, rows, (b"tRNS", b"\0\1" * (1 if colour == 0 else 3)))
    assert image.read(data, "photo").transparent == ((1,) if colour == 0 else (1, 1, 1))


def test_alpha_of_more_indices_than_there_are_is_left_out():
    data = png(2, 1, 8, 3, b"\0\0\1", (b"PLTE", bytes(6)), (b"tRNS", bytes(range(256)) * 2))
    assert image.read(data, "photo").palette.transparency == bytes(range(256))


def test_premultiplied_alpha_is_refused():
    # Pillow would divide the colours by their alpha.
    assert "multiplied by their alpha" in refusal(tiff((8,) * 4, bytes(range(16)), (338, 1)))


@pytest.mark.parametrize("file_format", ["GIF", "TIFF", "PNG", "WEBP"])
def test_a_file_of_several_frames_is_refused(file_format):
    frames = [Image.new("RGB", (3, 2), (shade, 0, 0)) for shade in (0, 90, 180)]
    data = saved(frames[0], file_format, save_all=True, append_images=frames[1:])
    assert "has 3 frames" in refusal(data)


@pytest.mark.parametrize("file_format", ["JPEG2000", "SGI", "TGA", "ICO", "PCX", "EPS", "DDS"])
def test_a_format_whose_depth_pillow_does_not_tell_is_refused(file_format):
    # Pillow cuts 16-bit JPEG 2000, AVIF and SGI to 8 bits silently, and runs Ghostscript for EPS.
    assert "is not an image of a known format; convert it to one of" in refusal(saved(RGB, file_format))


def test_an_array_that_is_not_an_image_is_refused():
    for array, word in (
        (RGB.astype(np.int16), "int16"),
        (RGB / 255, "float64"),
        (RGB > 9, "shape"),
        (RGB[..., :1], "shape"),
        (np.zeros((2, 2, 5), np.uint8), "shape"),
        (np.zeros((2, 2, 3, 1), np.uint8), "shape"),
        (np.zeros(9, np.uint8), "shape"),
        (np.zeros((0, 5), np.uint8), "empty"),
        (np.zeros((5, 0, 3), np.uint8), "empty"),
    ):
        with pytest.raises(NellocError, match=rf"^photo: .*{word}"):
            image.from_array(array, "photo")


def test_an_array_of_any_layout_in_memory_is_taken_as_its_pixels():
    alpha = np.dstack([RGB, GRAY])
    deep = alpha * np.uint16(257)
    for array in (RGB, RGB[::-1, ::2], np.asfortranarray(RGB), GRAY.T, alpha, alpha[..., 2:], deep, GRAY > 99):
        found = image.from_array(array)
        np.testing.assert_array_equal(image.to_array(found), array)


def test_the_pixel_limit_is_the_last_size_that_is_read():
    data = saved(RGB, "PNG")
    assert image.read(data, "photo", max_pixels=35).planes.shape == (3, 5, 7)
    assert "7 x 5 pixels, above the limit of 34" in refusal(data, max_pixels=34)


def test_a_huge_image_is_refused_before_it_is_decoded():
    data = png(2**20, 2**20, 8, 2, b"\0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sentence = refusal(data)
    assert "limit" in sentence


# Damage


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP", "PPM", "WEBP", "JPEG", "GIF", "QOI"])
def test_a_truncated_image_file_raises_nothing_but_nelloc_error(file_format):
    data = saved(RGB, file_format)
    for length in range(0, len(data) // 2, 3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refusal(data[:length])


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["PNG", "TIFF", "BMP", "PPM", "WEBP", "JPEG", "GIF", "QOI"]),
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_a_damaged_image_file_raises_nothing_but_nelloc_error(file_format, changes):
    data = bytearray(saved(RGB, file_format))
    for place, value in changes:
        data[place % len(data)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image.read(bytes(data), "photo", max_pixels=1 << 20)
        except NellocError as error:
            assert str(error).startswith("photo: ")  # noqa: PT017 - some damage does not show


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "cannot be read (Too many open files); close other files"),
        (OSError(errno.EIO, "Input/output error"), "cannot be read (Input/output error); check the disk"),
        (ImportError("no codec 'lzma'\nmore"), "cannot be decoded here (no codec 'lzma'); install"),
        (OSError("image file is truncated"), "is damaged (image file is truncated)"),
    ],
)
def test_what_the_machine_lacks_is_not_called_damage_of_the_file(error, words, monkeypatch):
    def fail(*arguments):
        raise error

    data = saved(RGB, "PNG")
    monkeypatch.setattr(Image.Image, "load", fail)
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(NellocError) as caught:
        image.read(data, "photo")
    assert words in str(caught.value)


def test_another_kind_of_file_is_named_as_such():
    for data in (b"text", b"\0" * 100, b"\x8eNL\n\x10"):
        assert "is not an image of a known format" in refusal(data)


def test_an_empty_file_is_named_as_such():
    assert refusal(b"") == "photo.xyz: is empty; get it again from its source"


def test_a_damaged_image_object_raises_nelloc_error_too():
    data = saved(RGB, "PNG")
    with pytest.raises(NellocError, match=r"^photo: is damaged"):
        image.from_image(Image.open(io.BytesIO(data[:-60])), "photo")
