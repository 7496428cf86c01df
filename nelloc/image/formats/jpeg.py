"""Segments of a JPEG file: its frame, its metadata, and the names of segments that are not kept."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from nelloc.image.metadata import Item, ItemType, Metadata, Resolution, resolution_item

EXIF_HEAD = b"Exif\0\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
_XMP_HEAD, _EXTENDED_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_ICC_HEAD, _ICC_NUMBERS = b"ICC_PROFILE\0", 2
_INDEX_HEAD = b"MPF\0"
# The markers that every file begins and ends with.
START, END = b"\xff\xd8", b"\xff\xd9"
# Compressed samples contain no markers except restart markers, and stuffed zeros.
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_WITHOUT_BODY = (0x01, 0xD8, 0xD9)
_EOI, _APP0, _APP1, _APP2, _APP13, _APP14, _COMMENT = 0xD9, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
_APPLICATION = range(0xE0, 0xF0)
# The header of JPEG-LS files, and the offsets of its colour space and resolution.
_APP8, _SPIFF, _SPIFF_END = 0xE8, b"SPIFF\0", b"\0\0\0\1\xff\xd8"
_SPIFF_COLOURS, _SPIFF_RESOLUTION = 18, 21
_PLAIN_COLOURS = (b"\2", b"\x08", b"\x0a")
_SOS, _DHT, _LOSSLESS, _JPEG_LS = 0xDA, 0xC4, 0xC3, 0xF7
# In a segment of Huffman tables, the end of a table's number and its counts of codes of each length.
_COUNTS_END = 17
# Markers of frames, and the coding that each stands for.
_CODINGS = {
    0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive", 0xC3: "lossless", 0xC5: "hierarchical",
    0xC6: "hierarchical", 0xC7: "hierarchical", 0xC9: "arithmetic", 0xCA: "arithmetic progressive",
    0xCB: "arithmetic lossless", 0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical", 0xF7: "JPEG-LS",
}  # fmt: skip
_OF_PILLOW = (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA)
_UNITS = {0: "", 1: "inch", 2: "cm"}
# Most segments start with an identifier.
_OWN_NAME = re.compile(rb"[ -~]{2,40}")


class Segment(NamedTuple):
    """Last byte of a marker, the content after it, and where that ends in the file."""

    marker: int
    body: bytes
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """List the segments of a JPEG file, up to its end or the first damage."""
    place, coded_otherwise = 2, False
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
        coded_otherwise = coded_otherwise or marker == _JPEG_LS
        if marker == _SOS and coded_otherwise:  # its samples may contain bytes that look like markers
            last = data.rfind(bytes([0xFF, _EOI]), place)
            if last >= 0:
                yield Segment(_EOI, b"", last + 2)
            return


class Frame(NamedTuple):
    """Frame header of a JPEG file: the coding, its marker, and bits, height, width and channels."""

    marker: int
    bits: int
    height: int
    width: int
    channels: int

    @property
    def coding(self) -> str:
        """Name of the coding."""
        return _CODINGS[self.marker]

    @property
    def for_pillow(self) -> bool:
        """True if Pillow reads this coding."""
        return self.marker in _OF_PILLOW and self.bits == 8

    @property
    def exact(self) -> bool:
        """True if the coding is lossless; a JPEG-LS file may be near-lossless all the same."""
        return self.marker in (_LOSSLESS, _JPEG_LS)


def is_jpeg(data: bytes) -> bool:
    """Return True if ``data`` starts with the signature of JPEG."""
    return data.startswith(b"\xff\xd8\xff")


def frame(data: bytes) -> Frame | None:
    """Parse the frame header of a JPEG file; None if there is none."""
    for marker, body, _ in segments(data):
        if marker in _CODINGS and len(body) >= 6:
            return Frame(marker, body[0], int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), body[5])
        if marker == _SOS:
            break
    return None


def has_other_colours(data: bytes) -> bool:
    """Return True if a JPEG-LS file declares samples that are neither gray nor RGB."""
    heads = (body for marker, body, _ in segments(data) if marker == _APP8 and body.startswith(_SPIFF))
    return any(body[_SPIFF_COLOURS : _SPIFF_COLOURS + 1] not in _PLAIN_COLOURS for body in heads)


# Segments with the content of items: the marker, the beginning of the segment, and the item.
_CONTENTS = (
    (_APP1, EXIF_HEAD, ItemType.EXIF),
    (_APP1, _XMP_HEAD, ItemType.XMP),
    (_APP2, _ICC_HEAD, ItemType.ICC),
    (_APP13, PHOTOSHOP_HEAD, ItemType.PHOTOSHOP),
    (_COMMENT, b"", ItemType.COMMENT),
)


def _content(marker: int, body: bytes) -> tuple[ItemType, bytes] | None:
    """The item to which a segment belongs, and its content; None if it belongs to none."""
    for own, head, type_ in _CONTENTS:
        if marker == own and body.startswith(head):
            return type_, body[len(head) + _ICC_NUMBERS * (type_ == ItemType.ICC) :]
    return None


def metadata(data: bytes) -> Metadata:
    """Read the metadata items of a JPEG file; those that Pillow reads have the same content as Pillow's."""
    icc: dict[int, bytes] = {}
    items: list[Item] = []
    photoshop = b""
    for marker, body, _ in segments(data):
        items += _resolution_of(marker, body)
        type_, content = _content(marker, body) or (None, b"")
        if type_ == ItemType.ICC and content:
            icc[body[len(_ICC_HEAD)]] = content
        elif type_ == ItemType.PHOTOSHOP:
            photoshop += content
        elif type_ in (ItemType.EXIF, ItemType.XMP) or (type_ == ItemType.COMMENT and content):
            items.append(Item(type_, content))
    profile = b"".join(icc[number] for number in sorted(icc))
    items = [*([Item(ItemType.ICC, profile)] if profile else []), *items]
    first = {item.type: item for item in reversed(items)}  # the first EXIF and the first XMP are kept, others are named
    single = (ItemType.EXIF, ItemType.XMP)
    items = [item for item in items if item.type not in single or item is first[item.type]]
    return Metadata((*items, *([Item(ItemType.PHOTOSHOP, photoshop)] if photoshop else [])))


