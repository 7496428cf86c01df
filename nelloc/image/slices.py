"""Large PNG and PPM files, read and written some rows at a time, so that the whole image is never in memory.

Rows are decoded and encoded by the same code as whole files: each slice is a small file of its own. A row of a PNG file
may be predicted from the one above, so such a file starts with the row above.
"""

from __future__ import annotations

import io
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from nelloc.image.formats import netpbm, png
from nelloc.image.kinds import Kind
from nelloc.image.pixels import Pixels, to_array

KINDS = (Kind.GRAY, Kind.LA, Kind.RGB, Kind.RGBA, Kind.GRAY16, Kind.LA16, Kind.RGB16, Kind.RGBA16)
# Smaller images (in pixels) are read and written whole.
LARGE = 1 << 24
# Approximate number of pixels in a slice.
_AT_ONCE = 1 << 21
_COLOUR_TYPES = {0: 1, 2: 3, 4: 2, 6: 4}  # of PNG, and their channels
_HEADER = struct.Struct(">IIBBBBB")
_HEADER_PLACE = len(png.SIGNATURE) + 8


class Layout(ABC):
    """Arrangement of the rows in a file."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Rows and columns of the image."""

    @abstractmethod
    def read(self, data: bytes, heights: Iterable[int], decode: Callable[[bytes], Pixels]) -> Iterator[Pixels]:
        """Yield slices of the given numbers of rows, from top to bottom; ``decode`` reads the bytes of a file."""

    def heights(self) -> Iterator[int]:
        """Numbers of rows for slices of a suitable size."""
        height, width = self.size
        step = _rows_at_once(width)
        return (min(step, height - top) for top in range(0, height, step))


def cut(pixels: Pixels) -> Iterator[Pixels]:
    """Yield an image in slices of a suitable size."""
    step = _rows_at_once(pixels.width)
    return (pixels.rows(top, top + step) for top in range(0, pixels.height, step))


def _rows_at_once(width: int) -> int:
    return max(1, _AT_ONCE // width)


def layout_of(data: bytes) -> Layout | None:
    """Layout of a file; None if it cannot be read in slices."""
    if data.startswith(png.SIGNATURE):
        width, height, depth, colour, *methods = _HEADER.unpack_from(data, _HEADER_PLACE)
        plain = depth in (8, 16) and colour in _COLOUR_TYPES and not any(methods)
        return _PngLayout(width, height, depth, colour) if plain else None
    found = netpbm.unpack(data)
    return None if found is None or found[0].largest not in (255, 65535) else _NetpbmLayout(*found)


@dataclass(frozen=True)
class _NetpbmLayout(Layout):
    """Rows of samples from ``start`` on."""

    head: netpbm.Head
    start: int

    @property
    def size(self) -> tuple[int, int]:
        return self.head.height, self.head.width

    def read(self, data: bytes, heights: Iterable[int], decode: Callable[[bytes], Pixels]) -> Iterator[Pixels]:
        place, stride = self.start, self.head.stride
        for height in heights:
            yield decode(self.head._replace(height=height).pack() + data[place : place + height * stride])
            place += height * stride


@dataclass(frozen=True)
class _PngLayout(Layout):
    """Filtered rows in the deflate stream of the joined IDAT chunks; not interlaced."""

    width: int
    height: int
    depth: int
    colour: int

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    def read(self, data: bytes, heights: Iterable[int], decode: Callable[[bytes], Pixels]) -> Iterator[Pixels]:
        stride = 1 + self.width * _COLOUR_TYPES[self.colour] * self.depth // 8
        stream = png.Samples(data)
        above = b""
        for height in heights:
            rows = above + stream.take(height * stride)
            header = _HEADER.pack(self.width, len(rows) // stride, self.depth, self.colour, 0, 0, 0)
            chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
            pixels = decode(png.pack(chunks))
            pixels = pixels.rows(pixels.height - height, pixels.height)
            yield pixels
            last = to_array(pixels)[-1]
            above = b"\0" + (last.astype(">u2") if self.depth == 16 else last).tobytes()
        stream.finish()


def write_png(slices: Iterable[Pixels], height: int, encode: Callable[[Pixels], bytes]) -> bytes:
    """Serialise an image as PNG from slices, of one of KINDS, of ``height`` rows, with the first one's metadata.

    ``encode`` makes a PNG file of a slice with hardly any compression; the result is deflated here.
    """
    out, deflate = io.BytesIO(), zlib.compressobj()
    above: Pixels | None = None
    for pixels in slices:
        chunks = list(png.chunks(encode(pixels if above is None else _stacked(above, pixels))))
        rows = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
        if above is None:
            width, _, *rest = _HEADER.unpack(chunks[0][1])
            head = [(b"IHDR", _HEADER.pack(width, height, *rest))]
            head += [chunk for chunk in chunks[1:] if chunk[0] not in (b"IDAT", b"IEND")]
            out.write(png.pack(png.with_ancillary(head, png.metadata_chunks(pixels.metadata))))
        else:
            rows = rows[len(rows) // (pixels.height + 1) :]
        packed = deflate.compress(rows)
        if packed:  # zlib buffers much before it returns anything
            out.write(png.pack_chunk(b"IDAT", packed))
        above = pixels.rows(pixels.height - 1, pixels.height)
    out.write(png.pack_chunk(b"IDAT", deflate.flush()) + png.pack_chunk(b"IEND", b""))
    return out.getvalue()


def _stacked(above: Pixels, below: Pixels) -> Pixels:
    """Stack two images vertically."""
    pairs = zip(above.groups, below.groups, strict=True)
    return replace(below, groups=tuple(np.concatenate(pair, axis=1) for pair in pairs))


def write_netpbm(slices: Iterable[Pixels], height: int, encode: Callable[[Pixels], bytes]) -> bytes:
    """Serialise an image of ``height`` rows as PGM or PPM from slices; ``encode`` makes the file of a slice."""
    out = io.BytesIO()
    for pixels in slices:
        data = encode(pixels)
        found = netpbm.unpack(data)
        assert found is not None
        head, start = found
        if not out.tell():
            out.write(head._replace(height=height).pack())
        out.write(memoryview(data)[start:])
    return out.getvalue()
