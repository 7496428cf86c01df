"""Records of the adaptive coder, one for each tile: a head of one or two bytes, then the digits' stack.

Tiles are coded one by one in the compiled core where it is built, else side by side in NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.adaptive import native
from nelloc.codec.adaptive.coder import (
    Form,
    Numbers,
    Shape,
    code,
    palette_digits,
    table_bytes,
)
from nelloc.codec.adaptive.colours import MAX_COLOURS, count_colours
from nelloc.exact.callbacks import Advance
from nelloc.exact.coder import CODER_STATE_BITS, DigitDecoder, DigitWriter, pixel_checksum
from nelloc.varint import MalformedError

_FORM_BITS = 3
# Forms that do not code plane by plane, or not in the context of other planes.
UNORDERED = (Form.PALETTE, Form.STEADY)
# A decision's probability stays 2**-16 away from certainty (``logistic.LIMIT``), so that a bit has no more pixels.
_MOST_PIXELS_PER_BIT = 50000
# Memory for the tables of tiles that are coded side by side.
_TABLE_BYTES = 1 << 28


@dataclass(frozen=True)
class AdaptiveSetting:
    """Setting of the adaptive coder for a tile: the form, and the order of planes by its number among all orders."""

    form: Form
    order: int = 0

    def planes(self, count: int) -> tuple[int, ...]:
        """The planes in the order in which they are coded."""
        return orders(count)[self.order]


def orders(planes: int) -> list[tuple[int, ...]]:
    """List all orders of planes; in the first order of three planes, green is first."""
    return sorted(permutations(range(planes)), key=lambda order: (order[0] != planes // 2, order))


def encode(samples: NDArray, bits: int, setting: AdaptiveSetting) -> bytes:
    """The record of samples (planes, H, W) of at most ``bits`` bits; at most MAX_COLOURS of them for a palette."""
    return encode_many([(samples, bits, setting)])[0]


def decode(data: bytes, shape: Shape) -> NDArray:
    """The samples (planes, H, W) of a record. Raises MalformedError for a damaged one."""
    (samples,) = decode_many([(data, shape)])
    if samples is None:
        raise MalformedError("record")
    return samples


def encode_many(
    tiles: Sequence[tuple[NDArray, int, AdaptiveSetting]], done: Advance = lambda _: None, *, core: bool = True
) -> list[bytes]:
    """Encode several tiles, given as in ``encode``, together, which is faster and gives the same bytes.

    ``done`` is called with the number of pixels that were coded, often with 0, so that it may raise to stop.
    Without ``core`` all is done in NumPy.
    """
    heads: dict[int, _Head] = {}
    found: dict[int, bytes] = {}
    for n, (samples, bits, setting) in enumerate(tiles):
        if core and native.codes(samples, bits):
            found[n] = native.encode(samples, bits, setting.form, setting.order, partial(done, 0))
            done(samples[0].size)
        else:
            heads[n] = _Head.of(samples, bits, setting)
    for batch in _batches(heads):
        first, members = heads[batch[0]], [tiles[n][0] for n in batch]
        writer = _Writer([DigitWriter() for _ in batch], done)
        planes = first.setting.planes(first.shape.planes)
        code(writer, first.setting.form, planes, first.shape, [heads[n].colours for n in batch], members)
        for n, own, samples in zip(batch, writer.writers, members, strict=True):
            found[n] = (heads[n].bytes() + own.bytes(pixel_checksum(samples))).rstrip(b"\0")
        done(len(batch) * first.shape.height * first.shape.width)
    return [found[n] for n in range(len(tiles))]


def decode_many(
    tiles: Sequence[tuple[bytes, Shape]], done: Advance = lambda _: None, *, core: bool = True
) -> list[NDArray | None]:
    """The samples of each of several records, as ``decode`` has them; None for a damaged one."""
    heads: dict[int, _Head] = {}
    found: dict[int, NDArray | None] = {}
    for n, (data, shape) in enumerate(tiles):
        size = shape.planes, shape.height, shape.width
        if core and native.decodes(size, shape.bits):
            found[n] = native.decode(data, size, shape.bits, partial(done, 0))
            done(shape.height * shape.width)
            continue
        try:
            heads[n] = _Head.read(data, shape)
        except MalformedError:
            done(shape.height * shape.width)
    for batch in _batches(heads):
        found |= zip(batch, _decode_batch([heads[n] for n in batch], [tiles[n][0] for n in batch], done), strict=True)
        done(len(batch) * heads[batch[0]].shape.height * heads[batch[0]].shape.width)
    return [found.get(n) for n in range(len(tiles))]


def _decode_batch(heads: Sequence[_Head], data: Sequence[bytes], done: Advance) -> list[NDArray | None]:
    first = heads[0]
    reader = _Reader([DigitDecoder(own[head.size :]) for head, own in zip(heads, data, strict=True)], done)
    planes = first.setting.planes(first.shape.planes)
    try:
        decoded = code(reader, first.setting.form, planes, first.shape, [head.colours for head in heads], None)
    except MalformedError:
        if len(data) == 1:
            return [None]
        return [_decode_batch([head], [own], done)[0] for head, own in zip(heads, data, strict=True)]
    tiles = decoded.astype(np.uint16 if first.shape.bits > 8 else np.uint8)
    right = [own.ends_with(pixel_checksum(samples)) for own, samples in zip(reader.decoders, tiles, strict=True)]
    return [samples if whole else None for samples, whole in zip(tiles, right, strict=True)]


@dataclass(frozen=True)
class _Head:
    """Head of a record, and the shape of its tile; ``colours`` is the size of its palette, or 0."""

    shape: Shape
    setting: AdaptiveSetting
    colours: int

    @classmethod
    def of(cls, samples: NDArray, bits: int, setting: AdaptiveSetting) -> _Head:
        colours = count_colours(samples, bits) if setting.form is Form.PALETTE else 0
        planes, height, width = samples.shape
        return cls(Shape(planes, height, width, bits), setting, colours)

    @classmethod
    def read(cls, data: bytes, shape: Shape) -> _Head:
        """The head of a record's bytes. Raises MalformedError for one that no encoder writes."""
        if _MOST_PIXELS_PER_BIT * (8 * len(data) + CODER_STATE_BITS) < shape.height * shape.width:
            raise MalformedError("too few bytes")
        if data.endswith(b"\0"):
            raise MalformedError("a zero byte at the end")
        head = data[:2].ljust(2, b"\0")
        order, form = divmod(head[0], 1 << _FORM_BITS)
        if form not in set(Form) or order >= len(orders(shape.planes)) or (form in UNORDERED and order):
            raise MalformedError("form")
        return cls(shape, AdaptiveSetting(Form(form), order), head[1] + 1 if form == Form.PALETTE else 0)

    @property
    def size(self) -> int:
        return 2 if self.colours else 1

    def bytes(self) -> bytes:
        head = bytes([self.setting.form | self.setting.order << _FORM_BITS])
        return head + bytes([self.colours - 1] if self.colours else [])


