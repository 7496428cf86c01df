"""Images opened by Pillow: the file behind each, and changes of their metadata since.

Pillow exposes part of an image's metadata in ``info`` and by ``getexif``, where programs change it. The rest is read
from the file. So the metadata of an image is that of its file, except for what Pillow shows differently than when the
file was opened.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

from nelloc import storage
from nelloc.errors import NellocError
from nelloc.image.formats import long_texts
from nelloc.image.formats.jpeg import EXIF_HEAD
from nelloc.image.formats.tiff.metadata import BYTES, ORIENTATION, RESOLUTION_UNIT, STORAGE, X_RESOLUTION, Y_RESOLUTION
from nelloc.image.metadata import Item, ItemType, Metadata, Resolution, resolution_item
from nelloc.image.pixels import Pixels
from nelloc.image.reading_metadata import RESOLUTION_KEYS, XMP_KEYS, image_info, items_of_info, metadata_of

_REMEMBERED = "nelloc_file"
# Chunks of PNG files that describe samples of one colour type.
_OF_COLOUR_TYPE = (b"sBIT", b"bKGD", b"hIST")
# Formats whose metadata Pillow keeps only in part, and the missing part.
_PARTLY_TOLD = {
    "PNG": "chunks such as cICP, sBIT, bKGD and tIME",
    "TIFF": "tags",
    "BMP": "the ICC profile",
    "GIF": "XMP and all comments but one",
    "PPM": "comments",
    "JPEG": "comments but the last, and Photoshop data",
}
# Key of an item in Pillow's ``info``; texts have their keywords, and other items are not shown.
_KEYS: dict[int, tuple[str, ...]] = {
    ItemType.ICC: ("icc_profile",),
    ItemType.EXIF: ("exif",),
    ItemType.XMP: XMP_KEYS,
    ItemType.RESOLUTION: RESOLUTION_KEYS,
    ItemType.GAMMA: ("gamma",),
    ItemType.CHROMATICITIES: ("chromaticity",),
    ItemType.SRGB: ("srgb",),
    ItemType.COMMENT: ("comment",),
    ItemType.PHOTOSHOP: ("photoshop",),
}
# Tags of a TIFF file with the content of an item.
_TAGS_OF_ITEMS: dict[int, ItemType] = {tag: type_ for tag, (type_, _) in BYTES.items()} | dict.fromkeys(
    (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT), ItemType.RESOLUTION
)
_EXIF_DIRECTORIES = (0x8769, 0x8825, 0xA005)
Reader = Callable[[bytes], Pixels]


@dataclass(frozen=True)
class File:
    """Bytes of a file; unless ``certain``, the image may have been opened from another one."""

    data: bytes
    certain: bool


def remember(image: ImageFile.ImageFile) -> None:
    """Record the file of an image that was just opened, to find it again after the image is loaded and closed."""
    file = image.fp
    found: bytes | tuple[str | bytes, os.stat_result] | IO[bytes] | None = file
    if isinstance(file, io.BytesIO):
        found = file.getvalue()
    else:
        with suppress(OSError, ValueError, AttributeError):
            name = image.filename or file.name  # type: ignore[union-attr]
            if isinstance(name, str | bytes):
                found = os.path.abspath(name), os.fstat(file.fileno())  # type: ignore[union-attr]
    setattr(image, _REMEMBERED, found)


def file_of(image: Image.Image) -> File | None:
    """File that an image was opened from, if it can be reached. Call this before the image is loaded."""
    if not isinstance(image, ImageFile.ImageFile) or isinstance(getattr(image, "metadata", None), Metadata):
        return None
    remembered = getattr(image, _REMEMBERED, None)
    if isinstance(remembered, bytes):
        return File(remembered, certain=True)
    if isinstance(remembered, tuple):
        path, status = remembered
        with suppress(NellocError):
            found = storage.read_input(Path(os.fsdecode(path)))
            return File(found.data, certain=True) if storage.Input(b"", status).version == found.version else None
        return None
    stream: Any
    for stream, certain in ((getattr(image, "fp", None), bool(image.tile)), (remembered, False)):
        with suppress(OSError, ValueError, AttributeError):  # there is none, or it is closed
            place = stream.tell()
            stream.seek(0)
            data = stream.read()
            stream.seek(place)
            return File(data, certain)
    if getattr(image, "filename", ""):
        with suppress(NellocError):
            return File(storage.read(Path(os.fsdecode(image.filename))), certain=False)
    return None


@dataclass(frozen=True)
class Now:
    """Current metadata of an image, and messages about losses from its file."""

    metadata: Metadata
    warnings: tuple[str, ...] = ()

    def warn(self, source: str) -> None:
        """Warn of the losses; ``source`` names the image."""
        for text in self.warnings:
            warnings.warn(f"{source}: {text}", stacklevel=2)


def metadata_now(image: Image.Image, file: File | None, read: Reader, formats: Sequence[str]) -> Now:
    """Current metadata of a loaded image: that of its file, with the changes since.

    Also names what the file has that is not kept, and whether the file cannot be reached. ``read`` parses the file's
    bytes, ``formats`` are those it may have.
    """
    own = getattr(image, "metadata", None)
    opened: _Opened | None
    if isinstance(own, Metadata):
        opened = _Opened(own, (), image_info(own), getattr(image, "opened_mode", image.mode), None)
    else:
        opened = None if file is None else _opened(image, file, read, formats)
    if opened is None:
        missing = _PARTLY_TOLD.get(image.format or "")
        if image.format == "JPEG" and hasattr(image, "applist"):  # it has all segments
            missing = None
        lost = (
            f"the {image.format} file that it was opened from cannot be reached any more, so that {missing} are not "
            "kept if it has any; give the file to nelloc.compress, or call nelloc.register() before it is opened"
        )
        found = _with_exif(metadata_of(image), image, _fresh_exif(image.info))
        return Now(found, (lost,) if missing is not None else ())
    changed, lost_items = _changed(image, opened)
    names = dict.fromkeys((*opened.left_out, *lost_items))
    return Now(changed, (f"not kept: {', '.join(names)}",) if names else ())


@dataclass(frozen=True)
class _Opened:
    """State of a file when it was opened: its metadata, names of the rest, and the part that Pillow shows."""

    metadata: Metadata
    left_out: tuple[str, ...]
    info: Mapping[Any, Any]
    mode: str
    image: Image.Image | None


def _opened(image: Image.Image, file: File, read: Reader, formats: Sequence[str]) -> _Opened | None:
    """Parse the file; None if the image was not opened from it, or it cannot be read."""
    try:
        again = Image.open(io.BytesIO(long_texts.leave_out(file.data)), formats=tuple(formats))
        mode = again.mode
        again.load()
        if not file.certain and not _same_pixels(image, again):
            return None
        pixels = read(file.data)
    except Exception:  # Pillow raises many types of exceptions for damaged files
        return None
    return _Opened(pixels.metadata, pixels.left_out, dict(again.info), mode, again)


def _same_pixels(image: Image.Image, other: Image.Image) -> bool:
    same = (image.mode, image.size) == (other.mode, other.size)
    return same and np.array_equal(np.asarray(image), np.asarray(other))


def _changed(image: Image.Image, opened: _Opened) -> tuple[Metadata, list[str]]:
    """Apply changes in ``image.info`` and ``image.getexif()`` to a file's metadata; also return the losses."""
    stripped = bool(opened.info) and not set(opened.info) & set(image.info)
    now: dict[Hashable, list[Item]] = {}
    for item in items_of_info(image.info, texts=_shows_texts(image)):
        now.setdefault(_group(item), []).append(item)
    items: list[Item] = []
    lost: list[str] = []
    done: set[Hashable] = set()
    for item in opened.metadata.items:
        group = _group(item)
        keys = _keys(group)
        if not keys:  # not shown by Pillow
            if item.type == ItemType.PNG_CHUNK and item.data[:4] in _OF_COLOUR_TYPE and image.mode != opened.mode:
                lost.append(item.name)
            elif not stripped:
                items.append(item)
        elif not stripped and all(_same(image.info, opened.info, key) for key in keys):
            items.append(item)
        elif group not in done:
            if group == ItemType.RESOLUTION and "dpi" in opened.info and "dpi" not in image.info:
                now.pop(group, None)  # other entries of info with this content are not for programs
            items += now.get(group, [])
            if group == ItemType.PHOTOSHOP and "photoshop" in image.info:
                lost.append(item.name)
        done.add(group)
    for group, new in now.items():
        if group not in done and not all(_same(image.info, opened.info, key) for key in _keys(group)):
            items += new
    reference = _fresh_exif(opened.info)
    if opened.image is not None:
        with suppress(Exception):  # as there
            reference = opened.image.getexif()
    return _with_exif(Metadata(tuple(items)), image, reference, opened), lost


