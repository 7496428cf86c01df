"""End of an .nlc file in a stream, as far as the file's beginning tells it (docs/FORMAT.md, section 1)."""

from __future__ import annotations

from functools import partial

from nelloc.codec.format import JOINED_KINDS, LAYOUT_PLACE, MODEL_ID_BYTES, SIGNATURE, VERSION, Layout, SectionType
from nelloc.codec.tiling import MAX_TILE, MIN_TILE, tile_count
from nelloc.exact.model import MAX_FILE_BYTES
from nelloc.image.kinds import Kind
from nelloc.image.limits import MAX_PIXELS
from nelloc.storage import Extent
from nelloc.varint import Cursor, EndError, MalformedError

_HEAD_BYTES = len(SIGNATURE) + 2
_TILED, _SMALL = (16 * VERSION + layout for layout in (Layout.TILED, Layout.SMALL))
# Files of the small layout do not tell their end: twice the samples of 256 x 256 pixels.
_MOST_OF_SMALL = 1 << 20
_PIXEL_BYTES = 8  # at most
_HEADER_CRC_BYTES, _CRC_BYTES = 2, 4


def extent(max_pixels: int = MAX_PIXELS) -> Extent:
    """Extent of a stream of an .nlc file: pixels as they are, a model, and no further than the file goes."""
    return Extent(_PIXEL_BYTES * max_pixels + MAX_FILE_BYTES, partial(wanted, max_pixels=max_pixels))


def wanted(data: bytes, max_pixels: int = MAX_PIXELS) -> int:
    """Count the bytes that are wanted, at least, of a file that begins with ``data``.

    Once it is known how many the file has it is one more, so that bytes after its end are seen; and no more than there
    are if it will be refused.
    """
    if len(data) < _HEAD_BYTES:
        return _HEAD_BYTES
    if not data.startswith(SIGNATURE) or data[LAYOUT_PLACE] not in (_TILED, _SMALL):
        return 0
    if data[LAYOUT_PLACE] == _SMALL:
        return _MOST_OF_SMALL
    reader, missing = Cursor(data), 1
    try:
        reader.take(_HEAD_BYTES + MODEL_ID_BYTES)
        width, height, tile, count = (reader.varint() for _ in range(4))
        length, jpeg = 0, None  # of the sections, and where the one of a JPEG file is
        for place in range(count):
            missing = 2 * (count - place)
            type_, own = reader.byte(), reader.varint()
            if type_ == SectionType.JPEG and jpeg is None:
                jpeg = length, length + own
            length += own + _CRC_BYTES
        start = reader.position + _HEADER_CRC_BYTES
        groups = _groups_of(data[LAYOUT_PLACE + 1])
        if not groups or not 0 < width * height <= max_pixels or not MIN_TILE <= tile <= MAX_TILE:
            return start
        records = tile_count(height, width, tile) * groups if jpeg is None else 0
        index = start + length
        if index >= len(data):
            return index + 2 * records + 1
        if jpeg is not None:
            records = _number_at_start(data[start + jpeg[0] : start + jpeg[1]])
        reader.take(index - reader.position)
        end = _CRC_BYTES + 1
        for place in range(records):
            missing = 2 * (records - place)
            reader.byte()
            end += reader.varint() + _CRC_BYTES
        return reader.position + end
    except EndError:
        return len(data) + missing
    except MalformedError:
        return 0


def _groups_of(kind: int) -> int:
    """Number of groups of planes of the kind of this number; 0 if it is not known."""
    if kind in JOINED_KINDS.values():
        return 1
    return len(Kind(kind).groups) if kind in set(Kind) else 0


def _number_at_start(data: bytes) -> int:
    """Read the number at the start of a section, 0 if it is malformed."""
    try:
        return Cursor(data).varint()
    except MalformedError:
        return 0
