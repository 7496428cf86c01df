"""Bits-back archive: a data set's images on one ANS stack, in a file with all that decoding needs to know.

Little-endian: signature (4 bytes), version (1), flags (1: 1, the images had names), model id (8), images (4), channels
(1), rows (2), columns (2), steps of optimal inference (2), initial words (4), words (4), bytes of names (4), CRC-32 of
the images' samples (4); the names, UTF-8 with a zero byte after each, deflated; CRC-32 of all so far (4); the words (4
each).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.exact.callbacks import Watch
from nelloc.research.vae.bits_back import BitsBackCoder, Message, decode, encode
from nelloc.research.vae.image_set import ImageSet
from nelloc.research.vae.model_file import identity
from nelloc.research.vae.models import VAE, Architecture

SUFFIX = ".nbb"
SIGNATURE = b"\x8eNB\n"
VERSION = 1
_HEADER = struct.Struct("<4sBB8sIBHHHIIII")
_NAMED = 1
_MOST_IMAGES = 1 << 24


@dataclass(frozen=True)
class Summary:
    """Sizes of a compressed data set.

    ``net_bpd`` is the growth of the stack by the images, ``gross_bpd`` the whole file with the initial words, in bits
    per dimension.
    """

    images: int
    dimensions: int
    bytes: int
    initial_words: int
    net_bpd: float
    gross_bpd: float


def compress(
    found: ImageSet,
    vae: VAE,
    *,
    steps: int = 0,
    initial_words: int | None = None,
    progress: Watch = lambda: None,
    source: str = "images",
) -> tuple[bytes, Summary]:
    """Compress a data set to an archive. ``source`` names it in errors.

    Raises NellocError if the model is for other images, or if ``initial_words`` are too few.
    """
    _check_fit(found, vae.architecture, source)
    count, channels, rows, columns = found.images.shape
    message = encode(BitsBackCoder(vae, steps), torch.from_numpy(_levels(found, vae)), initial_words, progress)
    text = b"" if found.names is None else zlib.compress(b"".join(name.encode() + b"\0" for name in found.names), 9)
    head = _HEADER.pack(
        SIGNATURE,
        VERSION,
        0 if found.names is None else _NAMED,
        identity(vae),
        count,
        channels,
        rows,
        columns,
        steps,
        message.initial,
        len(message.words),
        len(text),
        _checksum(found.images),
    )
    head += text
    data = head + struct.pack("<I", zlib.crc32(head)) + message.words.astype("<u4").tobytes()
    dimensions = found.images.size
    summary = Summary(
        images=count,
        dimensions=dimensions,
        bytes=len(data),
        initial_words=message.initial,
        net_bpd=message.net_bits / dimensions,
        gross_bpd=8 * len(data) / dimensions,
    )
    return data, summary


def contents(data: bytes, source: str) -> tuple[int, bool]:
    """Number of images in an archive, and whether they are files with names.

    Raises NellocError if it is not an archive, or damaged before its words.
    """
    found = _parse(data, source)
    return found.images, found.names is not None


def decompress(data: bytes, vae: VAE, *, progress: Watch = lambda: None, source: str = "archive") -> ImageSet:
    """Decompress the data set of an archive. ``source`` names it in errors.

    Raises NellocError if it is damaged, was made with another model, or does not decode to the original on this
    machine.
    """
    archive = _parse(data, source)
    if archive.model != identity(vae):
        raise NellocError(f"{source}: was made with the model {archive.model.hex()}; give that one with --model")
    shape = (vae.likelihood.channels, vae.architecture.rows, vae.architecture.columns)
    if archive.shape != shape:
        raise NellocError(f"{source}: declares images that do not fit its model; it is damaged")
    images = np.zeros((archive.images, *shape), np.uint8)
    try:
        for index, image in enumerate(decode(BitsBackCoder(vae, archive.steps), archive.message, archive.images)):
            images[index] = image.numpy()
            progress()
    except NellocError as error:
        raise NellocError(f"{source}: does not decode ({error}); {_ADVICE}") from error
    images = images * np.uint8(255) if vae.architecture.kind == "binary" else images
    if _checksum(images) != archive.checksum:
        raise NellocError(f"{source}: its images have another checksum; {_ADVICE}")
    return ImageSet(images, archive.names)


_ADVICE = "it is damaged, or was made with another version of torch or kind of processor"


@dataclass(frozen=True)
class _Archive:
    model: bytes
    images: int
    shape: tuple[int, int, int]
    steps: int
    message: Message
    names: tuple[str, ...] | None
    checksum: int


def _parse(data: bytes, source: str) -> _Archive:
    if data[:4] != SIGNATURE:
        raise NellocError(f"{source}: is not a bits-back archive; give a file that nelloc research bits-back made")
    if len(data) >= 5 and data[4] != VERSION:
        raise NellocError(f"{source}: has version {data[4]} of its format, not {VERSION}; use a newer nelloc")
    damaged = NellocError(f"{source}: is damaged or cut short; get it again")
    if len(data) < _HEADER.size + 4:
        raise damaged
    _, _, flags, model, count, *shape, steps, initial, words, text, checksum = _HEADER.unpack_from(data)
    end = _HEADER.size + text
    if len(data) != end + 4 + 4 * words or zlib.crc32(data[:end]) != int.from_bytes(data[end : end + 4], "little"):
        raise damaged
    if count > _MOST_IMAGES:
        raise damaged
    names = _names(data[_HEADER.size : end], count, damaged) if flags & _NAMED else None
    message = Message(np.frombuffer(data, "<u4", offset=end + 4).astype(np.uint32), initial, net_bits=0)
    return _Archive(model, count, (shape[0], shape[1], shape[2]), steps, message, names, checksum)


def _names(text: bytes, count: int, damaged: NellocError) -> tuple[str, ...]:
    """Parse file names, each of one part: an archive must not write outside its folder."""
    try:
        names = tuple(zlib.decompressobj().decompress(text, 1 << 28).decode().split("\0")[:-1])
    except (zlib.error, UnicodeDecodeError) as error:
        raise damaged from error
    if len(names) != count or len(set(names)) != count or any(_leads_away(name) for name in names):
        raise damaged
    return names


def _leads_away(name: str) -> bool:
    return name in ("", ".", "..") or any(sign in name for sign in "/\\:")


def _check_fit(found: ImageSet, shape: Architecture, source: str) -> None:
    _, channels, rows, columns = found.images.shape
    if (rows, columns) != (shape.rows, shape.columns):
        size = f"{shape.columns} x {shape.rows}"
        raise NellocError(f"{source}: has images of {columns} x {rows}, the model is for {size}; train another")
    if (channels == 3) != (shape.kind == "colour") or (shape.kind == "binary" and found.kind != "binary"):
        raise NellocError(f"{source}: has {found.kind} images, the model is for {shape.kind} ones; train another")


def _levels(found: ImageSet, vae: VAE) -> NDArray[np.uint8]:
    return found.images // 255 if vae.architecture.kind == "binary" else found.images.copy()


def _checksum(images: NDArray[np.uint8]) -> int:
    return zlib.crc32(np.ascontiguousarray(images).tobytes())
