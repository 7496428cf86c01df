"""PNG and PPM files of 16 bits per sample, which Pillow would cut to 8: read and written with imagecodecs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.image import netpbm
from nelloc.image.pixels import Pixels, from_array

_CHANNELS_OF_PNG = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type


def read(data: bytes, file_format: str, source: str) -> Pixels:
    """The samples of a PNG or PPM file of 16 bits. Raises NellocError for what cannot be kept."""
    if file_format == "PNG":
        array = _need("imagecodecs", source).png_decode(data)
        channels = _CHANNELS_OF_PNG[data[25]]
        # A transparent colour may have been made into alpha; the colours are as they were.
        array = array.reshape(*array.shape[:2], -1)[:, :, :channels]
        return from_array(array[:, :, 0] if channels == 1 else array, source)
    if file_format == "PPM":
        return from_array(_read_netpbm(data, source), source)
    raise NellocError(f"{source}: has 16 bits per sample, which are read of PNG, TIFF and PPM only; convert it to PNG")


def _need(name: str, source: str) -> Any:
    """The library ``name``, of the extra nelloc[deep]. Raises NellocError if it is missing."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise NellocError(
            f"{source}: has 16-bit colour, for which {name} is needed; pip install 'nelloc[deep]'"
        ) from None


def _read_netpbm(data: bytes, source: str) -> NDArray[np.uint16]:
    found = netpbm.unpack(data)
    if found is None:
        raise NellocError(f"{source}: has 16 bits per sample in a form of PPM that is not read; convert it to PNG")
    head, start = found
    samples = np.frombuffer(data, ">u2", head.width * head.height * head.channels, start).astype(np.uint16)
    return samples.reshape((head.height, head.width, 3) if head.channels == 3 else (head.height, head.width))


def write_png(array: NDArray[np.uint16], source: str, level: int | None = None) -> bytes:
    """A PNG file of an array (H, W) or (H, W, 2 to 4), deflated at a level of zlib, by default its highest."""
    level = 9 if level is None else level
    return bytes(_need("imagecodecs", source).png_encode(np.array(array, order="C"), level=level))


def write_netpbm(array: NDArray[np.uint16], source: str) -> bytes:
    """A PGM or PPM file of an array (H, W) or (H, W, 3)."""
    if array.ndim == 3 and array.shape[2] != 3:
        raise NellocError(f"{source}: has alpha, which PPM cannot hold; use .png")
    head = netpbm.Head(1 if array.ndim == 2 else 3, array.shape[1], array.shape[0], 65535)
    return head.pack() + array.astype(">u2").tobytes()
