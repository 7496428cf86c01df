"""Chunks of PNG files: reading and writing the metadata that Pillow handles only in part."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from nelloc.image.kinds import Kind
from nelloc.image.metadata import Item, ItemType, Metadata, Resolution, Text, is_chunk_name, resolution_item, text_item
from nelloc.image.pixels import Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
# Keyword for comments of other formats.
COMMENT_KEYWORD = "Comment"
_METRE = 1
# The bit of a chunk's first letter that marks it as ancillary.
_ANCILLARY = 0x20
# Text longer than this is deflated.
_LONG_TEXT = 1024
# Limit of the unpacked size of all chunks of a file together.
_MAX_UNPACKED = 1 << 26
# Ancillary chunks about the storage of pixels, or animation that Pillow handles.
_NOT_METADATA = (b"tRNS", b"acTL", b"fcTL", b"fdAT")
# Ancillary chunks that change the picture.
_OF_THE_PICTURE = (b"tRNS",)
_AT_ONCE = 1 << 20
# Chunks that must come before the palette, and those that must follow it.
_BEFORE_PALETTE = (b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi")
Chunk = tuple[bytes, bytes]


def chunks(data: bytes) -> Iterator[Chunk]:
    """List name and content of each chunk, up to the end of the file or the first damage."""
    for name, start, end in places(data):
        yield name, data[start + 8 : end - 4]


def places(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """List each chunk's name, start, and end including its checksum, which may be cut off."""
    start = len(SIGNATURE)
    while start + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, start)
        end = start + 12 + length
        if end - 4 > len(data):
            return
        yield data[start + 4 : start + 8], start, end
        start = end


def problem(data: bytes) -> str | None:
    """Reason why other programs cannot read this PNG file; None if they can."""
    first = data[len(SIGNATURE) + 4 : len(SIGNATURE) + 8]
    if first != b"CgBI":
        return None
    return (
        "is a PNG file in the form of iOS (CgBI), whose colours are multiplied by their alpha; convert it to plain PNG "
        "first, as pngcrush -revert-iphone-optimizations does"
    )


def mended(data: bytes) -> tuple[bytes, list[str]]:
    """Remove ancillary chunks with a wrong checksum; return the file and the names of all wrong checksums.

    Samples are read all the same if either the checksum of their chunks or that of their stream is right; in the latter
    case the chunk's checksum is corrected. Raises zlib.error if neither is right.
    """
    parts: list[bytes] = []
    names: list[str] = []
    place, doubtful = 0, False
    for name, start, end in places(data):
        if _has_right_checksum(data, start, end):
            continue
        if name in (b"IDAT", b"IEND") and end <= len(data):
            names.append(f"the checksum of PNG chunk {name.decode()}, which is wrong")
            parts += [data[place : end - 4], struct.pack(">I", zlib.crc32(memoryview(data)[start + 4 : end - 4]))]
            place, doubtful = end, doubtful or name == b"IDAT"
        elif name[0] & _ANCILLARY and name not in _OF_THE_PICTURE and end <= len(data):
            names.append(f"PNG chunk {name.decode('latin-1')}, whose checksum is wrong")
            parts.append(data[place:start])
            place = end
    if doubtful:
        decoder = zlib.decompressobj()
        for name, body in chunks(data):
            while name == b"IDAT" and body:
                decoder.decompress(body, _AT_ONCE)
                body = decoder.unconsumed_tail
        if not decoder.eof:
            raise zlib.error("its samples are cut short")
    return b"".join([*parts, data[place:]]), list(dict.fromkeys(names))


