"""Directories of TIFF files, of BigTIFF files and of EXIF: entries with their bytes, in and out."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

# Size of a value of each type, and the struct format of its numbers: a fraction has two.
_ASCII = 2
_TYPES = {
    1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d",
    13: "I", 16: "Q", 17: "q", 18: "Q", 129: "B",
}  # fmt: skip
SHORT, LONG, RATIONAL, UNDEFINED, BYTE = 3, 4, 5, 7, 1
_FRACTIONS, _LONG8, _DIRECTORIES = (5, 10), (16, 17, 18), (13, 18)
EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
# Entries that point to directories that are read: in the first directory, and in that of EXIF.
_CHILDREN = {0: (EXIF, GPS), EXIF: (INTEROPERABILITY,)}
# Other entries with offsets, whose targets are lost when they are copied.
_POINTERS = (330, 400, 33424, 34954)
_BIG = 43


class MalformedTiffError(ValueError):
    """Bytes that are not a TIFF structure, or a truncated one."""


@dataclass(frozen=True)
class Entry:
    """Values of a tag: their type, their number, and their bytes in the file's byte order."""

    type: int
    count: int
    data: bytes

    def canonical(self, order: str) -> tuple[int, int, bytes]:
        """Type, count and bytes in little-endian order, to compare files of both byte orders."""
        size = struct.calcsize("<" + _TYPES[self.type][0])
        if order == "<" or size == 1:
            return self.type, self.count, self.data
        parts = (self.data[place : place + size][::-1] for place in range(0, len(self.data), size))
        return self.type, self.count, b"".join(parts)

    def numbers(self, order: str) -> tuple[int, ...]:
        """Values of an integer type; empty for fractions, texts and undefined bytes."""
        form = _TYPES[self.type]
        if self.type in (_ASCII, UNDEFINED) or len(form) > 1 or form in "fd":
            return ()
        return struct.unpack(order + form * self.count, self.data)

    def fraction(self, order: str) -> Fraction | None:
        """Value of a single fraction, integer or float."""
        if self.count != 1:
            return None
        form = _TYPES[self.type]
        numbers = struct.unpack(order + form, self.data)
        try:
            return Fraction(*numbers) if self.type != UNDEFINED else None
        except (ValueError, ZeroDivisionError, OverflowError, TypeError):
            return None


@dataclass(frozen=True)
class Directory:
    """Entries of a directory by tag, and the directories that they point to.

    ``unreadable`` are tags whose values cannot be read: outside the file, of an unknown type, in a directory that is
    not read, or duplicates. ``place`` is the directory's offset, ``next`` that of the next one, or 0.
    """

    entries: Mapping[int, Entry]
    children: Mapping[int, Directory] = field(default_factory=dict)
    unreadable: tuple[int, ...] = ()
    place: int = 0
    next: int = 0


@dataclass(frozen=True)
class Head:
    """Byte order of a file ("<" or ">"), whether it is BigTIFF, and the offset of its first directory."""

    order: str
    big: bool
    first: int


