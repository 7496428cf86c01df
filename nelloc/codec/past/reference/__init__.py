"""The decoder of JPEG images in Python and NumPy, slow and to be read: it does the same as the compiled core.

``mixing`` has decisions and values, ``byte_stream`` and ``part`` bytes and coefficients made of them, and ``segments``
and ``scans`` the way from coefficients back to a JPEG file. docs/methods/jpeg.md, section 16, has the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nelloc.codec.past.reference.byte_stream import unpack_bytes
from nelloc.codec.past.reference.image import Component, Image
from nelloc.codec.past.reference.part import decode_part
from nelloc.codec.past.reference.scans import write
from nelloc.codec.past.reference.segments import Segments, UnsupportedError
from nelloc.exact.callbacks import Advance

__all__ = ["content", "decode", "make", "parts", "prepare", "shape", "unpack_bytes", "write"]

_MOST_SIDE, _MOST_FACTOR = 65535, 4
Content = tuple[int, int, int, int, bytes, bytes]


def prepare(skeleton: bytes, max_pixels: int) -> Image | None:
    """An image without content, of the size that a skeleton says; None if that is damaged."""
    segments = Segments(skeleton)
    try:
        for _ in segments.scans():
            pass
    except UnsupportedError:
        return None
    image = segments.image
    if image is None or image.width * image.height > max_pixels:
        return None
    image.clear()
    return image


def make(width: int, height: int, components: Sequence[tuple[int, int, bytes, Any]]) -> Image:
    """An image of factors and tables, its coefficients 0. Raises ValueError for what does not go together."""
    made = [Component(h, v, np.frombuffer(table, "<u2").tolist()) for h, v, table, _ in components]
    sides = 1 <= width <= _MOST_SIDE and 1 <= height <= _MOST_SIDE
    factors = all(1 <= factor <= _MOST_FACTOR for one in made for factor in (one.h, one.v))
    if not (sides and factors and all(all(one.steps) for one in made)):
        raise ValueError("no image of coefficients")
    image = Image(width, height, made)
    image.clear()
    return image


def content(image: Image) -> tuple[int, int, list[Content]]:
    """The width, height and components of an image."""
    found = [
        (one.h, one.v, one.rows, one.columns, np.array(one.steps, "<u2").tobytes(), one.coefficients.tobytes())
        for one in image.components
    ]
    return image.width, image.height, found


def shape(image: Image) -> tuple[int, int, int]:
    """The width, height and number of components of an image."""
    return image.width, image.height, len(image.components)


def parts(image: Image) -> int:
    """The number of parts that the coefficients are coded in."""
    return image.parts


def decode(image: Image, part: int, stream: bytes, advance: Advance, cost: int) -> bool:
    """Fill a part of the image in; False if the stream is damaged. ``advance`` is told ``cost`` in all."""
    told = 0

    def watch(share: float) -> None:
        nonlocal told
        done = round(cost * share)
        advance(done - told)
        told = done

    good = decode_part(image, part, stream, watch)
    watch(1)
    return good