def _resolution_of(marker: int, body: bytes) -> list[Item]:
    """Item of the resolution that a header of JFIF or SPIFF has, if it has one."""
    if marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= 12:
        return _resolution(int.from_bytes(body[8:10], "big"), int.from_bytes(body[10:12], "big"), body[7])
    if marker == _APP8 and body.startswith(_SPIFF) and len(body) == _SPIFF_RESOLUTION + 9:
        unit, y, x = struct.unpack_from(">BII", body, _SPIFF_RESOLUTION)
        return _resolution(x, y, unit)
    return []


def _resolution(x: int, y: int, unit: int) -> list[Item]:
    """Item of a resolution, unless it is undefined."""
    name = _UNITS.get(unit, "")
    if not (x and y) or (name, x, y) == ("", 1, 1):
        return []
    return [resolution_item(Resolution((x, 1), (y, 1), name))]


def end_of(data: bytes) -> int | None:
    """Find the end of a JPEG file's image; None if it has no end marker."""
    return next((segment.end for segment in segments(data) if segment.marker == _EOI), None)


def left_out(data: bytes, metadata: Metadata) -> Iterator[str]:
    """Name the segments with information about the image that ``metadata`` does not hold."""
    for marker, body, _ in segments(data):
        name = _name(marker, body)
        if name is not None and not _is_kept(marker, body, metadata):
            yield name


def _name(marker: int, body: bytes) -> str | None:
    """Readable name of a segment; None if it only describes the storage of samples."""
    if marker == _APP0 and body.startswith((b"JFIF\0", b"JFXX\0")):  # its resolution is kept
        return "JFIF thumbnail" if body[:4] == b"JFXX" or 0 not in body[12:14].ljust(2, b"\0") else None
    if marker == _APP8 and body.startswith((_SPIFF, _SPIFF_END)):  # its resolution is kept
        return None
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
    """Return True if an item holds the content of a segment, alone or joined with others."""
    type_, content = _content(marker, body) or (None, b"")
    if type_ is None:
        return False
    items = [item.data for item in metadata.items if item.type == type_]
    if type_ in (ItemType.XMP, ItemType.COMMENT):
        return not content or content in items
    return any(content in item for item in items) or not content


