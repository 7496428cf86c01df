"""Part of fuzz.py that reads malformed image files, and writes every output format."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from nelloc import NellocError, image
from nelloc.codec import container
from nelloc.codec.container import Section
from nelloc.codec.format import SectionType
from nelloc.image import Pixels, metadata, slices
from nelloc.image.formats import png, sixteen_bit
from nelloc.image.metadata import (
    Item,
    ItemType,
    Metadata,
    Resolution,
    Text,
    depth_item,
    resolution_item,
    text_item,
)

TWELVE_BITS = Metadata((depth_item(12),))
# Small enough to be read and written in no time.
MAX_PIXELS = 1 << 12


def files() -> dict[str, bytes]:
    """Make small files of every input format and most of their variants, with metadata where possible."""
    random = np.random.default_rng(3)
    colour, gray = random.integers(0, 256, (6, 9, 3), np.uint8), random.integers(0, 256, (6, 9), np.uint8)
    rgb, alpha = Image.fromarray(colour), Image.fromarray(np.dstack([colour, gray]))
    palette, bilevel = rgb.quantize(7), Image.fromarray(gray > 99)
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a photograph")
    info.add_text("Comment", "words " * 9, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    about = {"exif": camera(), "icc_profile": bytes(range(200))}
    pictures = {
        "png": (rgb, {"pnginfo": info, "dpi": (300, 300), **about}),
        "png palette": (palette, {"transparency": bytes(range(5)), "bits": 4}),
        "png gray16": (Image.fromarray(gray * np.uint16(257)), {}),
        "png alpha": (alpha, {}),
        "jpeg": (rgb, {"comment": b"words", "dpi": (72, 72), **about}),
        "jpeg gray": (Image.fromarray(gray), {"progressive": True}),
        "bmp": (rgb, {"dpi": (300, 300)}),
        "bmp palette": (palette, {}),
        "bmp bilevel": (bilevel, {}),
        "gif": (palette, {"transparency": 3, "comment": b"words"}),
        "tiff": (rgb, {"dpi": (300, 300), **about}),
        "tiff deflate": (alpha, {"compression": "tiff_adobe_deflate"}),
        "tiff lzw": (palette, {"compression": "tiff_lzw"}),
        "tiff group4": (bilevel, {"compression": "group4"}),
        "webp": (alpha, {"lossless": True, "xmp": b"<x/>", **about}),
        "webp lossy": (rgb, {}),
        "ppm": (rgb, {}),
        "ppm bilevel": (bilevel, {}),
        "qoi": (alpha, {}),
    }
    found = {}
    for name, (picture, options) in pictures.items():
        out = io.BytesIO()
        picture.save(out, name.split()[0].upper(), **options)
        found[name] = out.getvalue()
    wide = colour * np.uint16(257)
    return found | {
        "png rgb16": sixteen_bit.write_png(wide, "image"),
        "tiff rgb16": image.write(image.from_array(wide), ".tif").data,
        "tiff 12 bits": image.write(replace(image.from_array(gray * np.uint16(16)), metadata=TWELVE_BITS), ".tif").data,
        "tiff lerc": tiff_of(colour, compression="lerc"),
        "tiff big": tiff_of(wide, bigtiff=True, software="me", compression="zlib"),
        "tiff palette16": palette_of_8_bits(),
        "jpeg 12 bits": imagecodecs.jpeg_encode(gray * np.uint16(16), bitspersample=12),
        "jpeg lossless": imagecodecs.jpeg_encode(wide, bitspersample=16, lossless=True),
        "jpeg ls": imagecodecs.jpegls_encode(colour),
        "bmp runs": bmp_of(8, 1, b"\3\7\0\2\1\1\0\4abcd\0\1", bytes(range(256)) * 4),
        "bmp masks": bmp_of(16, 3, struct.pack("<3I", 0xF00, 0xF0, 0xF) + bytes(range(120))),
        "ppm rgb16": sixteen_bit.write_netpbm(wide, "image"),
        "ppm plain": b"P2 # gray\n3 2 255\n1 2 3 4 5 6\n",
        "ppm comments": b"P5\n#one\r#two\n3 2\n255\nabcdef",
    }


def tiff_of(samples: np.ndarray, **options) -> bytes:
    """Make a TIFF file with tifffile."""
    out = io.BytesIO()
    tifffile.imwrite(out, samples, photometric="rgb", **options)
    return out.getvalue()


def palette_of_8_bits() -> bytes:
    """Make a TIFF file whose palette has entries of 8 bits."""
    out = io.BytesIO()
    tifffile.imwrite(out, np.arange(54, dtype=np.uint8).reshape(6, 9), photometric="palette",
                     colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) % 256)  # fmt: skip
    return out.getvalue()


def bmp_of(bits: int, compression: int, body: bytes, colours: bytes = b"") -> bytes:
    """Make a BMP file; masks come before its samples."""
    masks = 12 if compression == 3 else 0
    start = 54 + len(colours) + masks
    head = struct.pack("<2sIIIIiiHHII", b"BM", 0, 0, start, 40, 9, 6, 1, bits, compression, len(body) - masks)
    return head + struct.pack("<iiII", 0, 0, len(colours) // 4, 0) + colours + body


def camera() -> bytes:
    """Make EXIF like that of cameras, with a directory inside."""
    exif = Image.Exif()
    exif[271], exif[274], exif[256] = "a camera", 6, 9
    exif.get_ifd(0x8769)[33434] = 0.01
    return exif.tobytes()


def repaired(data: bytes) -> bytes:
    """Correct the checksums of a PNG file, as far as its chunks go; other files are unchanged."""
    return png.pack(png.chunks(data)) if data.startswith(png.SIGNATURE) else data


def check(data: bytes) -> str:
    """Read ``data`` and write every format; return the outcome. Raises anything but NellocError."""
    pixels = _read(data)
    with _sliced():
        again = _read(data)
    if pixels is None:
        return "refused"
    if metadata.parse(metadata.pack(pixels.metadata)) != pixels.metadata:
        raise ValueError("metadata that does not come back")
    if again is not None and not pixels.same_as(again):
        raise ValueError("other pixels in slices than whole")
    write_all(pixels)
    return "read"


def _read(data: bytes) -> Pixels | None:
    try:
        return image.read(data, "input", max_pixels=MAX_PIXELS)
    except NellocError as error:
        _check_sentence(error)
        return None


@contextmanager
def _sliced() -> Iterator[None]:
    """Context in which images are read in slices of a few rows, like large ones."""
    known = slices.LARGE, slices._AT_ONCE
    slices.LARGE, slices._AT_ONCE = 1, 20
    try:
        yield
    finally:
        slices.LARGE, slices._AT_ONCE = known


def write_all(pixels: Pixels) -> int:
    """Write an image in every output format; return how many hold it. Raises anything but NellocError."""
    held = 0
    for suffix in image.OUTPUT_SUFFIXES:
        try:
            image.write(pixels, suffix, "input")
            if suffix in (".png", ".pnm") and pixels.kind in slices.KINDS:
                image.write_slices(slices.cut(pixels), pixels.height, suffix, "input")
            held += 1
        except NellocError as error:
            _check_sentence(error)
    if not held:
        raise ValueError("no format holds the image")
    return held


def _check_sentence(error: NellocError) -> None:
    if not str(error).startswith("input: ") or "\n" in str(error):
        raise ValueError(f"not a sentence: {error}")


def items() -> list[Item]:
    """Make an item of each type."""
    return [
        Item(ItemType.ICC, bytes(30)),
        Item(ItemType.EXIF, camera().removeprefix(b"Exif\0\0")),
        Item(ItemType.XMP, b"<x/>"),
        text_item(Text("Title", "words", "en", "title")),
        resolution_item(Resolution((300, 1), (11811, 100), "inch")),
        Item(ItemType.GAMMA, struct.pack("<I", 45455)),
        Item(ItemType.CHROMATICITIES, bytes(range(32))),
        Item(ItemType.SRGB, b"\0"),
        Item(ItemType.COMMENT, b"words"),
        Item(ItemType.PHOTOSHOP, b"8BIM\4\4\0\0\0\0\0\0"),
        Item(ItemType.PNG_CHUNK, b"tIME\7\xea\1\2\3\4\5"),
        Item(99, b"of another version"),
    ]


def redescribed(random: Random, data: bytes, mutate: Callable[[Random, bytes, bytes], bytes]) -> bytes:
    """Change metadata and palette of an .nlc file before they are packed, with right checksums."""
    file = container.parse(data)
    sections = {section.type: section.data for section in file.sections}
    found = items()
    for place in random.sample(range(len(found)), random.choice((1, 1, 2, 3))):
        other = random.choice(items()).data
        found[place] = Item(found[place].type, mutate(random, found[place].data, other))
    packed = metadata.pack(Metadata(tuple(found)))
    sections[SectionType.METADATA] = b"\0" + (mutate(random, packed, packed) if random.random() < 0.1 else packed)
    if SectionType.PALETTE in sections and random.random() < 0.5:
        palette = bytes([random.randrange(7)]) + random.randbytes(random.choice((1, 3, 12, 768, 771, 1024)))
        sections[SectionType.PALETTE] = b"\0" + palette
    if random.random() < 0.1:
        sections[SectionType.TRANSPARENT_COLOUR] = random.randbytes(random.choice((2, 6)))
    parts = tuple(Section(type_, body) for type_, body in sections.items())
    return container.pack(replace(file, sections=parts))
