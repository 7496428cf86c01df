"""Kinds of images: the meaning of a file's samples, and the groups of planes that are coded together.

docs/FORMAT.md lists the numbers. A kind does not determine how its groups are coded.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property


class Role(enum.Enum):
    """Meaning of a group's planes."""

    COLOUR = "colour"
    ALPHA = "alpha"
    INDEX = "index"
    BILEVEL = "bilevel"
    COLOUR_AND_ALPHA = "colour and alpha"


@dataclass(frozen=True)
class Group:
    """Planes that are coded together: 1 to 4 of them, of samples of at most ``bits`` bits each."""

    role: Role
    planes: int
    bits: int


class Kind(enum.IntEnum):
    """Meaning of the pixels. Higher numbers are reserved in docs/FORMAT.md."""

    GRAY = 0
    RGB = 1
    LA = 2
    RGBA = 3
    GRAY16 = 4
    RGB16 = 5
    LA16 = 6
    RGBA16 = 7
    PALETTE = 8
    BILEVEL = 9

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Groups of planes, in the order of the file."""
        if self is Kind.PALETTE:
            return (Group(Role.INDEX, 1, 8),)
        if self is Kind.BILEVEL:
            return (Group(Role.BILEVEL, 1, 1),)
        bits = 16 if self.deep else 8
        colour = Group(Role.COLOUR, 3 if self in _COLOURED else 1, bits)
        return (colour, Group(Role.ALPHA, 1, bits)) if self in _WITH_ALPHA else (colour,)

    @property
    def joined_groups(self) -> tuple[Group, ...] | None:
        """One group of all planes, if files of this kind may have that instead of ``groups``; otherwise None."""
        if self in _WITH_ALPHA and not self.deep:
            return (Group(Role.COLOUR_AND_ALPHA, self.planes, 8),)
        return None

    @property
    def deep(self) -> bool:
        """True if samples have up to 16 bits."""
        return Kind.GRAY16 <= self <= Kind.RGBA16

    @property
    def planes(self) -> int:
        """Number of planes of all groups."""
        return sum(group.planes for group in self.groups)


_COLOURED = (Kind.RGB, Kind.RGBA, Kind.RGB16, Kind.RGBA16)
_WITH_ALPHA = (Kind.LA, Kind.RGBA, Kind.LA16, Kind.RGBA16)
