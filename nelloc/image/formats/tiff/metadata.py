"""Metadata of TIFF files and of EXIF: tags to items, and names of the tags that are lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from PIL import ExifTags, TiffTags

from nelloc.image.formats.tiff import structure
from nelloc.image.formats.tiff.structure import Directory, Entry, Head
from nelloc.image.metadata import Item, ItemType, Resolution, resolution_item

ORIENTATION, COLOUR_MAP, PHOTOMETRIC = 274, 320, 262
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
XMP, PHOTOSHOP, ICC = 700, 34377, 34675
# Tags about the storage of YCbCr samples; for other colour spaces they have no effect and are kept.
_YCBCR_TAGS = range(529, 533)
_YCBCR = 6
# Tags about the storage of samples, which the pixels themselves replace.
STORAGE = (
    *range(254, 260), 262, 263, 266, 273, *range(277, 282), 284, 292, 293, 317, COLOUR_MAP, *range(322, 326),
    338, 339, 347, *range(512, 522), 32997, 50674,
)  # fmt: skip
# Tags whose bytes become items, and the TIFF type that they are written with.
BYTES = {
    XMP: (ItemType.XMP, structure.BYTE),
    PHOTOSHOP: (ItemType.PHOTOSHOP, structure.UNDEFINED),
    ICC: (ItemType.ICC, structure.UNDEFINED),
}
_BYTE_TYPES = (1, 2, 7)
_UNITS = {1: "", 2: "inch", 3: "cm"}
_UNIT_NUMBERS = {"": 1, "inch": 2, "cm": 3, "metre": 3}
_DIRECTORY_NAMES = {(): "TIFF", (structure.EXIF,): "EXIF", (structure.GPS,): "GPS"}
_UPRIGHT = range(1, 9)


def items(head: Head, first: Directory) -> tuple[list[Item], list[str]]:
    """Read the items of a TIFF file's first directory, and name the tags that are lost."""
    found: list[Item] = []
    lost = [name_of(path) for path in structure.unreadable(first) if not is_storage(path, _is_ycbcr(head, first))]
    kept: dict[int, Entry] = {}
    for tag, entry in first.entries.items():
        if is_storage((tag,), _is_ycbcr(head, first)) or tag in (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT):
            continue
        if tag in BYTES and entry.type in _BYTE_TYPES:
            found.append(Item(BYTES[tag][0], entry.data))
        elif tag == ORIENTATION and set(entry.numbers(head.order)) <= set(_UPRIGHT):
            continue  # the samples are rotated
        else:
            kept[tag] = entry
    resolution = _resolution(head, first)
    if resolution is not None:
        found += [] if _says_nothing(resolution) else [resolution_item(resolution)]
    else:
        lost += [name_of((tag,)) for tag in (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT) if tag in first.entries]
    plain, wide = _narrowed(Directory(kept, first.children), head.order)
    if plain.entries or plain.children:
        found.append(Item(ItemType.EXIF, structure.pack(plain, head.order)))
    return found, [*lost, *(name_of(path) for path in wide)]


def _narrowed(found: Directory, order: str) -> tuple[Directory, list[tuple[int, ...]]]:
    """Remove the types of BigTIFF from a directory; also return the tags whose values do not fit TIFF's types."""
    entries: dict[int, Entry] = {}
    wide: list[tuple[int, ...]] = []
    for tag, entry in found.entries.items():
        narrow = structure.narrowed(entry, order)
        if narrow is None:
            wide.append((tag,))
        else:
            entries[tag] = narrow
    children = {}
    for tag, child in found.children.items():
        children[tag], more = _narrowed(child, order)
        wide += [(tag, *path) for path in more]
    return Directory(entries, children), wide


def is_storage(path: tuple[int, ...], ycbcr: bool = False) -> bool:
    """Return True if a tag of the first directory describes the storage of samples (``ycbcr``: of YCbCr samples)."""
    return len(path) == 1 and (path[0] in STORAGE or (ycbcr and path[0] in _YCBCR_TAGS))


def _is_ycbcr(head: Head, first: Directory) -> bool:
    entry = first.entries.get(PHOTOMETRIC)
    return entry is not None and entry.numbers(head.order) == (_YCBCR,)


def _resolution(head: Head, first: Directory) -> Resolution | None:
    """Resolution, if its tags are valid TIFF; in pixels per inch unless they name another unit."""
    entries = [first.entries.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION)]
    if None in entries:
        return None
    x, y = (None if entry is None else entry.fraction(head.order) for entry in entries)
    unit = first.entries.get(RESOLUTION_UNIT)
    numbers = (2,) if unit is None else unit.numbers(head.order)
    if x is None or y is None or len(numbers) != 1 or numbers[0] not in _UNITS:
        return None
    parts = (x.numerator, x.denominator, y.numerator, y.denominator)
    if min(parts) < 0 or max(parts) >= 1 << 32:
        return None
    return Resolution(parts[:2], parts[2:], _UNITS[numbers[0]])


def _says_nothing(resolution: Resolution) -> bool:
    """Return True for square pixels of undefined size, which many files declare."""
    return (resolution.x, resolution.y, resolution.unit) == ((1, 1), (1, 1), "")


def resolution_entries(resolution: Resolution, order: str) -> dict[int, Entry]:
    """Tags of a resolution; empty if its numbers are too large."""
    divisor = 100 if resolution.unit == "metre" else 1
    x, y = (Fraction(n, d * divisor) for n, d in (resolution.x, resolution.y))
    parts = (x.numerator, x.denominator, y.numerator, y.denominator)
    if max(parts) >= 1 << 32:
        return {}
    return {
        X_RESOLUTION: structure.numbers(structure.RATIONAL, parts[:2], order),
        Y_RESOLUTION: structure.numbers(structure.RATIONAL, parts[2:], order),
        RESOLUTION_UNIT: structure.numbers(structure.SHORT, (_UNIT_NUMBERS[resolution.unit],), order),
    }


def name_of(path: tuple[int, ...]) -> str:
    """Readable name of a tag, from the path of tags that leads to it."""
    tag, group = path[-1], path[:-1]
    directory = _DIRECTORY_NAMES.get(group, "Interoperability")
    if group == (structure.GPS,):
        name = ExifTags.GPSTAGS.get(tag, "unknown")
    else:
        name = TiffTags.lookup(tag).name
        name = ExifTags.TAGS.get(tag, name) if name == "unknown" else name
    return f"{directory} tag {tag}" + ("" if name == "unknown" else f" ({name})")


def lost_of_exif(exif: bytes, written: bytes | None) -> Iterator[str]:
    """Name the entries of EXIF that a TIFF structure written from it lacks; for ``None``, all entries.

    Tags that describe the storage of samples are ignored: a written file has its own.
    """
    if exif == written:
        return
    try:
        head, first = structure.read(exif)
        new_head, new = structure.read(written or b"")
    except structure.MalformedTiffError:
        yield "EXIF"
        return
    there = {path: entry.canonical(new_head.order) for path, entry in structure.walk(new)}
    lost = [path for path in structure.unreadable(first) if not is_storage(path)]
    for path, entry in structure.walk(first):
        if not is_storage(path) and there.get(path) != entry.canonical(head.order):
            lost.append(path)
    if first.next and not new.next:
        yield "EXIF thumbnail"
    for path in lost:
        yield name_of(path)


def holds(entries: Mapping[int, Entry], item: Item) -> bool:
    """Return True if a directory holds the bytes of an item that has a TIFF tag."""
    found = [entries[tag] for tag, (type_, _) in BYTES.items() if type_ == item.type and tag in entries]
    return any(entry.data == item.data for entry in found)
