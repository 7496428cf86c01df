"""The .nlc container: bytes to header, sections and tiles, with their checksums, and back.

docs/FORMAT.md is the specification. This module knows nothing of pixels and networks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from nelloc.codec.checked_bytes import DamageError, Reader, crc16, naming
from nelloc.codec.format import (
    COMPACT_SIZE,
    CRITICAL,
    FLAG_SECTIONS,
    FLAG_SHORT,
    FLAG_TILED,
    FLAGS,
    FLAGS_PLACE,
    JOINED_KINDS,
    KIND_BITS,
    KIND_PLACE,
    METHOD_BITS,
    MODEL_ID_BYTES,
    MODEL_NUMBERS,
    NO_MODEL,
    SIGNATURE,
    VERSION,
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
        return bool(self.type & CRITICAL)


@dataclass(frozen=True)
class TileRecord:
    """The coded bytes of one group of planes of one tile; ``damaged`` if they do not match their checksum."""

    method: Method
    data: bytes
    damaged: bool = False


@dataclass(frozen=True)
class Container:
    """Everything that a file holds.

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
        """What the first section of a type holds, or None if there is none."""
        return next((section.data for section in self.sections if section.type == type_), None)

    @property
    def jpeg(self) -> bytes | None:
        """What the section of a JPEG file holds, in files that keep one instead of pixels."""
        return self.section(SectionType.JPEG)

    @property
    def _has_short_method(self) -> bool:
        """True if the first record's method has no more bits than the layouts for small images give it."""
        return not self.records or self.records[0].method < 1 << (8 - KIND_BITS)

    @property
    def compact(self) -> bool:
        """True if the file has the layout for small images."""
        one_tile = max(self.width, self.height) <= min(self.tile, COMPACT_SIZE)
        return one_tile and not self.sections and self._has_short_method

    @property
    def short(self) -> bool:
        """True if it has the shortest one: a number for the model, and no checksum but that of the pixels."""
        return self.compact and _is_short(self.kind, self.records[0].method, self.model_id)


def pack(container: Container) -> bytes:
    """The bytes of a file."""
    if container.short:
        return _pack_short(container)
    return _pack_compact(container) if container.compact else _pack_tiled(container)


def parse(data: bytes, source: str = "data", *, max_pixels: int = MAX_PIXELS, keep_damaged: bool = False) -> Container:
    """Read a file. Raises NellocError naming ``source`` for anything that is not a whole, supported file.

    With ``keep_damaged``, damage of what no pixel needs, and from the first tile on, is no error: sections that do not
    match their checksum are left out, records that do not, or are missing, are ``damaged`` ones.
    """
    with naming(source, data):
        reader = Reader(data)
        head = _read_head(reader, max_pixels, whole=True, keep_damaged=keep_damaged)
        file = replace(head, records=tuple(_read_records(reader, head, keep_damaged)))
        excess = len(data) - reader.position
        if excess and not keep_damaged:
            raise DamageError(f"{excess} bytes follow its end; {RESTORE}")
        # With a record missing, what is left is no excess.
        if excess and not any(record.damaged for record in file.records):
            return replace(file, damage=(*file.damage, f"{excess} bytes after its end"))
        return file


def parse_head(data: bytes, source: str = "data", *, max_pixels: int = MAX_PIXELS) -> Container | None:
    """What the beginning of a file says: all but the records; None if it does not go as far as these.

    Raises NellocError naming ``source`` for the beginning of anything but a supported file.
    """
    with naming(source, data), suppress(EndError):
        return _read_head(Reader(data), max_pixels, whole=False)
    return None


def _is_short(kind: Kind, method: Method, model_id: bytes) -> bool:
    """True if the layout is for one record of this method. Kinds are those of which no other has samples alike."""
    named = model_id in MODEL_NUMBERS.values() and method.needs_model == (model_id != NO_MODEL)
    return kind in (Kind.GRAY, Kind.RGB) and method.checks_pixels and named


def _pack_short(container: Container) -> bytes:
    (record,) = container.records
    kind = _kind_and_method(container, record.method)
    number = next(number for number, model in MODEL_NUMBERS.items() if model == container.model_id)
    sizes = [container.width - 1, container.height - 1]
    return SIGNATURE + bytes([VERSION << 4 | FLAG_SHORT, kind, number, *sizes]) + record.data


def _pack_compact(container: Container) -> bytes:
    first, *others = container.records
    kind = _kind_and_method(container, first.method)
    head = SIGNATURE + bytes([VERSION << 4, kind]) + container.model_id
    head += bytes([container.width - 1, container.height - 1])
    # The last record goes to the end of the file; of each before it the length is told.
    body = bytes(record.method for record in others)
    body += b"".join(varint(len(record.data)) for record in container.records[:-1])
    body += b"".join(record.data for record in container.records)
    return head + crc16(head + body) + body


def _pack_tiled(container: Container) -> bytes:
    flags = FLAG_TILED | (FLAG_SECTIONS if container.sections else 0)
    head = SIGNATURE + bytes([VERSION << 4 | flags, _kind_number(container)]) + container.model_id
    head += varint(container.width) + varint(container.height) + varint(container.tile)
    if container.sections:
        head += varint(len(container.sections))
        head += b"".join(bytes([s.type]) + varint(len(s.data)) for s in container.sections)
    index = b"".join(bytes([record.method]) + varint(len(record.data)) for record in container.records)
    parts = [head, crc16(head)]
    for body in (*(s.data for s in container.sections), index, *(record.data for record in container.records)):
        parts += [body, struct.pack("<I", zlib.crc32(body))]
    return b"".join(parts)


