"""Writing images: to files of lossless formats, and to Pillow images."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc.errors import NellocError
from nelloc.image import reading, slices
from nelloc.image.formats import png, sixteen_bit
from nelloc.image.formats.tiff import metadata as tiff_metadata
from nelloc.image.formats.tiff import writing as tiff
from nelloc.image.kinds import Kind
from nelloc.image.metadata import Item, ItemType, Metadata, Resolution
from nelloc.image.orientation import shown
from nelloc.image.pixels import Palette, Pixels, same_picture, to_array

# Side of the corner of an image with which metadata is tried.
_CORNER = 4
# Extension to Pillow format.
_OUTPUT_FORMATS = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pbm": "PPM",
    ".pnm": "PPM",
}
OUTPUT_SUFFIXES = tuple(_OUTPUT_FORMATS)
# Kinds that the extensions of the three PNM formats stand for.
_FORM_OF_SUFFIX = {".pbm": (Kind.BILEVEL,), ".pgm": (Kind.GRAY, Kind.GRAY16), ".ppm": (Kind.RGB, Kind.RGB16)}
_MODE_OF_KIND = {
    Kind.BILEVEL: "1",
    Kind.GRAY: "L",
    Kind.LA: "LA",
    Kind.PALETTE: "P",
    Kind.RGB: "RGB",
    Kind.RGBA: "RGBA",
    Kind.GRAY16: "I;16",
}
# Change of a resolution by a format's rounding.
_ROUNDED = Fraction(1, 1000)
_PER_METRE = {"": Fraction(1), "inch": Fraction(10_000, 254), "cm": Fraction(100), "metre": Fraction(1)}


@dataclass(frozen=True)
class Written:
    """Bytes of an image file, and names of the image's data besides its pixels that the format does not hold."""

    data: bytes
    left_out: tuple[str, ...]


def check_output(path: Path) -> None:
    """Raise NellocError unless the extension of ``path`` is that of a lossless format."""
    if path.suffix.lower() not in _OUTPUT_FORMATS:
        known = " ".join(_OUTPUT_FORMATS)
        raise NellocError(f"{path}: {path.suffix or 'no extension'} is not a lossless image format; use one of {known}")


def mode_of(kind: Kind, source: str = "image") -> str:
    """Pillow mode of a kind of image. Raises NellocError for 16-bit colour, which Pillow does not have."""
    if kind not in _MODE_OF_KIND:
        raise NellocError(f"{source}: has 16-bit colour, which Pillow cannot hold; decode it to an array")
    return _MODE_OF_KIND[kind]


def to_image(pixels: Pixels, source: str = "image") -> Image.Image:
    """Convert to a Pillow image of the original mode. Raises NellocError for 16-bit colour."""
    mode_of(pixels.kind, source)
    array = np.ascontiguousarray(to_array(pixels))
    if pixels.palette is None:
        image = Image.fromarray(array)
        if pixels.transparent is not None:
            colour = pixels.transparent
            image.info["transparency"] = colour if len(colour) > 1 else colour[0]
        return image
    image = Image.frombytes("P", (pixels.width, pixels.height), array.tobytes())
    image.putpalette(pixels.palette.colours, pixels.palette.mode)
    if pixels.palette.transparency is not None:
        image.info["transparency"] = pixels.palette.transparency
    return image


def write(pixels: Pixels, suffix: str = ".png", source: str = "image") -> Written:
    """Serialise an image in the lossless format that ``suffix`` names, and check it by reading it back.

    Raises NellocError if the format cannot hold the pixels exactly.
    """
    name = _format(pixels, suffix, source)
    data, back = _written(_with_metadata(pixels, _kept(pixels, name)), name, source)
    return Written(data, _missing(pixels, back, data, name))


def _written(pixels: Pixels, name: str, source: str) -> tuple[bytes, Pixels]:
    """Serialise an image and read it back; return both. Raises NellocError if the pictures differ."""
    data = _encoded(pixels, name, source)
    try:
        back = reading.read(data, source, max_pixels=pixels.area)
    except NellocError as error:
        raise _lossy(pixels, name, source) from error
    # TIFF files are rotated upright when they are read.
    if not (same_picture(pixels, back) or (name == "TIFF" and same_picture(shown(pixels), back))):
        raise _lossy(pixels, name, source)
    return data, back


def _kept(pixels: Pixels, name: str) -> Metadata:
    """Metadata that survives writing and reading, as tried on a corner of the image.

    That of a damaged or forged file may be refused by every writer, or be unreadable afterwards.
    """
    corner = replace(pixels, groups=tuple(group[:, :_CORNER, :_CORNER] for group in pixels.groups))
    items = pixels.metadata.items
    if not items or _works(corner, items, name) or not _works(corner, (), name):
        return pixels.metadata
    refused: set[int] = set()
    for type_ in dict.fromkeys(item.type for item in items):
        if not _works(corner, [item for item in items if item.type == type_], name):
            refused.add(type_)
    kept = tuple(item for item in items if item.type not in refused)
    return Metadata(kept if _works(corner, kept, name) else ())