def _batches(heads: Mapping[int, _Head]) -> Iterator[list[int]]:
    """Divide tiles into batches that can be coded side by side, as large as memory allows; yields their numbers."""
    alike: dict[tuple[Shape, AdaptiveSetting, int], list[int]] = {}
    for n, head in heads.items():
        key = (head.shape, head.setting, palette_digits(head.colours) if head.colours else 0)
        alike.setdefault(key, []).append(n)
    for (shape, setting, _), members in alike.items():
        size = max(1, _TABLE_BYTES // table_bytes(setting.form, shape))
        for start in range(0, len(members), size):
            yield members[start : start + size]


def _parts(tiles: Numbers, count: int) -> Iterator[tuple[int, slice]]:
    """The tiles among ``tiles`` (N,), in ascending order, and where each is."""
    if count == 1:
        yield 0, slice(None)
        return
    bounds = np.searchsorted(tiles, np.arange(count + 1)).tolist()
    for tile, (start, stop) in enumerate(pairwise(bounds)):
        if start < stop:
            yield tile, slice(start, stop)


@dataclass(frozen=True)
class _Writer:
    writers: list[DigitWriter]
    done: Advance

    def digits(self, known: Numbers | None, frequencies: NDArray[np.float64], tiles: Numbers) -> Numbers:
        assert known is not None
        self.done(0)
        for tile, part in _parts(tiles, len(self.writers)):
            self.writers[tile].digits(known[part], frequencies[part])
        return known


@dataclass(frozen=True)
class _Reader:
    decoders: list[DigitDecoder]
    done: Advance

    def digits(self, known: Numbers | None, frequencies: NDArray[np.float64], tiles: Numbers) -> Numbers:
        self.done(0)
        digits = np.empty(len(frequencies), np.int64)
        for tile, part in _parts(tiles, len(self.decoders)):
            digits[part] = self.decoders[tile].decode(frequencies[part])
        return digits


def all_settings(samples: NDArray, bits: int) -> Iterator[AdaptiveSetting]:
    """All settings for samples (planes, H, W), the likeliest first."""
    small = count_colours(samples, bits) <= MAX_COLOURS
    for form in Form:
        for order in range(1 if form in UNORDERED else len(orders(len(samples)))):
            if small or form is not Form.PALETTE:
                yield AdaptiveSetting(form, order)
