"""Container of .nlc files: header, sections and tiles, with their checksums, from bytes and back.

docs/FORMAT.md is the specification. This module knows nothing of pixels and networks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from nelloc.codec.checked_bytes import DamageError, Reader, crc16, naming
from nelloc.codec.format import (
    CRITICAL,
    JOINED_KINDS,
    KIND_BITS,
    LAYOUT_PLACE,
    MODEL_ID_BYTES,
    MODEL_NUMBERS,
    NO_MODEL,
    OTHER_MODEL,
    SIGNATURE,
    SMALL_SIZE,
    VERSION,
    Layout,
    Method,
    SectionType,
)
from nelloc.codec.tiling import DEFAULT_TILE, MAX_TILE, MIN_TILE, tile_count
from nelloc.errors import RESTORE
from nelloc.image.kinds import Group, Kind
from nelloc.image.limits import MAX_PIXELS
from nelloc.varint import Cursor, EndError, varint

_KNOWN = frozenset(SectionType)
_MODELS = (SectionType.MODEL, SectionType.DIFFERENCES)


@dataclass(frozen=True)
class Section:
    """Bytes beside the pixels. A reader that does not know a ``critical`` type must refuse the file."""

    type: int
    data: bytes

    @property
    def critical(self) -> bool:
        """True if a reader that does not know the type must refuse the file."""
        return bool(self.type & CRITICAL)


@dataclass(frozen=True)
class TileRecord:
    """The coded bytes of one group of planes of one tile; ``damaged`` if they do not match their checksum.

    Of a file that was read they are a ``view``, so that a large file is in memory once.
    """

    method: Method
    view: bytes | memoryview
    damaged: bool = False

    @property
    def data(self) -> bytes:
        """The coded bytes, copied if they are a part of a file."""
        return bytes(self.view)

    @property
    def size(self) -> int:
        """Number of coded bytes."""
        return len(self.view)


@dataclass(frozen=True)
class Container:
    """Contents of a file.

    ``records`` has one for each of the ``groups`` of planes, tile by tile. ``model_id`` is NO_MODEL if none needs one.
    With ``joined`` colour and alpha are one group. ``damage`` names what is not as it was, besides records.
    """

    kind: Kind
    width: int
    height: int
    tile: int
    model_id: bytes
    records: tuple[TileRecord, ...]
    sections: tuple[Section, ...] = field(default=())
    joined: bool = False
    damage: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of planes that are coded together."""
        return (self.joined and self.kind.joined_groups) or self.kind.groups

    @property
    def model_section(self) -> Section | None:
        """The section that holds the model, whole or as differences, if the file has one."""
        return next((section for section in self.sections if section.type in _MODELS), None)

    @property
    def needs_model(self) -> bool:
        """True if decoding needs the model."""
        return any(record.method.needs_model for record in self.records)

    def section(self, type_: SectionType) -> bytes | None:
        """Data of the first section of a type, or None if there is none."""
        return next((section.data for section in self.sections if section.type == type_), None)

    @property
    def jpeg(self) -> bytes | None:
        """Data of the section of a JPEG file, in files that keep one instead of pixels; else None."""
        return self.section(SectionType.JPEG)

    @property
    def small(self) -> bool:
        """True if the file has the layout for small images."""
        one_tile = max(self.width, self.height) <= min(self.tile, SMALL_SIZE)
        methods = [record.method for record in self.records]
        has_room = not methods or methods[0] < 1 << (8 - KIND_BITS)
        return one_tile and not self.sections and has_room and self.needs_model == (self.model_id != NO_MODEL)


def pack(container: Container) -> bytes:
    """Write a file to bytes."""
    return _pack_small(container) if container.small else _pack_tiled(container)


def parse(data: bytes, source: str = "data", *, max_pixels: int = MAX_PIXELS, keep_damaged: bool = False) -> Container:
    """Read a file. Raises NellocError naming ``source`` for anything that is not a whole, supported file.

    With ``keep_damaged``, damage outside of the parts that every pixel needs is not an error: sections that do not
    match their checksum are left out, and records that do not match or are missing are marked ``damaged``.
    """
    with naming(source, data):
        reader = Reader(data)
        head = _read_head(reader, max_pixels, keep_damaged=keep_damaged)
        file = replace(head, records=tuple(_read_records(reader, head, keep_damaged)))
        excess = len(data) - reader.position
        if excess and not keep_damaged:
            raise DamageError(f"bytes follow its end; {RESTORE}")
        # The bytes may belong to a record that is missing.
        if excess and not any(record.damaged for record in file.records):
            return replace(file, damage=(*file.damage, "bytes after its end"))
        return file


def parse_head(data: bytes, source: str = "data", *, max_pixels: int = MAX_PIXELS) -> Container | None:
    """Read the beginning of a file: all but the records; None if the bytes end before these.

    Raises NellocError naming ``source`` for the beginning of anything but a supported file.
    """
    with naming(source, data), suppress(EndError):
        return _read_head(Reader(data), max_pixels)
    return None