def _works(pixels: Pixels, items: Sequence[Item], name: str) -> bool:
    """Return True if the image can be written with these items."""
    try:
        _written(_with_metadata(pixels, Metadata(tuple(items))), name, "image")
    except NellocError:
        return False
    return True


def _with_metadata(pixels: Pixels, metadata: Metadata) -> Pixels:
    return replace(pixels, metadata=metadata)


def in_slices(kind: Kind, pixels: int, suffix: str) -> bool:
    """Return True if images of this number of ``pixels`` are written by ``write_slices``."""
    return pixels >= slices.LARGE and kind in slices.KINDS and _OUTPUT_FORMATS[suffix.lower()] in ("PNG", "PPM")


def write_slices(parts: Iterator[Pixels], height: int, suffix: str, source: str) -> Written:
    """Write as ``write`` does, from slices of an image of ``height`` rows, from top to bottom, freeing each."""
    first = next(parts)
    name, about = _format(first, suffix, source), replace(first, groups=())
    kept = _kept(first, name)
    parts = chain([first], parts)
    del first  # its samples are freed too
    hashes: list[tuple[int, bytes]] = []

    def hashed() -> Iterator[Pixels]:
        for part in chain.from_iterable(map(slices.cut, parts)):
            hashes.append((part.height, _hash(part)))
            yield _with_metadata(part, kept)

    encode = partial(_encoded, name=name, source=source, deflated=False)
    writer = slices.write_png if name == "PNG" else slices.write_netpbm
    data = writer(hashed(), height, lambda part: encode(part.stripped()))
    heights = [height for height, _ in hashes]
    back = [(part.height, _hash(part)) for part in reading.read_slices(data, source, heights)]
    plain = replace(about, transparent=None, metadata=Metadata())
    described = png.describe(data, plain) if name == "PNG" else plain
    if back != hashes or described.transparent != about.transparent:
        raise _lossy(about, name, source)
    return Written(data, _missing(about, described, data, name))


def _hash(pixels: Pixels) -> bytes:
    """Hash of an image's samples."""
    found = hashlib.sha256(pixels.kind.name.encode())
    for group in pixels.groups:
        found.update(np.ascontiguousarray(group))
    return found.digest()


def _format(pixels: Pixels, suffix: str, source: str) -> str:
    """Format that ``suffix`` names. Raises NellocError if it does not hold such pixels."""
    suffix = suffix.lower()
    if pixels.kind not in _FORM_OF_SUFFIX.get(suffix, (pixels.kind,)):
        held = {".pbm": "one bit", ".pgm": "gray", ".ppm": "RGB"}[suffix]
        raise NellocError(f"{source}: is {_described(pixels)}, and {suffix} holds {held} only; use .png")
    return _OUTPUT_FORMATS[suffix]


def _encoded(pixels: Pixels, name: str, source: str, deflated: bool = True) -> bytes:
    """Serialise an image; unless ``deflated``, a PNG file is hardly compressed."""
    level = None if deflated else 0
    try:
        if name == "TIFF":
            return tiff.write(pixels)
        if pixels.kind.deep:
            return _deep_bytes(pixels, name, source, level)
        return _pillow_bytes(pixels, name, source, level)
    except (NellocError, MemoryError):
        raise
    except Exception as error:  # writers raise many types of exceptions for unsupported images
        raise NellocError(f"{source}: cannot be written as {name} ({error}); use .png") from error


def _lossy(pixels: Pixels, name: str, source: str) -> NellocError:
    return NellocError(f"{source}: is {_described(pixels)}, which {name} cannot hold without loss; use .png")


def _missing(pixels: Pixels, back: Pixels, data: bytes, name: str) -> tuple[str, ...]:
    """Name the metadata that a written file, read back, does not hold unchanged."""
    there = Counter(back.metadata.items)
    missing: list[str] = []
    for item in pixels.metadata.items:
        if there[item]:
            there[item] -= 1
        elif item.type == ItemType.EXIF:
            written = data if name == "TIFF" else back.metadata.get(ItemType.EXIF)
            missing += tiff_metadata.lost_of_exif(item.data, written)
        elif not _is_told(item, back.metadata):
            missing.append(item.name)
    return tuple(dict.fromkeys(missing))


def _is_told(item: Item, metadata: Metadata) -> bool:
    """Return True if metadata holds the content of an item in another form."""
    if item.type == ItemType.COMMENT:
        text = png.text_of_comment(item.data)
        return any((found.keyword, found.text) == (text.keyword, text.text) for found in metadata.texts)
    if item.type == ItemType.RESOLUTION:
        mine, other = Metadata((item,)).resolution, metadata.resolution
        return mine is not None and other is not None and _is_near(mine, other)
    return False


