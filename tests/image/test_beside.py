"""What a file holds beside its samples is kept, or named."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from nelloc import image
from nelloc.image.metadata import ItemType

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
