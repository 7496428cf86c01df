"""Blocks of a GIF file: its metadata, of which Pillow only reads (and joins) comments, and its frame's position."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from nelloc.image.metadata import Item, ItemType, Resolution, resolution_item

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_PLAIN_TEXT, _GRAPHIC_CONTROL, _COMMENT, _APPLICATION = 0x01, 0xF9, 0xFE, 0xFF
_TABLE_FLAG = 0x80
# Name and code of applications: an ICC profile; XMP, which is not a chain of sub-blocks but reads as one; and
# the repeat count of an animation, which does not matter for a single frame.
_ICC, _XMP, _LOOPS = b"ICCRGBG1012", b"XMP DataXMP", (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_XMP_END = b"\1" + bytes(range(255, -1, -1)) + b"\0"
# The aspect ratio of a pixel is (this + 15) / 64; 0 is undefined.
_ASPECT_PLACE, _ASPECT_MORE, _ASPECT_UNIT = 12, 15, 64


class Block(NamedTuple):
    """Extension block: its label, the application's name if it has one, its content, and its length in the file."""

    label: int
    application: bytes
    content: bytes
    raw: bytes


def blocks(data: bytes) -> Iterator[Block]:
    """List the extensions of a GIF file, up to its end or the first damage."""
    for kind, place, end in _parts(data):
        if kind == _EXTENSION:
            label, start, application = data[place + 1], place + 2, b""
            if label == _APPLICATION:
                application = data[start + 1 : start + 1 + data[start]]
                start += 1 + len(application)
            yield Block(label, application, _joined(data[start:end]), data[start:end])


def end_of(data: bytes) -> int | None:
    """Find the end of a GIF file; None if it has no trailer."""
    return next((end for kind, _, end in _parts(data) if kind == _TRAILER), None)


def _parts(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield kind, start and end of each part after the header."""
    place = 13 + _table_bytes(data, 10)
    while place < len(data) and (kind := data[place]) in (_IMAGE, _EXTENSION):
        # An image has a chain of sub-blocks after its position, size, colours and code size.
        chain = place + 2 if kind == _EXTENSION else place + 11 + _table_bytes(data, place + 9)
        end = _skip(data, chain)
        if end > len(data):
            return
        yield kind, place, end
        place = end
    if data[place : place + 1] == bytes([_TRAILER]):
        yield _TRAILER, place, place + 1


def _table_bytes(data: bytes, place: int) -> int:
    """Size in bytes of the colour table that the flags at an offset announce."""
    flags = data[place] if place < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & _TABLE_FLAG else 0


def _skip(data: bytes, place: int) -> int:
    """Find the end of a chain of sub-blocks."""
    while place < len(data) and data[place]:
        place += 1 + data[place]
    return place + 1


def _joined(chain: bytes) -> bytes:
    """Join the contents of a chain of sub-blocks."""
    out, place = bytearray(), 0
    while place < len(chain) and chain[place]:
        out += chain[place + 1 : place + 1 + chain[place]]
        place += 1 + chain[place]
    return bytes(out)


def metadata(data: bytes) -> tuple[list[Item], list[str]]:
    """Read the metadata items of a GIF file, and name the blocks that have no item."""
    items, left_out = [], list(_frame(data))
    if len(data) > _ASPECT_PLACE and data[_ASPECT_PLACE] not in (0, _ASPECT_UNIT - _ASPECT_MORE):
        tall = data[_ASPECT_PLACE] + _ASPECT_MORE
        items.append(resolution_item(Resolution((_ASPECT_UNIT, 1), (tall, 1), "")))
    for block in blocks(data):
        item = _item(block)
        if item is not None and item.data:
            items.append(item)
        elif item is None and block.label == _APPLICATION and block.application not in _LOOPS:
            left_out.append(f"extension of {block.application.decode('ascii', 'replace')}")
        elif item is None and block.label not in (_APPLICATION, _GRAPHIC_CONTROL):
            left_out.append("plain text" if block.label == _PLAIN_TEXT else f"extension {block.label:02X}")
    return items, left_out


def _frame(data: bytes) -> Iterator[str]:
    """Describe the first frame's position if it does not fill the canvas; Pillow fills the rest."""
    canvas = struct.unpack_from("<HH", data, 6)
    place = next((place for kind, place, _ in _parts(data) if kind == _IMAGE), None)
    if place is None:
        return
    left, top, width, height = struct.unpack_from("<HHHH", data, place + 1)
    if (left, top, width, height) != (0, 0, *canvas):
        yield (
            f"the frame's place, {width} x {height} at {left}, {top} of the canvas of {canvas[0]} x {canvas[1]} "
            "(what is around it is filled)"
        )


def _item(block: Block) -> Item | None:
    if block.label == _COMMENT:
        return Item(ItemType.COMMENT, block.content)
    if block.application == _ICC:
        return Item(ItemType.ICC, block.content)
    if block.application == _XMP and block.raw.endswith(_XMP_END):
        return Item(ItemType.XMP, block.raw.removesuffix(_XMP_END))
    return None