def _read_head(reader: Reader, max_pixels: int, *, whole: bool, keep_damaged: bool = False) -> Container:
    """What comes before the methods of the records. In the compact layout only a ``whole`` file can be checked."""
    data = reader.data
    if len(data) < len(SIGNATURE) and SIGNATURE.startswith(data):
        raise EndError
    if reader.take(min(4, len(data))) != SIGNATURE:
        if data.startswith((b"\x8eNL\r\n", b"\x0eNL\n")):
            raise DamageError("it was damaged by a text-mode transfer; copy it again in binary mode")
        raise DamageError("it is not an nlc file; give a file made by nelloc compress")
    version, flags = divmod(reader.byte(), 16)
    if version != VERSION:
        raise DamageError(
            f"it has format version {version} and this nelloc reads version {VERSION}; use a newer nelloc"
        )
    if flags not in FLAGS:
        raise DamageError("it uses a feature that this nelloc does not know; use a newer nelloc")
    number = reader.byte()
    if flags & FLAG_SHORT:
        return _read_short_head(reader, number, max_pixels)
    model_id = reader.take(MODEL_ID_BYTES)
    if flags & FLAG_TILED:
        return _read_tiled_head(reader, flags, number, model_id, max_pixels, keep_damaged)
    width, height = (size + 1 for size in reader.take(2))
    crc = reader.take(2)
    if whole and crc != crc16(data[: reader.position - 2] + data[reader.position :]):
        raise DamageError(f"its checksum does not match, so it is damaged; {RESTORE}")
    _check_size(width, height, max_pixels)
    kind, joined = _kind(number % (1 << KIND_BITS))
    return Container(kind, width, height, DEFAULT_TILE, model_id, (), joined=joined)


def _read_short_head(reader: Reader, number: int, max_pixels: int) -> Container:
    model_id = MODEL_NUMBERS.get(model := reader.byte())
    if model_id is None:
        raise DamageError(f"it needs model number {model}, which this nelloc does not know; use a newer nelloc")
    width, height = (size + 1 for size in reader.take(2))
    kind, joined = _kind(number % (1 << KIND_BITS))
    if joined or not _is_short(kind, _method(_method_number(number)), model_id):
        raise DamageError(f"its header has what does not go together, so it is damaged; {RESTORE}")
    _check_size(width, height, max_pixels)
    return Container(kind, width, height, DEFAULT_TILE, model_id, ())


def _read_tiled_head(
    reader: Reader, flags: int, number: int, model_id: bytes, max_pixels: int, keep_damaged: bool
) -> Container:
    width, height, tile = reader.varint(), reader.varint(), reader.varint()
    announced = []
    if flags & FLAG_SECTIONS:
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
    for number, (type_, length) in enumerate(announced):
        section = Section(type_, reader.take(length))
        name = "its metadata" if type_ == SectionType.METADATA else f"section {number}"
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
    """The records of a file, of whose head the reader is at the end."""
    if reader.data[FLAGS_PLACE] & FLAG_TILED:
        return _read_tiled_records(reader, head, keep_damaged)
    return iter(_read_compact_records(reader, head))


def _read_compact_records(reader: Reader, head: Container) -> list[TileRecord]:
    methods = [_method_number(reader.data[KIND_PLACE]), *reader.take(len(head.groups) - 1)]
    lengths = [reader.varint() for _ in methods[1:]]
    lengths.append(len(reader.data) - reader.position - sum(lengths))
    if lengths[-1] < 0:
        raise EndError
    if Method.COEFFICIENTS in methods:
        raise DamageError(f"it has records of a JPEG file and of pixels, which no encoder writes; {RESTORE}")
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
        data = reader.take(length)
        reader.crc32(_name_of_record(place, head), data)
        yield _record(method, data)


def _name_of_record(place: int, head: Container) -> str:
    """What errors call a record."""
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
    """What a file says of its kind."""
    return JOINED_KINDS[container.kind] if container.joined else container.kind


def _kind_and_method(container: Container, method: Method) -> int:
    """The byte of the compact and the short layout."""
    high, low = divmod(method, 1 << (METHOD_BITS - 1))
    return _kind_number(container) | high << KIND_BITS | low << (KIND_BITS + 1)


def _method_number(byte: int) -> int:
    """The method that this byte has beside a kind."""
    high, low = byte >> KIND_BITS & 1, byte >> (KIND_BITS + 1)
    return high << (METHOD_BITS - 1) | low


def _kind(number: int) -> tuple[Kind, bool]:
    """The kind of this number, and whether its colour and alpha are one group."""
    for kind, joined in JOINED_KINDS.items():
        if number == joined:
            return kind, True
    try:
        return Kind(number), False
    except ValueError:
        raise DamageError(
            f"it holds an image of kind {number} that this nelloc does not know; use a newer nelloc"
        ) from None


def _record(number: int, data: bytes) -> TileRecord:
    method = _method(number)
    if method.drops_zeros and data.endswith(b"\0"):
        raise DamageError(f"a tile's data ends in a zero byte, which no encoder writes; {RESTORE}")
    return TileRecord(method, data)


def _record_or_damaged(reader: Reader, method: int, length: int) -> TileRecord:
    """The next record and its checksum, damaged if they do not match or the file ends before."""
    try:
        data = reader.take(length)
        reader.crc32("a tile", data)
    except (EndError, DamageError):
        return TileRecord(_method(method), b"", damaged=True)
    return _record(method, data)


def _method(number: int) -> Method:
    try:
        return Method(number)
    except ValueError:
        raise DamageError(f"a tile has method {number} that this nelloc does not know; use a newer nelloc") from None
