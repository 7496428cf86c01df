"""A codec for Zarr arrays of format 3: the serializer of image-shaped chunks.

>>> import numpy, zarr
>>> from nelloc.plugins.zarr import NellocCodec
>>> array = zarr.create_array(
...     {}, shape=(64, 64), chunks=(32, 32), dtype="uint8", serializer=NellocCodec(), compressors=None
... )
>>> array[:] = numpy.indices((64, 64), "uint8")[1]
>>> int(array[5, 7])
7
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer

from nelloc.errors import NellocError
from nelloc.plugins.chunks import Layout, check_configuration, check_parameters, decode_chunk, encode_array, image_shape


@dataclass(frozen=True)
class NellocCodec(ArrayBytesCodec):
    """Serializer of chunks of Zarr format 3, each as one image, alone or inside shards.

    Chunks and parameters are those of ``nelloc.plugins.numcodecs.Nelloc``.
    """

    model: str | None = None
    tile: int | None = None
    verify: bool = True

    is_fixed_size = False

    def __post_init__(self) -> None:
        check_parameters(model=self.model, tile=self.tile, verify=self.verify)

    @classmethod
    def from_dict(cls, data: Any) -> NellocCodec:
        """Make the codec from an array's metadata. Raises NellocError for those of a later version."""
        configuration = data.get("configuration") or {}
        check_configuration(configuration)
        return cls(**configuration)

    def to_dict(self) -> Any:
        """Serialise the codec for an array's metadata."""
        return {"name": "nelloc", "configuration": {"model": self.model, "tile": self.tile, "verify": self.verify}}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raise NotImplementedError: the size is not known before."""
        raise NotImplementedError

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        chunk = chunk_data.as_numpy_array()
        # The array's metadata, and the codecs before this one, determine the memory layout.
        data = await asyncio.to_thread(
            encode_array, chunk, Layout(), model=self.model, tile=self.tile, verify=self.verify
        )
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        chunk = await asyncio.to_thread(decode_chunk, chunk_data.to_bytes(), model=self.model)
        dtype = chunk_spec.dtype.to_native_dtype()
        if chunk.shape != image_shape(chunk_spec.shape) or chunk.dtype.newbyteorder("=") != dtype.newbyteorder("="):
            raise NellocError(
                f"chunk: is of shape {chunk.shape} and type {chunk.dtype}, but the array requires "
                f"{chunk_spec.shape} and {dtype}; check that the chunk belongs to this array"
            )
        chunk = np.ascontiguousarray(chunk, dtype).reshape(chunk_spec.shape)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(chunk)
