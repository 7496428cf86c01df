"""Metadata of an image in a form that is independent of file formats."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from nelloc.varint import Cursor, MalformedError, varint

# An item takes memory beyond its bytes, so a few packed bytes must not create many items.
MAX_ITEMS = 1 << 16


class ItemType(enum.IntEnum):
    """Types of items; docs/FORMAT.md, section 11, defines the bytes of each."""

    ICC = 1
    EXIF = 2
    XMP = 3
    TEXT = 4
    RESOLUTION = 5
    GAMMA = 6
    CHROMATICITIES = 7
    SRGB = 8
    COMMENT = 9
    PHOTOSHOP = 10
    PNG_CHUNK = 11
    DEPTH = 12


NAMES = {
    ItemType.ICC: "ICC profile",
    ItemType.EXIF: "EXIF",
    ItemType.XMP: "XMP",
    ItemType.TEXT: "text",
    ItemType.RESOLUTION: "resolution",
    ItemType.GAMMA: "gamma",
    ItemType.CHROMATICITIES: "chromaticities",
    ItemType.SRGB: "sRGB",
    ItemType.COMMENT: "comment",
    ItemType.PHOTOSHOP: "Photoshop data",
    ItemType.PNG_CHUNK: "PNG chunk",
    ItemType.DEPTH: "depth of samples",
}


@dataclass(frozen=True)
class Item:
    """One piece of metadata; ``type`` may be a number that is unknown to this version."""

    type: int
    data: bytes

    @property
    def name(self) -> str:
        """Readable name."""
        if self.type == ItemType.PNG_CHUNK:
            return f"PNG chunk {self.data[:4].decode('latin-1')}"
        if self.type == ItemType.DEPTH:
            return f"depth of {self.data[0]} bits per sample"
        return NAMES[ItemType(self.type)] if self.type in NAMES else f"item of type {self.type}"


@dataclass(frozen=True)
class Text:
    """Keyword and text; international text may name its language and translate the keyword."""

    keyword: str
    text: str
    language: str = ""
    translated: str = ""


@dataclass(frozen=True)
class Resolution:
    """Pixels per unit, horizontal and vertical, as fractions; the ``unit`` is "inch", "cm", "metre" or "" for none."""

    x: tuple[int, int]
    y: tuple[int, int]
    unit: str


_UNITS = ("", "inch", "cm", "metre")


@dataclass(frozen=True)
class Metadata:
    """Items in the order of the file."""

    items: tuple[Item, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    def get(self, type_: ItemType) -> bytes | None:
        """First item of a type."""
        return next((item.data for item in self.items if item.type == type_), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Readable names of the items, without duplicates."""
        return tuple(dict.fromkeys(item.name for item in self.items))

    @property
    def texts(self) -> list[Text]:
        """Text items."""
        return [_text(item.data) for item in self.items if item.type == ItemType.TEXT]

    @property
    def resolution(self) -> Resolution | None:
        """Resolution, or None."""
        data = self.get(ItemType.RESOLUTION)
        return None if data is None else _resolution(data)

    @property
    def depth(self) -> int | None:
        """Bits of a sample of the file (white is ``2**depth - 1``), if fewer than those of the kind."""
        data = self.get(ItemType.DEPTH)
        return None if data is None else data[0]


def depth_item(bits: int) -> Item:
    """Make the item of a sample depth in bits."""
    return Item(ItemType.DEPTH, bytes([bits]))


def text_item(text: Text) -> Item:
    """Make the item of a text: its four strings in UTF-8, the first three with their lengths."""
    first = [part.encode("utf-8", "surrogatepass") for part in (text.keyword, text.language, text.translated)]
    body = b"".join(varint(len(part)) + part for part in first)
    return Item(ItemType.TEXT, body + text.text.encode("utf-8", "surrogatepass"))


def _text(data: bytes) -> Text:
    reader = Cursor(data)
    keyword, language, translated = (_decoded(reader.take(reader.varint())) for _ in range(3))
    return Text(keyword, _decoded(reader.rest()), language, translated)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise MalformedError(str(error)) from None


def resolution_item(resolution: Resolution) -> Item:
    """Make the item of a resolution: the unit, then the four numbers."""
    numbers = (*resolution.x, *resolution.y)
    return Item(
        ItemType.RESOLUTION, bytes([_UNITS.index(resolution.unit)]) + b"".join(varint(number) for number in numbers)
    )


def _resolution(data: bytes) -> Resolution:
    reader = Cursor(data)
    unit = reader.byte()
    numbers = [reader.varint() for _ in range(4)]
    if unit >= len(_UNITS) or reader.rest() or 0 in (numbers[1], numbers[3]) or max(numbers) >= 1 << 32:
        raise MalformedError("resolution")
    return Resolution((numbers[0], numbers[1]), (numbers[2], numbers[3]), _UNITS[unit])


def pack(metadata: Metadata) -> bytes:
    """Serialise items: type, length and content of each."""
    return b"".join(bytes([item.type]) + varint(len(item.data)) + item.data for item in metadata.items)


def parse(data: bytes) -> Metadata:
    """Parse items. Raises MalformedError for bytes that ``pack`` would not write."""
    reader = Cursor(data)
    items: list[Item] = []
    while not reader.ended:
        if len(items) == MAX_ITEMS:
            raise MalformedError("too many items")
        type_ = reader.byte()
        items.append(Item(type_, reader.take(reader.varint())))
    for item in items:
        _check(item)
    return Metadata(tuple(items))


_SIZES = {ItemType.GAMMA: 4, ItemType.CHROMATICITIES: 32, ItemType.SRGB: 1}
_DEPTHS = range(9, 16)


def is_chunk_name(name: bytes) -> bool:
    """Return True for a valid ancillary chunk name of PNG: four ASCII letters, the first in lower case."""
    return len(name) == 4 and name.isalpha() and name[:1].islower()


def _check(item: Item) -> None:
    """Raise MalformedError if the content of an item does not match its type."""
    if item.type == ItemType.TEXT:
        _text(item.data)
    elif item.type == ItemType.RESOLUTION:
        _resolution(item.data)
    elif item.type == ItemType.PNG_CHUNK:
        if not is_chunk_name(item.data[:4]):
            raise MalformedError("the name of a PNG chunk")
    elif item.type == ItemType.DEPTH and (len(item.data) != 1 or item.data[0] not in _DEPTHS):
        raise MalformedError("the depth of samples")
    elif item.type in _SIZES and len(item.data) != _SIZES[ItemType(item.type)]:
        raise MalformedError("an item of a wrong length")
