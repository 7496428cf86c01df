"""Header of a binary PGM or PPM file."""

from __future__ import annotations

import re
from typing import NamedTuple

# Numbers are separated by white space and comments (to the end of the line, CR or LF); one white space ends the header.
_BETWEEN = rb"\s(?:\s|#[^\r\n]*[\r\n])*"
_HEAD = re.compile(rb"(P[56])" + 3 * (_BETWEEN + rb"(\d+)") + rb"\s")


class Head(NamedTuple):
    """Header of a file whose samples follow row by row; ``largest`` is the sample of white."""

    channels: int
    width: int
    height: int
    largest: int

    @property
    def stride(self) -> int:
        """Bytes of a row."""
        return self.width * self.channels * (1 if self.largest < 256 else 2)

    def pack(self) -> bytes:
        """Serialise the header."""
        return b"P%d\n%d %d\n%d\n" % (6 if self.channels == 3 else 5, self.width, self.height, self.largest)


def unpack(data: bytes) -> tuple[Head, int] | None:
    """Parse the header and return it with its length in bytes; None if this is not a binary PGM or PPM file."""
    found = _HEAD.match(data)
    if found is None:
        return None
    width, height, largest = (int(number) for number in found.groups()[1:])
    return Head(3 if found[1] == b"P6" else 1, width, height, largest), found.end()