def _pack_small(container: Container) -> bytes:
    first, *others = container.records
    id_ = container.model_id
    number = next((number for number, model in MODEL_NUMBERS.items() if model == id_), OTHER_MODEL)
    head = SIGNATURE + bytes([VERSION << 4 | Layout.SMALL, _kind_number(container) | first.method << KIND_BITS, number])
    head += bytes([container.width - 1, container.height - 1]) + (id_ if number == OTHER_MODEL else b"")
    # The last record goes to the end of the file; of each before it the length is told.
    head += bytes(record.method for record in others)
    head += b"".join(varint(record.size) for record in container.records[:-1])
    body = b"".join(record.view for record in container.records)
    crc = b"" if _check_themselves(record.method for record in container.records) else crc16(head + body)
    return head + crc + body


def _check_themselves(methods: Iterable[Method]) -> bool:
    """True if all methods check the samples, so that a small file needs no checksum of its bytes."""
    return all(method.checks_pixels for method in methods)


def _pack_tiled(container: Container) -> bytes:
    head = SIGNATURE + bytes([VERSION << 4 | Layout.TILED, _kind_number(container)]) + container.model_id
    head += varint(container.width) + varint(container.height) + varint(container.tile)
    head += varint(len(container.sections))
    head += b"".join(bytes([s.type]) + varint(len(s.data)) for s in container.sections)
    index = b"".join(bytes([record.method]) + varint(record.size) for record in container.records)
    parts: list[bytes | memoryview] = [head, crc16(head)]
    for body in (*(s.data for s in container.sections), index, *(record.view for record in container.records)):
        parts += [body, struct.pack("<I", zlib.crc32(body))]
    return b"".join(parts)


def _read_head(reader: Reader, max_pixels: int, *, keep_damaged: bool = False) -> Container:
    """Read the part before the methods of the records. In the small layout its checksum, if any, follows these."""
    data = reader.data
    if len(data) < len(SIGNATURE) and SIGNATURE.startswith(data):
        raise EndError
    if reader.take(min(4, len(data))) != SIGNATURE:
        if data.startswith((b"\x8eNL\r\n", b"\x0eNL\n")):
            raise DamageError("it was damaged by a text-mode transfer; copy it again in binary mode")
        raise DamageError("it is not an nlc file; give a file made by nelloc compress")
    version, layout = divmod(reader.byte(), 16)
    if version != VERSION:
        raise DamageError(
            f"it has format version {version} and this nelloc reads version {VERSION}; use a newer nelloc"
        )
    if layout not in set(Layout):
        raise DamageError("it uses a feature that this nelloc does not know; use a newer nelloc")
    number = reader.byte()
    if layout == Layout.TILED:
        return _read_tiled_head(reader, number, max_pixels, keep_damaged)
    kind, joined = _kind(number % (1 << KIND_BITS))
    model, width, height = reader.byte(), reader.byte() + 1, reader.byte() + 1
    model_id = reader.take(MODEL_ID_BYTES) if model == OTHER_MODEL else MODEL_NUMBERS.get(model)
    if model_id is None:
        raise DamageError(f"it needs model number {model}, which this nelloc does not know; use a newer nelloc")
    _check_size(width, height, max_pixels)
    return Container(kind, width, height, DEFAULT_TILE, model_id, (), joined=joined)


def _read_tiled_head(reader: Reader, number: int, max_pixels: int, keep_damaged: bool) -> Container:
    model_id = reader.take(MODEL_ID_BYTES)
    width, height, tile = reader.varint(), reader.varint(), reader.varint()
    announced = []
    for _ in range(reader.varint()):
        announced.append((reader.byte(), reader.varint()))
    head = reader.data[: reader.position]
    if reader.take(2) != crc16(head):
        raise DamageError(f"the checksum of its header does not match, so it is damaged; {RESTORE}")
    kind, joined = _kind(number)
    _check_size(width, height, max_pixels)
    if not MIN_TILE <= tile <= MAX_TILE:
        raise DamageError(f"its tile size {tile} is out of range; {RESTORE}")
    sections, damage = [], []
    for place, (type_, length) in enumerate(announced):
        section = Section(type_, reader.take(length))
        name = "its metadata" if type_ == SectionType.METADATA else f"section {place}"
        try:
            reader.crc32(name, section.data)
        except DamageError:
            if section.critical or not keep_damaged:
                raise
            damage.append(name)
            continue
        if section.critical and section.type not in _KNOWN:
            raise DamageError(f"it has a section of type {type_} that this nelloc does not know; use a newer nelloc")
        sections.append(section)
    if sum(section.type in _MODELS for section in sections) > 1:
        raise DamageError(f"it holds more than one model; {RESTORE}")
    known = [section.type for section in sections if section.critical or section.type in _KNOWN]
    if len(set(known)) < len(known):
        raise DamageError(f"it has two sections of one type where only one is meant; {RESTORE}")
    if SectionType.JPEG in known and len(known) > 1:
        raise DamageError(f"it has sections of a JPEG file and of pixels, which no encoder writes; {RESTORE}")
    return Container(kind, width, height, tile, model_id, (), tuple(sections), joined, tuple(damage))


