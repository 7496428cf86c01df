"""A second decoder of the JPEG files in .nlc files, written from docs/FORMAT.md, section 15, alone.

It shares no code with nelloc and uses plain Python integers only. Names are those of docs/FORMAT.md. What is refused
raises ValueError.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass, field
from functools import cache
from zlib import crc32

from independent_adaptive import squash_table, stretch_table

ZIGZAG = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
]  # fmt: skip
INNER = [k for k in ZIGZAG if k % 8 and k // 8]
NEAR = [0, 11363, 10703, 9633, 8192, 6436, 4433, 2260]
HALF_ROWS = [
    (2896, 2896, 2896, 2896), (4017, 3406, 2276, 799), (3784, 1567, -1567, -3784), (3406, -799, -4017, -2276),
    (2896, -2896, -2896, 2896), (2276, -4017, 799, 3406), (1567, -3784, 3784, -1567), (799, -2276, 3406, -4017),
]  # fmt: skip
M = [[*row, *((-x if k % 2 else x) for x in reversed(row))] for k, row in enumerate(HALF_ROWS)]
NOTHING = [0] * 64
WORD, LONG = 1 << 32, 1 << 64
LZMA_24 = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 24}]
USUAL = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c39"
    "33383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffdb0043011112121815182f1a1a2f6342384263636363"
    "63636363636363636363636363636363636363636363636363636363636363636363636363636363636363636363ffc000110801e0028003"
    "012200021101031101ffc4001f0000010501010101010100000000000000000102030405060708090a0bffc400b510000201030302040305"
    "0504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a2526272829"
    "2a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a9293949596979899"
    "9aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9"
    "faffc4001f0100030101010101010101010000000000000102030405060708090a0bffc400b5110002010204040304070504040001027700"
    "0102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536373839"
    "3a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6"
    "a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9faffda000c030100"
    "02110311003f00"
)


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def cut(a: int, b: int) -> int:
    """``a // b`` of section 15."""
    return abs(a) // b * (1 if a >= 0 else -1)


def ceiling(a: int, b: int) -> int:
    return (a + b - 1) // b


