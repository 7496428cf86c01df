"""Rare forms of PNG, JPEG, BMP, GIF and netpbm files."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from conformance.case import Case
from conformance.pictures import HEIGHT, WIDTH, as_read, picture, pillow_image, png, saved


def cases() -> Iterator[Case]:
    """Every case; always the same."""
    yield from _rare_png()
    yield from _rare_jpeg()
    yield from _rare_bmp()
    yield from _rare_gif_and_netpbm()


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
    data = saved(pillow_image("RGB"), "JPEG", progressive=True)
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
    inner = saved(pillow_image("RGB"), "PNG")
    yield Case("BMP with a PNG file inside", ".bmp", bmp(side, 0, inner, compression=5), as_read(picture(3, 8), 2, 8))
    inner = saved(pillow_image("RGB"), "JPEG")
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
    data = bytearray(saved(pillow_image("P"), "GIF", comment=b"a comment"))
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
