"""The codec on images and arrays in memory. Files are converted by ``nelloc.files``."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc import image as images
from nelloc.codec.decode import decode_files, open_file
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import DecodeKeywords, DecodeOptions, EncodeKeywords, EncodeOptions, chosen_options
from nelloc.errors import damage_remark
from nelloc.image import Pixels

Buffer = bytes | bytearray | memoryview
Item = TypeVar("Item")
Source = Image.Image | NDArray[Any] | Pixels


def encode(
    image: Source, *, verify: bool = True, options: EncodeOptions | None = None, **keywords: Unpack[EncodeKeywords]
) -> bytes:
    """Compress an image to .nlc bytes.

    Parameters
    ----------
    image : PIL.Image.Image or numpy.ndarray
        A Pillow image of mode 1, L, LA, P, RGB, RGBA or I;16, or an array of uint8 or uint16, of any byte order and
        memory layout: (H, W) for gray, (H, W, 2) for gray and alpha, (H, W, 3) for RGB, (H, W, 4) for RGBA.
    verify : bool
        Decode the result and compare it with the image.
    options : EncodeOptions, optional
        How to encode.
    **keywords
        The fields of `EncodeOptions`, instead of ``options``.

    Returns
    -------
    bytes
        A whole .nlc file, as `nelloc compress` writes it. It depends only on the pixels, the metadata, the options and
        the model, not on the machine.

    Raises
    ------
    NellocError
        If the image cannot be kept exactly, or if an option is out of range.
    TypeError
        If ``image`` is neither, such as the name of a file; if a keyword is unknown, of the wrong type, or given beside
        ``options``.
    """
    chosen = chosen_options(EncodeOptions, options, keywords, verify=verify)
    return encode_many([image], verify=verify, options=chosen)[0]


def encode_many(
    images: Iterable[Source],
    *,
    verify: bool = True,
    options: EncodeOptions | None = None,
    **keywords: Unpack[EncodeKeywords],
) -> list[bytes]:
    """Compress several images together: much faster for small ones.

    Parameters
    ----------
    images : iterable
        Images as `encode` takes them.
    verify, options, **keywords
        As for `encode`.

    Returns
    -------
    list of bytes
        The same bytes as `encode` gives for each.

    Raises
    ------
    NellocError, TypeError
        As `encode`.
    """
    chosen = chosen_options(EncodeOptions, options, keywords, verify=verify)
    images = _several(images, "images", "nelloc.encode takes one")
    names = [f"image {number}" if len(images) > 1 else "image" for number in range(len(images))]
    pixels = [_pixels(image, name) for image, name in zip(images, names, strict=True)]
    if chosen.strip:
        pixels = [item.stripped() for item in pixels]
    if not chosen.adapt:
        return [encoded.data for encoded in encode_pixels(pixels, chosen, verify=verify, sources=names)]
    from nelloc.training.adapt.encode import encode_adapted

    pairs = zip(pixels, names, strict=True)
    return [
        encode_adapted([item], chosen, verify=verify, embed=True, sources=[name])[0][0].data for item, name in pairs
    ]


def decode(data: Buffer, *, options: DecodeOptions | None = None, **keywords: Unpack[DecodeKeywords]) -> NDArray[Any]:
    """Decompress .nlc bytes to samples, as ``numpy.asarray`` gives those of a Pillow image.

    Parameters
    ----------
    data : bytes, bytearray or memoryview
        A whole .nlc file.
    options : DecodeOptions, optional
        How to decode.
    **keywords
        The fields of `DecodeOptions`, instead of ``options``.

    Returns
    -------
    numpy.ndarray
        In C order: (H, W) for gray, (H, W, 2) for gray and alpha, (H, W, 3) for RGB and (H, W, 4) for RGBA, of uint8
        or uint16; (H, W) indices for an image with a palette, and bool for a bilevel one.

    Raises
    ------
    NellocError
        If the data are not a whole and undamaged file, or their model is not found.
    TypeError
        As `encode`.

    Warns
    -----
    UserWarning
        With ``allow_damaged``, if parts of the file are damaged: their names, of tiles with x, y, width and height.
    """
    return _decoded([data], chosen_options(DecodeOptions, options, keywords))[0]


def decode_many(
    data: Iterable[Buffer], *, options: DecodeOptions | None = None, **keywords: Unpack[DecodeKeywords]
) -> list[NDArray[Any]]:
    """Decompress several files together: much faster for small images.

    Parameters
    ----------
    data : iterable
        Files as `decode` takes them.
    options, **keywords
        As for `decode`.

    Returns
    -------
    list of numpy.ndarray
        The samples of each, as `decode` gives them.

    Raises
    ------
    NellocError, TypeError
        As `decode`.

    Warns
    -----
    UserWarning
        As `decode`, for each file.
    """
    chosen = chosen_options(DecodeOptions, options, keywords)
    return _decoded(_several(data, "data", "nelloc.decode takes one file"), chosen)


def _decoded(data: Sequence[Buffer], options: DecodeOptions) -> list[NDArray[Any]]:
    """Samples of each file; warns the caller of the calling function of damaged parts."""
    names = ["data"] if len(data) == 1 else [f"file {number}" for number in range(len(data))]
    files = [open_file(_bytes(item, name), name, options) for item, name in zip(data, names, strict=True)]
    found = decode_files(files, names, options)
    for name, file, pixels in zip(names, files, found, strict=True):
        damaged = (*pixels.damaged, *file.damage)
        if damaged:
            warnings.warn(damage_remark(name, damaged), stacklevel=3)
    return [np.ascontiguousarray(images.to_array(pixels)) for pixels in found]


def _several(items: Iterable[Item], name: str, of_one: str) -> list[Item]:
    """List the items of an argument. Raises TypeError for one item, which tells what takes it (``of_one``)."""
    if isinstance(items, Iterable) and not isinstance(items, str | bytes | bytearray | memoryview):
        return list(items)
    raise TypeError(f"{name} must be several, such as a list, not {type(items).__name__}; {of_one}")


def _bytes(data: Buffer, source: str) -> bytes:
    """Bytes of an .nlc file; ``source`` names them in errors."""
    try:
        return bytes(memoryview(data))
    except TypeError:
        how = "nelloc.decompress takes the name of a file"
        raise TypeError(f"{source}: must be the bytes of an .nlc file, not {type(data).__name__}; {how}") from None


def _pixels(image: Source, source: str) -> Pixels:
    """Samples and description of an image; ``source`` names it in errors."""
    if isinstance(image, Pixels):
        return image
    if isinstance(image, str | os.PathLike | bytes | bytearray | io.IOBase | None):
        how = "nelloc.compress takes the name of a file, and PIL.Image.open reads its bytes"
        raise TypeError(f"{source}: must be a Pillow image or an array, not {type(image).__name__}; {how}")
    return images.from_image(image, source) if isinstance(image, Image.Image) else images.from_array(image, source)
