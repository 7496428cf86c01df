"""Section 10: methods without a model."""

from __future__ import annotations

import lzma
import zlib

from independent.notation import clamp, require


def decode_constant(data: bytes, count: int, planes: int, depth: int) -> list[list[int]]:
    """Section 10, constant."""
    size = 2 if depth > 8 else 1
    require(len(data) <= planes * size, "constant data is too long")
    values = data + bytes(planes * size - len(data))
    return [[int.from_bytes(values[p * size : (p + 1) * size], "little")] * count for p in range(planes)]


def decode_stored(data: bytes, count: int, planes: int, depth: int) -> list[list[int]]:
    """Section 10: all samples, one or two bytes each."""
    size = 2 if depth > 8 else 1
    require(len(data) <= size * count * planes, "too many samples")
    data = data.ljust(size * count * planes, b"\0")
    samples = [int.from_bytes(data[k : k + size], "little") for k in range(0, len(data), size)]
    return [samples[k : k + count] for k in range(0, len(samples), count)]


def inflate(data: bytes, width: int, height: int, planes: int) -> list[list[int]]:
    """Section 10, deflate."""
    require(planes == 1 and data[:1] in (b"\1", b"\2", b"\4", b"\x08"), "malformed deflate data")
    bits, stride = data[0], -(-data[0] * width // 8)
    rows = zlib.decompress(data[1:], -15)
    require(len(rows) == stride * height, "deflate data of a wrong length")
    per_byte = 8 // bits
    samples = []
    for start in range(0, len(rows), stride):
        for x in range(width):
            byte = rows[start + x // per_byte]
            samples.append(byte >> 8 - bits * (x % per_byte + 1) & (1 << bits) - 1)
    return [samples]


def unfiltered(data: bytes, width: int, height: int, planes: int, depth: int) -> list[list[int]]:
    """Section 10, rows."""
    require(depth == 8 and len(data) > 0, "rows of deep samples, or no data")
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 22}]
    content = lzma.decompress(data[1:] + b"\0", lzma.FORMAT_RAW, filters=filters)
    require(len(content) == planes * width * height, "rows of a wrong length")
    predictor, planar, green = data[0] % 8, data[0] >> 3 & 1, data[0] >> 4
    require(predictor < 5 and green < 2 and (planes > 1 or not planar) and (planes > 2 or not green), "unknown filter")
    samples = [[0] * (width * height) for _ in range(planes)]
    for place in range(width * height):
        y, x = divmod(place, width)
        residuals = [content[p * width * height + place if planar else place * planes + p] for p in range(planes)]
        for p, plane in enumerate(samples):
            w = plane[place - 1] if x else 0
            n = plane[place - width] if y else 0
            nw = plane[place - width - 1] if x and y else 0
            prediction = (0, w, n, w + n - nw, clamp(w + n - nw, min(w, n), max(w, n)))[predictor]
            residual = residuals[p] + (residuals[1] if green and p in (0, 2) else 0)
            plane[place] = (residual + prediction) % 256
    return samples
