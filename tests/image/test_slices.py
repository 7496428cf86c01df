"""Promises of big files read and written in slices: the same images and metadata as whole, and the same refusals."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from test_writing import sample

from nelloc import image
from nelloc.errors import NellocError
from nelloc.image import reading, slices
from nelloc.image.formats import png
from nelloc.image.kinds import Kind
from nelloc.image.metadata import ItemType, Metadata, Text, text_item
from nelloc.image.pixels import Pixels, same_picture

HEIGHT, WIDTH = 23, 31


@pytest.fixture
def sliced(monkeypatch):
    """Every image counts as big, and a slice has 4 rows."""
    monkeypatch.setattr(slices, "LARGE", 1)
    monkeypatch.setattr(slices, "_AT_ONCE", 4 * WIDTH)


def smooth(kind: Kind) -> Pixels:
    """An image of which a PNG encoder filters most rows by the one above."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    groups = []
    for group in kind.groups:
        step = 300 if group.bits > 8 else 2
        base = (rows + columns + rows * columns // 9) * step
        noise = np.random.default_rng(1).integers(0, step, (group.planes, HEIGHT, WIDTH))
        groups.append((base + noise).astype(np.uint16 if group.bits > 8 else np.uint8))
    return Pixels(kind, tuple(groups))


def halves(pixels: Pixels, *ends: int):
    """Slices of an image that end at these rows."""
    for top, end in zip((0, *ends), (*ends, pixels.height), strict=True):
        yield pixels.rows(top, end)


@pytest.mark.parametrize("pixels", [*map(smooth, slices.KINDS), *(sample(k, HEIGHT, WIDTH) for k in slices.KINDS)])
@pytest.mark.parametrize("suffix", [".png", ".pnm"])
def test_an_image_written_in_slices_is_the_image_read_whole_and_in_slices(pixels, suffix, monkeypatch):
    if suffix == ".pnm" and len(pixels.groups) > 1:
        with pytest.raises(NellocError, match=r"use \.png"):
            image.write_slices(halves(pixels, 5), HEIGHT, suffix, "photo")
        return
    data = image.write_slices(halves(pixels, 5, 6, 20), HEIGHT, suffix, "photo").data
    assert same_picture(image.read(data, "photo"), pixels)
    monkeypatch.setattr(slices, "LARGE", 1)
    monkeypatch.setattr(slices, "_AT_ONCE", 4 * WIDTH)
    monkeypatch.setattr(reading, "_joined", joined := Counted(reading._joined))
    assert same_picture(image.read(data, "photo"), pixels)
    assert joined.calls == 1


class Counted:
    """A function that counts its calls."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.function(*arguments)


def filtered_png(pixels: np.ndarray) -> bytes:
    """A PNG file of gray pixels whose rows use every filter in turn, written by the letter of the specification."""
    rows, above = b"", np.zeros(pixels.shape[1], int)
    for number, row in enumerate(pixels.astype(int)):
        left, corner = np.concatenate([[0], row[:-1]]), np.concatenate([[0], above[:-1]])
        estimate = left + above - corner
        near = np.abs(np.stack([left, above, corner]) - estimate)
        paeth = np.stack([left, above, corner])[near.argmin(0), np.arange(len(row))]
        kind = number % 5
        predicted = [np.zeros_like(row), left, above, (left + above) // 2, paeth][kind]
        rows += bytes([kind]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
        above = row
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 0, 0, 0, 0)
    stream = zlib.compress(rows)
    parts = [(b"IDAT", stream[start : start + 7]) for start in range(0, len(stream), 7)]
    return png.pack([(b"IHDR", header), *parts, (b"IEND", b"")])


def test_every_filter_is_undone_across_slices(sliced):
    pixels = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    np.testing.assert_array_equal(image.read(filtered_png(pixels), "photo").planes[0], pixels)


def test_metadata_before_and_after_the_pixels_is_read_and_written(sliced):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "one")
    info.add(b"tEXt", b"Comment\0two", after_idat=True)
    out = io.BytesIO()
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(out, "PNG", pnginfo=info, dpi=(300, 300))
    pixels = image.read(out.getvalue(), "photo")
    assert [text.text for text in pixels.metadata.texts] == ["one", "two"]
    written = image.write_slices(halves(pixels, 9), HEIGHT, ".png", "photo")
    assert written.left_out == ()
    assert set(image.read(written.data, "photo").metadata.items) == set(pixels.metadata.items)
    assert set(image.write_slices(halves(pixels, 9), HEIGHT, ".ppm", "photo").left_out) == {"text", "resolution"}


@pytest.mark.parametrize("kind", [Kind.GRAY, Kind.RGB, Kind.GRAY16, Kind.RGB16])
def test_a_transparent_colour_is_kept(kind, sliced):
    pixels = smooth(kind)
    pixels = Pixels(kind, pixels.groups, transparent=tuple(range(5, 5 + kind.planes)))
    data = image.write_slices(halves(pixels, 9), HEIGHT, ".png", "photo").data
    assert image.read(data, "photo").transparent == pixels.transparent
    if kind in (Kind.GRAY, Kind.RGB16):
        with pytest.raises(NellocError, match="transparent colour, which PPM cannot hold"):
            image.write_slices(halves(pixels, 9), HEIGHT, ".pnm", "photo")


def test_what_cannot_be_cut_is_read_whole(sliced, monkeypatch):
    monkeypatch.setattr(reading, "_joined", None)
    for pixels in (sample(Kind.PALETTE), sample(Kind.BILEVEL)):
        assert same_picture(image.read(image.write(pixels, ".png", "photo").data, "photo"), pixels)
    assert image.read(b"P2 2 2 255\n1 2 3 4", "photo").planes.tobytes() == b"\1\2\3\4"


def png_file() -> bytes:
    return image.write_slices(halves(smooth(Kind.RGB), 9), HEIGHT, ".png", "photo").data


@pytest.mark.parametrize("cut", [60, 200, 500])
def test_a_truncated_file_is_refused(sliced, cut):
    for data in (png_file()[:-cut], image.write(smooth(Kind.RGB), ".ppm", "photo").data[:-cut]):
        with pytest.raises(NellocError, match=r"photo: is damaged .*; get it again"):
            image.read(data, "photo")


def test_a_file_with_a_wrong_checksum_or_too_few_rows_is_refused(sliced):
    found = list(png.chunks(png_file()))
    stream = b"".join(body for name, body in found if name == b"IDAT")
    rows = zlib.decompress(stream)
    for bad in (stream[:-1] + bytes([stream[-1] ^ 1]), zlib.compress(rows[: -len(rows) // HEIGHT])):
        with pytest.raises(NellocError, match=r"photo: is damaged"):
            image.read(png.pack([found[0], (b"IDAT", bad), found[-1]]), "photo")


def test_more_data_than_rows_is_ignored_as_pillow_does_and_takes_no_memory(sliced):
    found = list(png.chunks(png_file()))
    rows = zlib.decompress(b"".join(body for name, body in found if name == b"IDAT"))
    stream = zlib.compress(rows + bytes(1 << 25))
    data = png.pack([found[0], (b"IDAT", stream[:900]), (b"IDAT", stream[900:]), found[-1]])
    tracemalloc.start()
    pixels = image.read(data, "photo")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(image.to_array(pixels), np.asarray(Image.open(io.BytesIO(data))))
    assert peak < 1 << 23


def test_a_file_of_two_sizes_is_refused(sliced):
    found = list(png.chunks(png_file()))
    huge = struct.pack(">IIBBBBB", 1 << 30, 1 << 30, 8, 2, 0, 0, 0)
    with pytest.raises(NellocError, match=r"^photo: is damaged \(it has two sizes\)"):
        image.read(png.pack([(b"IHDR", huge), *found]), "photo")


def test_more_than_one_frame_is_refused(sliced):
    out = io.BytesIO()
    frames = [Image.fromarray(np.full((HEIGHT, WIDTH), n, np.uint8)) for n in (1, 2)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(NellocError, match="2 frames"):
        image.read(out.getvalue(), "photo")


def test_pixels_that_a_file_lost_are_noticed(monkeypatch):
    real = slices.write_png

    def wrong(parts, height, encode):
        return real(parts, height, lambda part: encode(sample(part.kind, part.height, part.width)))

    monkeypatch.setattr(slices, "write_png", wrong)
    with pytest.raises(NellocError, match="cannot hold without loss"):
        image.write_slices(halves(smooth(Kind.RGB), 9), HEIGHT, ".png", "photo")


def test_long_text_is_kept(sliced):
    item = text_item(Text("Title", "words " * 1000))
    pixels = smooth(Kind.GRAY)
    pixels = Pixels(pixels.kind, pixels.groups, metadata=Metadata((item,)))
    data = image.write_slices(halves(pixels, 2), HEIGHT, ".png", "photo").data
    assert image.read(data, "photo").metadata.get(ItemType.TEXT) == item.data
