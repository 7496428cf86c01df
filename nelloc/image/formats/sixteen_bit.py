"""Samples that Pillow would cut to 8 bits or cannot decode, of PNG, PPM and JPEG files, read by imagecodecs."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.extras import required
from nelloc.image.formats import jpeg, netpbm, png
from nelloc.image.metadata import Metadata, depth_item
from nelloc.image.pixels import Pixels, from_array

_JPEG_CODINGS = ("extended", "progressive", "lossless", "JPEG-LS")


def read(data: bytes, file_format: str, source: str) -> Pixels:
    """Read the samples of a 16-bit PNG or PPM file. Raises NellocError for samples that cannot be kept."""
    if file_format == "PNG":
        return from_array(_read_png(data, source), source)
    if file_format == "PPM":
        return from_array(_read_netpbm(data, source), source)
    raise NellocError(f"{source}: has 16 bits per sample, which are read of PNG, TIFF and PPM only; convert it to PNG")


def _read_png(data: bytes, source: str) -> NDArray[np.uint16]:
    """Samples of a PNG file, decoded from files of its passes: libpng prints warnings about all else."""
    codecs = _need("imagecodecs", source)
    width, height, *kind, _ = struct.unpack_from(">IIBBBBB", data, len(png.SIGNATURE) + 8)
    stream = png.Samples(data)
    whole: NDArray[np.uint16] | None = None
    for one in png.passes(data):
        rows = zlib.compress(stream.take(one.height * one.stride), 0)
        head = struct.pack(">IIBBBBB", one.width, one.height, *kind, 0)
        part = codecs.png_decode(png.pack(((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))))
        part = part.reshape(one.height, one.width, -1)
        if whole is None:
            whole = np.empty((height, width, part.shape[2]), np.uint16)
        whole[one.rows, one.columns] = part
    stream.finish()
    assert whole is not None, "an image has pixels"
    return whole[:, :, 0] if whole.shape[2] == 1 else whole


def _need(name: str, source: str) -> Any:
    return need(name, source, "has 16-bit colour")


def need(name: str, source: str, what: str) -> Any:
    """Import the library ``name`` of the extra "deep". Raises NellocError if it is missing."""
    return required(name, f"{source}: {what}, and needs {name}", "deep")


def read_jpeg(data: bytes, frame: jpeg.Frame, source: str) -> Pixels:
    """Read a JPEG file of more than 8 bits, or of JPEG-LS. Raises NellocError for samples that cannot be kept."""
    what = f"is a JPEG file of {frame.bits} bits per sample, coded as {frame.coding}"
    if frame.channels not in (1, 3) or not 8 <= frame.bits <= 16 or frame.coding not in _JPEG_CODINGS:
        raise NellocError(
            f"{source}: {what}, with {frame.channels} channels; only gray and RGB of 8 to 16 bits that are not "
            "hierarchical can be read; convert it to PNG first"
        )
    if jpeg.has_other_colours(data):
        raise NellocError(f"{source}: {what}, with colours other than gray and RGB; convert it to PNG first")
    codecs = need("imagecodecs", source, what)
    end = jpeg.end_of(data)
    if end is None:  # without it CharLS spends seconds reading zeros
        raise ValueError("its end is missing")
    data = data[:end]
    if frame.coding == "JPEG-LS":
        array = codecs.jpegls_decode(data)
    elif frame.exact and not jpeg.has_tables(data):
        raise ValueError("its Huffman tables are missing")
    else:
        array = codecs.ljpeg_decode(data) if frame.exact else codecs.jpeg_decode(data)
    if array.shape[:2] != (frame.height, frame.width) or array.dtype != (np.uint16 if frame.bits > 8 else np.uint8):
        raise ValueError("its samples are of another size")
    pixels = from_array(array, source)
    items = jpeg.metadata(data).items
    depth = (depth_item(frame.bits),) if 8 < frame.bits < 16 else ()
    return replace(pixels, metadata=Metadata((*items, *depth)))


def _read_netpbm(data: bytes, source: str) -> NDArray[np.uint16]:
    found = netpbm.unpack(data)
    if found is None:
        raise NellocError(f"{source}: has 16 bits per sample in a form of PPM that is not read; convert it to PNG")
    head, start = found
    samples = np.frombuffer(data, ">u2", head.width * head.height * head.channels, start).astype(np.uint16)
    return samples.reshape((head.height, head.width, 3) if head.channels == 3 else (head.height, head.width))


def write_png(array: NDArray[np.uint16], source: str, level: int | None = None) -> bytes:
    """Serialise an array (H, W) or (H, W, 2 to 4) as PNG, deflated at a zlib level (default: the highest)."""
    level = 9 if level is None else level
    return bytes(_need("imagecodecs", source).png_encode(np.array(array, order="C"), level=level))


def write_netpbm(array: NDArray[np.uint16], source: str) -> bytes:
    """Serialise an array (H, W) or (H, W, 3) as PGM or PPM."""
    if array.ndim == 3 and array.shape[2] != 3:
        raise NellocError(f"{source}: has alpha, which PPM cannot hold; use .png")
    head = netpbm.Head(1 if array.ndim == 2 else 3, array.shape[1], array.shape[0], 65535)
    return head.pack() + array.astype(">u2").tobytes()
