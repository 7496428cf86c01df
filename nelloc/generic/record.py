"""A tile's record of the adaptive coder: a head of one or two bytes, then the digits' stack."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.coder import CODER_STATE_BITS, DigitDecoder, DigitWriter
from nelloc.generic.adaptive import MAX_COLOURS, Form, Shape, code, count_colours
from nelloc.numbers import MalformedError

_FORM_BITS = 3
# Forms that do not code plane by plane, or not in the context of other planes.
UNORDERED = (Form.PALETTE, Form.STEADY)
# A decision's probability stays 2**-16 away from certainty (``logistic.LIMIT``), so no pixel costs less.
_MIN_BITS_PER_PIXEL = 2e-5


@dataclass(frozen=True)
class Way:
    """How a tile is coded: the form, and the order of its planes by its number among all orders."""

    form: Form
    order: int = 0

    def planes(self, count: int) -> tuple[int, ...]:
        """The planes in the order in which they are coded."""
        return orders(count)[self.order]


def orders(planes: int) -> list[tuple[int, ...]]:
    """All orders of so many planes; green comes first in the first of three."""
    return sorted(permutations(range(planes)), key=lambda order: (order[0] != planes // 2, order))


def encode(samples: NDArray, bits: int, way: Way) -> bytes:
    """The record of samples (planes, H, W) of at most ``bits`` bits; at most MAX_COLOURS of them for a palette."""
    head = bytes([way.form | way.order << _FORM_BITS])
    colours = 0
    if way.form is Form.PALETTE:
        colours = count_colours(samples, bits)
        head += bytes([colours - 1])
    writer = DigitWriter()
    planes, height, width = samples.shape
    shape = Shape(planes, height, width, bits)
    code(writer, way.form, way.planes(planes), shape, colours, samples)
    return (head + writer.bytes(_checksum(samples))).rstrip(b"\0")


def decode(data: bytes, shape: Shape) -> NDArray:
    """The samples (planes, H, W) of a record. Raises MalformedError for a damaged one."""
    if 8 * len(data) + CODER_STATE_BITS < _MIN_BITS_PER_PIXEL * shape.height * shape.width:
        raise MalformedError("too few bytes")
    head = data[:2].ljust(2, b"\0")
    order, form = divmod(head[0], 1 << _FORM_BITS)
    if form not in set(Form) or order >= len(orders(shape.planes)) or (form in UNORDERED and order):
        raise MalformedError("form")
    way = Way(Form(form), order)
    colours = head[1] + 1 if way.form is Form.PALETTE else 0
    reader = _Reader(DigitDecoder(data[2 if colours else 1 :]))
    samples = code(reader, way.form, way.planes(shape.planes), shape, colours, None)
    samples = samples.astype(np.uint16 if shape.bits > 8 else np.uint8)
    if not reader.decoder.ends_with(_checksum(samples)):
        raise MalformedError("checksum")
    return samples


@dataclass(frozen=True)
class _Reader:
    decoder: DigitDecoder

    def digits(self, known: NDArray[np.int64] | None, frequencies: NDArray[np.float64]) -> NDArray[np.int64]:
        return self.decoder.decode(frequencies).astype(np.int64)


def _checksum(samples: NDArray) -> int:
    """CRC-32 of the samples, plane after plane in raster order, little-endian."""
    return zlib.crc32(np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")))


def ways(samples: NDArray, bits: int) -> Iterator[Way]:
    """All ways to code samples (planes, H, W), the likeliest first."""
    small = count_colours(samples, bits) <= MAX_COLOURS
    for form in Form:
        for order in range(1 if form in UNORDERED else len(orders(len(samples)))):
            if small or form is not Form.PALETTE:
                yield Way(form, order)