def is_tiff(data: bytes) -> bool:
    """Return True if ``data`` starts with the signature of TIFF or BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def head(data: bytes) -> Head:
    """Parse the header of a TIFF file. Raises MalformedTiffError if there is none."""
    if not is_tiff(data):
        raise MalformedTiffError("it has no TIFF header")
    order = "<" if data[:2] == b"II" else ">"
    big = _BIG in data[2:4]
    (first,) = _unpack(order + ("Q" if big else "I"), data, 8 if big else 4)
    return Head(order, big, first)


def read(data: bytes) -> tuple[Head, Directory]:
    """Parse the header and the first directory of a TIFF file. Raises MalformedTiffError."""
    found = head(data)
    return found, directory(data, found, found.first)


def directory(data: bytes, head: Head, place: int, own: int = 0) -> Directory:
    """Parse the directory at an offset, to which the tag ``own`` points. Raises MalformedTiffError."""
    order, big = head.order, head.big
    (count,) = _unpack(order + ("Q" if big else "H"), data, place)
    entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
    first = place + (8 if big else 2)
    end = first + count * entry.size
    if place <= 0 or end > len(data):
        raise MalformedTiffError("a directory is cut off")
    entries: dict[int, Entry] = {}
    children: dict[int, Directory] = {}
    unreadable: list[int] = []
    left = len(data)  # values should not overlap, and those that do must not take more memory
    for number in range(count):
        tag, type_, length, value = entry.unpack_from(data, first + number * entry.size)
        found = _entry(data, head, type_, length, value, left)
        left -= 0 if found is None else len(found.data)
        if found is None or tag in entries or tag in children:
            unreadable.append(tag)
        elif tag in _CHILDREN.get(own, ()):
            try:
                children[tag] = directory(data, head, found.numbers(order)[0], tag)
            except (MalformedTiffError, IndexError):
                unreadable.append(tag)
        elif tag in _POINTERS or found.type in _DIRECTORIES:
            unreadable.append(tag)
        elif length:
            entries[tag] = found
    following = data[end : end + (8 if big else 4)]
    return Directory(entries, children, tuple(unreadable), place, int.from_bytes(following, _byte_order(order)))


def _entry(data: bytes, head: Head, type_: int, count: int, value: bytes, left: int) -> Entry | None:
    """Parse an entry whose values take at most ``left`` bytes; None if it cannot be read."""
    if type_ not in _TYPES:
        return None
    size = struct.calcsize("<" + _TYPES[type_]) * count
    if size > left:
        return None
    if size > len(value):
        (place,) = struct.unpack(head.order + ("Q" if head.big else "I"), value)
        value = data[place : place + size]
    return Entry(type_, count, value[:size]) if len(value) >= size else None


def _unpack(form: str, data: bytes, place: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, place)
    except (struct.error, OverflowError):
        raise MalformedTiffError("a directory is cut off") from None


def _byte_order(order: str) -> Literal["little", "big"]:
    return "little" if order == "<" else "big"


def frames(data: bytes, head: Head) -> int:
    """Count the directories of the chain that starts with the first; a truncated one ends it."""
    number, place, seen = 0, head.first, set()
    while place and place not in seen:
        seen.add(place)
        try:
            (count,) = _unpack(head.order + ("Q" if head.big else "H"), data, place)
            place += (8 + 20 * count) if head.big else (2 + 12 * count)
            if place > len(data):
                break
            number += 1
            (place,) = _unpack(head.order + ("Q" if head.big else "I"), data, place)
        except MalformedTiffError:
            break
    return max(number, 1)


def narrowed(entry: Entry, order: str) -> Entry | None:
    """Convert a BigTIFF entry to 32-bit numbers; None if they do not fit, or point to directories."""
    if entry.type not in _LONG8:
        return entry
    try:
        form = "i" if entry.type == 17 else "I"
        data = struct.pack(order + form * entry.count, *entry.numbers(order))
    except struct.error:
        return None
    return Entry(9 if entry.type == 17 else LONG, entry.count, data)


def numbers(type_: int, values: tuple[int, ...], order: str) -> Entry:
    """Make an entry of integers, or of one fraction as its two parts."""
    form = _TYPES[type_]
    return Entry(type_, len(values) // len(form), struct.pack(order + form[0] * len(values), *values))


def pack(found: Directory, order: str) -> bytes:
    """Serialise one directory and those that it points to, as EXIF has them."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    place = append(out, found, order)
    out[4:8] = struct.pack(order + "I", place)
    return bytes(out)


def append(out: bytearray, found: Directory, order: str) -> int:
    """Append a directory, and all that it points to, to the bytes of a file; return its offset.

    Raises MalformedTiffError if the file gets too large.
    """
    entries = dict(found.entries)
    for tag, child in found.children.items():
        entries[tag] = numbers(LONG, (append(out, child, order),), order)
    packed = bytearray()
    for tag in sorted(entries):
        entry, value = entries[tag], entries[tag].data
        if len(value) > 4:
            _align(out)
            value = _place(out, order)
            out += entry.data
        packed += struct.pack(order + "HHI", tag, entry.type, entry.count) + value.ljust(4, b"\0")
    _align(out)
    place = _place(out, order)
    out += struct.pack(order + "H", len(entries)) + packed + bytes(4)
    return int.from_bytes(place, _byte_order(order))


def _place(out: bytearray, order: str) -> bytes:
    if len(out) >= 1 << 32:
        raise MalformedTiffError("it is larger than 4 GB")
    return struct.pack(order + "I", len(out))


def _align(out: bytearray) -> None:
    out += bytes(len(out) % 2)


def walk(found: Directory, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Entry]]:
    """Yield all entries, each with the path of tags that leads to it (its own tag last)."""
    for tag, entry in found.entries.items():
        yield (*path, tag), entry
    for tag, child in found.children.items():
        yield from walk(child, (*path, tag))


def unreadable(found: Directory, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Paths of tags that lead to unreadable entries."""
    for tag in found.unreadable:
        yield (*path, tag)
    for tag, child in found.children.items():
        yield from unreadable(child, (*path, tag))
