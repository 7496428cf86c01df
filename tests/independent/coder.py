"""Section 7: the entropy coder."""

from __future__ import annotations

import struct
from bisect import bisect_right

from independent.notation import require

TOTAL = 1 << 24  # the sum of a digit's frequencies


class Coder:
    """Section 7: the stack of words that a tile's digits are popped from."""

    def __init__(self, data: bytes) -> None:
        require(not data.endswith(b"\0"), "the tile's data ends in a zero byte")
        data += bytes(-len(data) % 4)
        self.words = list(struct.unpack(f"<{len(data) // 4}I", data))
        self.state = 0
        for _ in range(min(2, len(self.words))):
            self.state = self.state << 32 | self.words.pop()

    def digit(self, bounds: list[int]) -> int:
        """Decode the digit k with bounds[k] <= state mod 2^24 < bounds[k + 1]."""
        r = self.state % TOTAL
        k = bisect_right(bounds, r) - 1
        self.state = (self.state >> 24) * (bounds[k + 1] - bounds[k]) + r - bounds[k]
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return k
