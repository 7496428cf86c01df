"""The chunks of a WebP file: names of those that the metadata does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from nelloc.image.formats.jpeg import EXIF_HEAD
from nelloc.image.metadata import ItemType, Metadata

_START = 12
_FRAME_HEAD = 16
# Chunks that hold samples, or say how an animation of them is shown.
_SAMPLES = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM")
_ITEMS = {b"ICCP": ItemType.ICC, b"EXIF": ItemType.EXIF, b"XMP ": ItemType.XMP}


def chunks(data: bytes, place: int = _START) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk from a place on, those of frames too, up to where the file ends or is damaged."""
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
    """Where a WebP file says that it ends."""
    length = int.from_bytes(data[4:8], "little")
    return 8 + length + length % 2


def left_out(data: bytes, metadata: Metadata) -> Iterator[str]:
    """Names of the chunks of a WebP file that tell of the image what ``metadata`` does not."""
    for name, body in chunks(data):
        if name in _SAMPLES:
            continue
        kept = [item.data for item in metadata.items if item.type == _ITEMS.get(name)]
        content = body.removeprefix(EXIF_HEAD) if name == b"EXIF" else body
        if name not in _ITEMS or (content and content not in kept):
            yield f"WebP chunk {name.decode('latin-1').rstrip()}"
