"""Big PNG and PPM files, read and written some rows at a time, so that the whole image is never in memory.

What decodes and encodes the rows is the same as for whole files: each slice goes through it as a small file of its own.
A row of a PNG file may be told as its difference to the one above it, so such a file begins with the row above.
"""

from __future__ import annotations

import io
import itertools
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
# Images of fewer pixels are read and written whole.
LARGE = 1 << 24
# Pixels in a slice, about.
_AT_ONCE = 1 << 21
_COLOUR_TYPES = {0: 1, 2: 3, 4: 2, 6: 4}  # of PNG, and their channels
_HEADER = struct.Struct(">IIBBBBB")
_HEADER_PLACE = len(png.SIGNATURE) + 8


class Layout(ABC):
    """How the rows of a file lie in it."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Rows and columns of the image."""

    @abstractmethod
    def read(self, data: bytes, heights: Iterable[int], decode: Callable[[bytes], Pixels]) -> Iterator[Pixels]:
        """Slices of so many rows each, from top to bottom; ``decode`` makes an image of the bytes of a file."""

    def heights(self) -> Iterator[int]:
        """Numbers of rows that make slices of a good size."""
        height, width = self.size
        step = _rows_at_once(width)
        return (min(step, height - top) for top in range(0, height, step))


def cut(pixels: Pixels) -> Iterator[Pixels]:
    """An image in slices of a good size."""
    step = _rows_at_once(pixels.width)
    return (pixels.rows(top, top + step) for top in range(0, pixels.height, step))


def _rows_at_once(width: int) -> int:
    return max(1, _AT_ONCE // width)


def layout_of(data: bytes) -> Layout | None:
    """The layout of a file's bytes, or None if it is not one that can be read in slices."""
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
    """Filtered rows in the deflate stream that the IDAT chunks are together; not interlaced."""

    width: int
    height: int
    depth: int
    colour: int

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    def read(self, data: bytes, heights: Iterable[int], decode: Callable[[bytes], Pixels]) -> Iterator[Pixels]:
        stride = 1 + self.width * _COLOUR_TYPES[self.colour] * self.depth // 8
        stream = _Inflated(body for name, body in png.chunks(data) if name == b"IDAT")
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


class _Inflated:
    """What the parts of a zlib stream unpack to."""

    def __init__(self, parts: Iterator[bytes]):
        self._parts, self._decoder, self._pending = parts, zlib.decompressobj(), b""

    def take(self, count: int) -> bytes:
        """The next bytes. Raises EOFError if there are fewer, zlib.error if they are damaged."""
        out = bytearray()
        while len(out) < count:
            if not self._pending:
                part = None if self._decoder.eof else next(self._parts, None)
                if part is None:
                    raise EOFError("rows are missing")
                self._pending = part
            out += self._decoder.decompress(self._pending, count - len(out))
            self._pending = self._decoder.unconsumed_tail
        return bytes(out)

    def finish(self) -> None:
        """Read on to the checksum at the end. Raises zlib.error if it does not match.

        More data than rows is neither unpacked nor checked: Pillow and libpng ignore it too.
        """
        for part in itertools.chain([self._pending], self._parts):
            if self._decoder.eof or self._decoder.decompress(part, 1):
                return


def write_png(slices: Iterable[Pixels], height: int, encode: Callable[[Pixels], bytes]) -> bytes:
    """A PNG file of the slices of an image, one of KINDS, of ``height`` rows, with the metadata of the first.

    ``encode`` gives the bytes of a PNG file of an image, deflated as little as can be; it is deflated here.
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
        if packed:  # zlib keeps much before it gives something
            out.write(png.pack_chunk(b"IDAT", packed))
        above = pixels.rows(pixels.height - 1, pixels.height)
    out.write(png.pack_chunk(b"IDAT", deflate.flush()) + png.pack_chunk(b"IEND", b""))
    return out.getvalue()


def _stacked(above: Pixels, below: Pixels) -> Pixels:
    """One image above the other."""
    pairs = zip(above.groups, below.groups, strict=True)
    return replace(below, groups=tuple(np.concatenate(pair, axis=1) for pair in pairs))


def write_netpbm(slices: Iterable[Pixels], height: int, encode: Callable[[Pixels], bytes]) -> bytes:
    """A PGM or PPM file of the slices of an image of ``height`` rows; ``encode`` gives that of an image."""
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
