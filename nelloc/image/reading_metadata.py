"""Metadata that Pillow reads, as items; ``formats.png`` reads the chunks of PNG files."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

from PIL import Image, PngImagePlugin, TiffImagePlugin

from nelloc.errors import NellocError
from nelloc.image.formats.jpeg import EXIF_HEAD, PHOTOSHOP_HEAD
from nelloc.image.formats.tiff import metadata as tiff
from nelloc.image.formats.tiff import structure
from nelloc.image.metadata import Item, ItemType, Metadata, Resolution, Text, resolution_item, text_item

_XMP_KEYWORD = "XML:com.adobe.xmp"
XMP_KEYS = ("xmp", _XMP_KEYWORD)
RESOLUTION_KEYS = ("dpi", "aspect", "jfif_density", "jfif_unit", "resolution")
_BMP_DPI = 39.3701  # Pillow's factor from pixels per metre to pixels per inch
_JFIF_UNITS = {0: "", 1: "inch", 2: "cm"}


def metadata_of(image: Image.Image) -> Metadata:
    """Metadata of a Pillow image."""
    own = getattr(image, "metadata", None)
    if isinstance(own, Metadata):  # an .nlc file that Pillow opened
        return own
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _metadata_of_tiff(image)
    info = image.info
    items = [
        _bytes_item(ItemType.ICC, info.get("icc_profile")),
        _exif(image),
        _bytes_item(ItemType.XMP, info.get("xmp") or info.get(_XMP_KEYWORD)),
        *_texts(image),
        _resolution(image),
        _number_item(ItemType.GAMMA, info.get("gamma"), 100_000, "<I"),
        _chromaticities(info.get("chromaticity")),
        _number_item(ItemType.SRGB, info.get("srgb"), 1, "<B"),
        *_comments(image),
        _photoshop(image),
    ]
    return Metadata(tuple(item for item in items if item is not None))


def items_of_info(info: Mapping[Any, Any], *, texts: bool) -> list[Item]:
    """Items in ``Image.info``, as programs set it; with ``texts`` those of PNG files too."""
    items = [
        _bytes_item(ItemType.ICC, info.get("icc_profile")),
        _bytes_item(ItemType.EXIF, (info.get("exif") or b"").removeprefix(EXIF_HEAD)),
        _bytes_item(ItemType.XMP, next((info[key] for key in XMP_KEYS if info.get(key)), None)),
        _resolution_of_info(info),
        _number_item(ItemType.GAMMA, info.get("gamma"), 100_000, "<I"),
        _chromaticities(info.get("chromaticity")),
        _number_item(ItemType.SRGB, info.get("srgb"), 1, "<B"),
        _bytes_item(ItemType.COMMENT, info.get("comment")),
        *(_texts_of_info(info) if texts else []),
    ]
    return [item for item in items if item is not None]


def image_info(metadata: Metadata) -> dict[str, Any]:
    """Convert metadata to ``Image.info``, with the keys and types of Pillow's own formats."""
    exif, resolution = metadata.get(ItemType.EXIF), metadata.resolution
    gamma, chromaticities, srgb = (
        metadata.get(type_) for type_ in (ItemType.GAMMA, ItemType.CHROMATICITIES, ItemType.SRGB)
    )
    comments = [item.data for item in metadata.items if item.type == ItemType.COMMENT]
    info: dict[str, Any] = {text.keyword: text.text for text in metadata.texts}
    info |= {
        "icc_profile": metadata.get(ItemType.ICC),
        "exif": None if exif is None else EXIF_HEAD + exif,
        "xmp": metadata.get(ItemType.XMP),
        "gamma": None if gamma is None else struct.unpack("<I", gamma)[0] / 100_000,
        "chromaticity": None
        if chromaticities is None
        else tuple(n / 100_000 for n in struct.unpack("<8I", chromaticities)),
        "srgb": None if srgb is None else srgb[0],
        "comment": comments[-1] if comments else None,
    }
    if resolution is not None and resolution.unit:
        per_inch = {"inch": 1.0, "cm": 2.54, "metre": 0.0254}[resolution.unit]
        info["dpi"] = tuple(per_inch * n / d for n, d in (resolution.x, resolution.y))
    elif resolution is not None:
        info["aspect"] = tuple(n if d == 1 else n / d for n, d in (resolution.x, resolution.y))
    return {key: value for key, value in info.items() if value is not None}