def _has_right_checksum(data: bytes, start: int, end: int) -> bool:
    return zlib.crc32(memoryview(data)[start + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")


# The seven passes of interlaced files: their first columns and rows, and the steps to the next.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_HEADER = struct.Struct(">IIBBBBB")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


class Pass(NamedTuple):
    """A part of an image that is stored as an image: the pixels that it has, and the bytes of one of its rows."""

    rows: slice
    columns: slice
    height: int
    width: int
    stride: int


def passes(data: bytes) -> list[Pass]:
    """The passes of an interlaced PNG file that have pixels; the whole image of any other."""
    width, height, depth, colour, _, _, interlaced = _HEADER.unpack_from(data, len(SIGNATURE) + 8)
    found = []
    for left, top, right, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        size = -(-(height - top) // down), -(-(width - left) // right)
        if min(size) > 0:
            stride = 1 + (size[1] * _CHANNELS[colour] * depth + 7) // 8
            found.append(Pass(slice(top, None, down), slice(left, None, right), *size, stride))
    return found


class Samples:
    """Incremental decompressor of the stream of samples of a PNG file."""

    def __init__(self, data: bytes):
        self._parts = (body for name, body in chunks(data) if name == b"IDAT")
        self._decoder, self._pending = zlib.decompressobj(), b""

    def take(self, count: int) -> bytes:
        """Return the next bytes. Raises EOFError if there are fewer, zlib.error if they are damaged."""
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

    def finish(self) -> bool:
        """Read on to the checksum at the end; return True if nothing else is there. Raises zlib.error if it is wrong.

        Data after the last row is neither unpacked nor checked, as in Pillow and libpng.
        """
        for part in itertools.chain([self._pending], self._parts):
            if self._decoder.eof:
                if part:
                    return False
            elif self._decoder.decompress(part, 1):
                return False
        return not self._decoder.unused_data


def has_more_samples(data: bytes) -> bool:
    """Return True if there is data after the last row, where readers see none; False also if rows are missing."""
    stream = Samples(data)
    try:
        for one in passes(data):
            left = one.height * one.stride
            while left > 0:
                left -= len(stream.take(min(left, _AT_ONCE)))
        return not stream.finish()
    except (EOFError, zlib.error):
        return False


def describe(data: bytes, pixels: Pixels) -> Pixels:
    """Add the metadata and the transparent colour of a PNG file's chunks to ``pixels``."""
    depth, items, transparent = 8, [], pixels.transparent
    left_out = dict.fromkeys(pixels.left_out)
    inflate = _Inflate()
    for name, body in chunks(data):
        if name == b"IHDR":
            depth = body[8]
        elif name == b"tRNS" and pixels.kind in (Kind.GRAY, Kind.RGB, Kind.GRAY16, Kind.RGB16, Kind.BILEVEL):
            transparent = _transparent(body, pixels.kind, depth)
        elif name[0] & _ANCILLARY and not is_chunk_name(name):
            left_out["a PNG chunk of a malformed name"] = None
        elif name[0] & _ANCILLARY and name not in _NOT_METADATA:
            items.append(_item(name, body, pixels.kind, depth, inflate))
    return replace(pixels, metadata=Metadata(tuple(items)), transparent=transparent, left_out=tuple(left_out))


def _transparent(body: bytes, kind: Kind, depth: int) -> tuple[int, ...] | None:
    """Transparent colour of a tRNS chunk, in the samples of ``kind``."""
    if len(body) != 2 * kind.planes:
        return None
    values = struct.unpack(f">{kind.planes}H", body)
    return tuple(_scaled(value, kind, depth) for value in values)


def _scaled(value: int, kind: Kind, depth: int) -> int:
    """Convert a gray level of ``depth`` bits to a sample of ``kind``: Pillow scales 2 and 4 bits to 8."""
    if kind is Kind.GRAY and depth < 8:
        levels = (1 << depth) - 1
        return (value & levels) * (255 // levels)
    return value


def _item(name: bytes, body: bytes, kind: Kind, depth: int, inflate: _Inflate) -> Item:
    """Item of a chunk; the chunk itself if it is PNG only, malformed, or unpacks to too much."""
    try:
        found = _known_item(name, body, inflate)
    except (ValueError, zlib.error, struct.error):
        found = None
    if found is not None:
        return found
    if name == b"bKGD" and kind is Kind.GRAY and len(body) == 2:
        body = struct.pack(">H", _scaled(struct.unpack(">H", body)[0], kind, depth))
    return Item(ItemType.PNG_CHUNK, name + body)


def _known_item(name: bytes, body: bytes, inflate: _Inflate) -> Item | None:
    """Item of a chunk that has a meaning in other formats too."""
    if name == b"iCCP":
        _, rest = body.split(b"\0", 1)
        return Item(ItemType.ICC, inflate(rest[1:]))
    if name == b"eXIf" and body:
        return Item(ItemType.EXIF, body)
    if name == b"gAMA" and len(body) == 4:
        return Item(ItemType.GAMMA, body[::-1])
    if name == b"cHRM" and len(body) == 32:
        return Item(ItemType.CHROMATICITIES, struct.pack("<8I", *struct.unpack(">8I", body)))
    if name == b"sRGB" and len(body) == 1:
        return Item(ItemType.SRGB, body)
    if name == b"pHYs":
        x, y, unit = struct.unpack(">IIB", body)
        return resolution_item(Resolution((x, 1), (y, 1), "metre" if unit == _METRE else ""))
    if name == b"tEXt":
        keyword, text = body.split(b"\0", 1)
        return text_item(Text(keyword.decode("latin-1"), text.decode("latin-1")))
    if name == b"zTXt":
        keyword, text = body.split(b"\0", 1)
        return text_item(Text(keyword.decode("latin-1"), inflate(text[1:]).decode("latin-1")))
    if name == b"iTXt":
        keyword, rest = body.split(b"\0", 1)
        language, translated, text = rest[2:].split(b"\0", 2)
        if rest[0]:
            text = inflate(text)
        if keyword == _XMP_KEYWORD:
            return Item(ItemType.XMP, text)
        return text_item(
            Text(keyword.decode("latin-1"), text.decode(), language.decode("latin-1"), translated.decode())
        )
    return None


class _Inflate:
    """Decompressor of chunks, with a bound on the total size of all chunks of a file."""

    def __init__(self) -> None:
        self._left = _MAX_UNPACKED

    def __call__(self, data: bytes) -> bytes:
        """Unpack a zlib stream. Raises ValueError if it is truncated or exceeds the bound."""
        decoder = zlib.decompressobj()
        out = decoder.decompress(data, self._left + 1)  # 0 would mean unlimited
        fits = len(out) <= self._left
        self._left = max(0, self._left - len(out))  # failures count as well, so that time is bounded too
        if not decoder.eof or not fits:
            raise ValueError("compressed data is cut short, or too long")
        return out


def with_chunks(data: bytes, added: Sequence[Chunk]) -> bytes:
    """Insert ancillary chunks into a PNG file, each where the specification allows it."""
    found = list(chunks(data))
    first = next(place for place, (name, _) in enumerate(found) if name == b"IDAT")
    return pack([*with_ancillary(found[:first], added), *found[first:]])


def with_ancillary(head: Sequence[Chunk], added: Sequence[Chunk]) -> list[Chunk]:
    """Insert ancillary chunks into the chunks before the first IDAT, each where the specification allows it."""
    before = [chunk for chunk in added if chunk[0] in _BEFORE_PALETTE]
    after = [chunk for chunk in added if chunk[0] not in _BEFORE_PALETTE]
    return [head[0], *before, *head[1:], *after]


def pack(found: Iterable[Chunk]) -> bytes:
    """Serialise chunks as a PNG file."""
    return SIGNATURE + b"".join(pack_chunk(*chunk) for chunk in found)


def pack_chunk(name: bytes, body: bytes) -> bytes:
    """Serialise a chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))


def metadata_chunks(metadata: Metadata) -> list[Chunk]:
    """Chunks that hold the content of ``metadata``, as far as PNG can."""
    found: list[Chunk] = []
    for item in metadata.items:
        found += _chunks_of(item)
    resolution = metadata.resolution
    if resolution is not None:
        found += _resolution_chunk(resolution)
    return found + [_text_chunk(text) for text in metadata.texts]


def _chunks_of(item: Item) -> list[Chunk]:
    if item.type == ItemType.ICC:
        return [(b"iCCP", b"ICC Profile\0\0" + zlib.compress(item.data, 9))]
    if item.type == ItemType.EXIF:
        return [(b"eXIf", item.data)]
    if item.type == ItemType.XMP:
        return [(b"iTXt", _XMP_KEYWORD + bytes(5) + item.data)]
    if item.type == ItemType.GAMMA:
        return [(b"gAMA", item.data[::-1])]
    if item.type == ItemType.CHROMATICITIES:
        return [(b"cHRM", struct.pack(">8I", *struct.unpack("<8I", item.data)))]
    if item.type == ItemType.SRGB:
        return [(b"sRGB", item.data)]
    if item.type == ItemType.COMMENT:
        return [_text_chunk(text_of_comment(item.data))]
    if item.type == ItemType.PNG_CHUNK:
        return [(item.data[:4], item.data[4:])]
    return []


def text_of_comment(comment: bytes) -> Text:
    """Text chunk for a comment of another format, which does not define its encoding."""
    try:
        return Text(COMMENT_KEYWORD, comment.decode())
    except UnicodeDecodeError:
        return Text(COMMENT_KEYWORD, comment.decode("latin-1"))


def _resolution_chunk(resolution: Resolution) -> list[Chunk]:
    per_metre = {"inch": 10_000 / 254, "cm": 100, "metre": 1, "": 1}[resolution.unit]
    numbers = [round(n / d * per_metre) for n, d in (resolution.x, resolution.y)]
    if resolution.unit == "" and (resolution.x[1], resolution.y[1]) != (1, 1):  # a quotient of fractions
        numbers = [resolution.x[0] * resolution.y[1], resolution.y[0] * resolution.x[1]]
    if max(numbers) >= 1 << 31:
        return []
    return [(b"pHYs", struct.pack(">IIB", *numbers, _METRE if resolution.unit else 0))]


def _text_chunk(text: Text) -> Chunk:
    keyword = text.keyword.encode("latin-1", "replace")
    try:
        plain = text.text.encode("latin-1")
    except UnicodeEncodeError:
        plain = None
    if plain is not None and b"\0" not in plain and not (text.language or text.translated):
        if len(plain) > _LONG_TEXT:
            return b"zTXt", keyword + b"\0\0" + zlib.compress(plain, 9)
        return b"tEXt", keyword + b"\0" + plain
    head = keyword + bytes(3) + text.language.encode("latin-1", "replace") + b"\0" + text.translated.encode() + b"\0"
    return b"iTXt", head + text.text.encode()
