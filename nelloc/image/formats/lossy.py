"""Image files that hold less than their pixels: their pixels are kept, and mostly take more bytes than they do."""

from __future__ import annotations

from nelloc.image.formats import jpeg, webp


def lossy_format(data: bytes) -> str | None:
    """The name of the lossy format that an image file's bytes are in, JPEG or WebP, or None."""
    if jpeg.is_jpeg(data):
        frame = jpeg.frame(data)
        return None if frame is not None and frame.exact else "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and any(name == b"VP8 " for name, _ in webp.chunks(data)):
        return "lossy WebP"
    return None


def grown(data: bytes, target_bytes: int) -> str | None:
    """The name of the lossy format of an input whose output is larger than it, or None."""
    return lossy_format(data) if target_bytes > len(data) else None
