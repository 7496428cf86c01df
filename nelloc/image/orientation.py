"""Orientation of an image: the orientation tag of TIFF and EXIF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nelloc.image.formats.tiff import structure
from nelloc.image.metadata import ItemType
from nelloc.image.pixels import Pixels, Samples

TAG = 274
# Transformation to upright by the value of the tag (TIFF 6.0, page 36), as Pillow applies it to TIFF files.
_UPRIGHT: dict[int, Callable[[Samples], Samples]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def upright(array: Samples, orientation: object) -> Samples:
    """Rotate and mirror an array (H, W) or (H, W, C) by the tag's value; undefined values change nothing."""
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return array if turn is None else turn(array)


def of_exif(exif: bytes | None) -> int | None:
    """Orientation in EXIF; None if there is none or EXIF cannot be read."""
    try:
        head, first = structure.read(exif or b"")
    except structure.MalformedTiffError:
        return None
    entry = first.entries.get(TAG)
    return None if entry is None else next(iter(entry.numbers(head.order)), None)


def turned(pixels: Pixels, orientation: int | None) -> Pixels:
    """Apply an orientation to an image given as its stored rows."""
    if orientation not in _UPRIGHT:
        return pixels
    groups = (upright(group.transpose(1, 2, 0), orientation).transpose(2, 0, 1) for group in pixels.groups)
    return replace(pixels, groups=tuple(np.ascontiguousarray(group) for group in groups))


def shown(pixels: Pixels) -> Pixels:
    """Apply the orientation in an image's EXIF; the image is unchanged if that cannot be read."""
    return turned(pixels, of_exif(pixels.metadata.get(ItemType.EXIF)))