def _read_records(reader: Reader, head: Container, keep_damaged: bool) -> Iterator[TileRecord]:
    """Read the records of a file; the reader is at the end of the head."""
    if reader.data[LAYOUT_PLACE] % 16 == Layout.TILED:
        return _read_tiled_records(reader, head, keep_damaged)
    return iter(_read_small_records(reader, head))


def _read_small_records(reader: Reader, head: Container) -> list[TileRecord]:
    data = reader.data
    methods = [_method(data[LAYOUT_PLACE + 1] >> KIND_BITS), *map(_method, reader.take(len(head.groups) - 1))]
    lengths = [reader.varint() for _ in methods[1:]]
    if not _check_themselves(methods):
        crc = reader.take(2)
        if crc != crc16(data[: reader.position - 2] + data[reader.position :]):
            raise DamageError(f"its checksum does not match, so it is damaged; {RESTORE}")
    if any(method.needs_model for method in methods) != (head.model_id != NO_MODEL):
        raise DamageError(f"its header has what does not go together, so it is damaged; {RESTORE}")
    if Method.COEFFICIENTS in methods:
        raise DamageError(f"it has records of a JPEG file and of pixels, which no encoder writes; {RESTORE}")
    lengths.append(len(data) - reader.position - sum(lengths))
    if lengths[-1] < 0:
        raise EndError
    return [_record(method, reader.take(length)) for method, length in zip(methods, lengths, strict=True)]


def _read_tiled_records(reader: Reader, head: Container, keep_damaged: bool) -> Iterator[TileRecord]:
    groups, jpeg = head.groups, head.jpeg
    count = tile_count(head.height, head.width, head.tile) * len(groups) if jpeg is None else Cursor(jpeg).varint()
    if 2 * count > len(reader.data) - reader.position:
        raise EndError
    start = reader.position
    index = [(reader.byte(), reader.varint()) for _ in range(count)]
    reader.crc32("the tile index", reader.data[start : reader.position])
    if any((method == Method.COEFFICIENTS) != (jpeg is not None) for method, _ in index):
        raise DamageError(f"it has records of a JPEG file and of pixels, which no encoder writes; {RESTORE}")
    for place, (method, length) in enumerate(index):
        if keep_damaged:
            yield _record_or_damaged(reader, method, length)
            continue
        data = reader.view(length)
        reader.crc32(_name_of_record(place, head), data)
        yield _record(_method(method), data)


def _name_of_record(place: int, head: Container) -> str:
    """Name of a record in errors."""
    if head.jpeg is not None:
        return f"part {place}"
    number, group = divmod(place, len(head.groups))
    return f"tile {number}" + (f" ({head.groups[group].role.value})" if len(head.groups) > 1 else "")


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if not width or not height:
        raise DamageError(f"its header announces an empty image; {RESTORE}")
    if width * height > max_pixels:
        raise DamageError(
            f"its header announces {width} x {height} pixels, above the limit of {max_pixels}; "
            "raise --max-pixels if the file is trusted"
        )


def _kind_number(container: Container) -> int:
    """Number of the kind in a file."""
    return JOINED_KINDS[container.kind] if container.joined else container.kind


def _kind(number: int) -> tuple[Kind, bool]:
    """Kind of this number, and True if its colour and alpha are one group."""
    for kind, joined in JOINED_KINDS.items():
        if number == joined:
            return kind, True
    try:
        return Kind(number), False
    except ValueError:
        raise DamageError(
            f"it holds an image of kind {number} that this nelloc does not know; use a newer nelloc"
        ) from None


def _record(method: Method, data: bytes | memoryview) -> TileRecord:
    if method.drops_zeros and data[-1:] == b"\0":
        raise DamageError(f"a tile's data ends in a zero byte, which no encoder writes; {RESTORE}")
    return TileRecord(method, data)


def _record_or_damaged(reader: Reader, method: int, length: int) -> TileRecord:
    """Read a record and its checksum; it is damaged if they do not match or the file ends before."""
    try:
        data = reader.view(length)
        reader.crc32("a tile", data)
    except (EndError, DamageError):
        return TileRecord(_method(method), b"", damaged=True)
    return _record(_method(method), data)


def _method(number: int) -> Method:
    try:
        return Method(number)
    except ValueError:
        raise DamageError(f"a tile has method {number} that this nelloc does not know; use a newer nelloc") from None
