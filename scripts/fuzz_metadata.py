"""Metadata of every kind through .nlc files into every format, compared value by value by exiftool and tifffile.

    python scripts/fuzz_metadata.py --cases 20000

Makes image files of PNG, TIFF, BigTIFF, JPEG, WebP, GIF and PPM with random legal metadata: chunks, tags of every type,
texts of many scripts, profiles, comments. Each is compressed to .nlc and decompressed to PNG, TIFF and WebP. Values
that exiftool reads from the first file it must read from the others, and tifffile from TIFF files too, unless nelloc
names them as not kept. Needs exiftool (Debian: libimage-exiftool-perl). Exit status 1 if a difference was not named;
the first such files are written to --out.
"""

from __future__ import annotations

import argparse
import base64
import io
import logging
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import outside_readers
from tiff_files import tiff

from nelloc import image
from nelloc.codec import container
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import DecodeOptions, EncodeOptions

SUFFIXES = (".png", ".tif", ".webp")
SCRIPTS = (
    (0x20, 0x7E), (0xA1, 0xFF), (0x100, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x620, 0x64A),
    (0x900, 0x939), (0xE01, 0xE3A), (0x3041, 0x3096), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F64F),
)  # fmt: skip
AT_ONCE = 40  # cases for one call of exiftool


@dataclass
class Made:
    """Generated file: its format, its bytes, and for each output the bytes and the names of lost metadata."""

    file_format: str
    data: bytes
    outputs: dict[str, tuple[bytes, tuple[str, ...]]] = field(default_factory=dict)


# ---- Texts and values


def text(random: Random, *, latin: bool = False, most: int = 30) -> str:
    """Random text of one script, or of Latin-1, without space at start or end."""
    low, high = random.choice(SCRIPTS[:2] if latin else SCRIPTS)
    letters = "".join(chr(random.randint(low, high)) for _ in range(random.randint(1, most)))
    return letters.strip() or "x"


def ascii_tag(random: Random) -> tuple[int, bytes]:
    return 2, text(random).encode() + b"\0"


def date(random: Random) -> tuple[int, bytes]:
    parts = (random.randint(1970, 2037), random.randint(1, 12), random.randint(1, 28))
    clock = (random.randint(0, 23), random.randint(0, 59), random.randint(0, 59))
    return 2, "{:04}:{:02}:{:02} {:02}:{:02}:{:02}\0".format(*parts, *clock).encode()


def fractions(count: int) -> Callable[[Random], tuple[int, Sequence[float]]]:
    def make(random: Random) -> tuple[int, Sequence[float]]:
        most = random.choice((10, 1000, (1 << 32) - 1))
        return 5, [random.randint(1, most) for _ in range(2 * count)]

    return make


def shorts(count: int, most: int = 65535) -> Callable[[Random], tuple[int, Sequence[float]]]:
    return lambda random: (3, [random.randint(0, most) for _ in range(count)])


def undefined(random: Random) -> tuple[int, bytes]:
    return 7, random.randbytes(random.randint(1, 40))


def any_type(random: Random) -> tuple[int, Any]:
    """Random values of any type, for private tags."""
    type_ = random.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12))
    count = random.randint(1, 9)
    if type_ == 2:
        return ascii_tag(random)
    if type_ in (1, 7):
        return type_, random.randbytes(count)
    if type_ == 12:
        return 12, [random.uniform(-1e6, 1e6) for _ in range(count)]
    low, high = {3: (0, 65535), 4: (0, 2**32 - 1), 5: (1, 2**32 - 1), 6: (-128, 127), 8: (-32768, 32767)}.get(
        type_, (-(2**31) + 1, 2**31 - 1)
    )
    numbers = [random.randint(low, high) or 1 for _ in range(count * (2 if type_ in (5, 10) else 1))]
    return type_, numbers


