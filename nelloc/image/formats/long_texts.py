"""PNG files whose text or profile exceeds Pillow's limits, which it reports as damaged; ``png`` reads these chunks."""

from __future__ import annotations

import zlib

from PIL import PngImagePlugin

from nelloc.image.formats import png

_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def leave_out(data: bytes) -> bytes:
    """Remove texts and profile from a PNG file if Pillow may find them too long; other files are unchanged."""
    if not data.startswith(png.SIGNATURE):
        return data
    limit, total = PngImagePlugin.MAX_TEXT_CHUNK, 0
    texts = [(start, end) for name, start, end in png.places(data) if name in _TEXTS and end <= len(data)]
    for start, end in texts:
        total += _size(data[start + 4 : start + 8], data[start + 8 : end - 4], limit + 1)
        if total > limit:
            break
    else:
        return data
    parts, place = [], 0
    for start, end in texts:
        if zlib.crc32(data[start + 4 : end - 4]) == int.from_bytes(
            data[end - 4 : end], "big"
        ):  # otherwise Pillow reports it
            parts.append(data[place:start])
            place = end
    return b"".join([*parts, data[place:]])


def _size(name: bytes, body: bytes, limit: int) -> int:
    """Unpacked length of a chunk's text, counted up to a limit."""
    try:
        _, packed = body.split(b"\0", 1)
        if name == b"tEXt" or (name == b"iTXt" and not packed[0]):
            return len(body)
        packed = packed[2:].split(b"\0", 2)[2] if name == b"iTXt" else packed[1:]
        return len(zlib.decompressobj().decompress(packed, limit))
    except (ValueError, IndexError, zlib.error):  # malformed
        return len(body)
