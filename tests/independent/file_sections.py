"""Section 11: samples, levels, and the packing of sections."""

from __future__ import annotations

import lzma
import zlib

from independent.container import BILEVEL, GROUPS, PALETTE, Cursor
from independent.notation import require

MAX_UNPACKED = 1 << 26


def sample_forms(kind: int, section: bytes | None) -> list[tuple[int, int]]:
    """Section 11, samples: depth and form of each group."""
    if section is None:
        return [(16 if bits == 16 else 8, 0) for _, bits in GROUPS[kind]]
    require(4 <= kind <= 7 and len(section) == 2 * len(GROUPS[kind]), "a section of samples that does not fit")
    forms = list(zip(section[::2], section[1::2], strict=True))
    for depth, form in forms:
        require(depth in (8, 10, 12, 14, 16) and form < 4 and (depth < 16 or form == 0), "unknown depth or form")
    return forms


def level_lists(kind: int, forms: list[tuple[int, int]], section: bytes | None) -> list[tuple[int, list[int]] | None]:
    """Section 11, levels: of each plane the number of the first, and the levels; or None."""
    planes = [(bits, form) for (count, bits), form in zip(GROUPS[kind], forms, strict=True) for _ in range(count)]
    if section is None:
        return [None] * len(planes)
    require(kind not in (PALETTE, BILEVEL), "levels of indices or bits")
    reader, lists = Cursor(unpacked(section)), []
    for bits, (depth, form) in planes:
        count, levels = reader.varint(), []
        if count == 0:
            lists.append(None)
            continue
        first = reader.varint()
        require(first + count <= 1 << depth and form == 0, "levels that do not fit their numbers")
        for k in range(count):
            levels.append(reader.varint() + (levels[-1] + 1 if k else 0))
        require(levels[-1] < 1 << bits, "a level out of range")
        lists.append((first, levels))
    require(reader.at == len(reader.data), "bytes after the levels")
    return lists


def restored(s: int, d: int, form: int) -> int:
    """Section 11, samples: the sample of the image."""
    if form == 0:
        return s
    if form == 3:
        return (s * 65535 + (1 << (d - 1)) - 1) // ((1 << d) - 1)
    return s << (16 - d) | (s >> (2 * d - 16) if form == 2 else 0)


def unpacked(data: bytes) -> bytes:
    """Section 11: what metadata and palettes are stored as."""
    require(data[:1] in (b"\0", b"\1", b"\2"), "unknown compression")
    if data[0] == 1:
        data = data[:1] + zlib.decompress(data[1:], -15)
    elif data[0] == 2:
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
        data = data[:1] + lzma.decompress(data[1:], lzma.FORMAT_RAW, filters=filters)
    require(len(data) <= MAX_UNPACKED + 1, "too long")
    return data[1:]
