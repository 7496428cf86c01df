"""Pictures of every kind, and PNG files of them made bit by bit, as PngSuite has them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

HEIGHT, WIDTH = 23, 29
# Colour types of PNG: name, channels and the depths there are.
COLOUR_TYPES = {
    0: ("gray", 1, (1, 2, 4, 8, 16)),
    2: ("RGB", 3, (8, 16)),
    3: ("palette", 1, (1, 2, 4, 8)),
    4: ("gray and alpha", 2, (8, 16)),
    6: ("RGB and alpha", 4, (8, 16)),
}
# First row and column of each pass of Adam7, and the distances of rows and columns.
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
Chunk = tuple[bytes, bytes]


def png(samples: NDArray[Any], colour: int, depth: int, chunks: list[Chunk], *, interlaced: bool = False) -> bytes:
    """A PNG file of samples (H, W, channels), with a different filter for each row; ``chunks`` come before IDAT."""
    height, width, _ = samples.shape
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = b"".join(_filtered(samples[y::dy, x::dx], depth) for y, x, dy, dx in passes)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    out = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        out += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return out


def _filtered(samples: NDArray[Any], depth: int) -> bytes:
    """Rows as bytes, each with its filter type (PNG specification, section 9) before it."""
    if not samples.size:
        return b""
    step = max(1, samples.shape[2] * depth // 8)
    out, above = b"", None
    for number, row in enumerate(samples):
        line = np.frombuffer(_packed(row.ravel(), depth), np.uint8).astype(np.int64)
        up = np.zeros_like(line) if above is None else above
        left, corner = (np.concatenate([np.zeros(step, np.int64), other])[: len(line)] for other in (line, up))
        p = left + up - corner
        distances = np.abs(np.stack([p - left, p - up, p - corner]))
        paeth = np.choose(distances.argmin(axis=0), [left, up, corner])
        kind = number % 5
        predicted = (0 * line, left, up, (left + up) // 2, paeth)[kind]
        out += bytes([kind]) + ((line - predicted) % 256).astype(np.uint8).tobytes()
        above = line
    return out


def _packed(row: NDArray[Any], depth: int) -> bytes:
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype(np.uint8).tobytes()
    bits = (row[:, None] >> np.arange(depth)[::-1]) & 1
    return np.packbits(bits.astype(np.uint8).ravel()).tobytes()


def picture(channels: int, depth: int, *, side: tuple[int, int] = (HEIGHT, WIDTH)) -> NDArray[np.int64]:
    """A slope with noise, and random alpha with a part that is 0 and has colour under it: (H, W, channels)."""
    random = np.random.default_rng(channels * 100 + depth)
    rows, columns = np.mgrid[: side[0], : side[1]]
    top = (1 << depth) - 1
    slope = (rows + columns)[..., None] / (sum(side) - 1) * top * (1 - 0.2 * np.arange(channels))
    samples = np.clip(slope + random.normal(size=(*side, channels)) * top / 40, 0, top).round().astype(np.int64)
    if channels in (2, 4):
        samples[:, :, -1] = random.integers(0, top + 1, side)
        samples[: side[0] // 3, :, -1] = 0
    return samples


def as_read(samples: NDArray[np.int64], colour: int, depth: int) -> NDArray[Any]:
    """Samples as Pillow names them: gray of 2 and 4 bits spread over 8, one bit as bool."""
    array = samples[:, :, 0] if samples.shape[2] == 1 else samples
    if colour == 0 and depth == 1:
        return array.astype(np.bool_)
    if colour == 0 and depth < 8:
        array = array * (255 // ((1 << depth) - 1))
    return array.astype(np.uint16 if depth == 16 else np.uint8)


def colours(depth: int) -> bytes:
    return bytes(np.random.default_rng(depth).integers(0, 256, 3 << depth, dtype=np.uint8))


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[274], exif[306] = "A maker", 6, "2026:01:02 03:04:05"
    return exif


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def pillow_image(mode: str) -> Image.Image:
    channels = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}[mode]
    depth = {"1": 1, "P": 6, "I;16": 16}.get(mode, 8)
    samples = as_read(picture(channels, depth), 3 if mode == "P" else 0 if channels == 1 else 2, depth)
    if mode != "P":
        return Image.fromarray(samples)
    image = Image.frombytes("P", samples.shape[::-1], samples.tobytes())
    image.putpalette(colours(6))
    return image
