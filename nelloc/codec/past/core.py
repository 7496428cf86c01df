"""The compiled core's part for JPEG images: parsing, writing, and coding of coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NewType

from nelloc.errors import NellocError
from nelloc.exact.native import _native, missing

Watch = Callable[[], object]
Image = NewType("Image", object)
# Sampling factors h and v, a table of 64 16-bit numbers, and coefficients or nothing.
Given = tuple[int, int, bytes, Any]
# Sampling factors, rows and columns of blocks, the table, and the coefficients.
Content = tuple[int, int, int, int, bytes, bytes]


def available() -> bool:
    """True if the core is there and codes JPEG images."""
    return missing() is None


def need(source: str) -> None:
    """Raise NellocError naming ``source``, which needs the core to be read, where that is not there."""
    reason = missing()
    if reason is not None:
        raise NellocError(f"{source}: holds a JPEG in a form that only the compiled core reads, and {reason}")


def _core() -> Any:
    assert available(), "callers ask whether the core is there"
    return _native


def read(data: bytes, max_pixels: int) -> tuple[Image, bytes, bytes] | None:
    """The image of a JPEG file, its skeleton and its corrections; None for a file that is not kept as coefficients."""
    return _core().jpeg_read(data, max_pixels)


def prepare(skeleton: bytes, max_pixels: int) -> Image | None:
    """An image without content, of the size that a skeleton says; None if that is damaged."""
    return _core().jpeg_prepare(skeleton, max_pixels)


def make(width: int, height: int, components: Sequence[Given]) -> Image:
    """An image of coefficients; without them they are 0. Raises ValueError for what does not go together."""
    return _core().jpeg_make(width, height, list(components))


def content(image: Image) -> tuple[int, int, list[Content]]:
    """The width, height and components of an image."""
    return _core().jpeg_content(image)


def shape(image: Image) -> tuple[int, int, int]:
    """The width, height and number of components of an image."""
    return _core().jpeg_shape(image)


def parts(image: Image) -> int:
    """The number of parts that the coefficients are coded in."""
    return _core().jpeg_parts(image)


def encode(image: Image, part: int, watch: Watch | None = None) -> bytes:
    """The stream of a part; ``watch`` is called now and then and may raise to stop."""
    return _core().jpeg_encode(image, part, watch)


def decode(image: Image, part: int, stream: bytes, watch: Watch | None = None) -> bool:
    """Fill a part of the image in; False if the stream is damaged. ``watch`` as in ``encode``."""
    return _core().jpeg_decode(image, part, stream, watch)


def write(image: Image, skeleton: bytes, corrections: bytes) -> bytes | None:
    """The JPEG file of an image and the rest; None if they do not go together."""
    return _core().jpeg_write(image, skeleton, corrections)


def pack_bytes(data: bytes) -> bytes:
    """A stream of any bytes."""
    return _core().jpeg_pack_bytes(data)


def unpack_bytes(stream: bytes, size: int) -> bytes | None:
    """The ``size`` bytes of a stream; None if it is damaged."""
    return _core().jpeg_unpack_bytes(stream, size)
