"""Section 16: scans, written with their corrections."""

from __future__ import annotations

from independent.jpeg_skeleton import ZIGZAG, Jpeg, Scan
from independent.notation import varint


class Corrections:
    """Padding bits, and blocks where runs end early."""

    def __init__(self, data: bytes):
        self.form, at = data[0], 1
        self.bits: list[int] = []
        if self.form == 2:
            count, at = varint(data, at)
            self.bits = [data[at + k // 8] >> k % 8 & 1 for k in range(count)]
            at += (count + 7) // 8
        self.breaks, block = set(), 0
        while at < len(data):
            distance, at = varint(data, at)
            block += distance
            self.breaks.add(block)
        self.blocks = 0

    def padding(self) -> str:
        return str(self.bits.pop(0) if self.form == 2 else self.form)


class Writer:
    """The coded data of one scan."""

    def __init__(self, jpeg: Jpeg, scan: Scan, corrections: Corrections):
        self.jpeg, self.scan, self.corrections = jpeg, scan, corrections
        self.bits: list[str] = []
        self.out = bytearray()
        self.before: dict[int, int] = {}
        self.run, self.waiting = 0, [""]  # blocks of a run, and the further bits of its blocks

    def units(self) -> list[list[tuple[int, int, int]]]:
        """Of each MCU the blocks: component of the scan, row and column."""
        if len(self.scan.components) == 1:
            one = self.scan.components[0][0]
            v = max(other.v for other in self.jpeg.components)
            h = max(other.h for other in self.jpeg.components)
            rows = ceiling(ceiling(self.jpeg.height * one.v, v), 8)
            columns = ceiling(ceiling(self.jpeg.width * one.h, h), 8)
            return [[(0, y, x)] for y in range(rows) for x in range(columns)]
        rows, columns = self.jpeg.mcus
        return [
            [
                (k, row * one.v + y, column * one.h + x)
                for k, (one, _, _) in enumerate(self.scan.components)
                for y in range(one.v)
                for x in range(one.h)
            ]
            for row in range(rows)
            for column in range(columns)
        ]

    def write(self) -> bytes:
        for number, unit in enumerate(self.units()):
            if self.scan.interval and number and number % self.scan.interval == 0:
                self.flush()
                self.out += bytes([0xFF, 0xD0 + (number // self.scan.interval - 1) % 8])
                self.before = {}
            for k, row, column in unit:
                self.block(k, self.scan.components[k][0].blocks[row, column])
        self.flush()
        return bytes(self.out)

    def flush(self) -> None:
        self.end_run()
        text = "".join(self.bits)
        while len(text) % 8:
            text += self.corrections.padding()
        for at in range(0, len(text), 8):
            byte = int(text[at : at + 8], 2)
            self.out += bytes([byte, 0] if byte == 0xFF else [byte])
        self.bits = []

    def block(self, k: int, block: list[int]) -> None:
        if self.scan.first == 0:
            self.dc(k, block)
        if not self.jpeg.progressive:
            self.first_pass(k, block, 1, 63, sequential=True)
        elif self.scan.first:
            if self.corrections.blocks in self.corrections.breaks:
                self.end_run()
            self.corrections.blocks += 1
            if self.scan.high:
                self.refinement(block)
            else:
                self.first_pass(k, block, self.scan.first, self.scan.last, sequential=False)

    def dc(self, k: int, block: list[int]) -> None:
        value = block[0] >> self.scan.low
        if self.scan.high:
            self.bits.append(str(value & 1))
            return
        difference = value - self.before.get(k, 0)
        self.before[k] = value
        self.bits.append(self.scan.components[k][1][abs(difference).bit_length()] + signed_bits(difference))

    def first_pass(self, k: int, block: list[int], first: int, last: int, *, sequential: bool) -> None:
        codes, zeros = self.scan.components[k][2], 0
        for place in range(first, last + 1):
            whole = block[ZIGZAG[place]]
            value = (abs(whole) >> self.scan.low) * (-1 if whole < 0 else 1)
            if not value:
                zeros += 1
                continue
            self.end_run()
            self.bits.append(codes[0xF0] * (zeros // 16) if zeros > 15 else "")
            self.bits.append(codes[zeros % 16 * 16 + abs(value).bit_length()] + signed_bits(value))
            zeros = 0
        if zeros and sequential:
            self.bits.append(codes[0])
        elif zeros:
            self.extend_run("")

    def refinement(self, block: list[int]) -> None:
        codes = self.scan.components[0][2]
        span = range(self.scan.first, self.scan.last + 1)
        sizes = {k: abs(block[ZIGZAG[k]]) >> self.scan.low for k in span}
        end = max((k for k in span if sizes[k] == 1), default=-1)
        zeros, further = 0, ""
        for k in span:
            if k > end:
                break
            if sizes[k] > 1:
                further += str(sizes[k] & 1)
                continue
            if sizes[k] == 0:
                zeros += 1
                if zeros == 16:
                    self.end_run()
                    self.bits.append(codes[0xF0] + further)
                    zeros, further = 0, ""
                continue
            self.end_run()
            self.bits.append(codes[zeros * 16 + 1] + ("1" if block[ZIGZAG[k]] > 0 else "0") + further)
            zeros, further = 0, ""
        rest = "".join(str(sizes[k] & 1) for k in span if k > end and sizes[k] > 1)
        if end < self.scan.last:
            self.extend_run(rest)

    def extend_run(self, further: str) -> None:
        self.run += 1
        self.waiting.append(further)
        if self.run == 32767:
            self.end_run()

    def end_run(self) -> None:
        if self.run:
            size = self.run.bit_length() - 1
            rest = f"{self.run - (1 << size):0{size}b}" if size else ""
            self.bits.append(self.scan.components[0][2][size << 4] + rest + "".join(self.waiting))
        self.run, self.waiting = 0, []


def ceiling(a: int, b: int) -> int:
    return (a + b - 1) // b


def signed_bits(value: int) -> str:
    size = abs(value).bit_length()
    return f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def write_jpeg(jpeg: Jpeg, skeleton: bytes, corrections: Corrections) -> bytes:
    out, start = [], 0
    for scan in jpeg.scans:
        out += [skeleton[start : scan.at], Writer(jpeg, scan, corrections).write()]
        start = scan.at
    return b"".join([*out, skeleton[start:]])
