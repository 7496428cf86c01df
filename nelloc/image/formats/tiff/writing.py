"""Writing TIFF files: deflated strips of samples, and every metadata tag with its original bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nelloc.image.formats.tiff import structure
from nelloc.image.formats.tiff.metadata import BYTES, COLOUR_MAP, is_storage, resolution_entries
from nelloc.image.formats.tiff.structure import LONG, SHORT, Directory, Entry, MalformedTiffError
from nelloc.image.kinds import Kind
from nelloc.image.metadata import ItemType, Metadata
from nelloc.image.pixels import Pixels, to_array

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _OFFSETS = 256, 257, 258, 259, 262, 273
_CHANNELS, _ROWS, _COUNTS, _PLANAR, _PREDICTOR, _EXTRA = 277, 278, 279, 284, 317, 338
_DEFLATE, _DIFFERENCES, _INTERLEAVED, _ALPHA = 8, 2, 1, 2
_BLACK_IS_ZERO, _RGB, _PALETTE = 1, 2, 3
_STRIP_BYTES = 1 << 20
_LEVEL = 6


def write(pixels: Pixels) -> bytes:
    """Serialise a TIFF file. Raises MalformedTiffError above 4 GB.

    Unreadable EXIF is left out. The file starts with the bytes of the EXIF item and has its byte order, so that offsets
    inside maker notes stay valid.
    """
    out, order, kept = _start(pixels.metadata.get(ItemType.EXIF))
    entries = {tag: entry for tag, entry in kept.items() if not is_storage((tag,))}
    entries |= _entries_of(pixels.metadata, order)
    array = to_array(pixels)
    depth = depth_of(pixels)
    places, sizes, rows = [], [], _rows_in_a_strip(array, depth)
    for strip in _strips(array, depth, rows, order, differences=pixels.kind is not Kind.PALETTE):
        places.append(len(out))
        sizes.append(len(strip))
        out += strip + bytes(len(strip) % 2)
    if len(out) >= 1 << 32:
        raise MalformedTiffError("it is larger than 4 GB")
    entries |= _layout(pixels, array, depth, order)
    entries |= {
        _OFFSETS: structure.numbers(LONG, tuple(places), order),
        _COUNTS: structure.numbers(LONG, tuple(sizes), order),
        _ROWS: structure.numbers(LONG, (rows,), order),
    }
    place = structure.append(out, Directory(entries), order)
    out[4:8] = structure.numbers(LONG, (place,), order).data
    return bytes(out)


def depth_of(pixels: Pixels) -> int:
    """Bits of a sample in the file: those that the metadata names, if all samples fit."""
    bits = 1 if pixels.kind is Kind.BILEVEL else 16 if pixels.kind.deep else 8
    depth = pixels.metadata.depth
    if depth is None or not pixels.kind.deep or depth > bits:
        return bits
    return depth if all(int(group.max()) < 1 << depth for group in pixels.groups) else bits


def _start(exif: bytes | None) -> tuple[bytearray, str, dict[int, Entry]]:
    """First bytes of a file, its byte order, and the entries of its EXIF."""
    empty = bytearray(b"II*\0" + bytes(4))
    if not exif:
        return empty, "<", {}
    try:
        head, first = structure.read(exif)
    except MalformedTiffError:
        return empty, "<", {}
    order = head.order
    if head.big:
        return empty, "<", {}
    whole = not any(structure.unreadable(first))
    out = bytearray(exif) if whole else bytearray(exif[:4] + bytes(4))
    out += bytes(len(out) % 2)
    entries = dict(first.entries)
    for tag, child in first.children.items():
        place = child.place if whole else structure.append(out, child, order)
        entries[tag] = structure.numbers(LONG, (place,), order)
    return out, order, entries


def _entries_of(metadata: Metadata, order: str) -> dict[int, Entry]:
    """Entries of items that have their own TIFF tags."""
    found = {}
    for tag, (type_, as_type) in BYTES.items():
        data = metadata.get(type_)
        if data is not None:
            found[tag] = Entry(as_type, len(data), data)
    resolution = metadata.resolution
    return found if resolution is None else found | resolution_entries(resolution, order)


def _layout(pixels: Pixels, array: NDArray, depth: int, order: str) -> dict[int, Entry]:
    """Entries that describe the samples."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    photometric = _PALETTE if pixels.kind is Kind.PALETTE else _RGB if channels > 2 else _BLACK_IS_ZERO
    found = {
        _WIDTH: (LONG, (pixels.width,)),
        _HEIGHT: (LONG, (pixels.height,)),
        _BITS: (SHORT, (depth,) * channels),
        _COMPRESSION: (SHORT, (_DEFLATE,)),
        _PHOTOMETRIC: (SHORT, (photometric,)),
        _CHANNELS: (SHORT, (channels,)),
        _PLANAR: (SHORT, (_INTERLEAVED,)),
    }
    if pixels.palette is not None:
        size = len(pixels.palette.mode)
        colours = np.frombuffer(pixels.palette.colours, np.uint8).reshape(-1, size)[:, :3]
        table = np.zeros((256, 3), np.uint16)
        table[: len(colours)] = colours
        found[COLOUR_MAP] = (SHORT, tuple((table.T * np.uint16(257)).ravel().tolist()))
    elif depth in (8, 16):
        found[_PREDICTOR] = (SHORT, (_DIFFERENCES,))
    if channels in (2, 4):
        found[_EXTRA] = (SHORT, (_ALPHA,))
    return {tag: structure.numbers(type_, values, order) for tag, (type_, values) in found.items()}


def _rows_in_a_strip(array: NDArray, depth: int) -> int:
    stride = (array[0].size * depth + 7) // 8
    return max(1, min(array.shape[0], _STRIP_BYTES // stride))


def _strips(array: NDArray, depth: int, rows: int, order: str, *, differences: bool) -> Iterator[bytes]:
    for top in range(0, array.shape[0], rows):
        part = array[top : top + rows]
        if depth not in (8, 16):
            yield zlib.compress(_packed(part, depth), _LEVEL)
            continue
        if differences:
            coded = part.copy()
            coded[:, 1:] -= part[:, :-1]
            part = coded
        yield zlib.compress(part.astype(f"{order}u{depth // 8}").tobytes(), _LEVEL)


def _packed(part: NDArray, depth: int) -> bytes:
    """Pack samples of fewer than 8 bits, the first in the highest bits; each row starts at a byte."""
    wide = part.astype(">u2").reshape(part.shape[0], -1, 1).view(np.uint8)
    bits = np.unpackbits(wide, axis=2)[:, :, 16 - depth :]
    return np.packbits(bits.reshape(part.shape[0], -1), axis=1).tobytes()
