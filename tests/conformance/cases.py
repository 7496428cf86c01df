"""Image files of every sort that is coded: PNG files made bit by bit, as PngSuite has them, and others by Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, TiffImagePlugin

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


@dataclass(frozen=True)
class Case:
    """A file: its name, the format, the bytes, and the samples that it must be read as, (H, W) or (H, W, C)."""

    name: str
    suffix: str
    data: bytes
    samples: NDArray[Any]


def cases() -> Iterator[Case]:
    """Every case; always the same."""
    yield from _png_kinds()
    yield from _png_transparency()
    yield from _png_metadata()
    yield from _pillow_files()
    yield from _deep_files()


# ---- PNG


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


def _colours(depth: int) -> bytes:
    return bytes(np.random.default_rng(depth).integers(0, 256, 3 << depth, dtype=np.uint8))


def _png_kinds() -> Iterator[Case]:
    for colour, (name, channels, depths) in COLOUR_TYPES.items():
        for depth in depths:
            samples = picture(channels, depth)
            chunks = [(b"PLTE", _colours(depth))] if colour == 3 else []
            for interlaced in (False, True):
                data = png(samples, colour, depth, chunks, interlaced=interlaced)
                title = f"PNG {name}, {depth} bits" + (", interlaced" if interlaced else "")
                yield Case(title, ".png", data, as_read(samples, colour, depth))
    for side in ((1, 1), (1, 9), (7, 1), (40, 35)):
        samples = picture(3, 8, side=side)
        for interlaced in (False, True):
            title = f"PNG RGB, {side[1]} x {side[0]}" + (", interlaced" if interlaced else "")
            yield Case(title, ".png", png(samples, 2, 8, [], interlaced=interlaced), as_read(samples, 2, 8))


def _png_transparency() -> Iterator[Case]:
    for colour, depth in ((0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16)):
        name, channels, _ = COLOUR_TYPES[colour]
        samples = picture(channels, depth)
        chunk = struct.pack(f">{channels}H", *samples[0, 0].tolist())
        data = png(samples, colour, depth, [(b"tRNS", chunk)])
        yield Case(f"PNG {name}, {depth} bits, transparent colour", ".png", data, as_read(samples, colour, depth))
    samples = picture(1, 4)
    for title, table in (
        ("one transparent index", b"\xff\xff\0"),
        ("alpha of some indices", bytes(range(0, 250, 50))),
        ("alpha of every index", bytes(range(16))),
    ):
        data = png(samples, 3, 4, [(b"PLTE", _colours(4)), (b"tRNS", table)])
        yield Case(f"PNG palette, {title}", ".png", data, as_read(samples, 3, 4))
    ramp = bytes(n for n in range(256) for _ in range(3))
    samples = picture(1, 8)
    yield Case("PNG palette, a gray ramp", ".png", png(samples, 3, 8, [(b"PLTE", ramp)]), as_read(samples, 3, 8))


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[274], exif[306] = "A maker", 6, "2026:01:02 03:04:05"
    return exif


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


def _png_metadata() -> Iterator[Case]:
    text = "Ein Titel: \u00e4\u00f6\u00fc".encode("latin-1")
    one = {
        "gAMA": (b"gAMA", struct.pack(">I", 45455)),
        "cHRM": (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        "sRGB": (b"sRGB", b"\1"),
        "iCCP": (b"iCCP", b"a name\0\0" + zlib.compress(_profile())),
        "sBIT": (b"sBIT", b"\5\6\5"),
        "bKGD": (b"bKGD", struct.pack(">3H", 1, 2, 3)),
        "pHYs in metres": (b"pHYs", struct.pack(">IIB", 11811, 5906, 1)),
        "pHYs, only the ratio": (b"pHYs", struct.pack(">IIB", 4, 3, 0)),
        "tIME": (b"tIME", struct.pack(">HBBBBB", 2026, 1, 2, 3, 4, 5)),
        "tEXt": (b"tEXt", b"Title\0" + text),
        "zTXt": (b"zTXt", b"Comment\0\0" + zlib.compress(text * 200)),
        "iTXt": (b"iTXt", b"Title\0\0\0fr\0Titre\0" + "Le \u2603".encode()),
        "iTXt, compressed": (b"iTXt", b"Title\0\1\0\0\0" + zlib.compress("\u2603 ".encode() * 99)),
        "XMP": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        "eXIf": (b"eXIf", _exif().tobytes().removeprefix(b"Exif\0\0")),
        "cICP": (b"cICP", b"\1\r\0\1"),
        "sPLT": (b"sPLT", b"a palette\0\x08" + bytes(12)),
        "a private chunk": (b"prVt", b"anything"),
    }
    samples = picture(3, 8)
    for name, chunk in one.items():
        yield Case(f"PNG {name}", ".png", png(samples, 2, 8, [chunk]), as_read(samples, 2, 8))
    names = ("gAMA", "cHRM", "sBIT", "bKGD", "pHYs in metres", "tIME", "tEXt", "iTXt", "XMP", "eXIf", "a private chunk")
    chunks = [one[name] for name in names]
    data = png(samples, 2, 8, [*chunks, (b"tEXt", b"Title\0again")])
    yield Case("PNG with all of these and a keyword twice", ".png", data, as_read(samples, 2, 8))
    deep = picture(3, 16)
    yield Case("PNG RGB, 16 bits, with metadata", ".png", png(deep, 2, 16, chunks), as_read(deep, 2, 16))
    indices = picture(1, 2)
    chunks = [(b"PLTE", _colours(2)), (b"hIST", struct.pack(">4H", 1, 2, 3, 4)), (b"bKGD", b"\2")]
    yield Case("PNG palette, hIST and bKGD", ".png", png(indices, 3, 2, chunks), as_read(indices, 3, 2))


# ---- Files that Pillow and others make


def _saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def _pillow_image(mode: str) -> Image.Image:
    channels = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}[mode]
    depth = {"1": 1, "P": 6, "I;16": 16}.get(mode, 8)
    samples = as_read(picture(channels, depth), 3 if mode == "P" else 0 if channels == 1 else 2, depth)
    if mode != "P":
        return Image.fromarray(samples)
    image = Image.frombytes("P", samples.shape[::-1], samples.tobytes())
    image.putpalette(_colours(6))
    return image


def _pillow_files() -> Iterator[Case]:
    formats: list[tuple[str, str, tuple[str, ...], dict[str, Any]]] = [
        ("TIFF", ".tif", ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"), {}),
        ("TIFF, LZW", ".tif", ("L", "P", "RGB", "RGBA"), {"compression": "tiff_lzw"}),
        ("TIFF, deflate", ".tif", ("1", "L", "LA", "RGB", "RGBA", "I;16"), {"compression": "tiff_adobe_deflate"}),
        ("TIFF, group 4", ".tif", ("1",), {"compression": "group4"}),
        ("WebP", ".webp", ("RGB", "RGBA"), {"lossless": True, "exact": True}),
        ("BMP", ".bmp", ("1", "L", "P", "RGB"), {}),
        ("PPM", ".pnm", ("1", "L", "RGB", "I;16"), {}),
        ("QOI", ".qoi", ("RGB", "RGBA"), {}),
        ("GIF", ".gif", ("L", "P"), {}),
    ]
    for title, suffix, modes, options in formats:
        for mode in modes:
            image = _pillow_image(mode)
            data = _saved(image, title.split(",")[0], **options)
            # GIF files have a palette of their own, in whose order Pillow writes indices.
            expected = Image.open(io.BytesIO(data)) if title == "GIF" else image
            yield Case(f"{title}, {mode}", suffix, data, np.asarray(expected))
    for mode in ("L", "RGB"):
        data = _saved(
            _pillow_image(mode), "JPEG", exif=_exif(), icc_profile=_profile(), comment=b"hello", dpi=(300, 300)
        )
        yield Case(f"JPEG with metadata, {mode}", ".jpg", data, np.asarray(Image.open(io.BytesIO(data))))
    image = _pillow_image("RGB")
    options = {"lossless": True, "exif": _exif(), "icc_profile": _profile(), "xmp": XMP}
    yield Case("WebP with metadata", ".webp", _saved(image, "WEBP", **options), np.asarray(image))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[305], tags[700] = "a description", "software", XMP
    tags.tagtype[700] = 1
    options = {"icc_profile": _profile(), "tiffinfo": tags, "dpi": (300, 150)}
    yield Case("TIFF with metadata", ".tif", _saved(image, "TIFF", **options), np.asarray(image))
    options = {"tiffinfo": tags, "dpi": (72, 72)}
    yield Case(
        "TIFF I;16 with metadata",
        ".tif",
        _saved(_pillow_image("I;16"), "TIFF", **options),
        np.asarray(_pillow_image("I;16")),
    )
    yield Case("BMP with a resolution", ".bmp", _saved(image, "BMP", dpi=(300, 300)), np.asarray(image))


def _deep_files() -> Iterator[Case]:
    import tifffile

    for channels, photometric in ((3, "rgb"), (4, "rgb")):
        samples = as_read(picture(channels, 16), 2, 16)
        for planar in ("contig", "separate"):
            for compression in (None, "zlib", "lzw"):
                out = io.BytesIO()
                array = samples if planar == "contig" else samples.transpose(2, 0, 1)
                extra = ["unassalpha"] if channels == 4 else None
                tifffile.imwrite(
                    out,
                    np.ascontiguousarray(array),
                    photometric=photometric,
                    planarconfig=planar,
                    compression=compression,
                    extrasamples=extra,
                    metadata=None,
                    software=False,
                    iccprofile=_profile() if compression else None,
                )
                mode = "RGB" if channels == 3 else "RGBA"
                title = f"TIFF {mode}, 16 bits, {planar}, {compression or 'raw'}"
                yield Case(title, ".tif", out.getvalue(), samples)
    samples = as_read(picture(3, 16), 2, 16)
    data = b"P6\n%d %d\n65535\n" % (WIDTH, HEIGHT) + samples.astype(">u2").tobytes()
    yield Case("PPM, RGB, 16 bits", ".ppm", data, samples)
    for name, factor in (("8 bits in 16", 257), ("12 bits in 16", 16)):
        depth = 8 if factor == 257 else 12
        low = picture(3, depth) * factor
        yield Case(f"PNG RGB, {name}", ".png", png(low, 2, 16, []), low.astype(np.uint16))
