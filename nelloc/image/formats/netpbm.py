"""The head of a binary PGM or PPM file."""

from __future__ import annotations

import re
from typing import NamedTuple

# Between the numbers are spaces and comments, which end with their line, at CR or LF; a single space ends the head.
_BETWEEN = rb"\s(?:\s|#[^\r\n]*[\r\n])*"
_HEAD = re.compile(rb"(P[56])" + 3 * (_BETWEEN + rb"(\d+)") + rb"\s")


class Head(NamedTuple):
    """What a file says of its samples, which follow row by row; ``largest`` is what white is."""

    channels: int
    width: int
    height: int
    largest: int

    @property
    def stride(self) -> int:
        """Bytes of a row."""
        return self.width * self.channels * (1 if self.largest < 256 else 2)

    def pack(self) -> bytes:
        """The head of a file."""
        return b"P%d\n%d %d\n%d\n" % (6 if self.channels == 3 else 5, self.width, self.height, self.largest)


def unpack(data: bytes) -> tuple[Head, int] | None:
    """The head of a file and its length in bytes; None if these are not the bytes of such a file."""
    found = _HEAD.match(data)
    if found is None:
        return None
    width, height, largest = (int(number) for number in found.groups()[1:])
    return Head(3 if found[1] == b"P6" else 1, width, height, largest), found.end()