def _shows_texts(image: Image.Image) -> bool:
    """Return True if the texts in ``image.info`` are texts of the file."""
    return image.format == "PNG" or isinstance(getattr(image, "metadata", None), Metadata)


def _group(item: Item) -> Hashable:
    """Items that are changed together: texts of one keyword, or items of one type."""
    return Metadata((item,)).texts[0].keyword if item.type == ItemType.TEXT else item.type


def _keys(group: Hashable) -> tuple[str, ...]:
    return (group,) if isinstance(group, str) else _KEYS.get(group, ())  # type: ignore[arg-type, call-overload]


def _same(info: Mapping[Any, Any], other: Mapping[Any, Any], key: str) -> bool:
    return repr(info.get(key)) == repr(other.get(key))  # NaN included


def _with_exif(
    metadata: Metadata, image: Image.Image, reference: Image.Exif, opened: _Opened | None = None
) -> Metadata:
    """Replace the EXIF if ``image.getexif()`` was changed since it was loaded from ``reference``.

    The same goes for tags of a TIFF file that were changed in ``image.tag_v2``.
    """
    storage_tags = (*STORAGE, ORIENTATION) if image.format == "TIFF" else STORAGE
    tags = {} if opened is None else _changed_tags(image, opened.image)
    if not tags and not _is_exif_changed(image, reference, opened, storage_tags):
        return metadata
    try:
        exif = Image.Exif()
        exif.load(image.getexif().tobytes())  # a copy
        for tag in set(exif) & {*storage_tags, *_TAGS_OF_ITEMS, *tags}:
            del exif[tag]
        for tag, value in tags.items():
            if value is not None and tag not in _TAGS_OF_ITEMS:
                exif[tag] = value
        for tag in _EXIF_DIRECTORIES[:2]:  # those that Pillow computes on access
            if tag in exif and not exif.get_ifd(tag):
                del exif[tag]
        data = exif.tobytes().removeprefix(EXIF_HEAD) if len(exif) else b""
    except Exception as error:  # Pillow raises many kinds
        raise NellocError(f"image: its EXIF cannot be written as it was changed ({error}); change it again") from error
    replaced: set[int] = {ItemType.EXIF} | {_TAGS_OF_ITEMS[tag] for tag in tags if tag in _TAGS_OF_ITEMS}
    items = [item for item in metadata.items if item.type not in replaced]
    if data:
        items.append(Item(ItemType.EXIF, data))
    return Metadata((*items, *_items_of_tags(image, replaced)))


