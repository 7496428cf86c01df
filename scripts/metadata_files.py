"""Image files of every format with random legal metadata, for scripts/fuzz_metadata.py."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from PIL import Image
from tiff_files import tiff

from nelloc.image.formats.png import pack_chunk
from nelloc.image.formats.tiff import structure

SCRIPTS = (
    (0x20, 0x7E), (0xA1, 0xFF), (0x100, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x620, 0x64A),
    (0x900, 0x939), (0xE01, 0xE3A), (0x3041, 0x3096), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F64F),
)  # fmt: skip


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


def png_file(random: Random) -> bytes:

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
