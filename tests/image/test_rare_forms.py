"""Rare forms of PNG, JPEG, BMP and GIF files: read as other readers do, or refused by their names."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from conformance.pictures import picture, png
from outside_readers import need, vips_samples
from PIL import Image

from nelloc import image
from nelloc.errors import NellocError
from nelloc.image.formats import jpeg
from nelloc.image.formats.lossy import lossy_format
from nelloc.image.formats.png import pack_chunk
from nelloc.image.kinds import Kind
from nelloc.image.metadata import ItemType, Resolution

RANDOM = np.random.default_rng(17)
RGB = RANDOM.integers(0, 256, (9, 11, 3)).astype(np.uint8)


def saved(file_format: str, samples: np.ndarray = RGB, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(samples).save(out, file_format, **options)
    return out.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(NellocError) as caught:
        image.read(data, "photo")
    sentence = str(caught.value)
    assert sentence.startswith("photo: ")
    assert "\n" not in sentence
    assert "damaged" not in sentence
    return sentence


# JPEG


def jpeg_files() -> dict[str, tuple[bytes, np.ndarray | None, int]]:
    """Files, the samples that they were made of if they lose nothing, and the bits of a sample."""
    codecs = pytest.importorskip("imagecodecs")
    found = {}
    for bits in (8, 10, 12, 16):
        for channels in (1, 3):
            shape = (9, 11) if channels == 1 else (9, 11, 3)
            samples = RANDOM.integers(0, 1 << bits, shape).astype(np.uint8 if bits == 8 else np.uint16)
            name = f"{bits} bits, {channels} channels"
            found[f"lossless, {name}"] = (codecs.jpeg_encode(samples, bitspersample=bits, lossless=True), samples, bits)
            found[f"JPEG-LS, {name}"] = (codecs.jpegls_encode(samples), samples, bits)
            if bits == 12:
                found[f"extended, {name}"] = (codecs.jpeg_encode(samples, bitspersample=12, level=95), None, bits)
    return found


@pytest.mark.parametrize("name", [
    *(f"{coding}, {bits} bits, {channels} channels" for coding in ("lossless", "JPEG-LS") for bits in (8, 10, 12, 16)
      for channels in (1, 3)),
    "extended, 12 bits, 1 channels", "extended, 12 bits, 3 channels",
])  # fmt: skip
def test_lossless_and_deep_jpeg_files_are_read(name, monkeypatch):
    import imagecodecs

    data, samples, bits = jpeg_files()[name]
    # What a decoder other than the one that is used makes of it.
    if samples is None:
        samples = imagecodecs.jpeg_decode(data)
    extra = b"\xff\xfe\0\x07hello" + b"\xff\xed\0\x1cPhotoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0"
    found = image.read(data[:2] + extra + data[2:], "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    assert found.left_out == ()
    depth = {16: (), 8: ()}.get(bits, (f"depth of {bits} bits per sample",))
    if name.startswith("JPEG-LS"):  # the writer tells the fewest bits that its samples need
        depth = (*(word for word in found.metadata.names if word.startswith("depth")), "resolution")
        assert found.metadata.resolution == Resolution((300, 1), (300, 1), "inch")
    assert set(found.metadata.names) == {"comment", "Photoshop data", *depth}
    assert found.metadata.get(ItemType.COMMENT) == b"hello"
    written = image.write(found, ".tif")
    assert written.left_out == ("comment",)
    np.testing.assert_array_equal(image.to_array(image.read(written.data, "photo")), samples)
    assert image.read(data + b"more", "photo").left_out == ("data after the image",)
    assert (lossy_format(data) is None) == (not name.startswith("extended"))
    if bits > 8 or name.startswith("JPEG-LS"):
        monkeypatch.setitem(sys.modules, "imagecodecs", None)
        sentence = refusal(data)
        assert f"is a JPEG file of {data[data.index(bytes([0xFF, _marker(name)])) + 4]} bits per sample" in sentence
        assert "needs imagecodecs, which is not installed; pip install 'PATH[deep]'" in sentence


def test_segments_of_lossless_jpeg_files_are_walked_before_another_library_does():
    data = next(data for name, (data, *_) in jpeg_files().items() if name.startswith("lossless, 12"))
    start = data.index(b"\xff\xda")
    assert jpeg.has_tables(data)
    assert jpeg.has_tables(data[:2] + b"\xff" + data[2:])  # fill bytes
    # Neither is a file that any decoder begins to decode.
    assert not any(jpeg.has_tables(data[:end]) for end in range(start + 4))
    assert not jpeg.has_tables(data[:2] + b"\0" + data[2:start])


def _marker(name: str) -> int:
    return {"lossless": 0xC3, "JPEG-LS": 0xF7, "extended": 0xC1}[name.split(",")[0]]


def test_jpeg_codings_that_nothing_reads_are_named():
    data = bytearray(saved("JPEG"))
    place = data.index(b"\xff\xc0")
    for marker, words in ((0xC5, "hierarchical"), (0xCB, "arithmetic lossless"), (0xC7, "hierarchical")):
        data[place + 1] = marker
        assert f"is a JPEG file of 8 bits per sample, coded as {words}, with 3 channels; only" in refusal(bytes(data))


def test_a_jpeg_file_whose_height_follows_its_samples_is_named():
    data = bytearray(saved("JPEG"))
    place = data.index(b"\xff\xc0") + 5
    height, data[place : place + 2] = data[place : place + 2], bytes(2)
    data[-2:-2] = b"\xff\xdc\0\4" + height
    assert "gives its height after its samples (DNL of JPEG), which is not read; " in refusal(bytes(data))


def test_a_jpeg_ls_file_that_is_cut_off_is_refused_at_once():
    import time

    codecs = pytest.importorskip("imagecodecs")
    data = codecs.jpegls_encode(np.random.default_rng(3).integers(0, 256, (6, 9, 3), np.uint8))
    start = time.process_time()
    for length in range(80, len(data), 9):
        with pytest.raises(NellocError, match="is damaged"):
            image.read(data[:length], "photo")
    assert time.process_time() - start < 3


def test_metadata_of_jpeg_files_is_the_same_for_both_readers():
    exif = Image.Exif()
    exif[271] = "a camera"
    profile = bytes(range(256)) * 300
    data = saved("JPEG", exif=exif, icc_profile=profile, xmp=b"<x/>", comment=b"three", dpi=(300, 200))
    from nelloc.image.formats import jpeg

    assert set(jpeg.metadata(data).items) == set(image.read(data, "photo").metadata.items)


# PNG


def with_wrong_checksum(data: bytes, name: bytes) -> bytes:
    damaged = bytearray(data)
    place = data.index(name)
    (length,) = struct.unpack_from(">I", data, place - 4)
    damaged[place + 4 + length] ^= 0x55
    return bytes(damaged)


@pytest.mark.parametrize(
    "name", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"pHYs", b"eXIf", b"tIME", b"prVt", b"cICP"]
)
def test_a_png_whose_metadata_alone_has_a_wrong_checksum_is_read_without_it_and_it_is_named(name):
    bodies = {b"iCCP": b"p\0\0" + zlib.compress(bytes(99)), b"gAMA": bytes(4), b"pHYs": bytes(9), b"tIME": bytes(7)}
    bodies |= {b"zTXt": b"T\0\0" + zlib.compress(b"text"), b"iTXt": b"T\0\0\0\0\0text", b"cICP": bytes(4)}
    samples = picture(3, 8)
    data = png(samples, 2, 8, [(name, bodies.get(name, b"T\0text")), (b"tEXt", b"Other\0text")])
    found = image.read(with_wrong_checksum(data, name), "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    assert found.left_out == (f"PNG chunk {name.decode()}, whose checksum is wrong",)
    assert [text.keyword for text in found.metadata.texts] == ["Other"]


@pytest.mark.parametrize("depth", [8, 16])
def test_wrong_checksums_of_the_samples_of_a_png_are_named(depth):
    samples = picture(3, depth)
    data = png(samples, 2, depth, [])
    found = image.read(with_wrong_checksum(data, b"IDAT"), "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    assert found.left_out == ("the checksum of PNG chunk IDAT, which is wrong",)
    found = image.read(with_wrong_checksum(data, b"IEND"), "photo")
    assert found.left_out == ("the checksum of PNG chunk IEND, which is wrong",)


def test_a_png_whose_samples_have_two_wrong_checksums_is_damaged():
    data = bytearray(with_wrong_checksum(png(picture(3, 8), 2, 8, []), b"IDAT"))
    place = data.index(b"IDAT")
    (length,) = struct.unpack_from(">I", data, place - 4)
    data[place + 4 + length - 1] ^= 1  # of the stream itself
    with pytest.raises(NellocError, match="is damaged"):
        image.read(bytes(data), "photo")


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"tRNS"])
def test_a_png_whose_picture_has_a_wrong_checksum_is_damaged(name):
    chunks = [(b"PLTE", bytes(range(12))), (b"tRNS", b"\0\1")]
    with pytest.raises(NellocError, match=r"is damaged|not an image"):
        image.read(with_wrong_checksum(png(picture(1, 2), 3, 2, chunks), name), "photo")


def test_big_png_files_with_wrong_checksums_are_named_too(monkeypatch):
    from nelloc.image import slices

    monkeypatch.setattr(slices, "LARGE", 100)
    samples = picture(3, 8)
    data = png(samples, 2, 8, [(b"tEXt", b"T\0text")])
    found = image.read(with_wrong_checksum(with_wrong_checksum(data, b"IDAT"), b"tEXt"), "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    assert set(found.left_out) == {
        "the checksum of PNG chunk IDAT, which is wrong",
        "PNG chunk tEXt, whose checksum is wrong",
    }


def test_a_png_of_ios_is_refused_by_name():
    data = png(picture(4, 8), 6, 8, [])
    sentence = refusal(data[:8] + pack_chunk(b"CgBI", bytes.fromhex("50002002")) + data[8:])
    assert "in the form of iOS (CgBI)" in sentence
    assert "convert it to plain PNG" in sentence


# BMP


def bmp(width: int, height: int, bits: int, body: bytes, *, compression: int = 0, header: int = 40,
        masks: tuple[int, ...] = (), colours: bytes = b"", resolution: tuple[int, int] = (0, 0)) -> bytes:  # fmt: skip
    """A BMP file written by hand."""
    head = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(body), *resolution,
                       len(colours) // 4, 0)  # fmt: skip
    head += struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(header, b"\0") + colours
    return struct.pack("<2sIII", b"BM", 14 + len(head) + len(body), 0, 14 + len(head)) + head + body


def rows_of(values: np.ndarray, bits: int) -> bytes:
    """Rows from the last to the first, each of whole words of 4 bytes."""
    rows = [row.astype(f"<u{bits // 8}").tobytes() for row in values[::-1]]
    return b"".join(row + bytes(-len(row) % 4) for row in rows)


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0xF00, 0xF0, 0xF, 0)),  # 4-4-4
        (16, (0xF00, 0xF0, 0xF, 0xF000)),
        (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        (16, (0x1F, 0x7E0, 0xF800, 0)),
        (16, (0xE0, 0x1C, 0x3, 0)),
        (32, (0xFF00, 0xFF0000, 0xFF000000, 0xFF)),  # alpha first
        (32, (0xFF000000, 0xFF0000, 0xFF00, 0)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        (32, (0x3F, 0xFC0, 0x3F000, 0)),
    ],
)
def test_a_bmp_with_any_masks_is_read(bits, masks, top_down):
    values = RANDOM.integers(0, 1 << bits, (5, 7), dtype=np.uint64).astype(np.uint32)
    values &= np.uint32(sum(masks))
    body = rows_of(values[::-1] if top_down else values, bits)
    data = bmp(7, -5 if top_down else 5, bits, body, compression=3, header=108, masks=masks)
    found = image.read(data, "photo")
    planes = []
    for mask in masks[: 4 if masks[3] else 3]:
        low = (mask & -mask).bit_length() - 1
        top = mask >> low
        planes.append(np.round(((values & mask) >> low) * 255 / top))
    np.testing.assert_array_equal(image.to_array(found), np.stack(planes, axis=2))
    assert found.left_out == ()


def test_bmp_masks_that_cannot_be_kept_are_named():
    body = rows_of(np.zeros((2, 2), np.uint32), 32)
    for masks, words in (
        ((0x3FF00000, 0xFFC00, 0x3FF, 0), "samples of 10 bits"),
        ((0xF0F0, 0xF00, 0xF, 0), "a mask of scattered bits"),
        ((0xFF0000, 0xFF00, 0, 0), "without a mask for one of its colours"),
    ):
        assert words in refusal(bmp(2, 2, 32, body, compression=3, header=108, masks=masks))


@pytest.mark.parametrize("inner", ["PNG", "JPEG"])
def test_a_bmp_that_holds_a_png_or_jpeg_file_is_read_as_that(inner):
    body = saved(inner)
    data = bmp(11, 9, 0, body, compression=5 if inner == "PNG" else 4, resolution=(3000, 2000))
    found = image.read(data, "photo")
    np.testing.assert_array_equal(image.to_array(found), np.asarray(Image.open(io.BytesIO(body))))
    assert found.metadata.resolution == Resolution((3000, 1), (2000, 1), "metre")
    with pytest.raises(NellocError, match="is damaged"):
        image.read(bmp(11, 9, 0, b"no image", compression=5), "photo")


COLOURS = bytes(n for index in range(256) for n in (index, 255 - index, index * 7 % 256, 0))


def test_a_bmp_of_2_bits_is_read():
    found = image.read(bmp(5, 2, 2, b"\x1b\xc0\0\0\xe4\x40\0\0", colours=COLOURS[:16]), "photo")
    assert found.planes.tolist() == [[[3, 2, 1, 0, 1], [0, 1, 2, 3, 3]]]
    assert found.palette.colours[:12] == b"".join(COLOURS[4 * n : 4 * n + 3][::-1] for n in range(4))


@pytest.mark.parametrize(
    ("bits", "runs", "rows", "skipped"),
    [
        (8, b"\3\7\2\5\0\0\5\1\0\1", [[1, 1, 1, 1, 1], [7, 7, 7, 5, 5]], False),
        (8, b"\0\5abcde\0\0\0\0\3xyz\0\2\1\0\1", [[120, 121, 122, 1, 1], [97, 98, 99, 100, 101]], False),
        (8, b"\2\7\0\2\2\1\1\x09\0\1", [[0, 0, 0, 0, 9], [7, 7, 0, 0, 0]], True),  # a delta
        (8, b"\5\7\0\0\0\1", [[0, 0, 0, 0, 0], [7, 7, 7, 7, 7]], True),  # an early end
        (8, b"\0\1", [[0] * 5, [0] * 5], True),
        (8, b"\xff\7\0\0\xff\1\0\1", [[1] * 5, [7] * 5], False),
        (4, b"\5\x12\0\0\0\5\xab\xcd\xe0\0\0\0\0\1", [[10, 11, 12, 13, 14], [1, 2, 1, 2, 1]], False),
        (4, b"\2\x12\0\2\1\0\2\x34\0\1", [[0, 0, 0, 0, 0], [1, 2, 0, 3, 4]], True),
    ],
)
def test_run_lengths_of_a_bmp_are_read_and_what_they_skip_is_named(bits, runs, rows, skipped):
    data = bmp(5, 2, bits, runs, compression=1 if bits == 8 else 2, colours=COLOURS[: 4 << bits])
    found = image.read(data, "photo")
    assert found.kind is Kind.PALETTE
    assert found.planes.tolist() == [rows]
    assert found.left_out == (("which pixels the file does not set (they have index 0)",) if skipped else ())
    with pytest.raises(NellocError, match="is damaged"):
        image.read(bmp(5, 2, bits, runs[:1], compression=1 if bits == 8 else 2, colours=COLOURS[: 4 << bits]), "photo")


def test_other_forms_of_bmp_are_named():
    assert "a BMP file of 64 bits per pixel" in refusal(bmp(1, 1, 64, bytes(8)))
    data = bytearray(bmp(8, 1, 1, bytes(4), compression=3, header=64, colours=bytes(8)))
    assert "BMP file of OS/2 with Huffman coding" in refusal(bytes(data))


# GIF


def test_a_gif_frame_that_is_not_the_whole_canvas_is_named():
    data = bytearray(saved("GIF", RGB[:, :, 0]))
    assert image.read(bytes(data), "photo").left_out == ()
    data[6:10] = struct.pack("<HH", 20, 15)
    found = image.read(bytes(data), "photo")
    assert (found.width, found.height) == (20, 15)
    assert found.left_out == (
        "the frame's place, 11 x 9 at 0, 0 of the canvas of 20 x 15 (what is around it is filled)",
    )


# Comments in other scripts


@pytest.mark.parametrize("comment", ["写真".encode(), "Füße".encode("latin-1"), b"plain", "ключ".encode()])
def test_a_comment_becomes_a_text_that_reads_the_same(comment):
    found = image.read(saved("JPEG", comment=comment), "photo")
    written = image.write(found, ".png")
    assert written.left_out == ()
    try:
        text = comment.decode()
    except UnicodeDecodeError:
        text = comment.decode("latin-1")
    assert Image.open(io.BytesIO(written.data)).text["Comment"] == text


def test_vips_reads_the_same_samples_of_what_is_written(tmp_path):
    need("vips")
    for suffix in (".png", ".tif", ".webp"):
        for samples in (RGB, RGB.astype(np.uint16) * 251):
            if samples.dtype == np.uint16 and suffix == ".webp":
                continue
            path = tmp_path / f"a{suffix}"
            path.write_bytes(image.write(image.from_array(samples), suffix).data)
            np.testing.assert_array_equal(vips_samples(path, tmp_path), samples)


@pytest.mark.parametrize("bits", [12, 16])
def test_tables_of_lossless_jpeg_inside_tiff_are_looked_for_too(bits, monkeypatch):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    samples = np.random.default_rng(0).integers(0, 1 << bits, (16, 16, 3)).astype(np.uint16)
    made, ways = io.BytesIO(), {"compression": "jpeg", "photometric": "rgb"}
    options = {"lossless": True, "bitspersample": bits}
    tifffile.imwrite(made, samples, bitspersample=bits if bits < 16 else None, compressionargs=options, **ways)
    np.testing.assert_array_equal(image.to_array(image.read(made.getvalue(), "photo")), samples)
    monkeypatch.setattr(jpeg, "has_tables", lambda _: False)
    with pytest.raises(NellocError, match="Huffman tables"):
        image.read(made.getvalue(), "photo")
