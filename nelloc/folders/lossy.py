"""Image files that hold less than their pixels: their pixels are kept, and mostly take more bytes than they do."""

from __future__ import annotations


def lossy_format(data: bytes) -> str | None:
    """The name of the lossy format that an image file's bytes are in, JPEG or WebP, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        place = 12
        while place + 8 <= len(data):
            if data[place : place + 4] == b"VP8 ":
                return "lossy WebP"
            size = int.from_bytes(data[place + 4 : place + 8], "little")
            place += 8 + size + size % 2
    return None


def grown(data: bytes, target_bytes: int) -> str | None:
    """The name of the lossy format of an input whose output is larger than it, or None."""
    return lossy_format(data) if target_bytes > len(data) else None
