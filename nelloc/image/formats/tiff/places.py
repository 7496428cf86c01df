"""Places of the strips or tiles of a TIFF file, checked before a decoder takes other bytes for samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nelloc.image.formats import jpeg
from nelloc.image.formats.tiff.layout import OLD_JPEG, RAW, Layout
from nelloc.image.formats.tiff.structure import LONG, Directory, Entry, Head, MalformedTiffError, numbers

# Tags.
_STRIPS, _ROWS_OF_STRIP, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
PLACES = (_STRIPS, _TILES)
_JPEG_IN_STRIPS, _JPEG_TABLES = (7, 34892), 347
SPARSE = "leaves out some of its strips or tiles, as sparse files of GDAL do; write it with all of them first"


def problem_of_places(head: Head, first: Directory, layout: Layout) -> str | None:
    """Reason to refuse a file without samples for some strips or tiles; decoders take its header for them."""
    places = [first.entries[tag].numbers(head.order) for tag in PLACES if tag in first.entries]
    return SPARSE if layout.compression != OLD_JPEG and any(0 in numbers for numbers in places) else None


def check_places(data: bytes, head: Head, entries: dict[int, Entry], layout: Layout) -> None:
    """Raise MalformedTiffError if samples lie outside a file, or are fewer than its tags say.

    ``data`` is the file before anything is appended. If it does not say how long its only strip is, that is entered in
    ``entries``, from there to the file's end.
    """
    tags = _Tags(entries, head.order)
    places = tags.numbers(_TILES if tags.tiled else _STRIPS)
    if not places and layout.compression == OLD_JPEG:  # old JPEG files use other tags
        return
    if not places:
        raise MalformedTiffError("it does not say where its samples are")
    if len(places) == 1 and not tags.tiled and not tags.numbers(_STRIP_BYTES):
        length = max(0, len(data) - places[0])
        if length >= 1 << 32:
            raise MalformedTiffError("it does not say how long its only strip is, and 4 GB or more follow")
        entries[_STRIP_BYTES] = numbers(LONG, (length,), head.order)
    sizes = tags.numbers(_TILE_BYTES if tags.tiled else _STRIP_BYTES)
    if len(sizes) != len(places):
        raise MalformedTiffError("it does not say how long its samples are")
    if layout.compression == RAW:
        sizes = _raw_tiles(tags, sizes, layout) if tags.tiled else _raw_strips(tags, len(places), layout)
    if any(place + size > len(data) for place, size in zip(places, sizes, strict=True)):
        raise MalformedTiffError("its samples are cut off")
    if layout.compression in _JPEG_IN_STRIPS:
        _check_jpeg_tables((data[place : place + size] for place, size in zip(places, sizes, strict=True)), entries)


@dataclass(frozen=True)
class _Tags:
    """Entries that describe strips or tiles, in a file of byte order ``order``."""

    entries: dict[int, Entry]
    order: str

    @property
    def tiled(self) -> bool:
        return _TILES in self.entries

    def numbers(self, tag: int) -> tuple[int, ...]:
        return self.entries[tag].numbers(self.order) if tag in self.entries else ()

    def number(self, tag: int, default: int) -> int:
        return (*self.numbers(tag), default)[0]


def _raw_tiles(tags: _Tags, announced: tuple[int, ...], layout: Layout) -> tuple[int, ...]:
    """Bytes of tiles without compression, whole ones at the edges too. The file may give lengths of 0, but no less."""
    width, height = tags.number(_TILE_WIDTH, 0), tags.number(_TILE_HEIGHT, 0)
    if min(width, height) < 1:
        raise MalformedTiffError("its tiles have no pixels")
    whole = height * _row_bytes(width, layout)
    if any(0 < size < whole for size in announced):
        raise MalformedTiffError("its samples are cut off")
    return (whole,) * len(announced)


def _raw_strips(tags: _Tags, count: int, layout: Layout) -> tuple[int, ...]:
    """Bytes of a number of strips without compression; the last of the image, or of each channel, may be shorter."""
    rows = min(tags.number(_ROWS_OF_STRIP, layout.height), layout.height)
    if rows < 1:
        raise MalformedTiffError("its strips have no rows")
    strips = -(-layout.height // rows)
    last = layout.height - rows * (strips - 1)
    if count < strips * (layout.channels if layout.separate else 1):
        raise MalformedTiffError("strips are missing")
    stride = _row_bytes(layout.width, layout)
    return tuple(stride * (last if number % strips == strips - 1 else rows) for number in range(count))


def _row_bytes(width: int, layout: Layout) -> int:
    """Bytes of a row of a strip or tile: rows begin at whole bytes."""
    return (width * layout.depth * (1 if layout.separate else layout.channels) + 7) // 8


def _check_jpeg_tables(strips: Iterator[bytes], entries: dict[int, Entry]) -> None:
    """Raise MalformedTiffError if a strip that is a JPEG has no Huffman tables, nor the file for all of them."""
    shared = entries[_JPEG_TABLES].data[:-2] if _JPEG_TABLES in entries else jpeg.START
    for strip in strips:
        frame = jpeg.frame(strip)
        if frame is not None and frame.exact and not jpeg.has_tables(shared + strip[2:]):
            raise MalformedTiffError("its Huffman tables are missing")
