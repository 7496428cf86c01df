"""The segments of a JPEG file: names of those that the metadata does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nelloc.image.metadata import ItemType, Metadata

EXIF_HEAD = b"Exif\0\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
_XMP_HEAD, _EXTENDED_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_ICC_HEAD, _ICC_NUMBERS = b"ICC_PROFILE\0", 2
# Compressed samples have no markers but those that let a decoder begin anew, and stuffed zeros.
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_WITHOUT_BODY = (0x01, 0xD8, 0xD9)
_EOI, _APP0, _APP1, _APP2, _APP13, _APP14, _COMMENT = 0xD9, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
_APPLICATION = range(0xE0, 0xF0)
# Most begin with a name of their own.
_OWN_NAME = re.compile(rb"[ -~]{2,40}")


class Segment(NamedTuple):
    """A marker's last byte, what follows it, and where that ends in the file."""

    marker: int
    body: bytes
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """The segments of a JPEG file, up to its end or where it is damaged."""
    place = 2
    while found := _MARKER.search(data, place):
        marker, place = found[1][0], found.end()
        body = b""
        if marker not in _WITHOUT_BODY:
            length = max(2, int.from_bytes(data[place : place + 2], "big"))
            body = data[place + 2 : place + length]
            place += length
        yield Segment(marker, body, place)
        if marker == _EOI:
            return


def end_of(data: bytes) -> int | None:
    """Where the image of a JPEG file ends; None if it does not say so."""
    return next((segment.end for segment in segments(data) if segment.marker == _EOI), None)


def left_out(data: bytes, metadata: Metadata) -> Iterator[str]:
    """Names of the segments of a JPEG file that tell of the image what ``metadata`` does not."""
    for marker, body, _ in segments(data):
        name = _name(marker, body)
        if name is not None and not _is_kept(marker, body, metadata):
            yield name


def _name(marker: int, body: bytes) -> str | None:
    """What a segment is, in words; None if it only says how the samples are stored."""
    if marker == _APP0 and body.startswith((b"JFIF\0", b"JFXX\0")):  # its resolution is kept
        return "JFIF thumbnail" if body[:4] == b"JFXX" or 0 not in body[12:14].ljust(2, b"\0") else None
    if marker == _APP14 and body.startswith(b"Adobe"):  # how colours were turned into YCbCr
        return None
    if marker == _APP1 and body.startswith(_EXTENDED_XMP_HEAD):
        return "extended XMP"
    if marker == _COMMENT:
        return "comment"
    if marker not in _APPLICATION:
        return None
    own = _OWN_NAME.match(body)
    return f"APP{marker - _APP0} segment" + ("" if own is None else f" ({own[0].decode()})")


def _is_kept(marker: int, body: bytes, metadata: Metadata) -> bool:
    """True if an item has the content of a segment: all of it, or part of what was joined of several."""
    for own, head, type_ in (
        (_APP1, EXIF_HEAD, ItemType.EXIF),
        (_APP1, _XMP_HEAD, ItemType.XMP),
        (_APP2, _ICC_HEAD, ItemType.ICC),
        (_APP13, PHOTOSHOP_HEAD, ItemType.PHOTOSHOP),
        (_COMMENT, b"", ItemType.COMMENT),
    ):
        if marker == own and body.startswith(head):
            content = body[len(head) + _ICC_NUMBERS * (type_ == ItemType.ICC) :]
            items = [item.data for item in metadata.items if item.type == type_]
            if type_ in (ItemType.XMP, ItemType.COMMENT):
                return not content or content in items
            return any(content in item for item in items) or not content
    return False
