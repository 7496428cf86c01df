"""The section of a file that lists the levels of its planes. docs/FORMAT.md, section 11."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nelloc.image.levels import Levels
from nelloc.varint import Cursor, MalformedError, varint


def pack(levels: Sequence[Levels | None]) -> bytes:
    """The lists of all planes, None of one that has no list."""
    return b"".join(varint(0) if own is None else _packed(own) for own in levels)


def _packed(levels: Levels) -> bytes:
    gaps = np.diff(levels.values.astype(np.int64), prepend=-1) - 1
    return varint(len(gaps)) + varint(levels.offset) + b"".join(map(varint, gaps.tolist()))


def parse(data: bytes, bits: Sequence[tuple[int, int]]) -> tuple[Levels | None, ...]:
    """Read the lists of planes; ``bits`` are those of each plane's samples, and of its coded ones.

    Raises MalformedError for anything but lists of levels that have numbers of as many bits.
    """
    reader = Cursor(data)
    found = tuple(_parsed(reader, 1 << own, 1 << coded) for own, coded in bits)
    if not reader.ended:
        raise MalformedError("levels")
    return found


def _parsed(reader: Cursor, levels: int, numbers: int) -> Levels | None:
    count = reader.varint()
    if not count:
        return None
    offset = reader.varint()
    if offset + count > numbers:
        raise MalformedError("numbers of levels")
    values = np.cumsum([reader.varint() + 1 for _ in range(count)], dtype=np.int64) - 1
    if values[-1] >= levels:
        raise MalformedError("levels")
    return Levels(values.astype(np.uint16), offset)
