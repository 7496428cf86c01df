"""Image files of every sort that is coded: PNG files made bit by bit, as PngSuite has them, and others by Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, TiffImagePlugin

from conformance import rare_tiff
from conformance.case import Case

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


def cases() -> Iterator[Case]:
    """Every case; always the same."""
    yield from _png_kinds()
    yield from _png_transparency()
    yield from _png_metadata()
    yield from _pillow_files()
    yield from _deep_files()
    yield from _rare_png()
    yield from _rare_jpeg()
    yield from _rare_bmp()
    yield from _rare_gif_and_netpbm()
    yield from rare_tiff.cases()


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


# ---- Rare forms


def _with_wrong_checksum(data: bytes, name: bytes) -> bytes:
    place = data.index(name)
    (length,) = struct.unpack_from(">I", data, place - 4)
    end = place + 4 + length
    return data[:end] + bytes([data[end] ^ 0x55]) + data[end + 1 :]


def _rare_png() -> Iterator[Case]:
    samples = picture(3, 8)
    chunks = {
        "mDCV": struct.pack(">8HII", 35400, 14600, 8500, 39850, 6550, 2300, 15635, 16450, 10_000_000, 50),
        "cLLI": struct.pack(">II", 10_000_000, 4_000_000),
        "oFFs": struct.pack(">iiB", -5, 7, 0),
        "pCAL": b"height\0" + struct.pack(">iiBB", 0, 255, 0, 2) + b"m\0000\0001",
        "sCAL": b"\1" + b"0.5\x000.25",
        "sTER": b"\1",
        "gIFg": bytes(4),
        "vpAg": struct.pack(">IIB", 29, 23, 0),
    }
    for name, body in chunks.items():
        yield Case(f"PNG {name}", ".png", png(samples, 2, 8, [(name.encode(), body)]), samples.astype(np.uint8))
    texts = ("\u5199\u771f", "\u0424\u043e\u0442\u043e", "\u0635\u0648\u0631\u0629", "\u2603 \U0001f642")
    itxt = [(b"iTXt", b"Title\0\0\0\0\0" + text.encode()) for text in texts]
    yield Case("PNG, texts of four scripts", ".png", png(samples, 2, 8, itxt), samples.astype(np.uint8))
    data = png(samples, 2, 8, [(b"tEXt", b"Title\0text"), (b"gAMA", struct.pack(">I", 45455))])
    named = ("PNG chunk tEXt, whose checksum is wrong",)
    wrong = _with_wrong_checksum(data, b"tEXt")
    yield Case("PNG, a text with a wrong checksum", ".png", wrong, samples.astype(np.uint8), named)
    named = ("the checksum of PNG chunk IDAT, which is wrong",)
    wrong = _with_wrong_checksum(data, b"IDAT")
    yield Case("PNG, samples with a wrong checksum", ".png", wrong, samples.astype(np.uint8), named)


def _rare_jpeg() -> Iterator[Case]:
    import imagecodecs

    for depth in (8, 12, 16):
        for channels in (1, 3):
            samples = as_read(picture(channels, depth), 0 if channels == 1 else 2, 16 if depth > 8 else 8)
            title = f"{'gray' if channels == 1 else 'RGB'}, {depth} bits"
            data = imagecodecs.jpeg_encode(samples, bitspersample=depth, lossless=True)
            yield Case(f"JPEG, lossless, {title}", ".jpg", data, samples)
            yield Case(f"JPEG-LS, {title}", ".jpg", imagecodecs.jpegls_encode(samples), samples)
            if depth == 12:
                data = imagecodecs.jpeg_encode(samples, bitspersample=12, level=95)
                yield Case(f"JPEG, {title}", ".jpg", data, imagecodecs.jpeg_decode(data))
    data = _saved(_pillow_image("RGB"), "JPEG", progressive=True)
    yield Case("JPEG, progressive", ".jpg", data, np.asarray(Image.open(io.BytesIO(data))))
    body = b"MPF\0II*\0"
    extra = data[:2] + b"\xff\xe2" + struct.pack(">H", 2 + len(body)) + body + data[2:] + data
    named = ("data after the image", "APP2 segment (MPF)")
    yield Case("JPEG, Ultra HDR", ".jpg", extra, np.asarray(Image.open(io.BytesIO(data))), named)


def bmp(
    size: tuple[int, int],
    bits: int,
    body: bytes,
    *,
    compression: int = 0,
    masks: tuple[int, ...] = (),
    colours: bytes = b"",
) -> bytes:
    """A BMP file of rows as they are stored, with a long header."""
    head = struct.pack("<IiiHHII", 108, *size, 1, bits, compression, len(body))
    head += struct.pack("<iiII", 3000, 2000, len(colours) // 4, 0) + struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(108, b"\0") + colours
    return struct.pack("<2sIII", b"BM", 14 + len(head) + len(body), 0, 14 + len(head)) + head + body


def _rare_bmp() -> Iterator[Case]:
    random = np.random.default_rng(9)
    side = (WIDTH, HEIGHT)
    for title, bits, masks in (
        ("4-4-4", 16, (0xF00, 0xF0, 0xF, 0)),
        ("4-4-4-4", 16, (0xF00, 0xF0, 0xF, 0xF000)),
        ("alpha first", 32, (0xFF00, 0xFF0000, 0xFF000000, 0xFF)),
        ("alpha last", 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        ("6-6-6", 32, (0x3F, 0xFC0, 0x3F000, 0)),
    ):
        values = random.integers(0, 1 << 32, (HEIGHT, WIDTH), dtype=np.uint64).astype(np.uint32) & np.uint32(sum(masks))
        rows = [row.astype(f"<u{bits // 8}").tobytes() for row in values[::-1]]
        body = b"".join(row + bytes(-len(row) % 4) for row in rows)
        planes = []
        for mask in masks[: 4 if masks[3] else 3]:
            low = (mask & -mask).bit_length() - 1
            planes.append(np.round(((values & mask) >> low) * 255 / (mask >> low)).astype(np.uint8))
        yield Case(f"BMP, {title}", ".bmp" if len(planes) == 3 else ".png",
                   bmp(side, bits, body, compression=3, masks=masks), np.stack(planes, axis=2))  # fmt: skip
    inner = _saved(_pillow_image("RGB"), "PNG")
    yield Case("BMP with a PNG file inside", ".bmp", bmp(side, 0, inner, compression=5), as_read(picture(3, 8), 2, 8))
    inner = _saved(_pillow_image("RGB"), "JPEG")
    decoded = np.asarray(Image.open(io.BytesIO(inner)))
    yield Case("BMP with a JPEG file inside", ".bmp", bmp(side, 0, inner, compression=4), decoded)
    colours = bytes(n for index in range(16) for n in (index * 3, 255 - index, index * 7, 0))
    indices = picture(1, 4)[:, :, 0].astype(np.uint8)
    runs = b"".join(b"".join(bytes([1, index]) for index in row) + b"\0\0" for row in indices[::-1]) + b"\0\1"
    yield Case("BMP, RLE of 8 bits", ".bmp", bmp(side, 8, runs, compression=1, colours=colours), indices)
    runs = b"".join(b"".join(bytes([1, index << 4]) for index in row) + b"\0\0" for row in indices[::-1]) + b"\0\1"
    yield Case("BMP, RLE of 4 bits", ".bmp", bmp(side, 4, runs, compression=2, colours=colours), indices)
    skipped = np.zeros((HEIGHT, WIDTH), np.uint8)
    skipped[-2, 5:9] = 7
    named = ("which pixels the file does not set (they have index 0)",)
    data = bmp(side, 8, b"\0\2\5\1\4\7\0\1", compression=1, colours=colours)
    yield Case("BMP, RLE with a delta and an early end", ".bmp", data, skipped, named)
    values = indices & 3
    padded = np.pad(values, ((0, 0), (0, 3)))[::-1]
    packed = (padded[:, ::4] << 6) | (padded[:, 1::4] << 4) | (padded[:, 2::4] << 2) | padded[:, 3::4]
    yield Case("BMP, 2 bits", ".bmp", bmp(side, 2, packed.tobytes(), colours=colours[:16]), values)


def _rare_gif_and_netpbm() -> Iterator[Case]:
    data = bytearray(_saved(_pillow_image("P"), "GIF", comment=b"a comment"))
    yield Case("GIF with a comment", ".gif", bytes(data), np.asarray(Image.open(io.BytesIO(bytes(data)))))
    data[6:10] = struct.pack("<HH", WIDTH + 3, HEIGHT + 2)
    named = (
        f"the frame's place, {WIDTH} x {HEIGHT} at 0, 0 of the canvas of {WIDTH + 3} x {HEIGHT + 2} "
        "(what is around it is filled)",
    )
    shown = np.asarray(Image.open(io.BytesIO(bytes(data))))
    yield Case("GIF, a frame smaller than its canvas", ".gif", bytes(data), shown, named)
    gray, colour = as_read(picture(1, 8), 0, 8), as_read(picture(3, 8), 2, 8)
    bits = as_read(picture(1, 1), 0, 1)
    size = b"%d # columns\n%d\n" % (WIDTH, HEIGHT)
    for title, magic, array, white in (
        ("one bit", b"P1", ~bits, b""),
        ("gray", b"P2", gray, b"255\n"),
        ("RGB", b"P3", colour, b"255\n"),
    ):
        numbers = " ".join(str(int(value)) for value in array.ravel()).encode()
        data = magic + b"\n" + size + white + numbers + b"\n"
        yield Case(f"PPM, plain, {title}", ".pnm", data, bits if array is not gray and array is not colour else array)
    yield Case("PGM with comments", ".pgm", b"P5\n#one\n" + size + b"#two\n255\n" + gray.tobytes(), gray)
