"""Chunks of arrays as images: shared by the codecs for numcodecs and Zarr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc import api
from nelloc import image as images
from nelloc.codec import decode as decoding
from nelloc.codec.options import DecodeOptions, EncodeOptions, check_types
from nelloc.errors import NellocError
from nelloc.image.metadata import Metadata, Text, text_item

# Lengths of a last axis that is the channels, if there are two axes before it.
CHANNELS = (3, 4)
# Keyword of the text item that names a layout in memory other than the usual one.
LAYOUT_KEYWORD = "array layout"
# Parameters of the codecs, which the metadata of arrays holds.
_PARAMETERS = ("model", "tile", "verify")


def check_parameters(*, model: str | None, tile: int | None, verify: bool) -> None:
    """Raise TypeError or NellocError for parameters with which no chunk could be encoded."""
    check_types(verify=verify)
    EncodeOptions(model=model, tile=tile)


def check_configuration(configuration: Mapping[str, Any]) -> None:
    """Raise NellocError for a configuration in an array's metadata that has other parameters."""
    unknown = sorted(set(configuration) - set(_PARAMETERS))
    if unknown:
        raise NellocError(
            f"codec nelloc: has the parameter {', '.join(unknown)}, which this nelloc does not know; use a newer nelloc"
        )


@dataclass(frozen=True)
class Layout:
    """Order of a chunk's samples, and of the bytes of each, in memory.

    Zarr format 2 passes neither to a compressor, and uses the bytes of a decoded chunk in memory order. So the
    compressed chunk stores the layout if it is not the usual one.
    """

    fortran: bool = False
    big_endian: bool = False

    @classmethod
    def of(cls, array: NDArray[Any]) -> Layout:
        """Layout of ``array``; C order, unless its memory is one block in Fortran order."""
        return cls(array.flags.fnc, array.dtype != array.dtype.newbyteorder("<"))

    @classmethod
    def named_in(cls, metadata: Metadata) -> Layout:
        """Layout that the metadata of a compressed chunk names."""
        words = next((text.text.split() for text in metadata.texts if text.keyword == LAYOUT_KEYWORD), [])
        return cls("Fortran" in words, "big-endian" in words)

    @property
    def metadata(self) -> Metadata:
        """Item that names the layout; none for the usual one."""
        words = [word for word, used in (("Fortran", self.fortran), ("big-endian", self.big_endian)) if used]
        return Metadata((text_item(Text(LAYOUT_KEYWORD, " ".join(words))),) if words else ())

    def applied(self, array: NDArray[Any]) -> NDArray[Any]:
        """Copy the samples to this layout."""
        dtype = array.dtype.newbyteorder(">" if self.big_endian else "<")
        return array.astype(dtype, order="F" if self.fortran else "C", copy=False)


def encode_chunk(chunk: NDArray[Any], *, model: str | None, tile: int | None, verify: bool) -> bytes:
    """Compress an image-shaped chunk, in any memory layout.

    Parameters
    ----------
    chunk : ndarray
        (height, width) or (height, width, channels), with any axes of length 1 before them.
    model, tile, verify
        As in ``nelloc.encode``.

    Returns
    -------
    bytes
        An .nlc file, which names the layout of the chunk if it is not in C order with the bytes of little-endian
        machines.

    Raises
    ------
    NellocError
        If the chunk has another shape, or samples that nelloc does not code.
    """
    return encode_array(chunk, Layout.of(chunk), model=model, tile=tile, verify=verify)


def encode_array(chunk: NDArray[Any], layout: Layout, *, model: str | None, tile: int | None, verify: bool) -> bytes:
    """Compress a chunk as ``encode_chunk`` does, and name this layout."""
    shape = image_shape(chunk.shape)
    pixels = images.from_array(np.ascontiguousarray(chunk).reshape(shape), "chunk")
    return api.encode(replace(pixels, metadata=layout.metadata), model=model, embed=False, tile=tile, verify=verify)


def decode_chunk(data: bytes, *, model: str | None) -> NDArray[Any]:
    """Decompress a chunk, laid out in memory as it was.

    Axes of length 1 before those of the image are left out. Raises NellocError if ``data`` is not an undamaged file.
    """
    options = DecodeOptions(model=model)
    file = decoding.open_file(data, "chunk", options)
    (pixels,) = decoding.decode_files([file], ["chunk"], options)
    return Layout.named_in(pixels.metadata).applied(images.to_array(pixels))


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the image in a chunk of ``shape``. Raises NellocError if that is not one image."""
    axes = 3 if len(shape) > 2 and shape[-1] in CHANNELS else 2
    if len(shape) < axes or any(length != 1 for length in shape[:-axes]):
        raise NellocError(
            f"chunk of shape {shape}: is not one image; choose chunks of (height, width) or (height, width, 3 or 4), "
            "and of length 1 along all axes before them"
        )
    return shape[-axes:]