# The luminance table of annex K of the JPEG standard, in the order of a file's tables, which most encoders scale.
_LUMINANCE = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61,
    60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113,
    121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip
_DQT = 0xDB
# Sampling factors of the first of three components where the others have 1 and 1.
_SAMPLINGS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1"}


def quality(data: bytes) -> int | None:
    """The IJG quality, 1 to 100, whose luminance table is nearest to the file's first one; None without a table."""
    for marker, body, _ in segments(data):
        if marker == _DQT and len(body) >= 65 and body[0] >> 4 == 0:
            table = body[1:65]
            return min(range(1, 101), key=lambda one: sum(abs(a - b) for a, b in zip(table, _scaled(one), strict=True)))
    return None


def _scaled(chosen: int) -> list[int]:
    """The luminance table of an IJG quality."""
    percent = 5000 // chosen if chosen < 50 else 200 - 2 * chosen
    return [min(max((step * percent + 50) // 100, 1), 255) for step in _LUMINANCE]


def sampling(data: bytes) -> str | None:
    """Sampling of the colours of a JPEG file, such as 4:2:0; gray of one component, None of no frame."""
    for marker, body, _ in segments(data):
        if marker in _CODINGS and len(body) >= 6:
            factors = [divmod(body[at], 16) for at in range(7, len(body), 3)]
            if len(factors) == 1:
                return "gray"
            if len(factors) == 3 and factors[1:] == [(1, 1), (1, 1)] and factors[0] in _SAMPLINGS:
                return _SAMPLINGS[factors[0]]
            return " ".join(f"{h}x{v}" for h, v in factors)
    return None


# Segments without which the samples are not what they are: JFIF and Adobe say how colours are meant.
_STRUCTURAL = (_APP0, _APP14)


def stripped(data: bytes) -> bytes:
    """A JPEG file without what applications and comments say before its first scan, but for JFIF and Adobe."""
    kept, start = [data[:2]], 2
    for marker, body, end in segments(data):
        if marker in (_SOS, _EOI):
            break
        optional = marker == _COMMENT or marker in _APPLICATION
        if not optional or (marker in _STRUCTURAL and body.startswith((b"JFIF\0", b"Adobe"))):
            kept.append(data[start:end])
        start = end
    return b"".join([*kept, data[start:]])


def alone(data: bytes) -> bytes:
    """A JPEG file without the index of images that follow its own, such as gain maps, which Pillow takes for frames."""
    kept, start = [data[:2]], 2
    for marker, body, end in segments(data):
        if marker in (_SOS, _EOI):
            break
        if not (marker == _APP2 and body.startswith(_INDEX_HEAD)):
            kept.append(data[start:end])
        start = end
    return b"".join([*kept, data[start:]])


def has_tables(data: bytes) -> bool:
    """Tell whether the segments of a file follow each other up to its first scan, whose Huffman tables come before it.

    Decoders of lossless JPEG do not all check that.
    """
    position, tables = 2, set()
    while True:
        start = position
        while data[position : position + 1] == b"\xff":
            position += 1
        if position == start or position + 3 > len(data):
            return False
        marker, length = data[position], int.from_bytes(data[position + 1 : position + 3], "big")
        body = data[position + 3 : position + 1 + length]
        position += 1 + length
        if marker in _WITHOUT_BODY or length < 2 or position > len(data):
            return False
        if marker == _SOS:
            used = body[2 : 1 + 2 * body[0] : 2] if body else b""
            return bool(used) and all(selector >> 4 in tables for selector in used)
        while marker == _DHT and body:
            tables.add(body[0] & 15)
            if len(body) < _COUNTS_END or len(body) < _COUNTS_END + sum(body[1:_COUNTS_END]):
                return False
            body = body[_COUNTS_END + sum(body[1:_COUNTS_END]) :]