def _is_near(mine: Resolution, other: Resolution) -> bool:
    """Return True if two resolutions differ only by rounding to whole numbers of pixels."""
    if bool(mine.unit) != bool(other.unit):
        return False
    pairs = [(one.x, one.y) for one in (mine, other)]
    (mine_x, mine_y), (other_x, other_y) = (
        [Fraction(n, d) * _PER_METRE[one.unit] for n, d in pair] for one, pair in zip((mine, other), pairs, strict=True)
    )
    if not mine.unit:  # only the ratio is stored
        return mine_x * other_y == mine_y * other_x
    return abs(mine_x - other_x) <= mine_x * _ROUNDED and abs(mine_y - other_y) <= mine_y * _ROUNDED


def _described(pixels: Pixels) -> str:
    names = {
        Kind.GRAY: "a gray image",
        Kind.RGB: "an RGB image",
        Kind.LA: "a gray image with alpha",
        Kind.RGBA: "an RGBA image",
        Kind.PALETTE: "an image with a palette",
        Kind.BILEVEL: "an image of one bit",
        Kind.GRAY16: "a 16-bit gray image",
        Kind.RGB16: "a 16-bit RGB image",
        Kind.LA16: "a 16-bit gray image with alpha",
        Kind.RGBA16: "a 16-bit RGBA image",
    }
    transparent = pixels.transparent is not None or (pixels.palette or Palette("", b"")).transparency is not None
    return names[pixels.kind] + (" and a transparent colour" if transparent else "")


def _pillow_bytes(pixels: Pixels, name: str, source: str, level: int | None) -> bytes:
    image = to_image(_with_all_colours(pixels), source)
    out = io.BytesIO()
    if name == "PNG":
        options = {"bits": _palette_bits(pixels)} if pixels.palette is not None else {}
        image.save(out, name, **options, **_deflate_options(level))
        return png.with_chunks(out.getvalue(), png.metadata_chunks(pixels.metadata))
    image.save(out, name, **_pillow_options(pixels.metadata, name))
    return out.getvalue()


def _deflate_options(level: int | None) -> dict[str, int]:
    return {} if level is None else {"compress_level": level}


def _with_all_colours(pixels: Pixels) -> Pixels:
    """Add black for every index beyond the palette: files need a colour for each."""
    if pixels.palette is None:
        return pixels
    size = len(pixels.palette.mode) * (int(pixels.planes.max()) + 1)
    return replace(pixels, palette=replace(pixels.palette, colours=pixels.palette.colours.ljust(size, b"\0")))


def _palette_bits(pixels: Pixels) -> int:
    """Smallest bit depth of a PNG that holds every index and every colour of the palette."""
    assert pixels.palette is not None
    colours = len(pixels.palette.colours) // len(pixels.palette.mode)
    largest = max(int(pixels.planes.max()), colours - 1, 0)
    return next(bits for bits in (1, 2, 4, 8) if largest < 1 << bits)


def _pillow_options(metadata: Metadata, name: str) -> dict[str, Any]:
    """Metadata options for Pillow's writer of a format."""
    icc, exif, xmp = (metadata.get(type_) for type_ in (ItemType.ICC, ItemType.EXIF, ItemType.XMP))
    if name == "BMP":
        resolution = metadata.resolution
        return {} if resolution is None else {"dpi": _per_inch_of_bmp(metadata)}
    if name == "WEBP":
        options: dict[str, Any] = {"lossless": True, "quality": 100, "exact": True}
        return options | {"icc_profile": icc, "exif": exif or b"", "xmp": xmp or b""}
    return {}


def _per_inch_of_bmp(metadata: Metadata) -> tuple[float, float]:
    """Dots per inch that Pillow converts to the right number of pixels per metre."""
    found = dict(png.metadata_chunks(Metadata(tuple(i for i in metadata.items if i.type == ItemType.RESOLUTION))))
    body = found.get(b"pHYs", bytes(9))
    x, y = (int.from_bytes(body[k : k + 4], "big") if body[8] else 0 for k in (0, 4))
    return x / 39.3701, y / 39.3701


def _deep_bytes(pixels: Pixels, name: str, source: str, level: int | None) -> bytes:
    array = to_array(pixels)
    metadata = pixels.metadata
    if name == "PPM":
        return sixteen_bit.write_netpbm(array, source)
    if name == "PNG":
        data = _gray16_png(array, level) if pixels.kind is Kind.GRAY16 else sixteen_bit.write_png(array, source, level)
        chunks = png.metadata_chunks(metadata)
        if pixels.transparent is not None:
            body = b"".join(value.to_bytes(2, "big") for value in pixels.transparent)
            chunks.append((b"tRNS", body))
        return png.with_chunks(data, chunks)
    raise NellocError(f"{source}: is {_described(pixels)}, which {name} cannot hold without loss; use .png")


def _gray16_png(array: NDArray[np.uint16], level: int | None) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", **_deflate_options(level))
    return out.getvalue()