# Tags of the first directory, of EXIF and of GPS, and what makes their values.
FIRST: dict[int, Callable[[Random], tuple[int, Any]]] = {
    269: ascii_tag, 270: ascii_tag, 271: ascii_tag, 272: ascii_tag, 285: ascii_tag, 286: fractions(1),
    287: fractions(1), 297: shorts(2), 305: ascii_tag, 306: date, 315: ascii_tag, 316: ascii_tag, 318: fractions(2),
    319: fractions(6),
    321: shorts(2, 255), 333: ascii_tag, 336: shorts(2), 337: ascii_tag, 532: fractions(6), 33432: ascii_tag,
    33550: lambda random: (12, [random.random() for _ in range(3)]),
    33922: lambda random: (12, [random.uniform(-1e6, 1e6) for _ in range(6)]),
    34737: ascii_tag, 50714: fractions(1), 42112: ascii_tag, 42113: lambda _: (2, b"7\0"),
    **dict.fromkeys(range(65000, 65012), any_type),
}  # fmt: skip
EXIF: dict[int, Callable[[Random], tuple[int, Any]]] = {
    33434: fractions(1), 33437: fractions(1), 34850: shorts(1, 8), 34855: shorts(1), 36864: lambda _: (7, b"0232"),
    36867: date, 36868: date, 37121: lambda _: (7, b"\1\2\3\0"), 37378: fractions(1), 37386: fractions(1),
    37500: undefined, 37510: lambda random: (7, b"UNICODE\0" + text(random).encode("utf-16-le")), 37520: ascii_tag,
    40960: lambda _: (7, b"0100"), 40961: shorts(1, 1), 41990: shorts(1, 3), 42016: ascii_tag, 42034: fractions(4),
    42035: ascii_tag, 42036: ascii_tag, 42240: fractions(1),
}  # fmt: skip
GPS: dict[int, Callable[[Random], tuple[int, Any]]] = {
    0: lambda _: (1, b"\2\3\0\0"), 1: lambda _: (2, b"N\0"), 2: fractions(3), 3: lambda _: (2, b"E\0"), 4: fractions(3),
    6: fractions(1), 7: fractions(3), 18: ascii_tag, 29: lambda _: (2, b"2026:01:02\0"),
    27: lambda random: (7, b"ASCII\0\0\0" + random.randbytes(3).hex().encode()),
}  # fmt: skip


_OF_AN_IMAGE = (256, 257, 258, 259, 262, 273, 277, 278, 279)


def some(random: Random, tags: dict[int, Callable[[Random], tuple[int, Any]]]) -> dict[int, tuple[int, Any]]:
    """Random values of some of the tags."""
    chosen = random.sample(sorted(tags), random.randint(0, min(6, len(tags))))
    return {tag: tags[tag](random) for tag in chosen}


def exif(random: Random) -> bytes:
    """Random EXIF as in PNG, JPEG and WebP files."""
    children = {tag: child for tag, child in ((34665, some(random, EXIF)), (34853, some(random, GPS))) if child}
    first = some(random, FIRST) | {274: (3, (1,))}
    order = random.choice("<>")
    data = bytearray(tiff(b"", first, order=order, children=children))
    return without_image(bytes(data), order)


def without_image(data: bytes, order: str) -> bytes:
    """Remove the image's tags from the first directory of a TIFF structure."""
    from nelloc.image.formats.tiff import structure

    _, first = structure.read(data)
    kept = {tag: entry for tag, entry in first.entries.items() if tag not in _OF_AN_IMAGE}
    return structure.pack(structure.Directory(kept, first.children), order)


def xmp(random: Random) -> bytes:
    from xml.sax.saxutils import escape

    title = escape(text(random))
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt>'
        f'<rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def profile(random: Random) -> bytes:
    """Profile with a valid header, and a random copyright."""
    words = text(random, latin=True).encode("ascii", "replace") + b"\0"
    body = b"text\0\0\0\0" + words
    size = 128 + 4 + 12 + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x04300000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"cprt", 144, len(body)) + body


def photoshop(random: Random) -> bytes:
    """Image resources with IPTC inside."""
    words = text(random).encode()[:200]
    iptc = b"\x1c\1\x5a\0\3\x1b%G" + b"\x1c\2\x78" + struct.pack(">H", len(words)) + words
    return b"8BIM\4\4\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


def maybe(random: Random, make: Callable[[Random], bytes]) -> bytes | None:
    return make(random) if random.random() < 0.4 else None