def _metadata_of_tiff(image: TiffImagePlugin.TiffImageFile) -> Metadata:
    """Metadata of a TIFF file that Pillow opened: from its bytes if they can be reached, else from its tags."""
    for data in _bytes_of(image):
        with suppress(structure.MalformedTiffError):
            return Metadata(tuple(tiff.items(*structure.read(data))[0]))
    return Metadata()


def _bytes_of(image: TiffImagePlugin.TiffImageFile) -> Iterator[bytes]:
    """Bytes of the file that an image was opened from, or a TIFF structure made from its tags."""
    files: list[Any] = [getattr(image, "fp", None), getattr(image, "_fp", None)]
    for file in files:
        with suppress(AttributeError, OSError, ValueError):  # closed
            place = file.tell()
            file.seek(0)
            data = file.read()
            file.seek(place)
            yield data
    if getattr(image, "filename", ""):
        with suppress(OSError), open(image.filename, "rb") as opened:
            yield opened.read()
    with suppress(Exception):  # Pillow raises many types of exceptions for unknown tags
        yield image.getexif().tobytes().removeprefix(EXIF_HEAD)


def with_given(metadata: Metadata, given: Mapping[str, Any]) -> Metadata:
    """Replace metadata by the arguments of ``Image.save`` (icc_profile, exif, xmp, dpi).

    An argument of None or an empty one removes the item. Raises NellocError for one of another type, or out of range.
    """
    exif = given.get("exif")
    exif = exif.tobytes() if isinstance(exif, Image.Exif) else exif
    for name, value, kinds in (
        ("icc_profile", given.get("icc_profile"), "bytes"),
        ("exif", exif, "bytes or an Exif"),
        ("xmp", given.get("xmp"), "bytes or text"),
    ):
        if value and not isinstance(value, bytes | bytearray | memoryview | (str if name == "xmp" else bytes)):
            raise NellocError(f"image: {name} is of type {type(value).__name__}; give {kinds}, or None for none")
    types = {
        "icc_profile": ItemType.ICC,
        "exif": ItemType.EXIF,
        "xmp": ItemType.XMP,
        "dpi": ItemType.RESOLUTION,
    }
    found = {
        ItemType.ICC: _bytes_item(ItemType.ICC, given.get("icc_profile")),
        ItemType.EXIF: _bytes_item(ItemType.EXIF, bytes(exif or b"").removeprefix(EXIF_HEAD)),
        ItemType.XMP: _bytes_item(ItemType.XMP, given.get("xmp")),
    }
    if given.get("dpi"):
        found[ItemType.RESOLUTION] = _item_of_dpi(given["dpi"])
    items = [item for item in found.values() if item is not None]
    replaced = {type_ for name, type_ in types.items() if name in given}
    return Metadata((*(item for item in metadata.items if item.type not in replaced), *items))


def _item_of_dpi(dpi: Any) -> Item:
    """Resolution from dots per inch in each direction. Raises NellocError for anything else."""
    item = None
    with suppress(TypeError, ValueError, OverflowError, ZeroDivisionError):
        x, y = (Fraction(value).limit_denominator(1000) for value in dpi)
        item = _resolution_item(x, y, "inch")
    if item is None:
        raise NellocError(f"image: dpi={dpi!r} cannot be kept; give two numbers from 0 on, or None for none")
    return item


def _bytes_item(type_: ItemType, value: Any) -> Item | None:
    if isinstance(value, str):
        value = value.encode()
    return Item(type_, bytes(value)) if value else None


def _number_item(type_: ItemType, value: Any, factor: int, form: str) -> Item | None:
    if not isinstance(value, int | float):
        return None
    number = round(value * factor)
    return Item(type_, struct.pack(form, number)) if 0 <= number < 1 << 8 * struct.calcsize(form) else None


