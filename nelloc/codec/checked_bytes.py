"""Bytes of a file with their checksums, and errors that name the file."""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from nelloc.errors import RESTORE, NellocError
from nelloc.varint import Cursor, EndError, MalformedError


@contextmanager
def naming(source: str, data: bytes) -> Iterator[None]:
    """Turn what is wrong with the bytes into NellocError."""
    try:
        yield
    except EndError:
        raise NellocError(f"{source}: it ends too early, at byte {len(data)}; {RESTORE}") from None
    except MalformedError:
        raise NellocError(f"{source}: its header has a malformed number; {RESTORE}") from None
    except DamageError as damage:
        raise NellocError(f"{source}: {damage}") from None


class DamageError(Exception):
    """Damage of the bytes, and the remedy."""


class Reader(Cursor):
    """Cursor that checks checksums."""

    def crc32(self, what: str, data: bytes | memoryview) -> None:
        """Raise DamageError unless the CRC-32 that follows is that of ``data``, which ``what`` names."""
        if struct.unpack("<I", self.take(4))[0] != zlib.crc32(data):
            raise DamageError(f"the checksum of {what} does not match, so it is damaged; {RESTORE}")


def crc16(data: bytes) -> bytes:
    """CRC-16/CCITT-FALSE, little-endian."""
    return struct.pack("<H", binascii.crc_hqx(data, 0xFFFF))
