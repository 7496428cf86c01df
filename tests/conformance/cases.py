"""Image files of every sort that is coded: PNG files made bit by bit, and others by Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from conformance import rare_files, rare_tiff
from conformance.case import Case
from conformance.pictures import (
    COLOUR_TYPES,
    HEIGHT,
    WIDTH,
    XMP,
    as_read,
    colours,
    exif,
    picture,
    pillow_image,
    png,
    profile,
    saved,
)


def cases() -> Iterator[Case]:
    """Every case; always the same."""
    yield from _png_kinds()
    yield from _png_transparency()
    yield from _png_metadata()
    yield from _pillow_files()
    yield from _deep_files()
    yield from rare_files.cases()
    yield from rare_tiff.cases()


def _png_kinds() -> Iterator[Case]:
    for colour, (name, channels, depths) in COLOUR_TYPES.items():
        for depth in depths:
            samples = picture(channels, depth)
            chunks = [(b"PLTE", colours(depth))] if colour == 3 else []
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
        data = png(samples, 3, 4, [(b"PLTE", colours(4)), (b"tRNS", table)])
        yield Case(f"PNG palette, {title}", ".png", data, as_read(samples, 3, 4))
    ramp = bytes(n for n in range(256) for _ in range(3))
    samples = picture(1, 8)
    yield Case("PNG palette, a gray ramp", ".png", png(samples, 3, 8, [(b"PLTE", ramp)]), as_read(samples, 3, 8))


def _png_metadata() -> Iterator[Case]:
    text = "Ein Titel: \u00e4\u00f6\u00fc".encode("latin-1")
    one = {
        "gAMA": (b"gAMA", struct.pack(">I", 45455)),
        "cHRM": (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        "sRGB": (b"sRGB", b"\1"),
        "iCCP": (b"iCCP", b"a name\0\0" + zlib.compress(profile())),
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
        "eXIf": (b"eXIf", exif().tobytes().removeprefix(b"Exif\0\0")),
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
    chunks = [(b"PLTE", colours(2)), (b"hIST", struct.pack(">4H", 1, 2, 3, 4)), (b"bKGD", b"\2")]
    yield Case("PNG palette, hIST and bKGD", ".png", png(indices, 3, 2, chunks), as_read(indices, 3, 2))


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
            image = pillow_image(mode)
            data = saved(image, title.split(",")[0], **options)
            # GIF files have a palette of their own, in whose order Pillow writes indices.
            expected = Image.open(io.BytesIO(data)) if title == "GIF" else image
            yield Case(f"{title}, {mode}", suffix, data, np.asarray(expected))
    for mode in ("L", "RGB"):
        data = saved(pillow_image(mode), "JPEG", exif=exif(), icc_profile=profile(), comment=b"hello", dpi=(300, 300))
        yield Case(f"JPEG with metadata, {mode}", ".jpg", data, np.asarray(Image.open(io.BytesIO(data))))
    image = pillow_image("RGB")
    options = {"lossless": True, "exif": exif(), "icc_profile": profile(), "xmp": XMP}
    yield Case("WebP with metadata", ".webp", saved(image, "WEBP", **options), np.asarray(image))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[305], tags[700] = "a description", "software", XMP
    tags.tagtype[700] = 1
    options = {"icc_profile": profile(), "tiffinfo": tags, "dpi": (300, 150)}
    yield Case("TIFF with metadata", ".tif", saved(image, "TIFF", **options), np.asarray(image))
    options = {"tiffinfo": tags, "dpi": (72, 72)}
    yield Case(
        "TIFF I;16 with metadata",
        ".tif",
        saved(pillow_image("I;16"), "TIFF", **options),
        np.asarray(pillow_image("I;16")),
    )
    yield Case("BMP with a resolution", ".bmp", saved(image, "BMP", dpi=(300, 300)), np.asarray(image))


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
                    iccprofile=profile() if compression else None,
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
