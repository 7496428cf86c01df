"""Which way up an image is: the orientation tag of TIFF and EXIF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from nelloc.image.jpeg import EXIF_HEAD
from nelloc.image.metadata import ItemType
from nelloc.image.pixels import Pixels, Samples

TAG = 274
# What makes stored rows upright, by the value of the tag (TIFF 6.0, page 36), as Pillow does when it reads a TIFF file.
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
    """An array (H, W) or (H, W, C) turned as the tag says; a value that there is not turns nothing."""
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return array if turn is None else turn(array)


def shown(pixels: Pixels) -> Pixels:
    """The image turned as its EXIF says; as it is, if that cannot be read."""
    exif = Image.Exif()
    try:
        exif.load(EXIF_HEAD + (pixels.metadata.get(ItemType.EXIF) or b""))
        orientation = exif.get(TAG)
    except Exception:  # Pillow raises many kinds for damaged EXIF
        return pixels
    turned = (upright(group.transpose(1, 2, 0), orientation).transpose(2, 0, 1) for group in pixels.groups)
    return replace(pixels, groups=tuple(np.ascontiguousarray(group) for group in turned))
