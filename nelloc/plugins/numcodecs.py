"""A numcodecs codec, for use as the compressor of Zarr arrays of format 2 (and others).

>>> import numpy, zarr
>>> from nelloc.plugins.numcodecs import Nelloc
>>> array = zarr.create_array({}, shape=(64, 64), chunks=(32, 32), dtype="uint8", zarr_format=2, compressors=Nelloc())
>>> array[:] = numpy.indices((64, 64), "uint8")[1]
>>> int(array[5, 7])
7
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.plugins.chunks import check_configuration, check_parameters, decode_chunk, encode_chunk


class Nelloc(Codec):
    """Codec of chunks, each as one image: a compressor of Zarr format 2, and a codec of numcodecs.

    A chunk is (height, width) or (height, width, 3 or 4), with any axes of length 1 before, of uint8 or uint16.

    Parameters
    ----------
    model : str, optional
        Name or file of the model. Chunks name it and do not hold it.
    tile : int, optional
        Largest side of a tile, in pixels.
    verify : bool
        Decode each chunk and compare it before it is stored.
    """

    codec_id: ClassVar[str] = "nelloc"

    def __init__(self, model: str | None = None, tile: int | None = None, verify: bool = True):
        check_parameters(model=model, tile=tile, verify=verify)
        self.model, self.tile, self.verify = model, tile, verify

    @classmethod
    def from_config(cls, config: Any) -> Nelloc:
        """Make the codec from an array's metadata. Raises NellocError for those of a later version."""
        check_configuration(config)
        return cls(**config)

    def encode(self, buf: Any) -> bytes:
        """Compress a chunk.

        Parameters
        ----------
        buf : ndarray
            Chunk of one of the shapes of ``encode_chunk``.

        Returns
        -------
        bytes
            An .nlc file.

        Raises
        ------
        NellocError
            If the chunk has another shape or type.
        """
        return encode_chunk(np.asarray(buf), model=self.model, tile=self.tile, verify=self.verify)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decompress a chunk.

        Parameters
        ----------
        buf : bytes-like
            Result of ``encode``.
        out : buffer, optional
            Target of the samples: an array of the chunk's shape, in any memory layout, or another
            contiguous buffer of their size, which gets the bytes in the chunk's original memory order.

        Returns
        -------
        ndarray or buffer
            ``out`` if it is given; else the chunk in its original memory layout, without axes of length 1 before those
            of the image.

        Raises
        ------
        NellocError
            If ``buf`` is not an undamaged file, or if the samples do not fit ``out``.
        """
        chunk = decode_chunk(ensure_bytes(buf), model=self.model)
        if out is None:
            return chunk
        _copy(chunk, np.asarray(out if isinstance(out, np.ndarray) else memoryview(out)))
        return out


def _copy(chunk: NDArray[Any], out: NDArray[Any]) -> None:
    """Write a chunk to an array of its shape, or to a buffer of its size. Raises NellocError if neither fits."""
    same_type = chunk.dtype.newbyteorder("=") == out.dtype.newbyteorder("=")
    if same_type and _without_leading_ones(out.shape) == _without_leading_ones(chunk.shape):
        np.copyto(out, chunk.reshape(out.shape))
        return
    if out.nbytes != chunk.nbytes or not (out.flags.c_contiguous or out.flags.f_contiguous):
        raise NellocError(
            f"chunk: has {chunk.nbytes} bytes of shape {chunk.shape} and type {chunk.dtype}, which the output of "
            f"{out.nbytes} bytes, shape {out.shape} and type {out.dtype} cannot take; give an array like the chunk"
        )
    flat = out.reshape(-1, order="A")  # a view: the memory is one block
    flat.view(np.uint8)[:] = chunk.reshape(-1, order="A").view(np.uint8)


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((axis for axis, length in enumerate(shape) if length != 1), len(shape))
    return shape[first:]
