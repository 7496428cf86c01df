"""The tags of a TIFF file: names of those that the metadata does not hold."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from PIL import Image, TiffTags

from nelloc.image.jpeg import EXIF_HEAD
from nelloc.image.metadata import ItemType, Metadata

# Tags that say how samples are stored, but for SubIFDs; what they say is in the samples.
STORAGE_TAGS = (
    *range(254, 260), 262, 263, 266, 273, 274, *range(277, 280), *range(280, 282), 284, 317, 320, *range(322, 326),
    330, 338, 339, 347, *range(529, 533),
)  # fmt: skip
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, XMP_TAG, PHOTOSHOP_TAG, ICC_TAG = 282, 283, 296, 700, 34377, 34675
# Tags that are items of their own.
OWN_TAGS = (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, XMP_TAG, PHOTOSHOP_TAG, ICC_TAG)
_ITEMS = {XMP_TAG: ItemType.XMP, PHOTOSHOP_TAG: ItemType.PHOTOSHOP, ICC_TAG: ItemType.ICC}
_SUB_IMAGES, _EXIF, _GPS, _INTEROPERABILITY = 330, 34665, 34853, 40965


def left_out(data: bytes, image: Image.Image, metadata: Metadata) -> Iterator[str]:
    """Names of the tags of a TIFF file, opened as ``image``, that ``metadata`` does not hold as they are."""
    mine, kept = image.getexif(), Image.Exif()
    kept.load(EXIF_HEAD + (metadata.get(ItemType.EXIF) or b""))
    for tag in sorted(_tags(data)):
        if tag in _ITEMS:
            lost = metadata.get(_ITEMS[tag]) is None
        elif tag == _SUB_IMAGES:
            lost = True
        elif tag in (*STORAGE_TAGS, *OWN_TAGS):
            lost = False
        else:
            lost = tag not in mine or _told(mine, tag) != _told(kept, tag)
        if lost:
            name = TiffTags.lookup(tag).name
            yield f"TIFF tag {tag}" + ("" if name == "unknown" else f" ({name})")


def _tags(data: bytes) -> set[int]:
    """The tags of the first directory that have a value."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        if struct.unpack_from(order + "H", data, 2)[0] == 43:  # BigTIFF
            (place,) = struct.unpack_from(order + "Q", data, 8)
            (count,), entry, first = struct.unpack_from(order + "Q", data, place), struct.Struct(order + "HHQQ"), 8
        else:
            (place,) = struct.unpack_from(order + "I", data, 4)
            (count,), entry, first = struct.unpack_from(order + "H", data, place), struct.Struct(order + "HHII"), 2
        entries = [entry.unpack_from(data, place + first + number * entry.size) for number in range(count)]
    except struct.error:  # Pillow reads what there is
        return set()
    return {tag for tag, _, length, _ in entries if length}


def _told(exif: Image.Exif, tag: int) -> str:
    """What a tag says, in a form that can be compared: of numbers that are none, too."""
    if tag not in (_EXIF, _GPS):
        return repr(_plain(exif.get(tag)))
    directory = {own: _plain(value) for own, value in exif.get_ifd(tag).items() if own != _INTEROPERABILITY}
    inner = exif.get_ifd(_INTEROPERABILITY) if tag == _EXIF else {}
    return repr(sorted([*directory.items(), *inner.items()], key=repr))


def _plain(value: Any) -> Any:
    """A value with its bytes as text, which differs from them only by the type of the tag."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def keep_text(exif: Image.Exif) -> None:
    """Let Pillow write text that is not ASCII as the bytes that it was, instead of question marks."""
    for tag in (_EXIF, _GPS):
        if tag in exif:
            directory = exif.get_ifd(tag)
            directory |= {own: value.encode("latin-1") for own, value in directory.items() if _is_lost(value)}
    for tag in list(exif):
        if _is_lost(exif[tag]):
            exif[tag] = exif[tag].encode("latin-1")


def _is_lost(value: Any) -> bool:
    return isinstance(value, str) and not value.isascii() and all(ord(letter) < 256 for letter in value)
