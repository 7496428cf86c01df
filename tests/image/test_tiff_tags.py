"""Tags of TIFF files: they come back with their types and values, in the file's order of bytes."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outside_readers import ExifTool, need, tiff_samples, tiff_tags
from PIL import Image
from tiff_files import SIZES, tiff

import nelloc
from nelloc import image
from nelloc.image.formats.tiff import structure
from nelloc.image.metadata import ItemType

ORDERS = ["<", ">"]


TEXTS = ["plain", "Füße", "é" * 300, "写真 ☃ 🙂", "Фото", "صورة", "תמונה", "a\0b", "\0", "a\n\tb"]


def same_tags(data: bytes, written: bytes, storage: set[int]) -> None:
    """Compare the tags of two files, beside storage, as tifffile reads them: type, count and value."""
    mine, other = tiff_tags(data), tiff_tags(written)
    for tag in set(mine) | (set(other) - {317}):
        if tag not in storage:
            assert mine[tag] == other[tag], tag


STORAGE = {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 320, 338}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["gray", "RGB", "RGB, 16 bits", "one bit", "palette"])
def test_every_tag_of_a_tiff_file_comes_back_with_its_type_and_value(kind, order, tmp_path):
    tags = {
        297: (3, (0, 1)),  # PageNumber
        321: (3, (3, 200)),  # HalftoneHints
        336: (3, (0, 255)),  # DotRange
        301: (3, tuple(range(3 * 256))),  # TransferFunction
        270: (2, "Füße 写真\0".encode()),
        271: (2, b"a maker\0"),
        305: (2, b"software\0"),
        306: (2, b"2026:01:02 03:04:05\0"),
        315: (2, "Артист\0".encode()),
        316: (2, b"a host\0"),
        33432: (2, b"Copyright \xa9 1999\0"),
        282: (5, (300, 1)),
        283: (5, (150, 1)),
        296: (3, (3,)),
        318: (5, (312700, 1000003, 329000, 999983)),  # WhitePoint
        319: (5, (64, 100, 33, 100, 3, 10, 6, 10, 15, 100, 6, 100)),
        532: (5, (0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1)),
        33550: (12, (0.1, 0.2, 0.0)),  # GeoTIFF
        33922: (12, (0.0, 0.0, 0.0, 440720.0, 100.0, 0.0)),
        34735: (3, (1, 1, 0, 1, 1024, 0, 1, 1)),
        34736: (12, (1 / 3, 6378137.0)),
        34737: (2, b"WGS 84|\0"),
        40001: (2, b"a\0b\0"),
        40002: (1, bytes(range(9))),
        40003: (10, (-1, 7, 2, -999999937)),
        40004: (11, (0.1, float("inf"))),
        40005: (8, (-1, 2, -3)),
        40006: (9, (-5,)),
        40007: (6, (-5, 6)),
        40008: (7, b"\0\1\2\xff"),
        40009: (5, (0, 0)),
        50714: (5, (1, 3)),  # BlackLevel, which libtiff does not take
        50838: (4, (1, 2)),
        700: (1, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"),
        34377: (7, b"8BIM\4\4\0\0\0\0\0\2hi"),
        34675: (7, bytes(range(200))),
    }
    exif = {33434: (5, (1, 999999937)), 36867: (2, b"2026:01:02 03:04:05\0"), 37500: (7, b"notes" * 9)}
    exif |= {37510: (7, b"UNICODE\0" + "写真".encode("utf-16-le")), 37121: (7, b"\1\2\3\0")}
    gps = {0: (1, b"\2\3\0\0"), 1: (2, b"N\0"), 2: (5, (47, 1, 59, 1, 123457, 10000)), 29: (2, b"2026:01:02\0")}
    children = {34665: exif, 34853: gps}
    bits, photometric, samples = {
        "gray": ((8,), 1, bytes(range(4))),
        "RGB": ((8,) * 3, 2, bytes(range(12))),
        "RGB, 16 bits": ((16,) * 3, 2, bytes(range(24))),
        "one bit": ((1,), 1, b"\x40\x80"),
        "palette": ((8,), 3, bytes(range(4))),
    }[kind]
    if kind == "palette":
        tags[320] = (3, [value * 257 for value in range(256)] * 3)
    data = tiff(samples, tags, bits=bits, photometric=photometric, order=order, children=children)
    found = image.read(data, "photo")
    assert found.left_out == ()
    written = image.write(found, ".tif")
    assert written.left_out == ()
    same_tags(data, written.data, STORAGE)
    assert image.read(written.data, "photo").same_as(found)
    assert written.data[:2] == data[:2]
    for suffix in (".png",) if kind != "RGB" else (".png", ".webp"):
        lost = {"Photoshop data"} if suffix == ".png" else {"Photoshop data", "resolution"}
        assert set(image.write(found, suffix).left_out) == lost


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_any_script_are_read_of_what_is_written_by_exiftool_as_they_were(text, order, tmp_path):
    need("exiftool")
    tags = {tag: (2, text.encode() + b"\0") for tag in (269, 270, 305, 315, 316, 33432)}
    data = tiff(bytes(4), tags, order=order)
    found = image.read(data, "photo")
    assert found.left_out == ()
    names = {"IFD0:DocumentName", "IFD0:ImageDescription", "IFD0:Software", "IFD0:Artist", "IFD0:Copyright"}
    files = {".in.tif": data, ".tif": image.write(found, ".tif").data, ".png": image.write(found, ".png").data}
    for suffix, content in files.items():
        (tmp_path / f"a{suffix}").write_bytes(content)
    with ExifTool() as exiftool:
        first, *others = exiftool.read_all([tmp_path / f"a{suffix}" for suffix in files])
    for other in others:
        assert {name: first.get(name) for name in names} == {name: other.get(name) for name in names}
    assert tiff_tags(files[".tif"])[270].value == tiff_tags(data)[270].value


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_random_tags_come_back_byte_for_byte(data):
    order = data.draw(st.sampled_from(ORDERS))
    kinds = {type_: size for type_, size in SIZES.items() if type_ not in (13, 16, 17, 18)}

    def some(numbers):
        found = {}
        for tag in data.draw(st.lists(st.sampled_from(numbers), max_size=6, unique=True)):
            type_ = data.draw(st.sampled_from(sorted(kinds)))
            count = data.draw(st.integers(1, 9))
            found[tag] = (type_, data.draw(st.binary(min_size=count * kinds[type_], max_size=count * kinds[type_])))
        return found

    tags = some([*range(269, 273), 285, 297, 301, 305, 306, 315, 316, 318, 319, 321, 336, 33432, *range(40001, 40020)])
    children = {34665: some([33434, 36864, 37500, 37510, 42036]), 34853: some([0, 1, 2, 5, 29])}
    children = {tag: child for tag, child in children.items() if child}
    content = tiff(bytes(range(12)), tags, bits=(8,) * 3, photometric=2, order=order, children=children)
    found = image.read(content, "photo")
    assert found.left_out == ()
    for suffix in (".tif", ".png", ".webp"):
        written = image.write(found, suffix)
        assert written.left_out == ()
        exif = written.data if suffix == ".tif" else image.read(written.data, "photo").metadata.get(ItemType.EXIF)
        if not tags and not children:
            assert suffix == ".tif" or exif is None
            continue
        _, first = structure.read(exif)
        for tag, (type_, value) in tags.items():
            assert first.entries[tag] == structure.Entry(type_, len(value) // SIZES[type_], value)
        for pointer, child in children.items():
            for tag, (type_, value) in child.items():
                entry = structure.Entry(type_, len(value) // SIZES[type_], value)
                assert first.children[pointer].entries[tag] == entry


def test_exif_of_a_photograph_goes_into_a_tiff_file_at_the_same_places():
    # Cameras' notes tell of places in the whole of EXIF.
    exif = structure.pack(
        structure.Directory(
            {271: structure.Entry(2, 9, b"a camera\0"), 531: structure.numbers(3, (2,), ">")},
            {34665: structure.Directory({37500: structure.Entry(7, 8, b"PENTAX!!")})},
        ),
        ">",
    )
    out = io.BytesIO()
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(out, "JPEG", exif=b"Exif\0\0" + exif)
    written = image.write(image.read(out.getvalue(), "photo"), ".tif")
    assert written.left_out == ()
    assert written.data.index(b"PENTAX!!") == exif.index(b"PENTAX!!")
    assert tiff_tags(written.data)[531].value == (2,)
    assert tiff_tags(written.data)[34665].value["MakerNote"] == b"PENTAX!!"


def test_the_thumbnail_of_exif_is_named_where_it_is_lost():
    exif = bytearray(b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 274, 3, 1, 1) + struct.pack("<I", 26))
    exif += b"\1\0" + struct.pack("<HHII", 259, 3, 1, 6) + bytes(4)
    out = io.BytesIO()
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(out, "JPEG", exif=b"Exif\0\0" + bytes(exif))
    found = image.read(out.getvalue(), "photo")
    assert image.write(found, ".tif").left_out == ("EXIF thumbnail",)
    assert image.write(found, ".png").left_out == ()


def test_what_exif_says_otherwise_than_the_file_is_named():
    exif = Image.Exif()
    exif[282], exif[283], exif[296], exif[271] = 300.0, 300.0, 2, "a camera"
    out = io.BytesIO()
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(out, "JPEG", exif=exif, dpi=(72, 72))
    found = image.read(out.getvalue(), "photo")
    assert image.write(found, ".tif").left_out == ("TIFF tag 282 (XResolution)", "TIFF tag 283 (YResolution)")
    assert image.write(found, ".png").left_out == ()


def test_exif_with_a_value_outside_it_loses_that_one_only():
    exif = bytearray(b"MM\0*\0\0\0\x08\0\2" + struct.pack(">HHII", 270, 2, 99, 9999))
    exif += struct.pack(">HHI4s", 271, 2, 3, b"me\0\0") + bytes(4)
    out = io.BytesIO()
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(out, "JPEG", exif=b"Exif\0\0" + bytes(exif))
    found = image.read(out.getvalue(), "photo")
    written = image.write(found, ".tif")
    assert written.left_out == ("TIFF tag 270 (ImageDescription)",)
    assert tiff_tags(written.data)[271].value == "me"
    assert 270 not in tiff_tags(written.data)


def test_a_resolution_that_a_format_rounds_too_far_is_named():
    for numbers, lost in (((300, 1), ()), ((1, 3), ("resolution",)), ((1, 4000000000), ("resolution",))):
        tags = {282: (5, numbers), 283: (5, numbers), 296: (3, (2,))}
        found = image.read(tiff(bytes(4), tags), "photo")
        assert image.write(found, ".tif").left_out == ()
        assert image.write(found, ".png").left_out == lost


def test_a_resolution_that_is_none_is_named():
    found = image.read(tiff(bytes(4), {282: (5, (300, 0)), 283: (5, (300, 1))}), "photo")
    assert found.left_out == ("TIFF tag 282 (XResolution)", "TIFF tag 283 (YResolution)")


# BigTIFF


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["gray", "RGB", "RGB, 16 bits"])
def test_a_bigtiff_file_is_read_with_its_tags(kind, order):
    tags = {
        270: (2, b"a description, rather long\0"),
        305: (2, b"me\0"),
        40001: (16, (1, 2, (1 << 32) - 1)),
        40002: (16, (1 << 40,)),
        34377: (7, b"8BIM\4\4\0\0\0\0\0\2hi"),
        282: (5, (300, 1)),
        283: (5, (300, 1)),
    }
    bits, photometric, count = {"gray": ((8,), 1, 4), "RGB": ((8,) * 3, 2, 12), "RGB, 16 bits": ((16,) * 3, 2, 24)}[
        kind
    ]
    children = {34665: {33434: (5, (1, 60)), 37500: (7, b"notes" * 3)}}
    data = tiff(bytes(range(count)), tags, bits=bits, photometric=photometric, order=order, big=True, children=children)
    found = image.read(data, "photo")
    assert found.left_out == ("TIFF tag 40002",)
    np.testing.assert_array_equal(image.to_array(found), tiff_samples(data))
    written = image.write(found, ".tif")
    assert written.left_out == ()
    back = tiff_tags(written.data)
    assert back[270].value == "a description, rather long"
    assert (back[40001].type, back[40001].value) == (4, (1, 2, (1 << 32) - 1))
    assert back[34377].value == tiff_tags(data)[34377].value
    assert back[34665].value["MakerNote"] == b"notes" * 3


@pytest.mark.parametrize("type_", [1, 2, 7])
def test_photoshop_data_of_any_type_of_bytes_is_kept(type_):
    body = b"8BIM\4\4\0\0\0\0\0\2hi"
    for bits, photometric in (((8,) * 3, 2), ((16,) * 3, 2), ((16,), 1)):
        data = tiff(bytes(24), {34377: (type_, body)}, bits=bits, photometric=photometric)
        found = image.read(data, "photo")
        assert found.metadata.get(ItemType.PHOTOSHOP) == body
        written = image.write(found, ".tif")
        assert written.left_out == ()
        assert image.read(written.data, "photo").metadata.get(ItemType.PHOTOSHOP) == body


# Images that Pillow opened


@pytest.mark.parametrize("order", ORDERS)
def test_a_pillow_image_of_a_tiff_file_has_the_metadata_of_the_file(order, tmp_path):
    tags = {
        270: (2, "Füße 写真\0".encode()),
        297: (3, (0, 1)),
        40001: (2, b"a\0b\0"),
        282: (5, (7, 3)),
        283: (5, (7, 3)),
    }
    data = tiff(
        bytes(range(12)), tags, bits=(8,) * 3, photometric=2, order=order, children={34665: {33434: (5, (1, 3))}}
    )
    expected = image.read(data, "photo").metadata
    (tmp_path / "a.tif").write_bytes(data)
    nelloc.register()  # or else the bytes cannot be reached once the image is loaded
    for name in (io.BytesIO(data), tmp_path / "a.tif"):
        assert image.from_image(Image.open(name)).metadata == expected
        opened = Image.open(name)
        opened.load()
        assert image.from_image(opened).metadata == expected


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("big", [False, True])
def test_the_preview_of_a_raw_photograph_is_not_taken_for_it(order, big):
    inner = {330: {254: (4, (0,)), 256: (3, (600,)), 257: (3, (400,))}}
    raw = tiff(bytes(4), {254: (4, (1,))}, order=order, big=big, children=inner)
    with pytest.raises(nelloc.NellocError, match="begins with a preview of another image"):
        image.read(raw, "photo")
    pyramid = tiff(bytes(4), {254: (4, (0,))}, order=order, big=big, children=inner)
    assert image.read(pyramid, "photo").left_out == ("TIFF tag 330 (SubIFDs)",)
    alone = tiff(bytes(4), {254: (4, (1,))}, order=order, big=big)
    assert image.read(alone, "photo").left_out == ()
