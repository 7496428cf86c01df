"""Image files as arrays of one size and mode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc import image as pictures
from nelloc import storage
from nelloc.codec.container import Kind
from nelloc.errors import NellocError

MODES = {1: "L", 3: "RGB"}


def open_image(path: Path) -> pictures.Pixels:
    """Read an image file. Raises NellocError if it cannot be read or has more than 8 bits per sample."""
    pixels = pictures.read(storage.read(path), str(path))
    if pixels.kind.deep:
        raise NellocError(f"{path}: has more than 8 bits per sample; convert it to 8")
    return pixels


def read(path: Path, height: int, width: int, channels: int, *, resize: bool = False) -> NDArray[np.uint8]:
    """Read an image file as ``fit`` converts it. Raises NellocError as ``open_image`` and ``fit``."""
    return fit(open_image(path), path, height, width, channels, resize=resize)


def fit(
    pixels: pictures.Pixels,
    path: Path,
    height: int,
    width: int,
    channels: int,
    *,
    resize: bool,
    remedy: str = "--resize",
) -> NDArray[np.uint8]:
    """Convert an image of at most 8 bits per sample to (channels, height, width).

    Parameters
    ----------
    pixels : Pixels
        Image.
    path : Path
        Its file, which errors name.
    height, width, channels : int
        Required size and channels (1 or 3).
    resize : bool
        Resize (bilinear, with anti-aliasing) and convert an image of another size or mode instead of refusing it.
    remedy : str
        What would resize it, as the subject of an error's last words.

    Returns
    -------
    ndarray
        uint8 (channels, height, width).

    Raises
    ------
    NellocError
        If it has another size or mode, and ``resize`` is not set.
    """
    array = pictures.to_array(pixels)
    known = pixels.kind in (Kind.GRAY, Kind.RGB)
    if (known, *array.shape[:2], len(pixels.planes)) != (True, height, width, channels):
        kind = pixels.kind.name if pixels.kind.name.startswith("RGB") else pixels.kind.name.lower()
        found = f"{array.shape[1]}x{array.shape[0]} {kind}"
        if not resize:
            needed = _words(height, width, channels)
            raise NellocError(f"{path}: is {found}, where {needed} is needed; {remedy} makes it that")
        array = _fitted(pixels, height, width, channels)
    return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _fitted(pixels: pictures.Pixels, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Resize and convert an image of at most 8 bits per sample; alpha is dropped."""
    converted = pictures.to_image(pixels).convert(MODES[channels])
    return np.asarray(converted.resize((width, height), Image.Resampling.BILINEAR))


def _words(height: int, width: int, channels: int) -> str:
    return f"{width}x{height} {'gray' if channels == 1 else 'RGB'}"
