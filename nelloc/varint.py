"""Integers of variable length (LEB128), and a cursor for reading bytes in order."""

from __future__ import annotations


class MalformedError(Exception):
    """Bytes that no writer makes. Callers that know the file's name convert it to NellocError."""


class EndError(MalformedError):
    """Unexpected end of the bytes."""


class Cursor:
    """Reader of bytes from their start."""

    def __init__(self, data: bytes):
        self.data, self.position = data, 0

    @property
    def ended(self) -> bool:
        """True if no bytes are left."""
        return self.position == len(self.data)

    def take(self, count: int) -> bytes:
        """Read the next ``count`` bytes. Raises EndError if there are fewer."""
        return self.data[self._advance(count) : self.position]

    def view(self, count: int) -> memoryview:
        """Read the next ``count`` bytes without copying them. Raises EndError if there are fewer."""
        return memoryview(self.data)[self._advance(count) : self.position]

    def _advance(self, count: int) -> int:
        """Go on by ``count`` bytes, and return where they start."""
        start = self.position
        if count > len(self.data) - start:
            raise EndError(f"ends at byte {len(self.data)}")
        self.position += count
        return start

    def rest(self) -> bytes:
        """Read all bytes that are left."""
        return self.take(len(self.data) - self.position)

    def byte(self) -> int:
        """Read a byte as an integer. Raises EndError at the end."""
        return self.take(1)[0]

    def varint(self) -> int:
        """Read a LEB128 number of at most five bytes, in its shortest form. Raises MalformedError for another."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    break
                return value
        raise MalformedError("a number in a wrong form")


def varint(value: int) -> bytes:
    """Serialise ``value``, 0 to 2**35 - 1, as LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
