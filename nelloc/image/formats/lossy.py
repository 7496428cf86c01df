"""Lossy image files: their decoded pixels are kept, which mostly take more bytes than the files."""

from __future__ import annotations

from nelloc.image.formats import jpeg, webp


def lossy_format(data: bytes) -> str | None:
    """Name of the lossy format of an image file, JPEG or WebP, or None."""
    if jpeg.is_jpeg(data):
        frame = jpeg.frame(data)
        return None if frame is not None and frame.exact else "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and any(name == b"VP8 " for name, _ in webp.chunks(data)):
        return "lossy WebP"
    return None


def grown(data: bytes, target_bytes: int) -> str | None:
    """Name of the lossy format of an input whose output is larger, or None."""
    return lossy_format(data) if target_bytes > len(data) else None
