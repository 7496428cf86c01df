"""Reading TIFF files: samples by Pillow, or by tifffile where Pillow would change or refuse them.

The decoders get a copy of the file with only the tags that describe the storage of samples. So metadata cannot make
them fail, and they do not rotate the image.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from nelloc.errors import NellocError
from nelloc.image.formats.sixteen_bit import need
from nelloc.image.formats.tiff import stacks, structure
from nelloc.image.formats.tiff.layout import PALETTE, PILLOW_COMPRESSIONS, RAW, WHITE_IS_ZERO, YCBCR, Layout
from nelloc.image.formats.tiff.libtiff import quiet_libtiff
from nelloc.image.formats.tiff.metadata import ORIENTATION, STORAGE, items
from nelloc.image.formats.tiff.palette import palette_of
from nelloc.image.formats.tiff.places import check_places, problem_of_places
from nelloc.image.formats.tiff.structure import Directory, Head
from nelloc.image.kinds import Kind
from nelloc.image.metadata import Metadata, depth_item
from nelloc.image.orientation import turned
from nelloc.image.pixels import Palette, Pixels, from_array, split

_YCBCR_TAGS = range(529, 533)
# Names of the compressions that Pillow does not support, or only in part.
_COMPRESSIONS = {
    7: "JPEG", 22610: "JPEG XR", 32809: "ThunderScan", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000",
    34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log 24", 34712: "JPEG 2000", 34887: "LERC", 34892: "JPEG",
    34925: "LZMA", 34926: "Zstandard", 34927: "WebP", 34933: "PNG", 34934: "JPEG XR", 50000: "Zstandard",
    50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
# A directory's kind, and the directories beside the chain, where raw files have their samples.
_SUBFILE_TYPE, _REDUCED, _SUB_DIRECTORIES = 254, 1, 330


def _problem_of_preview(head: Head, first: Directory) -> str | None:
    """Reason to refuse a file whose first image is a reduced copy of one that it does not lead to by its chain."""
    kind = first.entries.get(_SUBFILE_TYPE)
    reduced = kind is not None and any(number & _REDUCED for number in kind.numbers(head.order)[:1])
    if not (reduced and (_SUB_DIRECTORIES in first.entries or _SUB_DIRECTORIES in first.unreadable)):
        return None
    return (
        "begins with a preview of another image, as raw files of cameras do, which would be lost; convert that image "
        "to TIFF or PNG first"
    )


def read(data: bytes, source: str, max_pixels: int, decode: Callable[[Image.Image], Pixels]) -> Pixels:
    """Read a TIFF file; ``decode`` converts an image that Pillow has opened.

    Raises NellocError for images that cannot be kept, MalformedTiffError for a damaged file.
    """
    head, first = structure.read(data)
    layout = Layout.of(head, first)
    if layout.width * layout.height > max_pixels:
        raise NellocError(
            f"{source}: has {layout.width} x {layout.height} pixels, above the limit of {max_pixels}; "
            "raise --max-pixels if the file is trusted"
        )
    frames = structure.frames(data, head)
    if frames == 1 and layout.compression == RAW:
        area = layout.width * layout.height
        frames = stacks.images(data, head, first, area * layout.channels, layout.depth)
    if frames > 1:
        raise NellocError(f"{source}: has {frames} frames; write each frame to a file of its own first")
    problem = _problem_of_preview(head, first) or layout.problem() or problem_of_places(head, first, layout)
    if problem is not None:
        raise NellocError(f"{source}: {problem}")
    palette, left_out = palette_of(head, first, layout, source)
    plain = _plain(data, head, first, layout)
    if layout.for_pillow(head.order):
        try:
            with quiet_libtiff(), Image.open(io.BytesIO(plain), formats=("TIFF",)) as opened:
                pixels = decode(opened)
        except UnidentifiedImageError:  # a mixture of tags that Pillow does not know
            pixels = _read_deep(plain, layout, source)
    else:
        pixels = _read_deep(plain, layout, source)
    if (pixels.height, pixels.width) != (layout.height, layout.width):
        raise structure.MalformedTiffError("its samples are of another size")
    if pixels.kind is Kind.PALETTE:
        pixels = replace(pixels, palette=palette)
    found, lost = items(head, first)
    if layout.depth > 8 and layout.depth != 16:
        found.append(depth_item(layout.depth))
    pixels = replace(pixels, metadata=Metadata(tuple(found)), left_out=(*left_out, *lost))
    entry = first.entries.get(ORIENTATION)
    return turned(pixels, None if entry is None else next(iter(entry.numbers(head.order)), None))


def _plain(data: bytes, head: Head, first: Directory, layout: Layout) -> bytes:
    """Append a directory with only the storage tags to the file, as 32-bit TIFF."""
    entries = {}
    for tag, entry in first.entries.items():
        if tag in STORAGE or (tag in _YCBCR_TAGS and layout.photometric == YCBCR):
            narrow = structure.narrowed(entry, head.order)
            if narrow is None:
                raise structure.MalformedTiffError("it is larger than 4 GB")
            entries[tag] = narrow
    check_places(data, head, entries, layout)
    out = bytearray(data)
    out += bytes(len(out) % 2)
    place = structure.append(out, Directory(entries), head.order)
    out[:4] = b"II*\0" if head.order == "<" else b"MM\0*"
    out[4:8] = structure.numbers(structure.LONG, (place,), head.order).data
    return bytes(out)


def _read_deep(data: bytes, layout: Layout, source: str) -> Pixels:
    """Read the samples with tifffile."""
    name = _COMPRESSIONS.get(layout.compression, f"scheme {layout.compression}")
    packed = f" compressed by {name}" if layout.compression not in PILLOW_COMPRESSIONS else ""
    what = f"is a TIFF file of {layout.channels} x {layout.depth} bits{packed}"
    tifffile = need("tifffile", source, what)
    need("imagecodecs", source, what)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            array, axes = page.asarray(), page.axes
    except (NellocError, MemoryError, ImportError):
        raise
    except Exception as error:  # decoders raise many types of exceptions for unsupported and damaged files
        if layout.compression not in PILLOW_COMPRESSIONS:
            raise NellocError(
                f"{source}: {what}, which cannot be decoded ({_first_line(error)}); convert it to deflate first"
            ) from error
        raise
    if axes == "SYX":
        array = array.transpose(1, 2, 0)
    return _pixels_of(array, layout, source)


def _pixels_of(array: Any, layout: Layout, source: str) -> Pixels:
    if (
        array.dtype not in (np.uint8, np.uint16)
        or array.ndim not in (2, 3)
        or (array.dtype == np.uint16) != (layout.depth > 8)
    ):
        raise NellocError(
            f"{source}: has samples of type {array.dtype} and shape {array.shape} where its tags say {layout.channels} "
            f"x {layout.depth} bits; convert it to deflate first"
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if layout.photometric == WHITE_IS_ZERO:  # but alpha is not turned round
        array = 255 - array if array.ndim == 2 else np.dstack((255 - array[:, :, 0], array[:, :, 1:]))
    if layout.photometric != PALETTE:
        return from_array(array, source)
    return Pixels(Kind.PALETTE, split(Kind.PALETTE, array[None]), Palette("RGB", b""))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip()
