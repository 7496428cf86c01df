"""Small files with lists of levels, most of them forged, for tests of every decoder."""

from __future__ import annotations

import numpy as np

from nelloc.codec import container, level_lists
from nelloc.codec.container import Container, Section, TileRecord
from nelloc.codec.format import NO_MODEL, Method, SectionType
from nelloc.image.kinds import Kind
from nelloc.image.levels import Levels


def of(*values: int, offset: int = 0) -> Levels:
    """Levels, the first of which has the number ``offset``."""
    return Levels(np.array(values, np.uint16), offset)


def section_of(*lists: Levels | None) -> bytes:
    """The section of these lists, not packed."""
    return b"\0" + level_lists.pack(lists)


def forged(kind: Kind, section: bytes, number: int = 0, samples: bytes = b"") -> bytes:
    """A file of one tile, 5 x 4, all of whose coded samples are ``number``."""
    sections = [Section(SectionType.LEVELS, section)]
    if samples:
        sections.append(Section(SectionType.SAMPLES, samples))
    if kind is Kind.PALETTE:
        sections.append(Section(SectionType.PALETTE, b"\0\0"))
    records = tuple(TileRecord(Method.CONSTANT, bytes([number]).rstrip(b"\0")) for _ in kind.groups)
    return container.pack(Container(kind, 5, 4, 16, NO_MODEL, records, tuple(sections)))


# Kinds and sections that no encoder writes.
MALFORMED = [
    (Kind.GRAY, b""),
    (Kind.GRAY, b"\0"),
    (Kind.GRAY, b"\3\0"),
    (Kind.GRAY, b"\0\1"),
    (Kind.GRAY, b"\0\1\0"),
    (Kind.GRAY, b"\0\0\0"),
    (Kind.GRAY, section_of(of(4)) + b"\0"),
    (Kind.GRAY, b"\0\1\0\x80\2"),  # level 256
    (Kind.GRAY, b"\0\2\0\xff\1\0"),  # levels 255, 256
    (Kind.GRAY, b"\0\1\0\x80\0"),  # a varint longer than needed
    (Kind.GRAY, b"\0\1\0\xff\xff\xff\xff\x7f"),
    (Kind.GRAY, b"\0\xff\xff\xff\xff\x7f\0"),
    (Kind.GRAY, section_of(of(*range(256), offset=1))),
    (Kind.GRAY, section_of(of(7, offset=256))),
    (Kind.GRAY, section_of(of(7), of(7))),
    (Kind.RGB, section_of(of(7), of(7))),
    (Kind.RGB, section_of(of(7), None)),
    (Kind.GRAY16, b"\0\1\0\x80\x80\4"),  # level 65536
    (Kind.PALETTE, section_of(of(7))),
    (Kind.BILEVEL, section_of(of(0, 1))),
]
# Depth and form of a group of 257 levels.
OF_257 = section_of(of(*range(0, 25700, 100)))
MALFORMED_SAMPLES = [(8, 0), (10, 1), (10, 3)]
# Coded samples of a plane with the levels 50 and 77 of the numbers 2 and 3, and what they are.
OF_TWO, NUMBERS = section_of(of(50, 77, offset=2)), [(1, None), (2, 50), (3, 77), (4, None), (255, None)]
