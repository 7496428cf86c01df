"""JPEG images in the compiled core, or where that is not, in Python, which only decodes, and takes its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NewType

from nelloc.errors import NellocError
from nelloc.exact.callbacks import Advance, Watch
from nelloc.exact.native import _native, missing

# An image of the core, or of the reference; it goes only to where it is from.
Image = NewType("Image", object)
# Sampling factors h and v, a table of 64 16-bit numbers, and coefficients or nothing.
Given = tuple[int, int, bytes, Any]
# Sampling factors, rows and columns of blocks, the table, and the coefficients.
Content = tuple[int, int, int, int, bytes, bytes]


def available() -> bool:
    """True if the core is there and codes JPEG images."""
    return missing() is None


def need(source: str) -> None:
    """Raise NellocError naming ``source``, which is to be encoded, where the core is not there."""
    reason = missing()
    if reason is not None:
        raise NellocError(f"{source}: only the compiled core encodes coefficients, and {reason}")


def _core() -> Any:
    assert available(), "callers ask whether the core is there"
    return _native


def _reference() -> Any:
    """The same in Python, which takes a moment to load."""
    from nelloc.codec.past import reference

    return reference


def read(data: bytes, max_pixels: int) -> tuple[Image, bytes, bytes] | None:
    """The image of a JPEG file, its skeleton and its corrections; None for a file that is not kept as coefficients."""
    return _core().jpeg_read(data, max_pixels)


def prepare(skeleton: bytes, max_pixels: int) -> Image | None:
    """An image without content, of the size that a skeleton says; None if that is damaged."""
    return _native.jpeg_prepare(skeleton, max_pixels) if available() else _reference().prepare(skeleton, max_pixels)


def make(width: int, height: int, components: Sequence[Given]) -> Image:
    """An image of coefficients; without them they are 0. Raises ValueError for what does not go together."""
    if available():
        return _native.jpeg_make(width, height, list(components))
    return _reference().make(width, height, components)


def content(image: Image) -> tuple[int, int, list[Content]]:
    """The width, height and components of an image."""
    return _native.jpeg_content(image) if available() else _reference().content(image)


def shape(image: Image) -> tuple[int, int, int]:
    """The width, height and number of components of an image."""
    return _native.jpeg_shape(image) if available() else _reference().shape(image)


def parts(image: Image) -> int:
    """The number of parts that the coefficients are coded in."""
    return _native.jpeg_parts(image) if available() else _reference().parts(image)


def encode(image: Image, part: int, watch: Watch | None = None) -> bytes:
    """The stream of a part; ``watch`` is called now and then and may raise to stop."""
    return _core().jpeg_encode(image, part, watch)


def decode(image: Image, part: int, stream: bytes, advance: Advance = lambda _: None, cost: int = 0) -> bool:
    """Fill a part of the image in; False if the stream is damaged. ``advance`` is told ``cost`` in all."""
    if available():
        good: bool = _native.jpeg_decode(image, part, stream, lambda: advance(0))
        advance(cost)
        return good
    return _reference().decode(image, part, stream, advance, cost)


def write(image: Image, skeleton: bytes, corrections: bytes) -> bytes | None:
    """The JPEG file of an image and the rest; None if they do not go together."""
    if available():
        return _native.jpeg_write(image, skeleton, corrections)
    return _reference().write(image, skeleton, corrections)


def pack_bytes(data: bytes) -> bytes:
    """A stream of any bytes."""
    return _core().jpeg_pack_bytes(data)


def unpack_bytes(stream: bytes, size: int) -> bytes | None:
    """The ``size`` bytes of a stream; None if it is damaged."""
    return _native.jpeg_unpack_bytes(stream, size) if available() else _reference().unpack_bytes(stream, size)
