"""The .nlc container: bytes to header, sections and tiles, with their checksums, and back.

docs/FORMAT.md is the specification. This module knows nothing of pixels and networks.
"""

from __future__ import annotations

import binascii
import enum
import struct
import zlib
from dataclasses import dataclass, field

from nelloc.errors import NellocError
from nelloc.tiling import DEFAULT_TILE, MAX_TILE, MIN_TILE, tile_count

SIGNATURE = b"\x8eNL\n"
VERSION = 1
MODEL_ID_BYTES = 4
# Refuse what announces more pixels than this: a damaged or hostile header must not cost memory.
MAX_PIXELS = 1 << 28
# An image within this in both directions is one tile and has the compact layout.
COMPACT_SIZE = 256

_FLAG_TILED, _FLAG_SECTIONS = 1, 2
_KIND_BITS = 5
_CRITICAL = 0x80


class Kind(enum.IntEnum):
    """What the pixels are. Numbers beyond these are reserved in docs/FORMAT.md."""

    GRAY = 0
    RGB = 1

    @property
    def planes(self) -> int:
        return 3 if self is Kind.RGB else 1


class Method(enum.IntEnum):
    """How a tile is coded."""

    MIXTURE = 0


class SectionType(enum.IntEnum):
    """The sections that this version knows. Numbers beyond these are reserved in docs/FORMAT.md."""

    MODEL = 0x81
    DIFFERENCES = 0x82


_MODELS = (SectionType.MODEL, SectionType.DIFFERENCES)


@dataclass(frozen=True)
class Section:
    """Bytes beside the pixels. A reader that does not know a ``critical`` type must refuse the file."""

    type: int
    data: bytes

    @property
    def critical(self) -> bool:
        return bool(self.type & _CRITICAL)


@dataclass(frozen=True)
class TileRecord:
    """One tile's coded bytes."""

    method: Method
    data: bytes


@dataclass(frozen=True)
class Container:
    """Everything that a file holds."""

    kind: Kind
    width: int
    height: int
    tile: int
    model_id: bytes
    tiles: tuple[TileRecord, ...]
    sections: tuple[Section, ...] = field(default=())

    @property
    def model_section(self) -> Section | None:
        """The section that holds the model, whole or as differences, if the file has one."""
        return next((section for section in self.sections if section.type in _MODELS), None)

    @property
    def compact(self) -> bool:
        """True if the file has the layout for small images."""
        one_tile = max(self.width, self.height) <= min(self.tile, COMPACT_SIZE)
        return one_tile and not self.sections


def pack(container: Container) -> bytes:
    """The bytes of a file."""
    return _pack_compact(container) if container.compact else _pack_tiled(container)


def parse(data: bytes, source: str = "data", *, max_pixels: int = MAX_PIXELS) -> Container:
    """Read a file. Raises NellocError naming ``source`` for anything that is not a whole, supported file."""
    try:
        return _parse(data, max_pixels)
    except _DamageError as damage:
        raise NellocError(f"{source}: {damage}") from None


class _DamageError(Exception):
    """What is wrong with the bytes, and what to do."""


_RESTORE = "get the file again from its source or a backup"