def _is_exif_changed(
    image: Image.Image, reference: Image.Exif, opened: _Opened | None, storage_tags: Sequence[int]
) -> bool:
    """Return True if ``image.getexif()`` differs from both the file and ``image.info``."""
    exif = getattr(image, "_exif", None)
    if exif is None or not getattr(exif, "_loaded", False):
        return False
    now = _content(exif, storage_tags)
    if now == _content(reference, storage_tags):
        return False
    shown = image.info if opened is None else opened.info
    if "exif" in shown and "exif" not in image.info:  # it was removed
        return False
    return "exif" not in image.info or now != _content(_fresh_exif(image.info), storage_tags)


def _changed_tags(image: Image.Image, again: Image.Image | None) -> dict[int, Any]:
    """Changed tags in ``image.tag_v2`` of a TIFF file, and their values; None for removed ones."""
    if not (isinstance(image, TiffImagePlugin.TiffImageFile) and isinstance(again, TiffImagePlugin.TiffImageFile)):
        return {}
    if not hasattr(image, "tag_v2"):  # it was pickled
        return {}
    now, before = image.tag_v2, again.tag_v2
    looked_at = (set(now) | set(before)) - {*STORAGE, ORIENTATION, *_EXIF_DIRECTORIES}
    return {tag: now.get(tag) for tag in looked_at if repr(now.get(tag)) != repr(before.get(tag))}


def _items_of_tags(image: Image.Image, types: AbstractSet[int]) -> list[Item]:
    """Items of these types in ``image.tag_v2``."""
    tags = getattr(image, "tag_v2", {})
    items = [
        Item(type_, bytes(tags[tag]))
        for tag, type_ in _TAGS_OF_ITEMS.items()
        if type_ in types and type_ != ItemType.RESOLUTION and isinstance(tags.get(tag), bytes)
    ]
    if ItemType.RESOLUTION in types and X_RESOLUTION in tags and Y_RESOLUTION in tags:
        unit = {1: "", 3: "cm"}.get(tags.get(RESOLUTION_UNIT, 2), "inch")
        with suppress(TypeError, ValueError, ZeroDivisionError):
            x, y = (Fraction(float(tags[tag])).limit_denominator(1000) for tag in (X_RESOLUTION, Y_RESOLUTION))
            items.append(resolution_item(Resolution(x.as_integer_ratio(), y.as_integer_ratio(), unit)))
    return items


def _fresh_exif(info: Mapping[Any, Any]) -> Image.Exif:
    """Load EXIF as ``getexif`` of an image with this ``info`` does; none if it cannot be parsed."""
    image = Image.Image()
    image.info = dict(info)
    with suppress(Exception):  # Pillow raises many types of exceptions for damaged EXIF
        return image.getexif()
    return Image.Exif()


def _content(exif: Image.Exif, storage_tags: Sequence[int]) -> str:
    """EXIF content in a form that can be compared, NaN included."""
    try:
        plain = {tag: exif[tag] for tag in exif if tag not in (*storage_tags, *_EXIF_DIRECTORIES)}
        inner = {tag: sorted(exif.get_ifd(tag).items()) for tag in _EXIF_DIRECTORIES[:2]}
        return repr((sorted(plain.items()), inner))
    except Exception as error:  # Pillow raises many types of exceptions for damaged EXIF
        return repr(error)
