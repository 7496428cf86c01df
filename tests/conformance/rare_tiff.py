"""TIFF files of every layout, depth, compression and orientation, with every tag; by tifffile, and entry by entry."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tiff_files import Tags, tiff

from conformance.case import Case

HEIGHT, WIDTH = 23, 29
_ALPHA: Tags = {338: (3, (2,))}
# Every sort of tag: counts, fractions, texts of several scripts, GeoTIFF, private ones of every type.
TAGS: Tags = {
    269: (2, b"a\0b\0"),
    270: (2, "F\u00fc\u00dfe \u5199\u771f \u2603\0".encode()),
    271: (2, b"a maker\0"),
    282: (5, (300, 1)),
    283: (5, (1000, 7)),
    296: (3, (3,)),
    297: (3, (0, 1)),
    301: (3, tuple(range(768))),
    305: (2, b"software\0"),
    315: (2, "\u0410\u0440\u0442\u0438\u0441\u0442\0".encode()),
    318: (5, (312700, 1000003, 329000, 999983)),
    321: (3, (3, 200)),
    33432: (2, b"Copyright \xa9 1999\0"),
    40001: (2, b"a\0b\0"),
    40002: (1, bytes(range(9))),
    40003: (10, (-1, 7, 2, -999999937)),
    40004: (12, (0.1, 1 / 3)),
    40005: (8, (-1, 2, -3)),
    40006: (9, (-5,)),
    40007: (7, b"\0\1\2\xff"),
    50714: (5, (1, 3)),
    700: (1, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"),
    34377: (7, b"8BIM\4\4\0\0\0\0\0\2hi"),
    34675: (7, bytes(range(200))),
}
GEOTIFF: Tags = {
    33550: (12, (0.1, 0.2, 0.0)),
    33922: (12, (0.0, 0.0, 0.0, 440720.0, 100.0, 0.0)),
    34735: (3, (1, 1, 0, 1, 1024, 0, 1, 1)),
    34736: (12, (1 / 3, 6378137.0)),
    34737: (2, b"WGS 84|\0"),
    42113: (2, b"-9999\0"),
}
EXIF: Tags = {
    33434: (5, (1, 999999937)),
    36867: (2, b"2026:01:02 03:04:05\0"),
    37121: (7, b"\1\2\3\0"),
    37500: (7, b"notes" * 9),
    37510: (7, b"UNICODE\0" + "\u5199\u771f".encode("utf-16-le")),
}
GPS: Tags = {0: (1, b"\2\3\0\0"), 1: (2, b"N\0"), 2: (5, (47, 1, 59, 1, 123457, 10000)), 29: (2, b"2026:01:02\0")}


def picture(channels: int, bits: int) -> NDArray[Any]:
    """Random samples in a slope, (H, W) or (H, W, C)."""
    random = np.random.default_rng(channels * 100 + bits)
    top = (1 << bits) - 1
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    slope = (rows + columns)[..., None] / (HEIGHT + WIDTH - 2) * top
    samples = np.clip(slope + random.normal(size=(HEIGHT, WIDTH, channels)) * top / 30, 0, top).round()
    samples[0, 0] = top
    array = samples.astype(np.uint16 if bits > 8 else np.uint8)
    return array[:, :, 0] if channels == 1 else array


def packed(samples: NDArray[Any], bits: int) -> bytes:
    """Rows of samples of so many bits, each of whole bytes."""
    places = np.arange(bits)[::-1]
    rows = (samples.reshape(samples.shape[0], -1, 1).astype(np.int64) >> places) & 1
    return np.packbits(rows.reshape(samples.shape[0], -1).astype(np.uint8), axis=1).tobytes()


def cases() -> Iterator[Case]:
    """Every case; always the same."""
    yield from _layouts()
    yield from _depths()
    yield from _palettes()
    yield from _tags()
    yield from _compressions()


def _written(samples: NDArray[Any], **options: Any) -> bytes:
    import tifffile

    out = io.BytesIO()
    options = {
        "photometric": "rgb" if samples.ndim == 3 else "minisblack",
        "metadata": None,
        "software": False,
    } | options
    if options.get("planarconfig") == "separate":
        samples = np.ascontiguousarray(samples.transpose(2, 0, 1))
    tifffile.imwrite(out, samples, **options)
    return out.getvalue()


def _layouts() -> Iterator[Case]:
    for bits in (8, 16):
        for channels in (1, 3):
            samples = picture(channels, bits)
            mode = f"{'gray' if channels == 1 else 'RGB'}, {bits} bits"
            layouts: list[tuple[str, dict[str, Any]]] = [
                ("tiled, deflate", {"tile": (16, 16), "compression": "zlib"}),
                ("LZW in strips, predicted", {"rowsperstrip": 5, "compression": "lzw", "predictor": True}),
                ("big-endian, raw", {"byteorder": ">"}),
                ("BigTIFF, deflate", {"bigtiff": True, "compression": "zlib", "software": "me"}),
                ("BigTIFF, big-endian, tiled, raw", {"bigtiff": True, "byteorder": ">", "tile": (16, 16)}),
                ("Zstandard", {"compression": "zstd"}),
                ("LZMA", {"compression": "lzma"}),
                ("packbits", {"compression": "packbits"}),
            ]  # fmt: skip
            if channels == 3:
                layouts += [
                    ("planar, tiled, LZW", {"planarconfig": "separate", "tile": (16, 16), "compression": "lzw"})
                ]
            for title, options in layouts:
                yield Case(f"TIFF {mode}, {title}", ".tif", _written(samples, **options), samples)


def _by_hand(samples: NDArray[Any], bits: int, tags: Tags, **options: Any) -> bytes:
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    order = options.get("order", "<")
    body = samples.astype(order + "u2").tobytes() if bits == 16 else packed(samples, bits)
    options.setdefault("photometric", 2 if channels > 2 else 1)
    return tiff(body, tags, width=samples.shape[1], height=samples.shape[0], bits=(bits,) * channels, **options)


def _depths() -> Iterator[Case]:
    for bits, channels, order in ((10, 1, "<"), (12, 1, "<"), (12, 1, ">"), (14, 1, "<"), (10, 3, "<"), (12, 3, "<"),
                                  (12, 4, ">"), (12, 2, "<"), (16, 2, "<"), (16, 2, ">")):  # fmt: skip
        samples = picture(channels, bits)
        mode = {1: "gray", 2: "gray and alpha", 3: "RGB", 4: "RGB and alpha"}[channels]
        data = _by_hand(samples, bits, _ALPHA if channels in (2, 4) else {}, order=order)
        ends = "" if order == "<" else ", big-endian"
        yield Case(f"TIFF {mode}, {bits} bits{ends}", ".tif", data, samples)
    for bits in (2, 4):
        samples = picture(1, bits)
        yield Case(f"TIFF gray, {bits} bits", ".tif", _by_hand(samples, bits, {}), samples * (255 // ((1 << bits) - 1)))
    samples = picture(1, 8)
    yield Case("TIFF gray, 8 bits, white is zero", ".tif", _by_hand(255 - samples, 8, {}, photometric=0), samples)
    one = picture(1, 1)
    yield Case("TIFF one bit, white is zero", ".tif", _by_hand(1 - one, 1, {}, photometric=0), one.astype(np.bool_))
    turned = np.packbits(np.unpackbits(samples[:, :, None], axis=2), axis=2, bitorder="little")[:, :, 0]
    data = _by_hand(turned, 8, {266: (3, (2,))})
    yield Case("TIFF gray, 8 bits, lowest bit first", ".tif", data, samples)


def _palettes() -> Iterator[Case]:
    random = np.random.default_rng(8)
    for bits in (1, 2, 4, 8):
        colours = random.integers(0, 256, 3 << bits)
        samples = picture(1, bits)
        for factor in (257, 256) if bits == 8 else (257,):
            table = (3, (colours * factor).tolist())
            data = _by_hand(samples, bits, {320: table}, photometric=3)
            yield Case(f"TIFF palette, {bits} bits, colours times {factor}", ".tif", data, samples)
    data = _by_hand(samples, 8, {320: (3, colours.tolist())}, photometric=3)
    named = ("the 16-bit form of the palette's entries (they hold 8-bit colours and are read as such)",)
    yield Case("TIFF palette, entries of 8 bits", ".tif", data, samples, named)


def _tags() -> Iterator[Case]:
    children = {34665: EXIF, 34853: GPS}
    for bits, channels in ((8, 1), (8, 3), (16, 1), (16, 3)):
        samples = picture(channels, bits)
        mode = f"{'gray' if channels == 1 else 'RGB'}, {bits} bits"
        for order in "<>":
            data = _by_hand(samples, bits, TAGS, order=order, children=children)
            title = f"TIFF {mode}, every sort of tag, EXIF and GPS" + ("" if order == "<" else ", big-endian")
            yield Case(title, ".tif", data, samples)
    samples = picture(3, 8)
    yield Case("TIFF with GeoTIFF keys", ".tif", _by_hand(samples, 8, GEOTIFF), samples)
    data = _by_hand(samples, 8, {**TAGS, 40010: (16, (7,))}, big=True)
    yield Case("BigTIFF, every sort of tag", ".tif", data, samples)
    turns = (lambda a: a[:, ::-1], lambda a: a[::-1, ::-1], lambda a: a[::-1], lambda a: a.swapaxes(0, 1),
             lambda a: np.rot90(a, -1), lambda a: a.swapaxes(0, 1)[::-1, ::-1], lambda a: np.rot90(a))  # fmt: skip
    for orientation, turn in enumerate(turns, 2):
        data = _by_hand(samples, 8, {274: (3, (orientation,))})
        yield Case(f"TIFF, orientation {orientation}", ".tif", data, turn(samples))


def _compressions() -> Iterator[Case]:
    for name, options, depths in (
        ("WebP", {"compression": "webp", "compressionargs": {"level": -1, "lossless": True}}, (8,)),
        ("JPEG XL", {"compression": "jpegxl", "compressionargs": {"lossless": True}}, (8, 16)),
        ("JPEG 2000", {"compression": "jpeg2000", "compressionargs": {"reversible": True}}, (8, 16)),
        ("JPEG XR", {"compression": "jpegxr", "compressionargs": {"level": 1.0}}, (8, 16)),
        ("LERC", {"compression": "lerc"}, (8, 16)),
        ("PNG", {"compression": "png"}, (8, 16)),
    ):
        for bits in depths:
            samples = picture(3, bits)
            yield Case(f"TIFF RGB, {bits} bits, {name} inside", ".tif", _written(samples, **options), samples)
