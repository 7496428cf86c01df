"""Readers of image data sets in one file: MNIST's idx format, and sheets of small images."""

from __future__ import annotations

import gzip
import math
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc.errors import NellocError, unreadable

_GZIP = b"\x1f\x8b"
_IDX_UINT8 = b"\0\0\x08"


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an array in MNIST's idx format, gzipped or not: uint8, (N, 28, 28) images or (N,) labels.

    The format: two zero bytes, the type (8 for uint8, the only one here), the number of dimensions, each dimension as a
    big-endian 32-bit number, and the values (http://yann.lecun.com/exdb/mnist). Raises NellocError for a file that
    cannot be read, has another format, or is damaged.
    """
    try:
        data = Path(path).read_bytes()
        if data[:2] == _GZIP:
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error
    if data[:3] != _IDX_UINT8 or len(data) < 4 + 4 * data[3]:
        raise NellocError(f"{path}: not an idx file of bytes; give one of MNIST's format")
    count = data[3]
    shape = struct.unpack_from(f">{count}I", data, 4)
    values = len(data) - 4 - 4 * count
    if values != math.prod(shape):
        sizes = " x ".join(map(str, shape))
        raise NellocError(f"{path}: holds {values} values where it announces {sizes}; get it again")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * count).reshape(shape)


def read_sheet(path: Path, size: int) -> NDArray[np.uint8]:
    """Read the images of a sheet, uint8 (N, size, size, 3).

    A sheet is one image file in which every row is a flattened ``size`` x ``size`` RGB image. Raises NellocError for a
    file that cannot be read or whose rows are not of that length.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warning about large images
            with Image.open(path) as image:
                sheet = np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error
    if sheet.shape[1] != size * size:
        raise NellocError(f"{path}: its rows have {sheet.shape[1]} pixels, not {size} x {size}; give another size")
    return sheet.reshape(-1, size, size, 3)


def _unreadable(path: Path, error: Exception) -> NellocError:
    if isinstance(error, OSError) and error.strerror:
        return unreadable(path, error)
    reason = str(error).split("\n")[0] or type(error).__name__
    return NellocError(f"{path}: cannot be read ({reason}); get it again")
