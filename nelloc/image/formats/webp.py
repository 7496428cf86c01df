"""Chunks of a WebP file, and the names of those that the metadata does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from nelloc.image.formats.jpeg import EXIF_HEAD
from nelloc.image.metadata import ItemType, Metadata

_START = 12
_FRAME_HEAD = 16
# Chunks with samples, or with parameters of an animation.
_SAMPLES = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM")
_ITEMS = {b"ICCP": ItemType.ICC, b"EXIF": ItemType.EXIF, b"XMP ": ItemType.XMP}


def chunks(data: bytes, place: int = _START) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk from an offset on, inside frames too, up to the end or the first damage."""
    end = min(end_of(data), len(data)) if place == _START else len(data)
    while place + 8 <= end:
        name, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        body = data[place + 8 : place + 8 + length]
        if name == b"ANMF":
            yield from chunks(body, _FRAME_HEAD)
        else:
            yield name, body
        place += 8 + length + length % 2


def end_of(data: bytes) -> int:
    """End of a WebP file, as its header announces it."""
    length = int.from_bytes(data[4:8], "little")
    return 8 + length + length % 2


def left_out(data: bytes, metadata: Metadata) -> Iterator[str]:
    """Name the chunks with information about the image that ``metadata`` does not hold."""
    for name, body in chunks(data):
        if name in _SAMPLES:
            continue
        kept = [item.data for item in metadata.items if item.type == _ITEMS.get(name)]
        content = body.removeprefix(EXIF_HEAD) if name == b"EXIF" else body
        if name not in _ITEMS or (content and content not in kept):
            yield f"WebP chunk {name.decode('latin-1').rstrip()}"
