"""What a file holds beside its samples is kept, or named."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from nelloc import image
from nelloc.image.formats.png import pack_chunk
from nelloc.image.formats.tiff import structure
from nelloc.image.metadata import ItemType, Resolution

RGB = np.random.default_rng(7).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def saved(file_format: str, picture: np.ndarray = RGB, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, file_format, **options)
    return out.getvalue()


def comments(pixels: image.Pixels) -> list[bytes]:
    return [item.data for item in pixels.metadata.items if item.type == ItemType.COMMENT]


# JPEG


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(*added: bytes, **options) -> bytes:
    """A JPEG file with more segments after the first two bytes."""
    data = saved("JPEG", **options)
    return data[:2] + b"".join(added) + data[2:]


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
@pytest.mark.parametrize(
    ("added", "names"),
    [
        (segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40 + b"<x/>"), ("extended XMP",)),
        (segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<y/>"), ("APP1 segment (http://ns.adobe.com/xap/1.0/)",)),
        (segment(0xE1, b"FLIR\0\1"), ("APP1 segment (FLIR)",)),
        (segment(0xE2, b"MPF\0II*\0"), ("APP2 segment (MPF)",)),
        (segment(0xE2, b"ICC_PROFILE\0\1\2half"), ("APP2 segment (ICC_PROFILE)",)),
        (segment(0xE5, b"\0\1"), ("APP5 segment",)),
        (segment(0xEB, b"JP\0\1") * 2, ("APP11 segment (JP)",)),
        (segment(0xEC, b"Ducky\0"), ("APP12 segment (Ducky)",)),
        (segment(0xED, b"Adobe_CM\0"), ("APP13 segment (Adobe_CM)",)),
        (segment(0xE0, b"JFXX\0\x10") + segment(0xE0, b"AVI1"), ("JFIF thumbnail", "APP0 segment (AVI1)")),
        (segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\1abc"), ("JFIF thumbnail",)),
        (segment(0xEE, b"Adobe\0d\0\0\0\0\1"), ()),
        (segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), ()),
    ],
)
def test_what_is_not_kept_of_a_jpeg_is_named(added, names):
    pixels = image.read(jpeg(added, xmp=b"<x/>"), "photo")
    assert pixels.left_out == names
    assert pixels.metadata.get(ItemType.XMP) == b"<x/>"


def test_everything_of_a_jpeg_that_there_are_items_for_is_kept():
    exif = Image.Exif()
    exif[271] = "a camera"
    profile = bytes(range(256)) * 300
    photoshop = b"8BIM\4\4\0\0\0\0\0\2hi"
    added = [segment(0xFE, b"one"), segment(0xED, b"Photoshop 3.0\0" + photoshop), segment(0xFE, b"two")]
    data = jpeg(*added, exif=exif, icc_profile=profile, xmp=b"<x/>", comment=b"three", dpi=(300, 300))
    pixels = image.read(data, "photo")
    assert pixels.left_out == ()
    assert comments(pixels) == [b"one", b"two", b"three"]
    assert pixels.metadata.get(ItemType.PHOTOSHOP) == photoshop
    assert pixels.metadata.get(ItemType.ICC) == profile
    assert image.from_image(Image.open(io.BytesIO(data))).metadata == pixels.metadata


def test_segments_between_the_scans_of_a_jpeg_are_seen():
    data = saved("JPEG", progressive=True)
    place = data.rindex(b"\xff\xda")
    data = data[:place] + segment(0xFE, b"late") + segment(0xE7, b"\0") + data[place:]
    assert image.read(data, "photo").left_out == ("comment", "APP7 segment")


# Other formats


def test_the_comments_profile_and_xmp_of_a_gif_are_kept():
    data = saved("GIF", RGB[:, :, 0])
    place = 13 + (3 << ((data[10] & 7) + 1))
    long = bytes(range(1, 251)) * 2
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    added = b"!\xfe\3one\0!\xfe\3two\3 2 \0"
    added += b"!\xff\x0bICCRGBG1012" + b"\xfa" + long[:250] + b"\xfa" + long[250:] + b"\0"
    added += b"!\xff\x0bXMP DataXMP<x/>" + trailer
    added += b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0!\xf9\4\0\0\0\0\0"
    pixels = image.read(data[:12] + b"\x31" + data[13:place] + added + data[place:-1] + b"!\xfe\4late\0;", "photo")
    np.testing.assert_array_equal(image.to_array(pixels), np.asarray(Image.open(io.BytesIO(data))))
    assert comments(pixels) == [b"one", b"two 2 ", b"late"]
    assert pixels.metadata.get(ItemType.ICC) == long
    assert pixels.metadata.get(ItemType.XMP) == b"<x/>"
    assert pixels.left_out == ()
    other = b"!\xff\x0bMGK8BIM0000\3abc\0!\x01\x0c" + bytes(12) + b"\3abc\0"
    pixels = image.read(data[:12] + b"\x11" + data[13:place] + other + data[place:], "photo")
    assert pixels.left_out == ("extension of MGK8BIM0000", "plain text")
    assert pixels.metadata.resolution == Resolution((64, 1), (32, 1), "")


def test_the_unknown_chunks_of_a_webp_are_named():
    data = saved("WEBP", lossless=True, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0", xmp=b"<x/>", icc_profile=b"profile")
    assert image.read(data, "photo").left_out == ()
    data += b"PRVT\3\0\0\0abc\0" + b"XMP \4\0\0\0<y/>"
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    assert image.read(data, "photo").left_out == ("WebP chunk PRVT", "WebP chunk XMP")


def test_chunks_of_a_png_that_are_no_metadata_are_named():
    from conformance.pictures import picture, png

    chunks = [(b"PLTE", bytes(12)), (b"prVt", b"kept"), (b"PrVT", b"critical")]
    frame = struct.pack(">IIIIIHHBB", 0, 29, 23, 0, 0, 1, 1, 0, 0)
    chunks += [(b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", frame)]
    data = png(picture(3, 8), 2, 8, chunks)
    more = pack_chunk(b"fdAT", struct.pack(">I", 1) + b"frame")
    pixels = image.read(data[:-12] + more + data[-12:], "photo")
    assert pixels.left_out == ("PNG chunk PLTE", "PNG chunk PrVT", "PNG chunk fdAT")
    assert pixels.metadata.names == ("PNG chunk prVt",)


def tiff(*tags: tuple) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    out = io.BytesIO()
    tifffile.imwrite(out, RGB, photometric="rgb", metadata=None, software=False, extratags=tags)
    return out.getvalue()


def test_tags_of_a_tiff_that_cannot_be_kept_are_named():
    text = (270, 2, 0, "Füße ☃".encode(), True)
    pixels = image.read(tiff(text, (40001, 1, 3, b"\1\2\3", True), (40002, 5, 1, (0, 0), True)), "photo")
    assert pixels.left_out == ()
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + pixels.metadata.get(ItemType.EXIF))
    assert exif[270].encode("latin-1").decode() == "Füße ☃"
    data = tiff((40013, 2, 0, "é".encode("latin-1"), True), (340, 4, 1, 8, True))
    pixels = image.read(data.replace(struct.pack("<HH", 340, 4), struct.pack("<HH", 330, 4)), "photo")
    assert pixels.left_out == ("TIFF tag 330 (SubIFDs)",)
    exif.load(b"Exif\0\0" + pixels.metadata.get(ItemType.EXIF))
    assert exif[40013] == "é"
    assert structure.read(pixels.metadata.get(ItemType.EXIF))[1].entries[40013].data.rstrip(b"\0") == b"\xe9"
    # Pillow skips a tag of a type that it does not know.
    odd = tiff((40001, 1, 3, b"\1\2\3", True)).replace(struct.pack("<HH", 40001, 1), struct.pack("<HH", 40001, 99))
    assert image.read(odd, "photo").left_out == ("TIFF tag 40001",)


def bmp(space: bytes, *, profile: bytes = b"", calibration: bytes = bytes(48)) -> bytes:
    """A BMP file with a header of version 5."""
    data = saved("BMP")
    header = (
        data[14:54]
        + bytes(16)
        + space[::-1]
        + calibration
        + struct.pack("<IIII", 4, 124 + len(data) - 54, len(profile), 0)
    )
    header = struct.pack("<I", 124) + header[4:]
    return data[:10] + struct.pack("<I", 138) + header + data[54:] + profile


def test_the_profile_of_a_bmp_is_kept():
    assert image.read(bmp(b"MBED", profile=b"profile"), "photo").metadata.get(ItemType.ICC) == b"profile"
    assert image.read(bmp(b"sRGB"), "photo").left_out == ()
    assert image.read(bmp(b"LINK", profile=b"c:\\x"), "photo").left_out == ("ICC profile",)
    assert image.read(bmp(bytes(4), calibration=b"\1" * 48), "photo").left_out == ("calibrated colours",)
    np.testing.assert_array_equal(image.to_array(image.read(bmp(b"MBED", profile=b"profile"), "photo")), RGB)


def test_the_unused_byte_of_a_32_bit_bmp_is_named_where_it_differs():
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 0, 0, 54, 40, 2, 1, 1, 32, 0, 0, 0, 0, 0, 0)
    for fourth, names in ((b"\0\0", ()), (b"\xff\xff", ()), (b"\0\xff", ("the unused byte of each pixel",))):
        pixels = image.read(head + b"abc" + fourth[:1] + b"def" + fourth[1:], "photo")
        assert pixels.left_out == names
        assert image.to_array(pixels).tobytes() == b"cbafed"
    masks = struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)
    head = head[:10] + struct.pack("<I", 66) + head[14:30] + struct.pack("<I", 3) + head[34:] + masks
    assert image.read(head + b"\1abc\2def", "photo").left_out == ("the unused byte of each pixel",)
    assert image.read(head + b"\0abc\0def", "photo").left_out == ()
    # Pillow writes alpha there, and does not say so.
    rgba = image.read(saved("BMP", np.dstack([RGB, RGB[:, :, :1]])), "photo")
    assert (rgba.kind.name, rgba.left_out) == ("RGB", ("the unused byte of each pixel",))


def test_long_texts_and_profiles_of_a_png_are_kept():
    import zlib

    data, text = saved("PNG"), bytes(range(32, 127)) * 40_000
    chunks = [(b"zTXt", b"Title\0\0" + zlib.compress(text)), (b"iTXt", b"T\0\1\0\0\0" + zlib.compress(text))]
    chunks += [(b"iCCP", b"p\0\0" + zlib.compress(text)), (b"tEXt", b"short\0text")]
    for some in (chunks, chunks[:1], chunks[2:]):
        pixels = image.read(data[:33] + b"".join(pack_chunk(*chunk) for chunk in some) + data[33:], "photo")
        np.testing.assert_array_equal(image.to_array(pixels), RGB)
        assert len(pixels.metadata.items) == len(some)
        assert all(len(found.text) == len(text) for found in pixels.metadata.texts if found.keyword != "short")
    assert image.read(data[:33] + pack_chunk(*chunks[2]) + data[33:], "photo").metadata.get(ItemType.ICC) == text
    damaged = bytearray(pack_chunk(*chunks[0]))
    damaged[-1] ^= 1
    pixels = image.read(data[:33] + bytes(damaged) + data[33:], "photo")
    assert (pixels.metadata.items, pixels.left_out) == ((), ("PNG chunk zTXt, whose checksum is wrong",))


def test_the_comments_of_a_ppm_are_kept():
    assert comments(image.read(b"P6\n# one\n1 1 #two\n255\n#\nb", "photo")) == [b" one", b"two"]
    assert comments(image.read(b"P2 1 # one\n1 255\n9 # two\n", "photo")) == [b" one", b" two"]
    assert comments(image.read(b"P4\n#one\n1 1\n#", "photo")) == [b"one"]


# After the image

FORMATS = {
    "JPEG": saved("JPEG"),
    "PNG": saved("PNG"),
    "GIF": saved("GIF", RGB[:, :, 0]),
    "WEBP": saved("WEBP", lossless=True),
    "BMP": saved("BMP"),
    "BMP, one bit": saved("BMP", RGB[:, :, 0] > 99),
    "BMP with a profile": bmp(b"MBED", profile=b"profile"),
    "QOI": saved("QOI"),
    "PPM": saved("PPM"),
    "PBM": saved("PPM", RGB[:, :, 0] > 99),
    "PGM, 16 bits": b"P5\n2 1 65535\nabcd",
}


@pytest.mark.parametrize("name", FORMATS)
def test_data_after_the_image_is_named(name):
    data = FORMATS[name]
    pixels = image.read(data, "photo")
    assert pixels.left_out == ()
    for more in (b"\0\0\0ftypmp42", b"\nP5 1 1 255\na", saved("PNG")):
        found = image.read(data + more, "photo")
        assert found.left_out == ("data after the image",)
        assert found.same_as(pixels)
    for padding in (b"\0", b"\r\n", bytes(999)):
        assert image.read(data + padding, "photo").left_out == ()


def test_numbers_after_a_plain_image_are_named():
    for data, more in ((b"P1 2 2\n10\n01", b"\n1"), (b"P2 2 1 255\n9 9", b" 9"), (b"P3 1 1 255 1 2 3", b"\n4")):
        assert image.read(data + b"\n \n", "photo").left_out == ()
        assert image.read(data + more, "photo").left_out == ("data after the image",)


def test_chunks_after_the_end_of_a_png_are_not_taken_for_its_own():
    pixels = image.read(saved("PNG") + pack_chunk(b"tEXt", b"Title\0late"), "photo")
    assert not pixels.metadata
    assert pixels.left_out == ("data after the image",)
