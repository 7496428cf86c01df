"""Writing to streams that are open: all of the data, or an error."""

from __future__ import annotations

import errno
import io
import os
from typing import IO


def write_whole(stream: IO[bytes] | io.RawIOBase, data: bytes) -> None:
    """Write bytes to an open stream, also to a raw one, which may take a part of them and say how many.

    Standard output is raw if PYTHONUNBUFFERED is set, and files that are opened with ``buffering=0``. They take a part
    where a disk becomes full. Raises OSError if the rest cannot be written.
    """
    if not isinstance(stream, io.RawIOBase):
        stream.write(data)
        return
    rest = memoryview(data)
    while rest:
        count = stream.write(rest)
        if count is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[count:]