def _chromaticities(value: Any) -> Item | None:
    if not (isinstance(value, tuple) and len(value) == 8):
        return None
    return Item(ItemType.CHROMATICITIES, struct.pack("<8I", *(round(n * 100_000) & 0xFFFFFFFF for n in value)))


def _exif(image: Image.Image) -> Item | None:
    data = image.info.get("exif") or b""
    return _bytes_item(ItemType.EXIF, data.removeprefix(EXIF_HEAD))


def _texts(image: Image.Image) -> list[Item]:
    """Texts that Pillow found in a PNG file. Copies of an image have them in ``info`` only."""
    return _texts_of_info(image.info) if isinstance(image, PngImagePlugin.PngImageFile) else []


def _texts_of_info(info: Mapping[Any, Any]) -> list[Item]:
    items = []
    for keyword, text in info.items():
        if isinstance(keyword, str) and isinstance(text, str) and keyword not in XMP_KEYS:
            language, translated = getattr(text, "lang", None) or "", getattr(text, "tkey", None) or ""
            items.append(text_item(Text(keyword, str(text), str(language), str(translated))))
    return items


def _comments(image: Image.Image) -> list[Item | None]:
    """Comments, each as an item; Pillow itself keeps only the last one of a JPEG file."""
    found: list[Any] = _segments(image, "COM")
    if not found or image.info.get("comment") != found[-1]:
        found = [image.info.get("comment")]
    return [_bytes_item(ItemType.COMMENT, comment) for comment in found]


def _resolution(image: Image.Image) -> Item | None:
    info = image.info
    if "jfif_density" in info:
        x, y = info["jfif_density"]
        return _resolution_item(Fraction(x), Fraction(y), _JFIF_UNITS.get(info.get("jfif_unit", 0), ""))
    if image.format == "BMP" and "dpi" in info:
        x, y = (Fraction(round(value * _BMP_DPI)) for value in info["dpi"])
        return _resolution_item(x, y, "metre") if x and y else None
    if image.format == "PNG" and "aspect" in info:
        x, y = (Fraction(value) for value in info["aspect"])
        return _resolution_item(x, y, "")
    if image.format == "PNG" and "dpi" in info:
        x, y = (Fraction(round(value / 0.0254)) for value in info["dpi"])
        return _resolution_item(x, y, "metre")
    return None if image.format == "JPEG" else _resolution_of_info(info)


def _resolution_of_info(info: Mapping[Any, Any]) -> Item | None:
    """Resolution in ``info``, as programs set it."""
    with suppress(TypeError, ValueError, ZeroDivisionError, OverflowError, IndexError):
        if "dpi" in info:
            x, y = (Fraction(float(value)).limit_denominator(1000) for value in info["dpi"])
            return _resolution_item(x, y, "inch")
        if "aspect" in info:
            x, y = (Fraction(value) for value in info["aspect"])
            return _resolution_item(x, y, "")
        if "jfif_density" in info:
            x, y = (Fraction(value) for value in info["jfif_density"])
            return _resolution_item(x, y, _JFIF_UNITS.get(info.get("jfif_unit", 0), ""))
    return None


def _resolution_item(x: Fraction, y: Fraction, unit: str) -> Item | None:
    if unit == "" and x == y == 1:  # undefined; many files have it
        return None
    if max(x.numerator, x.denominator, y.numerator, y.denominator) >= 1 << 32 or x < 0 or y < 0:
        return None
    return resolution_item(Resolution((x.numerator, x.denominator), (y.numerator, y.denominator), unit))


def _photoshop(image: Image.Image) -> Item | None:
    """Image resources of Photoshop, from the segments of a JPEG file."""
    if "photoshop" not in image.info:
        return None
    found = [data for data in _segments(image, "APP13") if data.startswith(PHOTOSHOP_HEAD)]
    return _bytes_item(ItemType.PHOTOSHOP, b"".join(data.removeprefix(PHOTOSHOP_HEAD) for data in found))


def _segments(image: Image.Image, name: str) -> list[bytes]:
    """Contents of the segments with a name, if the image is from a JPEG file."""
    return [data for own, data in getattr(image, "applist", ()) if own == name]
