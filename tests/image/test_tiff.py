"""TIFF files: samples and tags that come back as they were, or a sentence that says which cannot be kept."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from outside_readers import need, tiff_samples, tiff_tags, vips_samples
from PIL import Image
from tiff_files import tiff

from nelloc import image
from nelloc.errors import NellocError
from nelloc.image.formats.tiff import places, structure
from nelloc.image.formats.tiff.layout import Layout
from nelloc.image.kinds import Kind

RANDOM = np.random.default_rng(17)
ORDERS = ["<", ">"]


def refusal(data: bytes) -> str:
    with pytest.raises(NellocError) as caught:
        image.read(data, "photo.tif")
    sentence = str(caught.value)
    assert sentence.startswith("photo.tif: ")
    assert "\n" not in sentence
    assert "damaged" not in sentence
    return sentence


# Palettes, whose entries have 16 bits


def palette(entries: list[int], order: str = "<") -> bytes:
    """A file of four indices of a palette of 16 colours, all channels of which are ``entries``."""
    table = (entries * 16)[:16] * 3
    return tiff(b"\x01\x23", {320: (3, table)}, width=4, height=1, bits=(4,), photometric=3, order=order)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("factor", [257, 256])
def test_a_palette_of_8_bit_colours_is_read_however_they_are_spread_over_16(order, factor):
    colours = RANDOM.integers(0, 256, 16).tolist()
    found = image.read(palette([value * factor for value in colours], order), "photo")
    assert found.kind is Kind.PALETTE
    assert found.left_out == ()
    assert found.palette.colours[::3] == bytes(colours)
    written = image.write(found, ".tif").data
    assert list(tiff_tags(written)[320].value[0][:16]) == [value * 257 for value in colours]


@pytest.mark.parametrize("order", ORDERS)
def test_palette_entries_that_are_8_bit_values_are_read_as_other_readers_do_and_named(order, tmp_path):
    need("vips")
    colours = [0, 255, 7, 130]
    (tmp_path / "a.tif").write_bytes(palette(colours, order))
    found = image.read((tmp_path / "a.tif").read_bytes(), "photo")
    assert found.palette.colours[::3] == bytes(colours) * 4
    assert found.left_out == (
        "the 16-bit form of the palette's entries (they hold 8-bit colours and are read as such)",
    )
    shown = np.frombuffer(found.palette.colours, np.uint8).reshape(-1, 3)[found.planes[0]]
    np.testing.assert_array_equal(vips_samples(tmp_path / "a.tif", tmp_path), shown[..., 0])
    with pytest.raises(NellocError, match="has a palette of 8-bit colours where TIFF has 16, which Pillow reads as"):
        image.from_image(Image.open(tmp_path / "a.tif"), "photo")


def test_a_black_palette_is_black():
    assert image.read(palette([0]), "photo").left_out == ()
    assert image.from_image(Image.open(io.BytesIO(palette([0])))).palette.colours[:3] == bytes(3)


@pytest.mark.parametrize("value", [300, 1, 255 * 257 - 1])
def test_a_palette_that_needs_16_bits_is_refused(value):
    data = palette([value, 0, 65535])
    assert "has a palette of 16-bit colours, of which 8 bits could be kept; convert it to 16-bit RGB" in refusal(data)
    with pytest.raises(NellocError, match="has a palette of 16-bit colours"):
        image.from_image(Image.open(io.BytesIO(data)), "photo")


def test_a_palette_of_16_bit_indices_is_refused():
    data = tiff(bytes(8), {320: (3, [0] * 3 * 65536)}, bits=(16,), photometric=3)
    assert "has palette indices of 16 bits" in refusal(data)


# Samples that are not unsigned whole numbers


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("form", "bits", "words"),
    [
        (2, 8, "8 bits that are signed numbers"),
        (2, 16, "16 bits that are signed numbers"),
        (2, 32, "32 bits that are signed numbers"),
        (3, 16, "16 bits that are floating-point numbers"),
        (3, 32, "32 bits that are floating-point numbers"),
        (3, 64, "64 bits that are floating-point numbers"),
        (5, 16, "16 bits that are complex numbers"),
        (6, 64, "64 bits that are complex numbers"),
        (9, 8, r"8 bits that are unknown (SampleFormat 9) numbers"),
    ],
)
def test_samples_that_are_not_unsigned_are_refused_by_name(form, bits, words, channels, order, monkeypatch):
    import sys

    extra = {338: (3, (2,))} if channels in (2, 4) else {}
    tags = {339: (3, (form,) * channels), **extra}
    data = tiff(
        b"\xff" * (4 * channels * bits // 8), tags, bits=(bits,) * channels, photometric=2 if channels > 2 else 1,
        order=order,
    )  # fmt: skip
    sentence = refusal(data)
    assert f"has samples of {words}; only unsigned whole numbers can be compressed; convert it" in sentence
    for missing in ("tifffile", "imagecodecs"):
        monkeypatch.setitem(sys.modules, missing, None)
    assert refusal(data) == sentence


@pytest.mark.parametrize("form", [2, 3])
def test_pillow_images_of_such_files_are_refused_too(form):
    data = tiff(b"\xff" * 4, {339: (3, (form,))}) if form == 2 else tiff(bytes(16), {339: (3, (form,))}, bits=(32,))
    with pytest.raises(NellocError, match="only unsigned whole numbers can be compressed"):
        image.from_image(Image.open(io.BytesIO(data)), "photo")


def test_one_signed_channel_is_enough():
    data = tiff(bytes(12), {339: (3, (1, 1, 2))}, bits=(8,) * 3, photometric=2)
    assert "signed numbers" in refusal(data)


@pytest.mark.parametrize("form", [1, 4])
def test_unsigned_and_undefined_samples_are_read(form):
    found = image.read(tiff(b"\0\x7f\x80\xff", {339: (3, (form,))}), "photo")
    assert found.planes.ravel().tolist() == [0, 127, 128, 255]


# Samples of other sorts, refused by name


@pytest.mark.parametrize("orders", [("<", "<"), (">", ">")])
def test_gray_and_alpha_of_16_bits_is_read_and_written(orders, tmp_path):
    samples = RANDOM.integers(0, 1 << 16, (3, 5, 2)).astype(np.uint16)
    data = tiff(
        samples.astype(orders[0] + "u2").tobytes(), {338: (3, (2,))}, width=5, height=3, bits=(16, 16), order=orders[1]
    )
    found = image.read(data, "photo")
    assert found.kind is Kind.LA16
    np.testing.assert_array_equal(image.to_array(found), samples)
    written = image.write(found, ".tif")
    assert written.left_out == ()
    np.testing.assert_array_equal(tiff_samples(written.data), samples)
    assert tiff_tags(written.data)[338].value == (2,)


# Depths between 8 and 16 bits


def packed(samples: np.ndarray, bits: int) -> bytes:
    """Rows of samples of so many bits, each of whole bytes."""
    rows = []
    for row in samples.reshape(samples.shape[0], -1):
        text = "".join(f"{value:0{bits}b}" for value in row.tolist())
        text += "0" * (-len(text) % 8)
        rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return b"".join(rows)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
def test_a_depth_between_8_and_16_bits_is_kept_in_tiff_and_named_elsewhere(bits, channels, order):
    samples = RANDOM.integers(0, 1 << bits, (3, 5, channels)).astype(np.uint16)
    samples[0, 0] = (1 << bits) - 1
    tags = {338: (3, (2,))} if channels in (2, 4) else {}
    data = tiff(
        packed(samples, bits), tags, width=5, height=3, bits=(bits,) * channels,
        photometric=2 if channels > 2 else 1, order=order,
    )  # fmt: skip
    found = image.read(data, "photo")
    assert found.kind.deep
    np.testing.assert_array_equal(image.to_array(found).reshape(samples.shape), samples)
    written = image.write(found, ".tif")
    assert written.left_out == ()
    assert tiff_tags(written.data)[258].value == (bits if channels == 1 else (bits,) * channels)
    np.testing.assert_array_equal(tiff_samples(written.data).reshape(samples.shape), samples)
    assert image.read(written.data, "photo").same_as(found)
    assert image.write(found, ".png").left_out == (f"depth of {bits} bits per sample",)
    if channels in (1, 3):
        assert image.write(found, ".pnm").left_out == (f"depth of {bits} bits per sample",)


def test_a_12_bit_gray_file_needs_no_other_library_than_pillow(monkeypatch):
    import sys

    samples = RANDOM.integers(0, 1 << 12, (3, 5)).astype(np.uint16)
    for name in ("tifffile", "imagecodecs"):
        monkeypatch.setitem(sys.modules, name, None)
    found = image.read(tiff(packed(samples, 12), {}, width=5, height=3, bits=(12,)), "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    assert found.metadata.depth == 12


def test_samples_that_do_not_fit_their_depth_are_written_with_16_bits_and_the_depth_is_named():
    from dataclasses import replace

    found = image.read(tiff(packed(np.full((2, 2), 4095), 12), {}, bits=(12,)), "photo")
    wide = replace(found, groups=(np.full((1, 2, 2), 5000, np.uint16),))
    written = image.write(wide, ".tif")
    assert written.left_out == ("depth of 12 bits per sample",)
    np.testing.assert_array_equal(tiff_samples(written.data), 5000)


# Layouts and compressions


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_every_layout_of_samples_is_read(dtype, compression, tile, planar, order, big):
    import tifffile

    samples = RANDOM.integers(0, 256 if dtype == "u1" else 65536, (37, 41, 3)).astype(dtype)
    out = io.BytesIO()
    array = samples if planar == "contig" else samples.transpose(2, 0, 1)
    tifffile.imwrite(
        out, np.ascontiguousarray(array), photometric="rgb", planarconfig=planar, compression=compression, tile=tile,
        rowsperstrip=None if tile else 7, byteorder=order, bigtiff=big, metadata=None, software="me",
    )  # fmt: skip
    found = image.read(out.getvalue(), "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    assert found.left_out == ()


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize(
    ("compression", "options"),
    [
        ("webp", {"level": -1, "lossless": True}),
        ("jpegxl", {"lossless": True}),
        ("jpeg2000", {"reversible": True}),
        ("jpegxr", {"level": 1.0}),
        ("lerc", {}),
        ("png", {}),
    ],
)
def test_compressions_that_pillow_does_not_know_are_read(compression, options, dtype, monkeypatch):
    import sys

    import tifffile

    if (compression, dtype) == ("webp", "u2"):
        pytest.skip("WebP has no 16 bits")
    samples = RANDOM.integers(0, 256 if dtype == "u1" else 65536, (37, 41, 3)).astype(dtype)
    out = io.BytesIO()
    tifffile.imwrite(
        out, samples, photometric="rgb", compression=compression, compressionargs=options, metadata=None,
        software=False,
    )  # fmt: skip
    found = image.read(out.getvalue(), "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    sentence = refusal(out.getvalue())
    assert "compressed by" in sentence
    assert "needs imagecodecs, which is not installed; pip install 'PATH[deep]'" in sentence


def test_a_compression_that_nothing_decodes_is_named():
    data = tiff(bytes(4), {259: (3, (34661,))})
    assert "is a TIFF file of 1 x 8 bits compressed by JBIG, which cannot be decoded" in refusal(data)
    data = tiff(bytes(4), {259: (3, (60123,))})
    assert "compressed by scheme 60123, which cannot be decoded" in refusal(data)


def test_libtiff_writes_nothing_to_the_terminal(capfd):
    out = io.BytesIO()
    picture = Image.fromarray(RANDOM.integers(0, 256, (50, 50, 3), np.uint8))
    picture.save(out, "TIFF", compression="tiff_lzw")
    data = bytearray(out.getvalue())
    data[200:260] = b"\xff" * 60
    with pytest.raises(NellocError, match="is damaged"):
        image.read(bytes(data), "photo")
    assert capfd.readouterr() == ("", "")
    with pytest.raises(OSError, match="decoder error"):
        Image.open(io.BytesIO(bytes(data))).load()
    assert "code" in capfd.readouterr().err  # others who use Pillow see what they saw


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_files_of_every_orientation_are_shown_upright(orientation, dtype, tmp_path):
    from PIL import ImageOps

    samples = RANDOM.integers(0, 250, (3, 5, 3)).astype(dtype)
    photometric, bits = 2, (8 if dtype == "u1" else 16,) * 3
    data = tiff(samples.tobytes(), {274: (3, (orientation,))}, width=5, height=3, bits=bits, photometric=photometric)
    found = image.read(data, "photo")
    shallow = Image.fromarray(samples.astype(np.uint8))
    shallow.getexif()[274] = orientation
    np.testing.assert_array_equal(image.to_array(found), np.asarray(ImageOps.exif_transpose(shallow)))


def test_samples_that_lie_outside_the_file_are_damage_and_not_read_of_what_follows():
    data = tiff(bytes(range(16)), {}, width=4, height=4)
    for more in ({273: (4, (len(data) - 3,))}, {278: (3, (1,))}):
        with pytest.raises(NellocError, match="is damaged"):
            image.read(tiff(bytes(range(16)), more, width=4, height=4), "photo")


# Forged files


def test_tags_that_share_their_bytes_take_no_more_memory_than_the_file():
    import tracemalloc

    tags = 3000
    size = 1 << 16
    out = bytearray(b"II*\0" + struct.pack("<I", 8 + size) + bytes(size) + struct.pack("<H", tags))
    for tag in range(40000, 40000 + tags):
        out += struct.pack("<HHII", tag, 7, size, 8)
    out += bytes(4)
    tracemalloc.start()
    _, first = structure.read(bytes(out))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(first.entries) + len(first.unreadable) == tags
    assert peak < 8 * len(out)


def test_a_chain_of_directories_that_never_ends_is_counted_as_far_as_it_goes():
    data = bytearray(tiff(bytes(4), {}))
    (place,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, place)
    struct.pack_into("<I", data, place + 2 + 12 * count, place)
    assert image.read(bytes(data), "photo").planes.shape == (1, 2, 2)
    struct.pack_into("<I", data, place + 2 + 12 * count, len(data))
    data += bytes(2) + struct.pack("<I", place)
    with pytest.raises(NellocError, match="has 2 frames"):
        image.read(bytes(data), "photo")


@pytest.mark.parametrize("tag", [277, 258, 273, 279, 339])
def test_numbers_of_values_that_no_image_has_are_refused(tag):
    data = tiff(bytes(1 << 23), {tag: (3, bytes(1 << 24))}) if tag != 277 else tiff(bytes(4), {277: (4, (1 << 31,))})
    with pytest.raises(NellocError, match=r"is damaged \(its tags have more values"):
        image.read(data, "photo")


@pytest.mark.parametrize("options", [{"compression": "jpeg"}, {"compression": "jpeg", "quality": 100}])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_inside_a_tiff_file_is_read_as_its_decoded_pixels(channels, options):
    samples = RANDOM.integers(0, 256, (32, 48, channels)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(samples[:, :, 0] if channels == 1 else samples).save(out, "TIFF", **options)
    found = image.read(out.getvalue(), "photo")
    np.testing.assert_array_equal(image.to_array(found), np.asarray(Image.open(io.BytesIO(out.getvalue()))))
    assert found.left_out == ()


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax_compressions_are_read(compression):
    samples = RANDOM.integers(0, 2, (32, 48)).astype(np.bool_)
    out = io.BytesIO()
    Image.fromarray(samples).save(out, "TIFF", compression=compression)
    found = image.read(out.getvalue(), "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    assert (found.left_out, found.metadata.items) == ((), ())


# Places of samples


@pytest.mark.parametrize("arrangement", [0, 3])
def test_an_unknown_arrangement_of_planes_is_that_of_channels_side_by_side(arrangement):
    samples = bytes(range(12))
    found = image.read(tiff(samples, {284: (3, (arrangement,))}, bits=(8, 8, 8), photometric=2), "photo")
    assert np.array_equal(image.to_array(found), np.frombuffer(samples, np.uint8).reshape(2, 2, 3))


def test_a_strip_without_a_length_that_may_have_4_gb_is_refused():
    class Long(bytes):
        def __len__(self) -> int:
            return 5 << 30

    data = tiff(b"1234", {})
    head, first = structure.read(data)
    entries = {tag: entry for tag, entry in first.entries.items() if tag != 279}
    with pytest.raises(structure.MalformedTiffError, match="4 GB"):
        places.check_places(Long(data), head, entries, Layout.of(head, first))
