"""Ways to code one group of planes of one tile without the model. docs/FORMAT.md, section 10."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.codec import lzma_rows as rows
from nelloc.codec.adaptive import stream
from nelloc.codec.adaptive.coder import Shape
from nelloc.codec.adaptive.stream import AdaptiveSetting
from nelloc.codec.format import Method
from nelloc.codec.lzma_rows import Filter
from nelloc.exact.callbacks import Advance
from nelloc.varint import MalformedError

# Samples of these numbers of bits are packed into bytes before they are deflated.
_PACKED_BITS = (1, 2, 4, 8)


def encode_many(
    tiles: Sequence[tuple[Method, NDArray[Any], int, AdaptiveSetting | Filter | None]],
    done: Advance = lambda _: None,
    *,
    core: bool = True,
) -> list[bytes]:
    """Encode several records, given as in ``encode``, together, which is faster and gives the same bytes.

    ``done`` is called with the number of pixels that were coded. Without ``core`` all is done in NumPy.
    """
    found: dict[int, bytes] = {}
    adaptive: dict[int, tuple[NDArray[Any], int, AdaptiveSetting]] = {}
    for n, (method, samples, bits, setting) in enumerate(tiles):
        if method is Method.ADAPTIVE:
            assert isinstance(setting, AdaptiveSetting)
            adaptive[n] = samples, bits, setting
        else:
            found[n] = encode(method, samples, bits, setting)
            done(samples[0].size)
    found |= zip(adaptive, stream.encode_many(list(adaptive.values()), done, core=core), strict=True)
    return [found[n] for n in range(len(tiles))]


def decode_many(
    tiles: Sequence[tuple[Method, bytes, tuple[int, int, int], int]],
    done: Advance = lambda _: None,
    *,
    core: bool = True,
) -> list[NDArray[Any] | None]:
    """Decode several records, given as in ``decode``, together, which is faster; None for damaged ones."""
    found: dict[int, NDArray[Any] | None] = {}
    adaptive: dict[int, tuple[bytes, Shape]] = {}
    for n, (method, data, shape, bits) in enumerate(tiles):
        if method is Method.ADAPTIVE:
            adaptive[n] = data, Shape(*shape, bits)
            continue
        try:
            found[n] = decode(method, data, shape, bits)
        except MalformedError:
            found[n] = None
        done(shape[1] * shape[2])
    found |= zip(adaptive, stream.decode_many(list(adaptive.values()), done, core=core), strict=True)
    return [found[n] for n in range(len(tiles))]


def encode(
    method: Method, samples: NDArray[Any], bits: int = 8, setting: AdaptiveSetting | Filter | None = None
) -> bytes:
    """The data of a record that needs no model, of samples (planes, H, W) uint8 or uint16 of at most ``bits`` bits.

    ``setting`` is that of the adaptive coder, or the filter of rows.
    """
    if method is Method.CONSTANT:
        return _little_endian(samples[:, 0, 0]).tobytes().rstrip(b"\0")
    if method is Method.STORED:
        return _little_endian(samples).tobytes().rstrip(b"\0")
    if method is Method.ADAPTIVE:
        assert isinstance(setting, AdaptiveSetting)
        return stream.encode(samples, bits, setting)
    if method is Method.ROWS:
        assert isinstance(setting, Filter)
        return rows.encode(samples, setting)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bits = next(bits for bits in _PACKED_BITS if int(samples.max()) < 1 << bits)
    return bytes([bits]) + deflate.compress(_pack(samples[0], bits)) + deflate.flush()


def decode(method: Method, data: bytes, shape: tuple[int, int, int], bits: int) -> NDArray[Any]:
    """Samples of ``shape`` (planes, H, W), of at most ``bits`` bits. Raises MalformedError for damaged data."""
    if method is Method.ADAPTIVE:
        return stream.decode(data, Shape(*shape, bits))
    if method is Method.CONSTANT:
        samples = np.broadcast_to(_samples(data, (shape[0], 1, 1), bits), shape)
    elif method is Method.STORED:
        samples = _samples(data, shape, bits)
    elif method is Method.ROWS and bits <= 8:
        samples = rows.decode(data, shape)
    elif method is Method.DEFLATE and bits <= 8:
        samples = _inflate(data, shape)
    else:
        raise MalformedError("method")
    if int(samples.max()) >> bits:
        raise MalformedError("a sample out of range")
    return samples


def _samples(data: bytes, shape: tuple[int, int, int], bits: int) -> NDArray[Any]:
    """Samples of one or two bytes each, of which zeros at the end are left out."""
    kind = np.dtype(np.uint16 if bits > 8 else np.uint8)
    size = math.prod(shape) * kind.itemsize
    if len(data) > size:
        raise MalformedError("samples")
    return np.frombuffer(data.ljust(size, b"\0"), kind.newbyteorder("<")).astype(kind).reshape(shape)


def _inflate(data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    planes, height, width = shape
    if not data or data[0] not in _PACKED_BITS or planes != 1:
        raise MalformedError("deflate")
    bits, stride = data[0], -(-width * data[0] // 8)
    decoder = zlib.decompressobj(-15)
    try:
        rows = decoder.decompress(data[1:], stride * height + 1)
    except zlib.error:
        raise MalformedError("deflate") from None
    if len(rows) != stride * height or not decoder.eof or decoder.unused_data:
        raise MalformedError("deflate")
    return _unpack(np.frombuffer(rows, np.uint8).reshape(height, stride), bits, width)[None]


def _pack(samples: NDArray[np.uint8], bits: int) -> bytes:
    """Rows of samples (H, W), each row padded to whole bytes, the first sample in the highest bits."""
    if bits == 8:
        return samples.tobytes()
    per_sample = np.unpackbits(samples[:, :, None], axis=2)[:, :, 8 - bits :]
    return np.packbits(per_sample.reshape(len(samples), -1), axis=1).tobytes()


def _unpack(rows: NDArray[np.uint8], bits: int, width: int) -> NDArray[np.uint8]:
    """The samples (H, W) of packed rows (H, stride)."""
    if bits == 8:
        return rows
    per_sample = np.unpackbits(rows, axis=1)[:, : width * bits].reshape(len(rows), width, bits)
    return np.packbits(per_sample, axis=2)[:, :, 0] >> np.uint8(8 - bits)


def _little_endian(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<"))
