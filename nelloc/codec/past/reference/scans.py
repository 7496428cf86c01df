"""The coded data of scans, made anew from coefficients as a plain encoder does it, and from corrections to that.

ITU-T T.81 has the coding; docs/methods/jpeg.md, section 16, has the choices of a plain encoder.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nelloc.codec.past.reference.image import ZIGZAG, Image
from nelloc.codec.past.reference.segments import Huffman, Scan, Segments, UnsupportedError, require
from nelloc.varint import Cursor, MalformedError

_ZEROS, _END_OF_BLOCK = 0xF0, 0x00  # symbols: sixteen zeros, and no more coefficients
_LONGEST_RUN = 32767
_RESTART = 0xD0
_CODES_AT_ONCE = 1 << 16
_LISTED = 2  # a form of padding


def write(image: Image, skeleton: bytes, corrections: bytes) -> bytes | None:
    """The JPEG file of an image, a skeleton and corrections; None if they do not go together."""
    try:
        return _written(image, skeleton, Corrections(corrections))
    except (UnsupportedError, MalformedError):
        return None


def _written(image: Image, skeleton: bytes, corrections: Corrections) -> bytes:
    out, start = bytearray(), 0
    segments = Segments(skeleton)
    for scan in segments.scans():
        frame = segments.image
        assert frame is not None
        factors = [[(one.h, one.v) for one in of.components] for of in (image, frame)]
        require((image.width, image.height) == (frame.width, frame.height) and factors[0] == factors[1])
        out += skeleton[start : scan.at]
        out += _Writer(image, scan, corrections).write()
        start = scan.at
    require(corrections.ended)
    return bytes(out + skeleton[start:])


class Corrections:
    """Differences of a file from a plain encoder's: bits that fill bytes, and blocks where runs end early."""

    def __init__(self, data: bytes):
        reader = Cursor(data)
        self._form = reader.byte()
        require(self._form <= _LISTED)
        self._padding: Iterator[int] = iter(())
        self._left = 0
        if self._form == _LISTED:
            self._left = count = reader.varint()
            packed = np.frombuffer(reader.take(-(-count // 8)), np.uint8)
            self._padding = iter(np.unpackbits(packed, bitorder="little").tolist())
        self._breaks = reader
        self._blocks = 0
        self._find_break()

    def _find_break(self) -> None:
        self._next = None if self._breaks.ended else self._blocks + self._breaks.varint()

    @property
    def ended(self) -> bool:
        """True if all of it was needed."""
        return self._left == 0 and self._next is None

    def padding(self) -> int:
        """A bit that fills a byte."""
        if self._form < _LISTED:
            return self._form
        require(self._left)
        self._left -= 1
        return next(self._padding)

    def breaks(self) -> bool:
        """True if a run ends early before the block that comes."""
        found = self._blocks == self._next
        if found:
            self._find_break()
        return found

    def count_block(self) -> None:
        """Go on to the next block of a scan that has runs."""
        self._blocks += 1


class _Bits:
    """Codes that are written, and the bytes of them."""

    def __init__(self) -> None:
        self.out = bytearray()
        self._codes: list[int] = []
        self._lengths: list[int] = []

    def put(self, code: int, length: int) -> None:
        """Write ``length`` bits."""
        self._codes.append(code)
        self._lengths.append(length)
        if len(self._codes) >= _CODES_AT_ONCE:
            self._pack()

    def symbol(self, table: Huffman | None, symbol: int) -> None:
        """Write the code of a symbol. Raises UnsupportedError if it has none."""
        require(table is not None and symbol in table.codes)
        assert table is not None
        self.put(*table.codes[symbol])

    def number(self, value: int, size: int) -> None:
        """Write a number of which ``size`` bits are needed: negative ones less 1."""
        if size:
            self.put((value if value > 0 else value - 1) & ((1 << size) - 1), size)

    def _pack(self) -> int:
        """Move whole bytes to the output; how many bits are left."""
        lengths = np.array(self._lengths, np.int64)
        codes = np.repeat(np.array(self._codes, np.int64), lengths)
        places = np.repeat(np.cumsum(lengths), lengths) - np.arange(1, len(codes) + 1)  # in its code, from the last
        bits = (codes >> places & 1).astype(np.uint8)
        whole = len(bits) // 8 * 8
        self.out += np.packbits(bits[:whole]).tobytes().replace(b"\xff", b"\xff\0")
        self._codes, self._lengths = bits[whole:].tolist(), [1] * (len(bits) - whole)
        return len(bits) - whole

    def fill(self, corrections: Corrections) -> None:
        """Fill the last byte."""
        while self._pack():
            self.put(corrections.padding(), 1)


def _size(x: int) -> int:
    """Number of bits of a magnitude."""
    return abs(x).bit_length()


def _parts(whole: int, part: int) -> int:
    """Number of parts that hold all of ``whole``."""
    return -(-whole // part)


class _Writer:
    """The writer of one scan."""

    def __init__(self, image: Image, scan: Scan, corrections: Corrections):
        self._image, self._scan, self._corrections = image, scan, corrections
        self._bits = _Bits()
        self._last_dc = [0] * len(scan.components)
        self._run = 0  # blocks without more coefficients, that are to be written as one, and the further bits of these
        self._further: list[int] = []

    def write(self) -> bytes:
        """The coded data."""
        interval = self._scan.restart_interval
        ordered = [self._image.components[c].coefficients[..., ZIGZAG] for c, _, _ in self._scan.components]
        for number, unit in enumerate(self._units()):
            if interval and number and number % interval == 0:
                self._end_interval()
                self._bits.out += bytes([0xFF, _RESTART + (number // interval - 1) % 8])
                self._last_dc = [0] * len(self._last_dc)
            for k, row, column in unit:
                self._block(k, ordered[k][row, column].tolist())
        self._end_interval()
        return bytes(self._bits.out)

    def _units(self) -> Iterator[list[tuple[int, int, int]]]:
        """Blocks of each unit that is coded: number of the component in the scan, row and column."""
        own = [self._image.components[c] for c, _, _ in self._scan.components]
        rows, columns = self._image.units
        if len(own) == 1:  # only blocks with pixels
            h, v = self._image.factors
            rows = _parts(_parts(self._image.height * own[0].v, v), 8)
            columns = _parts(_parts(self._image.width * own[0].h, h), 8)
            yield from ([(0, row, column)] for row in range(rows) for column in range(columns))
            return
        for row in range(rows):
            for column in range(columns):
                yield [
                    (k, row * one.v + y, column * one.h + x)
                    for k, one in enumerate(own)
                    for y in range(one.v)
                    for x in range(one.h)
                ]

    def _end_interval(self) -> None:
        self._end_run()
        self._bits.fill(self._corrections)

    def _block(self, k: int, block: list[int]) -> None:
        """Write a block in the order of the zigzag, of the component ``k`` of the scan."""
        scan = self._scan
        if scan.first == 0:
            self._dc(k, block[0])
        if not scan.progressive:
            if self._coefficients(k, block, 1, 63):
                self._bits.symbol(scan.components[k][2], _END_OF_BLOCK)
        elif scan.first:
            if self._corrections.breaks():
                self._end_run()
            if scan.high:
                self._refinement(block)
            elif self._coefficients(0, block, scan.first, scan.last):
                self._extend_run([])
            self._corrections.count_block()

    def _dc(self, k: int, whole: int) -> None:
        value = whole >> self._scan.low
        if self._scan.high:
            self._bits.put(value & 1, 1)
            return
        difference = value - self._last_dc[k]
        self._bits.symbol(self._scan.components[k][1], _size(difference))
        self._bits.number(difference, _size(difference))
        self._last_dc[k] = value

    def _coefficients(self, k: int, block: list[int], first: int, last: int) -> bool:
        """Write the coefficients of a block that are new; True if zeros follow."""
        bits, table, low = self._bits, self._scan.components[k][2], self._scan.low
        zeros = 0
        for whole in block[first : last + 1]:
            magnitude = abs(whole) >> low
            if not magnitude:
                zeros += 1
                continue
            self._end_run()
            for _ in range(zeros // 16):
                bits.symbol(table, _ZEROS)
            size = _size(magnitude)
            require(size < 16)
            bits.symbol(table, zeros % 16 << 4 | size)
            bits.number(magnitude if whole > 0 else -magnitude, size)
            zeros = 0
        return zeros > 0

    def _refinement(self, block: list[int]) -> None:
        """Write a further bit of the coefficients of a block, and those that become other than 0."""
        bits, table, scan = self._bits, self._scan.components[0][2], self._scan
        sizes = [abs(whole) >> scan.low for whole in block]
        end = max((k for k in range(scan.first, scan.last + 1) if sizes[k] == 1), default=-1)
        zeros, further = 0, []
        for k in range(scan.first, end + 1):
            if sizes[k] > 1:
                further.append(sizes[k] & 1)
                continue
            if sizes[k] == 0 and zeros < 15:
                zeros += 1
                continue
            self._end_run()
            if sizes[k]:
                bits.symbol(table, zeros << 4 | 1)
                bits.put(int(block[k] > 0), 1)
            else:
                bits.symbol(table, _ZEROS)
            for bit in further:
                bits.put(bit, 1)
            zeros, further = 0, []
        if end < scan.last:
            self._extend_run([sizes[k] & 1 for k in range(max(end + 1, scan.first), scan.last + 1) if sizes[k] > 1])

    def _extend_run(self, further: list[int]) -> None:
        """Let a block end in a run."""
        self._run += 1
        self._further += further
        if self._run == _LONGEST_RUN:
            self._end_run()

    def _end_run(self) -> None:
        if not self._run:
            return
        size = self._run.bit_length() - 1
        self._bits.symbol(self._scan.components[0][2], size << 4)
        if size:
            self._bits.put(self._run - (1 << size), size)
        for bit in self._further:
            self._bits.put(bit, 1)
        self._run, self._further = 0, []
