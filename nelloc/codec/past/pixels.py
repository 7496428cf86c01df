"""Pixels of a JPEG in a file: a section with its coefficients, and records with what they get wrong.

docs/methods/jpeg.md, section 17.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from nelloc.codec import lzma_rows, plain_tiles
from nelloc.codec.adaptive import classify
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.adaptive.stream import AdaptiveSetting
from nelloc.codec.format import Method
from nelloc.codec.past import tables
from nelloc.codec.past.coefficients import Head, decode_after_head, encode_coefficients, read_head
from nelloc.codec.past.decode import decode
from nelloc.codec.past.inversion import Inverted
from nelloc.codec.past.samples import SIDE, Plane, in_whole_blocks, over_blocks
from nelloc.exact.callbacks import Advance
from nelloc.varint import Cursor, MalformedError, varint

# The picture is at most this far from the first lines of its JPEG, and these at most as far from the last.
MAX_MARGIN = 63
# Methods that may code corrections of blocks.
_METHODS = (Method.DEFLATE, Method.ADAPTIVE, Method.STORED, Method.ROWS)
# Mean errors of blocks above which their pixels are coded instead of corrections: all are tried, in one form.
_FAR_OFF = (2, 12, 255)
# Colours that a sheet has at most, as a share of its pixels, if forms that predict nothing can be smaller.
_MOST_COLOURS = 0.5


def pack_section(found: Inverted) -> bytes:
    """The bytes of the section of a JPEG and where the picture lies in it."""
    return varint(found.top) + varint(found.left) + encode_coefficients(found.image)


_SAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1"}


@dataclass(frozen=True)
class Past:
    """A JPEG, coded, and the pixel of it that is the picture's first."""

    head: Head
    top: int
    left: int
    body: bytes

    def pixels(self, planes: int, height: int, width: int, advance: Advance) -> Plane:
        """Decode the JPEG to the pixels of a picture (planes, height, width); ``advance`` counts its pixels.

        Raises MalformedError if it is damaged.
        """
        try:
            image = decode_after_head(*read_head(self.body), advance)
            made = decode(image)[:, self.top : self.top + height, self.left : self.left + width]
        except ValueError:
            raise MalformedError("coefficients") from None
        return np.broadcast_to(made, (planes, height, width))

    @property
    def summary(self) -> str:
        """Description of the JPEG that the picture was."""
        quality = tables.quality_of(self.head.quantisation, tables.LUMA)
        (h, v), *chroma = self.head.factors
        kind = _SAMPLING[h // chroma[0][0], v // chroma[0][1]] if chroma else "gray"
        origin = ", cropped or in a larger picture" if self.top or self.left else ""
        return f"pixels of a JPEG, quality about {quality}, {kind}{origin}"


def parse_section(data: bytes, planes: int, height: int, width: int) -> Past:
    """Read the section of a picture (planes, height, width), all but its coefficients.

    Raises MalformedError if it is damaged.
    """
    reader = Cursor(data)
    top, left = reader.varint(), reader.varint()
    body = reader.rest()
    try:
        head, _ = read_head(body)
    except struct.error:
        raise MalformedError("end") from None
    if not (max(top, left) <= MAX_MARGIN and 0 <= head.height - top - height <= MAX_MARGIN):
        raise MalformedError("place")
    if not 0 <= head.width - left - width <= MAX_MARGIN:
        raise MalformedError("place")
    if len(head.factors) > 1:
        (h, v), *chroma = head.factors
        ratios = {(h / own_h, v / own_v) for own_h, own_v in chroma}
        if planes != 3 or len(ratios) > 1 or not ratios <= set(_SAMPLING):
            raise MalformedError("components")
    return Past(head, top, left, body)


@dataclass(frozen=True, eq=False)
class Made:
    """Pixels of a piece (planes, H, W) as a JPEG decodes to, for the method PAST."""

    pixels: Plane


def encode_corrections(samples: Plane, made: Plane, *, core: bool) -> bytes:
    """The data of a record with method PAST: what makes ``samples`` (planes, H, W) of the ``made`` ones."""
    off = _off_by_blocks(samples, made)
    if not off.any():
        return b""
    away = (samples - made).astype(np.uint8)  # modulo 256
    tried: dict[bytes, list[_Sheet]] = {}
    for limit in _FAR_OFF:
        far = off > limit * SIDE * SIDE * len(samples)
        if far.tobytes() not in tried:
            parts = [(away, (off > 0) & ~far), (samples, far)]
            tried[far.tobytes()] = [_Sheet.of(values, np.flatnonzero(chosen), core=core) for values, chosen in parts]
    best = min(tried.values(), key=lambda sheets: sum(len(one.predicted) for one in sheets))
    return b"".join(_encode_blocks(one, core=core) for one in best)


@dataclass(frozen=True, eq=False)
class _Sheet:
    """Blocks of a tile by their ``numbers``, one beside the other, and their code in the form that is tried first."""

    numbers: NDArray[np.intp]
    values: Plane
    predicted: bytes

    @classmethod
    def of(cls, values: Plane, numbers: NDArray[np.intp], *, core: bool) -> _Sheet:
        """The blocks of values (planes, H, W) that have these numbers."""
        if not numbers.size:
            return cls(numbers, values[:, :0, :0], b"")
        sheet = _sheet(values, numbers)
        return cls(numbers, sheet, _in_forms(sheet, [Form.PREDICTED], core=core)[0])


def _in_forms(sheet: Plane, forms: list[Form], *, core: bool) -> list[bytes]:
    return plain_tiles.encode_many([(Method.ADAPTIVE, sheet, 8, AdaptiveSetting(form)) for form in forms], core=core)


def decode_corrections(data: bytes, made: Plane) -> Plane:
    """The samples of a record with method PAST. Raises MalformedError for damaged data."""
    if not data:
        return made
    reader, samples = Cursor(data), made.copy()
    for number, blocks in _decode_blocks(reader, made.shape):
        place = _place(number, made.shape)
        samples[place] += blocks
    for number, blocks in _decode_blocks(reader, made.shape):
        samples[_place(number, made.shape)] = blocks
    if not reader.ended:
        raise MalformedError("corrections")
    return samples


def _off_by_blocks(samples: Plane, made: Plane) -> NDArray[np.int64]:
    """The sums (rows, columns) of the errors of the blocks of a tile."""
    off = np.abs(samples.astype(np.int16) - made).sum(axis=0)
    return over_blocks(np.add, in_whole_blocks(off))


def _encode_blocks(sheet: _Sheet, *, core: bool) -> bytes:
    """Blocks of values: their number, and if there are some, where they are and what is in them."""
    numbers = sheet.numbers
    if not numbers.size:
        return varint(0)
    gaps = np.diff(numbers, prepend=-1) - 1
    method, data = _smallest(sheet, core=core)
    head = varint(numbers.size) + b"".join(varint(int(gap)) for gap in gaps)
    return head + bytes([method]) + varint(len(data)) + data


def _sheet(values: Plane, numbers: NDArray[np.intp]) -> Plane:
    """The blocks of values (planes, H, W) that have these numbers, one beside the other."""
    sheet = np.zeros((len(values), *_sheet_shape(numbers.size)), np.uint8)
    for n, number in enumerate(numbers):
        block = values[_place(int(number), values.shape)]
        sheet[:, *_corner(n, sheet.shape, block.shape)] = block
    return sheet


def _smallest(sheet: _Sheet, *, core: bool) -> tuple[Method, bytes]:
    """The method of a sheet that takes the fewest bytes, and these."""
    found = [(Method.ADAPTIVE, sheet.predicted), (Method.STORED, plain_tiles.encode(Method.STORED, sheet.values))]
    if _repeats_colours(sheet.values):
        plain, candidates = _in_forms(sheet.values, [Form.PLAIN, Form.CANDIDATES_PLAIN], core=core)
        found += [(Method.ADAPTIVE, data) for data in (plain, candidates)]
        best = min(len(data) for _, data in found)
        found += [
            (Method.ROWS, lzma_rows.encode(sheet.values, filter_))
            for filter_, least in lzma_rows.likely_filters(sheet.values, alike=True).items()
            if least is not None and least <= best
        ]
    return min(found, key=lambda one: len(one[1]))


def _repeats_colours(sheet: Plane) -> bool:
    """True if many of the pixels of samples (planes, H, W) have a colour that another has."""
    return classify.different_colours(sheet.reshape(len(sheet), -1)) <= _MOST_COLOURS * sheet[0].size


def _decode_blocks(reader: Cursor, shape: tuple[int, ...]) -> Iterator[tuple[int, Plane]]:
    count = reader.varint()
    if not count:
        return
    rows, columns = -(-shape[1] // SIDE), -(-shape[2] // SIDE)
    if count > rows * columns:
        raise MalformedError("blocks")
    numbers, last = [], -1
    for _ in range(count):
        last += reader.varint() + 1
        numbers.append(last)
    if last >= rows * columns:
        raise MalformedError("blocks")
    method = reader.byte()
    if method not in _METHODS:
        raise MalformedError("method")
    data = reader.take(reader.varint())
    sheet = plain_tiles.decode(Method(method), data, (shape[0], *_sheet_shape(count)), 8)
    for n, number in enumerate(numbers):
        place = _place(number, shape)
        size = shape[0], place[1].stop - place[1].start, place[2].stop - place[2].start
        yield number, sheet[:, *_corner(n, sheet.shape, size)]


def _sheet_shape(count: int) -> tuple[int, int]:
    """The height and width of a sheet of blocks, as square as it can be."""
    columns = isqrt(count - 1) + 1
    return SIDE * -(-count // columns), SIDE * columns


def _corner(n: int, sheet: tuple[int, ...], size: tuple[int, ...]) -> tuple[slice, slice]:
    y, x = divmod(n, sheet[2] // SIDE)
    return slice(SIDE * y, SIDE * y + size[1]), slice(SIDE * x, SIDE * x + size[2])


def _place(number: int, shape: tuple[int, ...]) -> tuple[slice, slice, slice]:
    """Place of a block in a tile."""
    y, x = divmod(number, -(-shape[2] // SIDE))
    rows = slice(SIDE * y, min(SIDE * (y + 1), shape[1]))
    return slice(None), rows, slice(SIDE * x, min(SIDE * (x + 1), shape[2]))