class _Reader:
    def __init__(self, data: bytes):
        self.data, self.position = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.position:
            raise _DamageError(f"it ends too early, at byte {len(self.data)}; {_RESTORE}")
        self.position += count
        return self.data[self.position - count : self.position]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        """LEB128, at most five bytes."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    break
                return value
        raise _DamageError(f"its header has a malformed number; {_RESTORE}")

    def crc32(self, what: str, data: bytes) -> None:
        if struct.unpack("<I", self.take(4))[0] != zlib.crc32(data):
            raise _DamageError(f"the checksum of {what} does not match, so it is damaged; {_RESTORE}")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _crc16(data: bytes) -> bytes:
    """CRC-16/CCITT-FALSE, little-endian."""
    return struct.pack("<H", binascii.crc_hqx(data, 0xFFFF))


def _pack_compact(container: Container) -> bytes:
    (record,) = container.tiles
    kind = container.kind | record.method << _KIND_BITS
    head = SIGNATURE + bytes([VERSION << 4, kind]) + container.model_id
    head += bytes([container.width - 1, container.height - 1])
    return head + _crc16(head + record.data) + record.data


def _pack_tiled(container: Container) -> bytes:
    flags = _FLAG_TILED | (_FLAG_SECTIONS if container.sections else 0)
    head = SIGNATURE + bytes([VERSION << 4 | flags, container.kind]) + container.model_id
    head += _varint(container.width) + _varint(container.height) + _varint(container.tile)
    if container.sections:
        head += _varint(len(container.sections))
        head += b"".join(bytes([s.type]) + _varint(len(s.data)) for s in container.sections)
    index = b"".join(bytes([record.method]) + _varint(len(record.data)) for record in container.tiles)
    parts = [head, _crc16(head)]
    for body in (*(s.data for s in container.sections), index, *(record.data for record in container.tiles)):
        parts += [body, struct.pack("<I", zlib.crc32(body))]
    return b"".join(parts)


def _parse(data: bytes, max_pixels: int) -> Container:
    reader = _Reader(data)
    if len(data) < len(SIGNATURE) and SIGNATURE.startswith(data):
        raise _DamageError(f"it ends too early, at byte {len(data)}; {_RESTORE}")
    if reader.take(min(4, len(data))) != SIGNATURE:
        if data.startswith((b"\x8eNL\r\n", b"\x0eNL\n")):
            raise _DamageError("it was damaged by a text-mode transfer; copy it again in binary mode")
        raise _DamageError("it is not an nlc file; give a file made by nelloc compress")
    version, flags = divmod(reader.byte(), 16)
    if version != VERSION:
        raise _DamageError(
            f"it has format version {version} and this nelloc reads version {VERSION}; use a newer nelloc"
        )
    if flags & ~(_FLAG_TILED | _FLAG_SECTIONS) or flags == _FLAG_SECTIONS:
        raise _DamageError("it uses a feature that this nelloc does not know; use a newer nelloc")
    kind = reader.byte()
    model_id = reader.take(MODEL_ID_BYTES)
    if flags & _FLAG_TILED:
        return _parse_tiled(reader, flags, kind, model_id, max_pixels)
    width, height = (size + 1 for size in reader.take(2))
    crc = reader.take(2)
    body = data[reader.position :]
    if crc != _crc16(data[: reader.position - 2] + body):
        raise _DamageError(f"its checksum does not match, so it is damaged; {_RESTORE}")
    method, kind = kind >> _KIND_BITS, kind & (1 << _KIND_BITS) - 1
    _check_size(width, height, max_pixels)
    record = _record(method, body)
    return Container(_kind(kind), width, height, DEFAULT_TILE, model_id, (record,))


def _parse_tiled(reader: _Reader, flags: int, kind: int, model_id: bytes, max_pixels: int) -> Container:
    width, height, tile = reader.varint(), reader.varint(), reader.varint()
    announced = []
    if flags & _FLAG_SECTIONS:
        for _ in range(reader.varint()):
            announced.append((reader.byte(), reader.varint()))
    head = reader.data[: reader.position]
    if reader.take(2) != _crc16(head):
        raise _DamageError(f"the checksum of its header does not match, so it is damaged; {_RESTORE}")
    _check_size(width, height, max_pixels)
    if not MIN_TILE <= tile <= MAX_TILE:
        raise _DamageError(f"its tile size {tile} is out of range; {_RESTORE}")
    sections = []
    for number, (type_, length) in enumerate(announced):
        section = Section(type_, reader.take(length))
        reader.crc32(f"section {number}", section.data)
        if section.critical and section.type not in _MODELS:
            raise _DamageError(f"it has a section of type {type_} that this nelloc does not know; use a newer nelloc")
        sections.append(section)
    if sum(section.type in _MODELS for section in sections) > 1:
        raise _DamageError(f"it holds more than one model; {_RESTORE}")
    count = tile_count(height, width, tile)
    if 2 * count > len(reader.data) - reader.position:
        raise _DamageError(f"it ends too early, at byte {len(reader.data)}; {_RESTORE}")
    start = reader.position
    index = [(reader.byte(), reader.varint()) for _ in range(count)]
    reader.crc32("the tile index", reader.data[start : reader.position])
    records = []
    for number, (method, length) in enumerate(index):
        record = _record(method, reader.take(length))
        reader.crc32(f"tile {number}", record.data)
        records.append(record)
    if reader.position != len(reader.data):
        raise _DamageError(f"{len(reader.data) - reader.position} bytes follow its end; {_RESTORE}")
    return Container(_kind(kind), width, height, tile, model_id, tuple(records), tuple(sections))


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if not width or not height:
        raise _DamageError(f"its header announces an empty image; {_RESTORE}")
    if width * height > max_pixels:
        raise _DamageError(
            f"its header announces {width} x {height} pixels, above the limit of {max_pixels}; "
            "raise --max-pixels if the file is trusted"
        )


def _kind(number: int) -> Kind:
    try:
        return Kind(number)
    except ValueError:
        raise _DamageError(
            f"it holds an image of kind {number} that this nelloc does not know; use a newer nelloc"
        ) from None


def _record(method: int, data: bytes) -> TileRecord:
    if data.endswith(b"\0"):
        raise _DamageError(f"a tile's data ends in a zero byte, which no encoder writes; {_RESTORE}")
    return TileRecord(_method(method), data)


def _method(number: int) -> Method:
    try:
        return Method(number)
    except ValueError:
        raise _DamageError(f"a tile has method {number} that this nelloc does not know; use a newer nelloc") from None