# ---- Files


def png_file(random: Random) -> bytes:
    from nelloc.image.formats.png import pack_chunk

    colour, channels, depth = random.choice(
        ((0, 1, 8), (2, 3, 8), (4, 2, 8), (6, 4, 8), (0, 1, 16), (2, 3, 16), (0, 1, 1))
    )
    row = b"\0" + bytes([random.randint(0, 255)]) * ((4 * channels * depth + 7) // 8)
    keyword = b"Title"
    latin, wide = text(random, latin=True).encode("latin-1"), text(random).encode()
    translated = text(random).encode()
    chunks: list[tuple[bytes, bytes]] = [
        (b"gAMA", struct.pack(">I", random.randint(1, 10**6))),
        (b"cHRM", struct.pack(">8I", *(random.randint(1, 10**5) for _ in range(8)))),
        (b"sRGB", bytes([random.randint(0, 3)])),
        (b"iCCP", b"name\0\0" + zlib.compress(profile(random))),
        (b"sBIT", bytes([random.randint(1, depth)]) * channels),
        (b"cICP", b"\1\r\0\1"),
        (b"bKGD", struct.pack(">H", random.randint(0, (1 << depth) - 1)) * (3 if channels > 2 else 1)),
        (b"pHYs", struct.pack(">IIB", random.randint(1, 10**6), random.randint(1, 10**6), random.randint(0, 1))),
        (b"tIME", struct.pack(">HBBBBB", random.randint(1970, 2100), random.randint(1, 12), 3, 4, 5, 6)),
        (b"oFFs", struct.pack(">iiB", random.randint(-9, 9), random.randint(-9, 9), random.randint(0, 1))),
        (b"sCAL", b"\1" + b"0.5\x000.25"),
        (b"tEXt", keyword + b"\0" + latin),
        (b"tEXt", b"Description\0" + latin),
        (b"zTXt", b"Author\0\0" + zlib.compress(latin * random.randint(1, 99))),
        (b"iTXt", b"Comment\0\0\0\0\0" + wide),
        (b"iTXt", b"Copyright\0\1\0x-default\0" + translated + b"\0" + zlib.compress(wide)),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(random)),
        (b"eXIf", exif(random)),
        (b"prVt", random.randbytes(9)),
    ]
    chosen = [chunk for chunk in chunks if random.random() < 0.4]
    head = struct.pack(">IIBBBBB", 4, 3, depth, colour, 0, 0, 0)
    every = [(b"IHDR", head), *chosen, (b"IDAT", zlib.compress(row * 3)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pack_chunk(*chunk) for chunk in every)


def tiff_file(random: Random, *, big: bool = False) -> bytes:
    channels, bits = random.choice(((1, 8), (3, 8), (1, 16), (3, 16), (1, 1), (4, 8), (1, 12)))
    tags = some(random, FIRST)
    for tag, type_, make in ((700, 1, xmp), (34377, 7, photoshop), (34675, 7, profile)):
        data = maybe(random, make)
        if data is not None:
            tags[tag] = (type_, data)
    if random.random() < 0.5:
        tags |= {282: fractions(1)(random), 283: fractions(1)(random), 296: (3, (random.randint(1, 3),))}
    if random.random() < 0.2:
        tags[33723] = (7, b"\x1c\1\x5a\0\3\x1b%G\x1c\2\x78\0\2hi")
    if channels == 4:
        tags[338] = (3, (2,))
    # exiftool 12.57 does not read the directories that 64-bit pointers of BigTIFF files point to.
    children = {} if big else {34665: some(random, EXIF), 34853: some(random, GPS)}
    samples = bytes([random.randint(0, 255)]) * (3 * ((4 * channels * bits + 7) // 8))
    return tiff(
        samples,
        tags,
        width=4,
        height=3,
        bits=(bits,) * channels,
        photometric=2 if channels > 2 else 1,
        order=random.choice("<>"),
        big=big,
        children={tag: child for tag, child in children.items() if child},
    )


def saved(file_format: str, mode: str, **options: Any) -> bytes:
    out = io.BytesIO()
    options = {key: value for key, value in options.items() if value is not None}
    Image.new(mode, (4, 3), 7 if mode == "L" else (1, 2, 3)).save(out, file_format, **options)
    return out.getvalue()


def jpeg_file(random: Random) -> bytes:
    about = maybe(random, exif)
    data = saved(
        "JPEG",
        random.choice(("L", "RGB")),
        exif=None if about is None else b"Exif\0\0" + about,
        xmp=maybe(random, xmp),
        icc_profile=maybe(random, profile),
        dpi=(random.randint(2, 999), random.randint(2, 999)) if random.random() < 0.5 else None,
    )
    more = b""
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        comment = text(random).encode()
        more += b"\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment
    if random.random() < 0.3:
        body = b"Photoshop 3.0\0" + photoshop(random)
        more += b"\xff\xed" + struct.pack(">H", 2 + len(body)) + body
    place = data.index(b"\xff\xdb")
    return data[:place] + more + data[place:]


def webp_file(random: Random) -> bytes:
    return saved(
        "WEBP",
        "RGB",
        lossless=True,
        exif=maybe(random, exif) or b"",
        xmp=maybe(random, xmp) or b"",
        icc_profile=maybe(random, profile),
    )


def gif_file(random: Random) -> bytes:
    data = saved("GIF", "L")
    place = 13 + (3 << ((data[10] & 7) + 1))
    more = b""
    for _ in range(random.randint(0, 2)):
        comment = text(random).encode()[:255]
        more += b"!\xfe" + bytes([len(comment)]) + comment + b"\0"
    if random.random() < 0.4:
        more += b"!\xff\x0bXMP DataXMP" + xmp(random) + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return data[:place] + more + data[place:]


def ppm_file(random: Random) -> bytes:
    comments = b"".join(b"#" + text(random).encode() + b"\n" for _ in range(random.randint(0, 2)))
    return b"P5\n" + comments + b"4 3\n255\n" + bytes(range(12))


FORMATS: dict[str, Callable[[Random], bytes]] = {
    "PNG": png_file,
    "TIFF": tiff_file,
    "BigTIFF": lambda random: tiff_file(random, big=True),
    "JPEG": jpeg_file,
    "WebP": webp_file,
    "GIF": gif_file,
    "PPM": ppm_file,
}
WEIGHTS = (30, 30, 5, 20, 8, 4, 3)


def make(random: Random) -> Made:
    """Make a file, and convert it to each format that holds its pixels."""
    (name,) = random.choices(tuple(FORMATS), WEIGHTS)
    made = Made(name, FORMATS[name](random))
    pixels = image.read(made.data, name)
    (encoded,) = encode_pixels([pixels], EncodeOptions(model="fast", effort=1), verify=False)
    (back,) = decode_files([container.parse(encoded.data)], [name], DecodeOptions(model="fast"))
    for suffix in SUFFIXES:
        opaque = len(pixels.groups) == 2 and bool((pixels.groups[1] == 255).all())
        if suffix == ".webp" and (pixels.kind.name not in ("RGB", "RGBA") or opaque):  # what WebP does not hold
            continue
        written = image.write(back, suffix, name)
        made.outputs[suffix] = (written.data, (*pixels.left_out, *written.left_out))
    return made


# ---- Comparison

_EXIF_GROUPS = ("IFD0", "IFD1", "ExifIFD", "GPS", "InteropIFD")
_STORAGE = {
    "ImageWidth", "ImageHeight", "BitsPerSample", "Compression", "PhotometricInterpretation", "StripOffsets",
    "SamplesPerPixel", "RowsPerStrip", "StripByteCounts", "PlanarConfiguration", "Predictor", "ExtraSamples",
    "SampleFormat", "Orientation", "ColorMap", "XResolution", "YResolution", "ResolutionUnit",
}  # fmt: skip
_PNG_STORAGE = {
    "ImageWidth",
    "ImageHeight",
    "BitDepth",
    "ColorType",
    "Compression",
    "Filter",
    "Interlace",
    "ProfileName",
    "Palette",
}
_PER_METRE = {1: 0.0, 2: 10_000 / 254, 3: 100.0}


def facts(tags: dict[str, Any]) -> dict[str, Any]:
    """Values that exiftool reads from a file, under names independent of the format, except about storage."""
    found: dict[str, Any] = {}
    has_iptc = any(name.startswith("IPTC:") for name in tags)
    for name, value in tags.items():
        group, tag = name.split(":", 1)
        if group in _EXIF_GROUPS:
            if group != "IFD0" or tag not in _STORAGE:
                found[name] = value
        elif group == "IPTC2" and not has_iptc:  # exiftool numbers those that are not where they are usual
            found[f"IPTC:{tag}"] = value
        elif group.startswith(("XMP", "ICC", "IPTC", "Photoshop")):
            found[name] = value
        elif tag == "Comment":
            found["Comment"] = value
        elif group.startswith("PNG") and tag not in _PNG_STORAGE and group != "PNG-pHYs":
            found[name] = value
    resolution = _resolution(tags)
    if resolution is not None:
        found["resolution"] = resolution
    return found


def _resolution(tags: dict[str, Any]) -> tuple[float, float, bool] | None:
    """Pixels per metre, and True; or a ratio, and False; None if there is no resolution."""
    if "PNG-pHYs:PixelsPerUnitX" in tags:
        x, y, unit = (tags[f"PNG-pHYs:{name}"] for name in ("PixelsPerUnitX", "PixelsPerUnitY", "PixelUnits"))
        return (x, y, True) if unit else (x / y, 1.0, False)
    for group in ("JFIF", "IFD0"):
        if f"{group}:XResolution" in tags and f"{group}:YResolution" in tags:
            x, y = (tags[f"{group}:{name}Resolution"] for name in "XY")
            unit = tags.get(f"{group}:ResolutionUnit", 2)
            unit = unit + 1 if group == "JFIF" else unit
            if (x, y, unit) == (1, 1, 1):
                return None
            if isinstance(x, str) or isinstance(y, str):
                return None
            factor = _PER_METRE[unit]
            return (x * factor, y * factor, True) if factor else (x / y, 1.0, False)
    return None


# Prefix of a fact's name, and prefixes of the names under which nelloc reports it as not kept.
_EXCUSES = (
    (_EXIF_GROUPS, ("TIFF tag", "EXIF", "GPS tag", "Interoperability tag")),
    (("XMP",), ("XMP", "extended XMP")),
    (("ICC",), ("ICC profile",)),
    (("IPTC", "Photoshop"), ("Photoshop data",)),
    (("Comment",), ("comment", "text")),
    (("resolution",), ("resolution", "TIFF tag 282", "TIFF tag 283")),
    (("PNG:WhitePoint", "PNG:Red", "PNG:Green", "PNG:Blue"), ("chromaticities",)),
    (("PNG:Gamma",), ("gamma",)),
    (("PNG:SRGBRendering",), ("sRGB",)),
    (("PNG",), ("PNG chunk", "text")),
)


def differences(made: Made, read: dict[str, dict[str, Any]]) -> list[str]:
    """Values of the file that are changed or missing in an output, and were not named."""
    before = facts(read[""])
    found = []
    for suffix, (data, named) in made.outputs.items():
        after = facts(read[suffix])
        for name in sorted(set(before) | set(after)):
            if _same(name, before.get(name), after.get(name)):
                continue
            words = next((words for starts, words in _EXCUSES if name.startswith(starts)), ())
            if name not in before or not any(item.startswith(words) for item in named):
                found.append(f"{made.file_format} to {suffix}: {name}: {before.get(name)!r} became {after.get(name)!r}")
        if suffix == ".tif" and made.file_format.endswith("TIFF"):
            found += _tag_differences(made, data, named)
    return found


def _same(name: str, mine: Any, other: Any) -> bool:
    if mine is None or other is None:
        return mine is other
    if name == "resolution":
        return mine[2] == other[2] and all(
            abs(one - two) <= 1.001e-3 * abs(one) for one, two in zip(mine[:2], other[:2], strict=True)
        )
    return _plain(mine) == _plain(other)


def _plain(value: Any) -> list[str]:
    """Value as sorted texts: exiftool's order of equal tags differs from the file's.

    It joins the comments of a PPM file, and shows the zero byte at the end of a text for TIFF, but not for BigTIFF.
    """
    if isinstance(value, list):
        return sorted(text for one in value for text in _plain(one))
    found = str(value)
    if isinstance(value, int) and 32 < value < 256:  # one byte of type UNDEFINED is a number of TIFF, a text of BigTIFF
        found = bytes([value]).decode("utf-8", "surrogateescape")
    elif found.startswith("base64:"):
        found = base64.b64decode(found.removeprefix("base64:")).decode("utf-8", "surrogateescape")
    return sorted(line.rstrip("\0") for line in found.split("\n"))


def _tag_differences(made: Made, data: bytes, named: tuple[str, ...]) -> list[str]:
    from nelloc.image.formats.tiff.metadata import ORIENTATION, RESOLUTION_UNIT, STORAGE

    mine, other = outside_readers.tiff_tags(made.data), outside_readers.tiff_tags(data)
    found = []
    for tag in (set(mine) | set(other)) - {*STORAGE, ORIENTATION, RESOLUTION_UNIT}:
        values = [tags[tag].value if tag in tags else None for tags in (mine, other)]
        if tag in (282, 283):  # fractions are reduced
            values = [None if value is None else value[0] / value[1] for value in values]
        if values[0] != values[1] and not any(f"tag {tag}" in name for name in named) and values != [1.0, None]:
            found.append(f"{made.file_format} to .tif, tifffile: tag {tag}: {values[0]!r} became {values[1]!r}")
    return found


def run(cases: int, seed: int, out: Path | None = None) -> Counter[str]:
    """Count files of each format, and, under "differences", differences that were not named."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it has opinions on values
    random, counts, shown = Random(seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder, outside_readers.ExifTool() as exiftool:
        for start in range(0, cases, AT_ONCE):
            batch = [make(random) for _ in range(min(AT_ONCE, cases - start))]
            paths: dict[tuple[int, str], Path] = {}
            for number, made in enumerate(batch):
                files = {"": made.data} | {suffix: data for suffix, (data, _) in made.outputs.items()}
                for suffix, data in files.items():
                    paths[number, suffix] = Path(folder, f"{number}{suffix or '.in'}")
                    paths[number, suffix].write_bytes(data)
            read = dict(zip(paths, exiftool.read_all(list(paths.values())), strict=True))
            for number, made in enumerate(batch):
                found = differences(made, {suffix: tags for (other, suffix), tags in read.items() if other == number})
                counts[made.file_format] += 1
                counts["named"] += sum(bool(named) for _, named in made.outputs.values())
                counts["outputs"] += len(made.outputs)
                counts["differences"] += len(found)
                for line in found[: max(0, 20 - shown)]:
                    print(line, flush=True)
                    shown += 1
                if found and out is not None and shown <= 20:
                    (out / f"differs-{start + number}.in").write_bytes(made.data)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None, help="folder for files that came back changed")
    args = parser.parse_args()
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
    version = outside_readers.version("exiftool")
    if version is None:
        sys.exit("exiftool is needed (Debian: libimage-exiftool-perl)")
    began = time.time()
    shares = [args.cases // args.jobs + (number < args.cases % args.jobs) for number in range(args.jobs)]
    seeds = [args.seed * 1000 + number for number in range(args.jobs)]
    counts = Counter[str]()
    with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run, *job, args.out) for job in zip(shares, seeds, strict=True)]):
            counts += done.result()
    import tifffile

    formats = ", ".join(f"{counts[name]} {name}" for name in FORMATS)
    seconds = time.time() - began
    print(f"{args.cases} files ({formats}) became {counts['outputs']} of PNG, TIFF and WebP, in {seconds:.0f} s.")
    print(f"Read by exiftool {version} and tifffile {tifffile.__version__}:")
    print(f"of {counts['named']} something is not kept, and named; {counts['differences']} differences were not named.")
    sys.exit(1 if counts["differences"] else 0)


if __name__ == "__main__":
    main()
