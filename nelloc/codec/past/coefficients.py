"""The quantised coefficients of a JPEG image, and their coded form.

>>> from nelloc.codec.past import coefficients
>>> table = np.full(64, 16, np.uint16)
>>> luma = coefficients.Component(1, 1, table, np.zeros((2, 3, 64), np.int16))
>>> image = coefficients.JpegCoefficients(20, 12, (luma,))
>>> coefficients.decode_coefficients(coefficients.encode_coefficients(image)).components[0].coefficients.shape
(2, 3, 64)
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past import core
from nelloc.errors import RESTORE, NellocError
from nelloc.exact.callbacks import Advance
from nelloc.varint import Cursor, MalformedError, varint

BLOCK = 64
MAX_SIDE = 65535
_MAX_SAMPLING = 4
_COUNTS = (1, 3)


@dataclass(frozen=True)
class Component:
    """One component of a JPEG image.

    Attributes
    ----------
    h, v : int
        Horizontal and vertical sampling factors, 1 to 4.
    quantisation : NDArray[np.uint16]
        The quantisation table, shape (64,), in natural order: row by row, horizontal frequency fastest; all at least 1.
    coefficients : NDArray[np.int16]
        Quantised coefficients, shape (block_rows, block_columns, 64), each block in natural order. Blocks fill whole
        MCUs: there are ``v`` rows and ``h`` columns of them in each MCU.
    """

    h: int
    v: int
    quantisation: NDArray[np.uint16]
    coefficients: NDArray[np.int16]


@dataclass(frozen=True)
class JpegCoefficients:
    """A JPEG image: its size in pixels and its 1 or 3 components, in the order of its frame.

    Raises ValueError if the parts do not go together.
    """

    width: int
    height: int
    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE and len(self.components) in _COUNTS):
            raise ValueError("a JPEG image has sides of 1 to 65535 pixels, and 1 or 3 components")
        factors = [factor for component in self.components for factor in (component.h, component.v)]
        if not all(1 <= factor <= _MAX_SAMPLING for factor in factors):
            raise ValueError("sampling factors are 1 to 4")
        for component, (rows, columns) in zip(self.components, self.block_shapes, strict=True):
            table, numbers = component.quantisation, component.coefficients
            if table.shape != (BLOCK,) or table.dtype != np.uint16 or not table.all():
                raise ValueError("a quantisation table has 64 numbers of 16 bits, none of them 0")
            if numbers.shape != (rows, columns, BLOCK) or numbers.dtype != np.int16:
                raise ValueError(f"coefficients are int16 of shape ({rows}, {columns}, 64) here: whole MCUs")

    @property
    def block_shapes(self) -> tuple[tuple[int, int], ...]:
        """The rows and columns of blocks of each component."""
        return block_shapes(self.width, self.height, [(one.h, one.v) for one in self.components])


def block_shapes(width: int, height: int, factors: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The rows and columns of blocks of components with these sampling factors (h, v), in whole MCUs."""
    mcu_columns = -(-width // (8 * max(h for h, _ in factors)))
    mcu_rows = -(-height // (8 * max(v for _, v in factors)))
    return tuple((mcu_rows * v, mcu_columns * h) for h, v in factors)


def encode_coefficients(image: JpegCoefficients) -> bytes:
    """Code an image of coefficients (docs/methods/jpeg.md, section 16).

    Raises NellocError where the compiled core is not built.
    """
    core.need("image")
    handle = core.make(
        image.width,
        image.height,
        [(one.h, one.v, _little(one.quantisation), np.ascontiguousarray(one.coefficients)) for one in image.components],
    )
    head = varint(image.width) + varint(image.height) + bytes([len(image.components)])
    tables = b""
    for one in image.components:
        head += bytes([one.h << 4 | one.v])
        tables += _little(one.quantisation)
    packed = core.pack_bytes(tables)
    head += varint(len(packed)) + packed
    parts = [core.encode(handle, part) for part in range(core.parts(handle))]
    body = b"".join(varint(len(part)) + part for part in parts)
    return head + body + struct.pack("<I", zlib.crc32(head + body))


def decode_coefficients(data: bytes, source: str = "data", advance: Advance = lambda _: None) -> JpegCoefficients:
    """The image of coefficients that ``encode_coefficients`` coded; ``advance`` counts its pixels.

    Raises NellocError naming ``source`` for other bytes.
    """
    try:
        return decode_after_head(*read_head(data), advance)
    except (MalformedError, ValueError, struct.error):
        raise NellocError(f"{source}: its coefficients are damaged; {RESTORE}") from None


@dataclass(frozen=True)
class Head:
    """Beginning of coded coefficients: the size of the image, and each component's factors (h, v) and table."""

    width: int
    height: int
    factors: tuple[tuple[int, int], ...]
    tables: tuple[bytes, ...]

    @property
    def quantisation(self) -> NDArray[np.uint16]:
        """The table of the first component."""
        return np.frombuffer(self.tables[0], "<u2").astype(np.uint16)


def read_head(data: bytes) -> tuple[Head, Cursor]:
    """Read the beginning of coded coefficients; the cursor has the rest. Raises MalformedError or ``struct.error``."""
    reader = Cursor(data[:-4])
    if struct.unpack("<I", data[-4:])[0] != zlib.crc32(reader.data):
        raise MalformedError("checksum")
    width, height, count = reader.varint(), reader.varint(), reader.byte()
    if count not in _COUNTS or not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise MalformedError("size")
    factors = tuple(divmod(reader.byte(), 16) for _ in range(count))
    if not all(1 <= factor <= _MAX_SAMPLING for pair in factors for factor in pair):
        raise MalformedError("factors")
    tables = core.unpack_bytes(reader.take(reader.varint()), 2 * BLOCK * count)
    if tables is None:
        raise MalformedError("tables")
    own = tuple(tables[at : at + 2 * BLOCK] for at in range(0, len(tables), 2 * BLOCK))
    return Head(width, height, factors, own), reader


def decode_after_head(head: Head, reader: Cursor, advance: Advance) -> JpegCoefficients:
    """Decode the rest. Raises MalformedError or ValueError if it is damaged."""
    given = [(h, v, table, b"") for (h, v), table in zip(head.factors, head.tables, strict=True)]
    handle = core.make(head.width, head.height, given)
    parts, pixels = core.parts(handle), head.width * head.height
    for part in range(parts):
        cost = pixels * (part + 1) // parts - pixels * part // parts
        if not core.decode(handle, part, reader.take(reader.varint()), advance, cost):
            raise MalformedError("part")
    if not reader.ended:
        raise MalformedError("end")
    return content(handle)


def content(handle: core.Image) -> JpegCoefficients:
    """The image that the core holds, as arrays of its own."""
    width, height, found = core.content(handle)
    components = tuple(
        Component(
            h,
            v,
            np.frombuffer(table, "<u2").astype(np.uint16),
            np.frombuffer(numbers, np.int16).reshape(rows, columns, BLOCK),
        )
        for h, v, rows, columns, table, numbers in found
    )
    return JpegCoefficients(width, height, components)


def _little(table: NDArray[Any]) -> bytes:
    """A quantisation table as the file has it."""
    return table.astype("<u2").tobytes()