def rounded(a: int, b: int) -> int:
    return (abs(a) + b // 2) // b * (1 if a >= 0 else -1)


def c(x: int) -> int:
    bits = x.bit_length()
    return x if x < 4 else 2 * bits - 2 + (x >> (bits - 2)) % 2


@cache
def tables() -> tuple[list[int], dict[int, int]]:
    """Of section 13, st and sq."""
    squash = squash_table()
    return stretch_table(), {x: squash[x + 4095] for x in range(-4095, 4096)}


class Mixer:
    """Decisions of one stream, with all that is learned."""

    def __init__(self, stream: bytes):
        self.st, self.sq = tables()
        self.slots: dict[tuple[int, int], list[int]] = {}
        self.sets: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        self.refined: dict[int, list[int]] = {}
        self.known: list[int] | None = None  # decisions that are taken for coded
        self.start(stream)

    def start(self, stream: bytes) -> None:
        self.stream, self.low, self.high = stream, 0, WORD - 1
        self.value = int.from_bytes(stream[:4].ljust(4, b"\0"), "big")
        self.taken = 4

    def line(self, a: int, b: int, third: int) -> int:
        a, b, third = a % WORD, b % WORD, third % WORD
        g = (a + 1) * 0x9E3779B97F4A7C15 + (b + 1) * 0xC2B2AE3D27D4EB4F + (third + 1) * 0x165667B19E3779F9
        g %= LONG
        return (g ^ g >> 29) * 0xBF58476D1CE4E5B9 % LONG >> 48

    def decide(self, n: int, lines: list[int], expected: list[int], s: int, t: int) -> int:
        slots = [self.slots.setdefault((line, n), [32768, 0]) for line in lines]
        x = [self.st[p >> 4] for p, _ in slots] + expected + [256]
        first = self.sets[0].setdefault(s, [1200, 1200, 1200, 1200, 1500, 2200, 1500, 0])
        second = self.sets[1].setdefault(t, [1200, 1200, 1200, 1200, 1500, 2200, 1500, 0])
        if s not in self.refined:
            self.refined[s] = [self.sq[clamp(128 * j - 2048, -2047, 2047)] >> 6 for j in range(33)]
        r = self.refined[s]
        z = clamp(sum((u + v) * i for u, v, i in zip(first, second, x, strict=True)) >> 14, -2047, 2047)
        mixed = self.sq[z] >> 6
        j, f = (z + 2048) >> 7, (z + 2048) % 128
        chance = clamp((mixed + ((r[j] * (128 - f) + r[j + 1] * f) >> 7)) >> 1, 32, 65504)
        bit = self.take(chance)
        target = 65535 if bit else 0
        e = (target - mixed) * 3 >> 4
        for w in (first, second):
            for k in range(8):
                w[k] = clamp(w[k] + ((x[k] * e + 32768) >> 16), -32767, 32767)
        for slot in slots:
            slot[0] += (target - slot[0]) * (65536 // (slot[1] + 3)) >> 16
            slot[1] = min(slot[1] + 1, 255)
        j += f >= 64
        r[j] += (target - r[j]) >> 6
        return bit

    def take(self, chance: int) -> int:
        if self.known is not None:
            return self.known.pop(0)
        middle = self.low + ((self.high - self.low) * chance >> 16)
        bit = int(self.value <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            following = self.stream[self.taken] if self.taken < len(self.stream) else 0
            self.taken += 1
            self.low = self.low << 8 & WORD - 1
            self.high = (self.high << 8 & WORD - 1) | 255
            self.value = (self.value << 8 & WORD - 1) | following
        return bit

    def number(self, bits: int, lines: list[int], s: int, t: int) -> int:
        node = 1
        for before in range(bits):
            node = node * 2 + self.decide(node, lines, [], s + node, t + before)
        return node - (1 << bits)

    def end(self) -> None:
        if self.taken < len(self.stream):
            raise ValueError("a stream goes on")

    # --- values ---

    def above(self, expectation: tuple[int, int], y: int) -> int:
        mean, inverse = expectation
        return self.sq[clamp((mean - y) * inverse >> 8, -4095, 4095)]

    def share(self, part: int, whole: int) -> int:
        return self.st[min((part << 9) // ((whole >> 3) + 1), 4095)]

    def decided(self, n: int, lines: list[int], s: int, t: int, shares: list[tuple[int, int]]) -> int:
        return self.decide(n, lines, [self.share(*one) for one in shares], s + n, t + n)

    def coded_value(self, lines: list[int], s: int, t: int, expectations: list[tuple[int, int]]) -> int:
        plus = [self.above(one, 8) for one in expectations]
        minus = [(1 << 22) - self.above(one, -8) for one in expectations]
        most = (1 << 22) - 1
        other_than_0 = [(min(p + m, most), most) for p, m in zip(plus, minus, strict=True)]
        if not self.decided(0, lines, s, t, other_than_0):
            return 0
        negative = self.decided(1, lines, s, t, [(m, p + m) for p, m in zip(plus, minus, strict=True)])
        sided = [(-mean if negative else mean, inverse) for mean, inverse in expectations]
        low = minus if negative else plus
        high = [0, 0, 0]
        length = 1
        while length < 16:
            high = [self.above(one, 16 * 2**length - 8) for one in sided]
            if not self.decided(1 + min(length, 8), lines, s, t, list(zip(high, low, strict=True))):
                break
            low = high
            length += 1
        a = 1
        for place in range(length - 1):
            g = length - 2 - place
            node = 8 + min(length, 5) if place == 0 else 14 + a % 2 if place == 1 else 9
            middle = [self.above(one, 16 * (2 * a + 1) * 2**g - 8) for one in sided]
            shares = [(max(q - h, 0), w - h if w > h else 1) for q, h, w in zip(middle, high, low, strict=True)]
            if self.decided(node, lines, s, t, shares):
                a, low = 2 * a + 1, middle
            else:
                a, high = 2 * a, middle
        return -a if negative else a


def unpack_bytes(stream: bytes, size: int) -> bytes:
    """A stream of bytes."""
    if size > 1536 * (len(stream) + 16):
        raise ValueError("too few bytes")
    mixer = Mixer(b"")
    usual = bytearray()
    for byte in USUAL:
        mixer.known = [byte >> bit & 1 for bit in range(7, -1, -1)]
        usual.append(coded_byte(mixer, usual))
    mixer.known = None
    mixer.start(stream)
    out = bytearray()
    for _ in range(size):
        out.append(coded_byte(mixer, out))
    mixer.end()
    return bytes(out)


def coded_byte(mixer: Mixer, before: bytearray) -> int:
    b = [*reversed(before[-6:]), 0, 0, 0, 0, 0, 0][:6]
    x = 256 * b[0] + b[1]
    found = 0
    for half in range(2):
        g = 1 + found if half else 0
        contexts = [
            (g, 1, b[0]),
            (g, 2, x),
            (g, 3, 256 * x + b[2]),
            (g, 256 * x + b[2], b[3] + 4),
            (g, 65536 * x + 256 * b[2] + b[3], 256 * b[4] + b[5] + 260),
        ]
        for odd in range(2):
            likely, off = in_line(before, odd)
            y = likely % 16 if half else likely >> 4
            fits = half and found == likely >> 4
            contexts.append((32 + odd, 2 * half + fits, 4 * y + off))
        lines = [mixer.line(*one) for one in contexts]
        node = 1
        for _ in range(4):
            node = node * 2 + mixer.decide(node, lines, [], 16 * half + node, b[0])
        found = found * 16 + node - 16
    return found


def in_line(before: bytearray, odd: int) -> tuple[int, int]:
    numbers = [0, 0, 0]
    for k in range(3):
        end = len(before) - odd - 2 * k
        if end >= 2:
            numbers[k] = 256 * before[end - 2] + before[end - 1]
    off = min(abs(numbers[0] - 2 * numbers[1] + numbers[2]), 3)
    z = (2 * numbers[0] - numbers[1]) % 65536
    if not odd:
        return z >> 8, off
    last = before[-1] if before else 0
    return (z % 256 if last == z >> 8 else 255 if last < z >> 8 else 0), off


# --- skeletons and scans ---


@dataclass
class Component:
    identifier: int
    h: int
    v: int
    table: int
    q: list[int] = field(default_factory=list)
    rows: int = 0
    columns: int = 0
    blocks: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    residuals: dict[tuple[int, int], int] = field(default_factory=dict)
    counts: dict[tuple[int, int], int] = field(default_factory=dict)


@dataclass
class Scan:
    """A scan: where its coded data belongs in the skeleton, and all that it needs."""

    at: int
    components: list[tuple[Component, dict[int, str], dict[int, str]]]
    first: int
    last: int
    high: int
    low: int
    interval: int


@dataclass
class Jpeg:
    width: int = 0
    height: int = 0
    progressive: bool = False
    components: list[Component] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)

    @property
    def mcus(self) -> tuple[int, int]:
        v = max(one.v for one in self.components)
        h = max(one.h for one in self.components)
        return -(-self.height // (8 * v)), -(-self.width // (8 * h))


def read_skeleton(data: bytes) -> Jpeg:
    jpeg, at = Jpeg(), 2
    quantisers: dict[int, list[int]] = {}
    huffman: dict[int, dict[int, str]] = {}
    interval = 0
    while at < len(data) and data[at] == 0xFF:
        while at < len(data) and data[at] == 0xFF:
            at += 1
        if at == len(data) or data[at] in (0, 0xD9):
            break
        marker, at = data[at], at + 1
        if 0xD0 <= marker <= 0xD7 or marker == 1:
            continue
        length = int.from_bytes(data[at : at + 2], "big") if len(data) - at >= 2 else 0
        if marker == 0xD8 or length < 2 or length > len(data) - at:
            if not jpeg.scans or marker == 0xDA:
                raise ValueError("a malformed skeleton")
            break
        body = data[at + 2 : at + length]
        at += length
        if marker in (0xC0, 0xC1, 0xC2):
            jpeg.progressive = marker == 0xC2
            jpeg.height, jpeg.width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            for k in range(6, len(body), 3):
                jpeg.components.append(Component(body[k], body[k + 1] >> 4, body[k + 1] & 15, body[k + 2]))
        elif marker == 0xDB:
            read_quantisers(body, quantisers)
        elif marker == 0xC4:
            read_huffman(body, huffman)
        elif marker == 0xDD:
            interval = int.from_bytes(body, "big")
        elif marker == 0xDA:
            jpeg.scans.append(read_scan(jpeg, body, quantisers, huffman, interval, at))
    rows, columns = jpeg.mcus
    for one in jpeg.components:
        one.rows, one.columns = rows * one.v, columns * one.h
        one.blocks = {(y, x): [0] * 64 for y in range(one.rows) for x in range(one.columns)}
    return jpeg


def read_quantisers(body: bytes, quantisers: dict[int, list[int]]) -> None:
    while body:
        size = 2 if body[0] >> 4 else 1
        steps = [int.from_bytes(body[1 + size * k : 1 + size * (k + 1)], "big") for k in range(64)]
        table = [0] * 64
        for k, step in zip(ZIGZAG, steps, strict=True):
            table[k] = step
        quantisers[body[0] & 15] = table
        body = body[1 + 64 * size :]


def read_huffman(body: bytes, huffman: dict[int, dict[int, str]]) -> None:
    while body:
        codes: dict[int, str] = {}
        code, at = 0, 17
        for length in range(1, 17):
            for _ in range(body[length]):
                codes[body[at]] = f"{code:0{length}b}"
                code, at = code + 1, at + 1
            code <<= 1
        huffman[body[0]] = codes
        body = body[at:]


def read_scan(
    jpeg: Jpeg,
    body: bytes,
    quantisers: dict[int, list[int]],
    huffman: dict[int, dict[int, str]],
    interval: int,
    at: int,
) -> Scan:
    chosen = []
    for k in range(body[0]):
        (component,) = [one for one in jpeg.components if one.identifier == body[1 + 2 * k]]
        tables = body[2 + 2 * k]
        chosen.append((component, dict(huffman.get(tables >> 4, {})), dict(huffman.get(16 + (tables & 15), {}))))
        component.q = component.q or quantisers[component.table]
    first, last, bits = body[-3:]
    return Scan(at, chosen, first, last, bits >> 4, bits & 15, interval)


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


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("a malformed number")


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


def signed_bits(value: int) -> str:
    size = abs(value).bit_length()
    return f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def write_jpeg(jpeg: Jpeg, skeleton: bytes, corrections: Corrections) -> bytes:
    out, start = [], 0
    for scan in jpeg.scans:
        out += [skeleton[start : scan.at], Writer(jpeg, scan, corrections).write()]
        start = scan.at
    return b"".join([*out, skeleton[start:]])


# --- coefficients ---


class Regression:
    def __init__(self) -> None:
        self.w = [0] * 8

    def mean(self, x: list[int]) -> int:
        return clamp(sum(w * term for w, term in zip(self.w, x, strict=True)) >> 16, -32767, 32767)

    def learn(self, x: list[int], error: int) -> None:
        step = cut(error << 24, (1 << 14) + sum(term * term for term in x))
        self.w = [clamp(w + (step * term >> 12), -(1 << 18), 1 << 18) for w, term in zip(self.w, x, strict=True)]


class Spreads:
    """The 64 spreads of an expectation."""

    def __init__(self) -> None:
        self.d, self.m = [4096] * 64, [0] * 64

    def inverse(self, place: int) -> int:
        place = min(place, 63)
        if not self.m[place]:
            if place and self.m[place - 1]:
                self.d[place] = self.d[place - 1]
            elif place < 63 and self.m[place + 1]:
                self.d[place] = self.d[place + 1]
        return (1 << 17) // ((self.d[place] >> 8) + 1)

    def learn(self, place: int, error: int) -> None:
        place = min(place, 63)
        self.d[place] += cut(((abs(error) << 8) - self.d[place]) * 2, 2 * self.m[place] + 3)
        self.m[place] = min(self.m[place] + 1, 60)


class Part:
    """A part of the coefficients that is decoded."""

    def __init__(self, jpeg: Jpeg, stream: bytes, first: int, end: int):
        self.jpeg, self.mixer = jpeg, Mixer(stream)
        for number, component in enumerate(jpeg.components):
            self.begin(number)
            self.number, self.own, self.top = number, component, first * component.v
            self.borders: dict[tuple[int, int], list[list[int]]] = {}
            for row in range(first * component.v, end * component.v):
                for column in range(component.columns):
                    self.block(row, column)
        self.mixer.end()

    def begin(self, number: int) -> None:
        if number == 0:
            self.regressions = [Regression() for _ in range(64)]
            self.spreads = [[Spreads() for _ in range(3)] for _ in range(64)]
            for k in range(1, 64):
                w = self.regressions[k].w
                if k < 8 or k % 8 == 0:
                    w[0], w[2 if k < 8 else 3] = 26000, 3000
                else:
                    w[4] = w[5] = 6000
            return
        for of_k in self.spreads:
            for spreads in of_k:
                spreads.m = [min(m, 2) for m in spreads.m]
        for k in range(1, 64):
            if number == 2:
                edge = k < 8 or k % 8 == 0
                self.regressions[k].w[5 if edge else 3] = -12000 if edge else -6000

    def there(self, row: int, column: int) -> bool:
        return row >= self.top and 0 <= column < self.own.columns and (row, column) in self.own.counts

    def block(self, row: int, column: int) -> None:
        own, places = self.own, [(row - 1, column), (row, column - 1), (row - 1, column - 1), (row - 1, column + 1)]
        self.is_there = [self.there(*place) for place in places]
        around = [own.blocks[place] if there else NOTHING for place, there in zip(places, self.is_there, strict=True)]
        self.a, self.l, self.al, self.ar = around
        self.y = self.b = NOTHING
        self.luma = self.other = None
        first, second = self.jpeg.components[0], self.jpeg.components[1 if len(self.jpeg.components) > 1 else 0]
        if self.number:
            self.luma = (row * first.v // own.v, column * first.h // own.h)
            self.y = first.blocks[self.luma]
        if self.number == 2 and (second.h, second.v) == (own.h, own.v):
            self.other = (row, column)
            self.b = second.blocks[self.other]
        self.F = own.blocks[row, column]
        counts = [own.counts[place] if there else 0 for place, there in zip(places, self.is_there, strict=True)]
        n_y = first.counts[self.luma] if self.luma else 0
        n_b = second.counts[self.other] if self.other else 0
        self.N = self.count(counts, n_y, n_b)
        self.inner(self.N)
        self.edge(column=False)
        self.edge(column=True)
        residuals = [
            own.residuals[place] if there else 0 for place, there in zip(places[:2], self.is_there, strict=False)
        ]
        residuals.append(first.residuals[self.luma] if self.luma else 0)
        residuals.append(second.residuals[self.other] if self.other else 0)
        own.residuals[row, column] = self.dc(row, column, residuals)
        own.counts[row, column] = self.N

    def lines(self, *contexts: tuple[int, int, int]) -> list[int]:
        return [self.mixer.line(*one) for one in contexts]

    @property
    def coloured(self) -> int:
        return min(self.number, 1)

    def count(self, counts: list[int], n_y: int, n_b: int) -> int:
        n_a, n_l, n_al, n_ar = counts
        mean = (n_a + n_l + 1) // 2 if self.is_there[0] and self.is_there[1] else n_a + n_l
        h = 4 * self.number + 2 * self.is_there[0] + self.is_there[1]
        pairs = [
            (mean, 0), (n_a, n_l), (2 * (n_a + n_l) + n_al + n_ar, 0), (n_y, n_b),
            (mean // 3, n_b if self.other else n_y), (n_a, n_ar), (n_l, n_al),
        ]  # fmt: skip
        found = 0
        for half in range(2):
            g = 1 + found if half else 0
            lines = self.lines(*((i, h * 4096 + 64 * x + y, g) for i, (x, y) in enumerate(pairs)))
            found = found * 8 + self.mixer.number(3, lines, 832 + 64 * self.coloured + 8 * half, 800 + 3 * half)
        return found

    def D(self, block: list[int], k: int) -> int:  # noqa: N802
        return clamp(block[k] * self.own.q[k], -(1 << 20), 1 << 20)

    def value(self, k: int, lines: list[int], s: int, t: int, means: list[int], places: list[int]) -> int:
        spreads = self.spreads[k]
        expectations = [(mean, spreads[e].inverse(places[e])) for e, mean in enumerate(means)]
        return clamp(self.mixer.coded_value(lines, s, t, expectations), -32768, 32767)

    def inner(self, n: int) -> None:
        a, l, F = self.a, self.l, self.F  # noqa: E741, N806
        q = self.own.q
        top = [0] * 8
        side = [0] * 8
        for u in range(1, 8):
            if self.is_there[0]:
                top[u] = cut(self.D(a, u) * 181, 256) + sum((-1) ** j * self.D(a, u + 8 * j) for j in range(1, 8))
            if self.is_there[1]:
                side[u] = cut(self.D(l, 8 * u) * 181, 256) + sum((-1) ** j * self.D(l, 8 * u + j) for j in range(1, 8))
        for z, k in enumerate(INNER):
            if not n:
                return
            v, u = divmod(k, 8)
            near = abs(a[k]) + abs(l[k])
            weighted = 13 * near + 6 * abs(self.al[k])
            local = sum(abs(F[j]) for j in (k - 1, k - 8, k - 9) if j % 8 and j // 8)
            beside = [k - 1, k - 8, *([k + 1] if u < 7 else []), *([k + 8] if v < 7 else [])]
            blurred = 2 * near + sum(abs(a[j]) + abs(l[j]) for j in beside)
            x = [
                16 * a[k], 16 * l[k], 16 * self.y[k], 16 * self.b[k],
                clamp(rounded(16 * top[u], q[k]), -32767, 32767) if self.is_there[0] else 0,
                clamp(rounded(16 * side[v], q[k]), -32767, 32767) if self.is_there[1] else 0,
                16 * self.al[k], 16 * self.ar[k],
            ]  # fmt: skip
            mean = self.regressions[k].mean(x)
            colours = abs(self.y[k]) + abs(self.b[k])
            places = [
                c(weighted),
                8 * min(c(local), 7) + min(n.bit_length(), 7),
                4 * min(c(blurred), 15) + min(colours.bit_length(), 3),
            ]
            h = 64 * self.number + k
            lines = self.lines(
                (16, h, 16 * min(abs(self.y[k]).bit_length(), 7) + min(abs(self.b[k]).bit_length(), 7)),
                (17, h, n),
                (18, self.number, 65536 * c(blurred) + 256 * c(n) + c(local)),
                (19, h, c(blurred)),
            )
            s, t = 16 * (17 * self.coloured + z // 3), 16 * (min(c(n), 11) + 12 * self.coloured)
            F[k] = self.value(k, lines, s, t, [mean] * 3, places)
            n -= F[k] != 0
            top[u] -= self.D(F, k)
            side[v] -= self.D(F, k)
            error = 16 * F[k] - mean
            self.regressions[k].learn(x, error)
            for e in range(3):
                self.spreads[k][e].learn(places[e], error)

    def guesses(self, f: list[int], k: int, across: int) -> list[int]:
        found = []
        for weights in (NEAR, [0] + [11585] * 7):
            total = 8192 * self.D(f, k)
            for i in range(1, 8):
                total += ((-1) ** i * self.D(f, k + across * i) - self.D(self.F, k + across * i)) * weights[i]
            found.append(clamp(rounded((total >> 13) * 16, self.own.q[k]), -32767, 32767))
        return found

    def edge(self, *, column: bool) -> None:
        F = self.F  # noqa: N806
        f, o = (self.l, self.a) if column else (self.a, self.l)
        along, across = (8, 1) if column else (1, 8)
        continues = self.is_there[1 if column else 0]
        guesses = {j: self.guesses(f, along * j, across) if continues else [0, 0] for j in range(1, 8)}
        colour = self.b if self.other else self.y
        of_f, of_o, of_b = (sum(block[along * j] != 0 for j in range(1, 8)) for block in (f, o, colour))
        of_r = sum(F[j] != 0 for j in range(1, 8)) if column else 0
        likely = sum(abs(guesses[j][0]) >= 8 for j in range(1, 8))
        side, inside = 2 * self.number + column, c(self.N)
        lines = self.lines(
            (8, side, self.N),
            (9, side, 256 * (8 * of_f + of_o) + inside),
            (10, side, 256 * of_b + inside),
            (11, side, 256 * likely + inside),
            (12, side, 8 * of_r + of_f),
            (13, side, 8 * of_o + likely),
            (14, side, 256 * of_r + self.N),
        )
        left = self.mixer.number(3, lines, 960 + 16 * self.coloured + 8 * column, 806)
        for j in range(1, 8):
            if not left:
                return
            k = along * j
            weighted = 13 * (abs(self.a[k]) + abs(self.l[k])) + 6 * abs(self.al[k])
            beside = sum(abs(F[k + across * i]) for i in (1, 2, 3))
            x = [*guesses[j], *(16 * block[k] for block in (self.a, self.l, self.y, self.b, self.al, self.ar))]
            mean = self.regressions[k].mean(x)
            means = [mean, guesses[j][1], mean]
            places = [c(weighted), inside, 4 * min(c(beside), 15) + left // 2]
            nearest = rounded(mean, 16)
            size = c(abs(nearest))
            h = 64 * self.number + k
            lines = self.lines(
                (24, h, 256 * c(weighted) + left),
                (25, h, 256 * inside + left),
                (26, h, 256 * (clamp(self.y[k], -7, 7) + 8) + clamp(self.b[k], -7, 7) + 8),
                (27, h, 256 * c(beside) + 32 + (size if nearest > 0 else -size)),
            )
            s, t = 544 + 16 * (8 * self.coloured + j), 384 + 16 * min(size, 9)
            F[k] = self.value(k, lines, s, t, means, places)
            left -= F[k] != 0
            self.regressions[k].learn(x, 16 * F[k] - mean)
            for e in range(3):
                self.spreads[k][e].learn(places[e], 16 * F[k] - means[e])

    def samples(self) -> list[list[int]]:
        q, F = self.own.q, self.F  # noqa: N806
        scaled = [clamp(F[k] * q[k], -16383, 16383) if k else 0 for k in range(64)]
        rows = [
            [clamp(sum(scaled[8 * v + u] * M[u][x] for u in range(8)) >> 11, -65535, 65535) for x in range(8)]
            for v in range(8)
        ]
        return [[sum(rows[v][x] * M[v][y] for v in range(8)) >> 13 for x in range(8)] for y in range(8)]

    def dc(self, row: int, column: int, residuals: list[int]) -> int:
        q, p = self.own.q[0], self.samples()
        turned = [list(line) for line in zip(*p, strict=True)]
        found: list[list[int]] = [[], []]
        for way, (place, lines) in enumerate((((row - 1, column), p), ((row, column - 1), turned))):
            if self.is_there[way]:
                inner, outer = self.borders[place][2 * way : 2 * way + 2]
                for j in range(8):
                    here, following = lines[0][j], lines[1][j]
                    found[way].append(outer[j] + ((outer[j] - inner[j] + here - following) >> 1) - here)
        ways = self.is_there[0] + self.is_there[1]

        def guess(total: int, count: int) -> int:
            return clamp(rounded(4 * total, q * count), -(1 << 19), 1 << 19)

        both = guess(sum(found[0]) + sum(found[1]), ways) if ways else 0
        from_a = guess(sum(found[0]), 1) if self.is_there[0] else both
        from_l = guess(sum(found[1]), 1) if self.is_there[1] else both
        e_a, e_l, e_y, e_b = residuals
        x = [from_a - both, from_l - both, e_a, e_l, e_y, e_b, 0, 0]
        mean = both + self.regressions[0].mean(x)
        whole = clamp(rounded(mean, 16), -32768, 32767)
        rest = clamp(mean - 16 * whole, -32767, 32767)
        together = found[0] + found[1]
        span = c(clamp((max(together) - min(together)) // q * 4, 0, 65535)) if ways else 40
        apart = c(clamp(abs(from_a - from_l) >> 3, 0, 65535))
        colour = c((abs(e_y) + abs(e_b)) >> 3)
        places = [span, c((abs(e_a) + abs(e_l)) >> 3), 4 * min(apart, 15) + min(colour // 2, 3)]
        lines = self.lines(
            (32, self.number, span),
            (33, self.number, 256 * c(abs(e_a) >> 4) + c(abs(e_l) >> 4)),
            (34, self.number, 256 * c(self.N) + span),
            (35, self.number, 256 * colour + span),
        )
        spreads = self.spreads[0]
        expectations = [(rest, spreads[e].inverse(places[e])) for e in range(3)]
        s, t = 800 + 16 * self.coloured, 544 + 16 * min(span, 15)
        value = self.mixer.coded_value(lines, s, t, expectations)
        self.F[0] = clamp(whole + value, -32768, 32767)
        error = clamp(16 * value - rest, -32767, 32767)
        self.regressions[0].learn(x, error)
        for e in range(3):
            spreads[e].learn(places[e], error)
        level = cut(self.F[0] * q, 2)
        full = [[clamp(sample + level, -32768, 32767) for sample in line] for line in p]
        across = [list(line) for line in zip(*full, strict=True)]
        self.borders[row, column] = [full[6], full[7], across[6], across[7]]
        return error


def decode_jpeg(section: bytes, records: list[bytes], width: int, height: int) -> bytes:
    """The JPEG file of a file's section of type 0x86 and its records."""
    count, at = varint(section, 0)
    form = section[at]
    size, at = varint(section, at + 1)
    checksum, body = int.from_bytes(section[at : at + 4], "little"), section[at + 4 :]
    if count != len(records) or (form == 3) != (count > 0) or form > 3:
        raise ValueError("a malformed section")
    if form == 3:
        data = from_coefficients(body, records, width, height)
    elif form == 2:
        data = unpack_bytes(body, size)
    elif form == 1:
        data = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=LZMA_24).decompress(body, size + 1)
    else:
        data = body
    if len(data) != size or crc32(data) != checksum:
        raise ValueError("not the JPEG file")
    return data


def from_coefficients(body: bytes, records: list[bytes], width: int, height: int) -> bytes:
    size, at = varint(body, 0)
    rest = unpack_bytes(body[at:], size)
    length, at = varint(rest, 0)
    skeleton, corrections = rest[at : at + length], Corrections(rest[at + length :])
    jpeg = read_skeleton(skeleton)
    if (jpeg.width, jpeg.height) != (width, height):
        raise ValueError("another size")
    rows, columns = jpeg.mcus
    step = max(1, 131072 // (columns * sum(one.h * one.v for one in jpeg.components)))
    if len(records) != -(-rows // step):
        raise ValueError("another number of parts")
    for number, stream in enumerate(records):
        Part(jpeg, stream, number * step, min((number + 1) * step, rows))
    return write_jpeg(jpeg, skeleton, corrections)
