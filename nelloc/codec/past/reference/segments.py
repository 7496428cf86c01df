"""The segments of a JPEG file, or of its skeleton, up to each scan: frame, tables and what a scan holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nelloc.codec.past.reference.image import ZIGZAG, Component, Image

_TABLES, _MOST_SCANS, _MOST_FACTOR, _MOST_LOW = 4, 200, 4, 13
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_HUFFMAN, _QUANTISATION, _INTERVAL, _SCAN = 0xC4, 0xDB, 0xDD, 0xDA
_START, _END, _TEMPORARY = 0xD8, 0xD9, 0x01
_RESTARTS = range(0xD0, 0xD8)
_CONDITIONING = 0xCC
_REFUSED = {_CONDITIONING, 0xDC, 0xDE, 0xDF, *range(0xC3, 0xD0)} - {_HUFFMAN}


class UnsupportedError(Exception):
    """A file that is not kept as coefficients."""


def require(condition: object) -> None:
    """Raise UnsupportedError unless ``condition``."""
    if not condition:
        raise UnsupportedError


@dataclass(frozen=True)
class Huffman:
    """A Huffman table: the code and its length of each symbol."""

    codes: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, counts: bytes, symbols: bytes) -> Huffman:
        """The codes of symbols, of which there are ``counts`` of each length from 1 to 16."""
        codes: dict[int, tuple[int, int]] = {}
        code = at = 0
        for length, count in enumerate(counts, 1):
            for symbol in symbols[at : at + count]:
                codes[symbol] = code, length
                code += 1
            at += count
            code <<= 1
        return cls(codes)


@dataclass(frozen=True)
class Scan:
    """A scan: where its coded data begins, its components with their tables for DC and AC, and what it has of them."""

    at: int
    components: list[tuple[int, Huffman | None, Huffman | None]]
    progressive: bool
    first: int
    last: int
    high: int
    low: int
    restart_interval: int


class Segments:
    """The walk over a skeleton, in which data of scans is left out."""

    def __init__(self, data: bytes):
        self._data = data
        self.image: Image | None = None
        self._progressive = False
        self._identifiers: list[int] = []
        self._quantisers: list[int] = []
        self._steps: dict[int, list[int]] = {}
        self._dc: dict[int, Huffman] = {}
        self._ac: dict[int, Huffman] = {}
        self._interval = self._scans = 0

    def scans(self) -> Iterator[Scan]:
        """All scans. Raises UnsupportedError for a file that is not kept as coefficients."""
        data, at = self._data, 2
        require(data[:2] == bytes([0xFF, _START]))
        while at < len(data) and data[at] == 0xFF:
            while at < len(data) and data[at] == 0xFF:
                at += 1
            if at == len(data) or data[at] in (0, _END):
                break
            marker = data[at]
            at += 1
            if marker in _RESTARTS or marker == _TEMPORARY:
                continue
            length = int.from_bytes(data[at : at + 2], "big") if len(data) - at >= 2 and marker != _START else 0
            if not 2 <= length <= len(data) - at:
                # After the first scan anything may follow, but a scan must be whole.
                without_length = marker == _START or len(data) - at < 2
                require(self._scans and (marker != _SCAN or without_length))
                break
            body = data[at + 2 : at + length]
            at += length
            if marker == _SCAN:
                yield self._scan(body, at)
            else:
                self._segment(marker, body)
        require(self.image is not None and all(one.steps for one in self.image.components))

    def _segment(self, marker: int, body: bytes) -> None:
        require(marker not in _REFUSED)
        if marker in (_BASELINE, _EXTENDED, _PROGRESSIVE):
            self._frame(body)
            self._progressive = marker == _PROGRESSIVE
        elif marker == _HUFFMAN:
            self._read_huffman(body)
        elif marker == _QUANTISATION:
            self._read_steps(body)
        elif marker == _INTERVAL:
            require(len(body) == 2)
            self._interval = int.from_bytes(body, "big")

    def _frame(self, body: bytes) -> None:
        require(self.image is None and len(body) >= 6 and body[0] == 8)
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        count = body[5]
        require(height and width and count in (1, 3) and len(body) == 6 + 3 * count)
        components = []
        for identifier, factors, quantiser in zip(body[6::3], body[7::3], body[8::3], strict=True):
            h, v = divmod(factors, 16)
            require(1 <= h <= _MOST_FACTOR and 1 <= v <= _MOST_FACTOR and quantiser < _TABLES)
            require(identifier not in self._identifiers)
            self._identifiers.append(identifier)
            self._quantisers.append(quantiser)
            components.append(Component(h, v))
        self.image = Image(width, height, components)

    def _read_huffman(self, body: bytes) -> None:
        while body:
            kind, number = divmod(body[0], 16)
            counts = body[1:17]
            total = sum(counts)
            require(len(body) >= 17 + total and kind < 2 and number < _TABLES and total <= 256)
            require(sum(count << (16 - length) for length, count in enumerate(counts, 1)) <= 1 << 16)
            (self._ac if kind else self._dc)[number] = Huffman.of(counts, body[17 : 17 + total])
            body = body[17 + total :]

    def _read_steps(self, body: bytes) -> None:
        while body:
            wide, number = divmod(body[0], 16)
            size = 2 if wide else 1
            require(wide < 2 and number < _TABLES and len(body) >= 1 + 64 * size)
            found = [0] * 64
            for place, k in enumerate(ZIGZAG):
                found[k] = int.from_bytes(body[1 + size * place : 1 + size * (place + 1)], "big")
            require(all(found))
            self._steps[number] = found
            body = body[1 + 64 * size :]

    def _scan(self, body: bytes, at: int) -> Scan:
        require(self.image is not None and body and self._scans < _MOST_SCANS)
        assert self.image is not None
        count = body[0]
        require(1 <= count <= len(self.image.components) and len(body) == 4 + 2 * count)
        first, last, (high, low) = body[-3], body[-2], divmod(body[-1], 16)
        if self._progressive:
            require(first <= last <= 63 and low <= _MOST_LOW and high in (0, low + 1))
            require(count == 1 if first else last == 0)
        else:
            require((first, last, high, low) == (0, 63, 0, 0))
        components = []
        before = -1
        for identifier, tables in zip(body[1:-3:2], body[2:-3:2], strict=True):
            require(identifier in self._identifiers[before + 1 :])
            before = self._identifiers.index(identifier)
            dc, ac = divmod(tables, 16)
            require(dc < _TABLES and ac < _TABLES)
            require((first or high or dc in self._dc) and (not last or ac in self._ac))
            require(self._quantisers[before] in self._steps)
            own = self.image.components[before]
            own.steps = own.steps or self._steps[self._quantisers[before]]
            components.append((before, self._dc.get(dc), self._ac.get(ac)))
        self._scans += 1
        return Scan(at, components, self._progressive, first, last, high, low, self._interval)
