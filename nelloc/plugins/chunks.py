"""Chunks of arrays as images: what the codecs for numcodecs and zarr have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc import codec
from nelloc.errors import NellocError

# The last axis of a chunk is its channels if it has so many and there are two axes before it.
CHANNELS = (3, 4)


def encode_chunk(chunk: NDArray[Any], *, model: str | None, tile: int | None, verify: bool) -> bytes:
    """The .nlc bytes of an image-shaped chunk: (H, W) or (H, W, channels), any axes of length 1 before them.

    Raises NellocError for a chunk of another shape, or of samples that nelloc does not code.
    """
    image = chunk.reshape(_image_shape(chunk.shape))
    return codec.encode(np.ascontiguousarray(image), model=model, tile=tile, verify=verify)


def decode_chunk(data: bytes, *, model: str | None) -> NDArray[Any]:
    """The array of ``encode_chunk``, without the axes of length 1 that were before the image's."""
    return codec.decode(data, model=model)


def _image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    axes = 3 if len(shape) > 2 and shape[-1] in CHANNELS else 2
    if len(shape) < axes or any(length != 1 for length in shape[:-axes]):
        raise NellocError(
            f"chunk of shape {shape}: is not one image; choose chunks of (height, width) or (height, width, "
            "channels), and of length 1 along all axes before them"
        )
    return shape[-axes:]
