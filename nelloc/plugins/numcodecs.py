"""A numcodecs codec, which Zarr arrays of format 2 (and others) take as their compressor.

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
from numcodecs.compat import ensure_bytes, ndarray_copy
from numpy.typing import NDArray

from nelloc.plugins.chunks import decode_chunk, encode_chunk


class Nelloc(Codec):
    """Codes each chunk as one image; see ``encode_chunk`` for the shapes. Keywords as in ``nelloc.encode``."""

    codec_id: ClassVar[str] = "nelloc"

    def __init__(self, model: str | None = None, tile: int | None = None, verify: bool = True):
        self.model, self.tile, self.verify = model, tile, verify

    def encode(self, buf: Any) -> bytes:
        """The .nlc bytes of a chunk."""
        return encode_chunk(np.asarray(buf), model=self.model, tile=self.tile, verify=self.verify)

    def decode(self, buf: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """The chunk's samples, written to ``out`` too if it is given."""
        return ndarray_copy(decode_chunk(ensure_bytes(buf), model=self.model), out)
