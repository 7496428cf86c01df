"""A second decoder of the JPEG files in .nlc files, written from docs/methods/jpeg.md, section 16, alone.

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
NEAR = [2048, 2841, 2676, 2408, 2048, 1609, 1108, 565]
HALF_ROWS = [
    (2896, 2896, 2896, 2896), (4017, 3406, 2276, 799), (3784, 1567, -1567, -3784), (3406, -799, -4017, -2276),
    (2896, -2896, -2896, 2896), (2276, -4017, 799, 3406), (1567, -3784, 3784, -1567), (799, -2276, 3406, -4017),
]  # fmt: skip
M = [[*row, *((-x if k % 2 else x) for x in reversed(row))] for k, row in enumerate(HALF_ROWS)]
NOTHING = [0] * 64
# First weights of values, of inner coefficients, those of the first row and column, and DC; by node.
OF_VALUES = [
    [[4000, 1250, 3700, 0, -100], [300, 150, 5500, 0, -500], [1900, 1650, 5900, 0, -800], [1300, 700, 5900, 0, -300]],
    [
        [6000, -400, 1400, 2200, -800],
        [900, 2400, 3400, 2300, -350],
        [2500, 100, 2800, 3600, -3800],
        [1100, 1650, 4300, 3500, -600],
    ],
    [[300, 150, 6000, 0, -500], [350, -300, 8500, 0, -1000], [1300, 1300, 4600, 0, -800], [500, 1000, 5600, 0, -300]],
]
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
    """``a // b`` of section 16."""
    return abs(a) // b * (1 if a >= 0 else -1)


def ceiling(a: int, b: int) -> int:
    return (a + b - 1) // b


def rounded(a: int, b: int) -> int:
    return (abs(a) + b // 2) // b * (1 if a >= 0 else -1)


def c(x: int) -> int:
    bits = x.bit_length()
    return x if x < 4 else 2 * bits - 2 + (x >> (bits - 2)) % 2


def logarithm(m: int) -> int:
    """``L(m)`` of section 12."""
    return (m**256).bit_length() - 1


@cache
def tables() -> tuple[list[int], list[int], list[int], list[int]]:
    """Stretched chances, squashed ones in 1/65536 of -2048 and up, and g and h of section 16."""
    squash = squash_table()
    sq = {x: squash[x + 4095] for x in range(-4095, 4096)}
    stretched = [clamp(x, -2047, 2047) for x in stretch_table()]
    squashed = [clamp(sq[x] >> 6, 32, 65504) for x in range(-2048, 2048)]
    g = [4352 - logarithm(sq[2 * x] >> 5) for x in range(2048)]
    h = [logarithm(2 * sq[max(x, 1)] - (1 << 22) >> 5) - logarithm(sq[max(x, 1)] >> 5) for x in range(2048)]
    return stretched, squashed, g, h


class Mixer:
    """Decisions of one stream, with all that is learned."""

    def __init__(self, stream: bytes):
        self.st, self.sq, self.g, self.h = tables()
        self.slots: dict[tuple[int, int], int] = {}
        self.sets: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        self.known: list[int] | None = None  # decisions that are taken for coded
        self.start(stream)

    def start(self, stream: bytes) -> None:
        self.stream, self.range = stream, LONG - 1
        self.value = int.from_bytes(stream[:8].ljust(8, b"\0"), "big")
        self.taken = 8

    def line(self, a: int, b: int, third: int) -> int:
        a, b, third = a % WORD, b % WORD, third % WORD
        g = (a + 1) * 0x9E3779B97F4A7C15 + (b + 1) * 0xC2B2AE3D27D4EB4F + (third + 1) * 0x165667B19E3779F9
        g %= LONG
        return (g ^ g >> 29) * 0xBF58476D1CE4E5B9 % LONG >> 48

    def decide(self, places: list[tuple[int, int]], further: list[int], s: int, t: int, begin: list[int]) -> int:
        """A decision with slots at places, each a line and a node, and inputs after theirs; sets begin as ``begin``."""
        slots = [self.slots.get(place, 1 << 31) for place in places]
        x = [self.st[slot >> 20] for slot in slots] + further
        sets = [kept.setdefault(k, list(begin)) for kept, k in zip(self.sets, (s, t), strict=True)]
        total = sum(w * i for own in sets for w, i in zip(own, x, strict=True))
        chance = self.sq[clamp(total >> 14, -2047, 2047) + 2048]
        bit = self.take(chance)
        e = (65535 * bit - chance) >> 2
        for w in sets:
            w[:] = [clamp(old + (i * e >> 16), -32768, 32767) for old, i in zip(w, x, strict=True)]
        for place, slot in zip(places, slots, strict=True):
            m = slot % 1024
            change = ((bit << 22) - (slot >> 10) >> 3) * ((1 << 14) // (2 * m + 5))
            self.slots[place] = slot + (change >> 10 << 10) + (m < 127)
        return bit

    def take(self, chance: int) -> int:
        if self.known is not None:
            return self.known.pop(0)
        part = (self.range >> 16) * chance
        bit = int(self.value < part)
        if bit:
            self.range = part
        else:
            self.range -= part
            self.value -= part
        if self.range < WORD:
            following = self.stream[self.taken : self.taken + 4].ljust(4, b"\0")
            self.taken += 4
            self.range <<= 32
            self.value = self.value << 32 | int.from_bytes(following, "big")
        return bit

    def number(self, lines: list[int], s: int, t: int) -> int:
        node = 1
        for before in range(3):
            places = [(line, node) for line in lines]
            node = node * 2 + self.decide(places, [256], s + node, t + before, [4000] * 4 + [0])
        return node - 8

    def end(self) -> None:
        if self.taken < len(self.stream):
            raise ValueError("a stream goes on")

    # --- values ---

    def below(self, expectation: tuple[int, int], y: int) -> int:
        """How far ``y`` lies below the mean."""
        mean, inverse = expectation
        return (mean - y) * inverse >> 8

    def plus(self, x: int) -> int:
        return max(x, 0) + self.g[min(abs(x), 4095) // 2]

    def sum_of(self, x: int, y: int) -> int:
        return max(x, y) + self.g[min(abs(x - y), 4095) // 2]

    def gap(self, x: int) -> int:
        return self.h[min(x, 2047)]

    def decided(self, n: int, lines: list[int], s: int, t: int, odds: list[int], kind: int) -> int:
        inputs = [clamp(one, -2047, 2047) for one in odds] + [0] * (2 - len(odds)) + [256]
        begin = OF_VALUES[kind][min(n, 1) if n < 2 else 2 if n < 9 else 3]
        return self.decide([(line, n) for line in lines], inputs, s + n, t + n, begin)

    def coded_value(self, lines: list[int], s: int, t: int, expectations: list[tuple[int, int]], kind: int) -> int:
        widths = [inverse >> 4 for _, inverse in expectations]
        minus = [self.below(one, -8) for one in expectations]
        plus = [m - width for m, width in zip(minus, widths, strict=True)]
        odds = [
            self.sum_of(self.sum_of(p, -m), 256 - width) - self.gap(width)
            for p, m, width in zip(plus, minus, widths, strict=True)
        ]
        if not self.decided(0, lines, s, t, odds, kind):
            return 0
        odds = [self.plus(-p) - self.plus(m) for p, m in zip(plus, minus, strict=True)]
        negative = self.decided(1, lines, s, t, odds, kind)
        sided = [(-mean if negative else mean, inverse) for mean, inverse in expectations]
        low = [-m for m in minus] if negative else plus
        length = 1
        while length < 16:
            high = [self.below(one, 16 * 2**length - 8) for one in sided]
            odds = [top + self.plus(-bottom) - self.gap(bottom - top) for top, bottom in zip(high, low, strict=True)]
            if not self.decided(1 + min(length, 8), lines, s, t, odds, kind):
                break
            low = high
            length += 1
        a = 1
        for place in range(length - 1):
            if place > 1:
                a = 2 * a + self.take(32768)
                continue
            g = length - 2 - place
            node = 8 + min(length, 5) if place == 0 else 14 + a % 2
            middle = [self.below(one, 16 * (2 * a + 1) * 2**g - 8) for one in sided]
            odds = [
                half - self.plus(top) + self.plus(-bottom) for half, top, bottom in zip(middle, high, low, strict=True)
            ]
            if self.decided(node, lines, s, t, odds, kind):
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
            places = [(line, node) for line in lines]
            node = node * 2 + mixer.decide(places, [256], 16 * half + node, b[0], [1200] * 7 + [0])
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
        total = sum(min(w >> 3, 32767) * term for w, term in zip(self.w, x, strict=True))
        return clamp(((total + WORD // 2) % WORD - WORD // 2) >> 13, -32767, 32767)

    def learn(self, x: list[int], error: int) -> None:
        norm = 1024 + sum((term >> 2) ** 2 for term in x)
        shift = norm.bit_length() - 11
        step = clamp(error, -2047, 2047) * ((1 << 25) // (norm >> shift)) >> 11
        half = 1 << (shift + 5)
        limit = 1 << 18
        self.w = [
            clamp(w + (step * term + half >> shift + 6), -limit, limit) for w, term in zip(self.w, x, strict=True)
        ]


class Spreads:
    """The 64 spreads of an expectation."""

    def __init__(self) -> None:
        self.d, self.m = [4096] * 64, [0] * 64

    def deviation(self, place: int) -> int:
        place = min(place, 63)
        if not self.m[place]:
            if place and self.m[place - 1]:
                self.d[place] = self.d[place - 1]
            elif place < 63 and self.m[place + 1]:
                self.d[place] = self.d[place + 1]
        return self.d[place]

    def learn(self, place: int, error: int) -> None:
        place, error = min(place, 63), clamp(error, -32767, 32767)
        rate = 131072 // (2 * self.m[place] + 3)
        self.d[place] += ((abs(error) << 8) - self.d[place]) * rate >> 16
        self.m[place] = min(self.m[place] + 1, 30)


def inverse(deviation: int) -> int:
    return (1 << 17) // ((deviation >> 8) + 1)


def size(x: int) -> int:
    return min(abs(x), 2047)


def small(x: int) -> int:
    return c(min(x, 255))


def sixteenths(x: int) -> int:
    return clamp(16 * x, -32768, 32767)


def transformed(rows: list[list[int]]) -> list[list[int]]:
    """Samples in quarters: columns first."""
    half = [
        [clamp(sum(rows[v][u] * M[v][y] for v in range(8)) >> 12, -32768, 32767) for u in range(8)] for y in range(8)
    ]
    return [
        [clamp(sum(half[y][u] * M[u][x] for u in range(8)) >> 12, -32768, 32767) for x in range(8)] for y in range(8)
    ]


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
            self.spreads = [[Spreads() for _ in range(2)] for _ in range(64)]
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
        numbers = [
            mean, 2 * (n_a + n_l) + n_al + n_ar, 64 * n_y + n_b, 64 * (mean // 3) + (n_b if self.other else n_y),
        ]  # fmt: skip
        found = 0
        for half in range(2):
            g = 1 + found if half else 0
            lines = self.lines(*((i, h * 4096 + x, g) for i, x in enumerate(numbers)))
            found = found * 8 + self.mixer.number(lines, 832 + 64 * self.coloured + 8 * half, 800 + 3 * half)
        return found

    def D(self, block: list[int], k: int) -> int:  # noqa: N802
        return clamp(block[k] * min(self.own.q[k], 32767), -32768, 32767)

    def guessed(self, total: int, k: int) -> int:
        return clamp(total * ((1 << 20) // min(self.own.q[k], 32767)) >> 16, -32767, 32767)

    def inner(self, n: int) -> None:
        a, l, F = self.a, self.l, self.F  # noqa: E741, N806
        top = [0] * 8
        side = [0] * 8
        for u in range(1, 8):
            for sums, f, along, across in ((top, a, 1, 8), (side, l, 8, 1)):
                further = sum((-1) ** j * self.D(f, along * u + across * j) for j in range(1, 8))
                sums[u] = 181 * self.D(f, along * u) + 256 * further >> 8
        for z, k in enumerate(INNER):
            if not n:
                return
            v, u = divmod(k, 8)
            local = small(sum(size(F[j]) for j in (k - 1, k - 8, k - 9) if j % 8 and j // 8))
            beside = [k, k, k - 1, k - 8, *([k + 1] if u < 7 else []), *([k + 8] if v < 7 else [])]
            blurred = small(sum(size(a[j]) + size(l[j]) for j in beside))
            x = [
                sixteenths(a[k]), sixteenths(l[k]), sixteenths(self.y[k]), sixteenths(self.b[k]),
                self.guessed(top[u], k) if self.is_there[0] else 0,
                self.guessed(side[v], k) if self.is_there[1] else 0,
                sixteenths(self.al[k]), sixteenths(self.ar[k]),
            ]  # fmt: skip
            mean = self.regressions[k].mean(x)
            colours = small(size(self.y[k]) + size(self.b[k]))
            left = small(n)
            places = [8 * min(local, 7) + (left + 1) // 2, 4 * blurred + min(colours, 3)]
            lines = self.lines((8, 64 * self.number + k, left), (9, self.number, 65536 * blurred + 256 * left + local))
            s, t = 16 * (17 * self.coloured + z // 3), 16 * (left + 12 * self.coloured)
            F[k] = clamp(self.mixer.coded_value(lines, s, t, self.expected(k, mean, places), 0), -32768, 32767)
            n -= F[k] != 0
            top[u] -= self.D(F, k)
            side[v] -= self.D(F, k)
            error = clamp(16 * F[k] - mean, -32767, 32767)
            self.regressions[k].learn(x, error)
            for e in range(2):
                self.spreads[k][e].learn(places[e], error)

    def expected(self, k: int, mean: int, places: list[int]) -> list[tuple[int, int]]:
        """One expectation with the mean of two spreads."""
        deviations = [spreads.deviation(place) for spreads, place in zip(self.spreads[k], places, strict=True)]
        return [(mean, inverse(sum(deviations) >> 1))]

    def guesses(self, f: list[int], k: int, across: int) -> list[int]:
        found = []
        for weights in (NEAR, [2048] + [2896] * 7):
            total = 2048 * self.D(f, k)
            for i in range(1, 8):
                total += ((-1) ** i * self.D(f, k + across * i) - self.D(self.F, k + across * i)) * weights[i]
            found.append(self.guessed(total >> 11, k))
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
        side, inside = 2 * self.number + column, small(self.N)
        lines = self.lines(
            (4, side, 256 * of_b + inside),
            (5, side, 256 * likely + inside),
            (6, side, 8 * of_r + of_f),
            (7, side, 8 * of_o + likely),
        )
        left = self.mixer.number(lines, 960 + 16 * self.coloured + 8 * column, 806)
        for j in range(1, 8):
            if not left:
                return
            k = along * j
            beside = small(sum(size(F[k + across * i]) for i in (1, 2, 3)))
            x = [*guesses[j], *(sixteenths(block[k]) for block in (self.a, self.l, self.y, self.b, self.al, self.ar))]
            mean = self.regressions[k].mean(x)
            means = [guesses[j][1], mean]
            places = [inside, 4 * beside + left // 2]
            h = 64 * self.number + k
            lines = self.lines(
                (10, h, 256 * inside + left),
                (11, h, 256 * (clamp(self.y[k], -7, 7) + 8) + clamp(self.b[k], -7, 7) + 8),
            )
            s = 544 + 16 * (8 * self.coloured + j)
            t = 384 + 16 * min(small((abs(mean) + 8) >> 4), 9)
            spreads = self.spreads[k]
            expectations = [(means[e], inverse(spreads[e].deviation(places[e]))) for e in range(2)]
            F[k] = clamp(self.mixer.coded_value(lines, s, t, expectations, 1), -32768, 32767)
            left -= F[k] != 0
            self.regressions[k].learn(x, 16 * F[k] - mean)
            for e in range(2):
                spreads[e].learn(places[e], 16 * F[k] - means[e])

    def samples(self) -> list[list[int]]:
        scaled = [self.D(self.F, k) if k else 0 for k in range(64)]
        return transformed([scaled[8 * v : 8 * v + 8] for v in range(8)])

    def dc(self, row: int, column: int, residuals: list[int]) -> int:
        q, p = min(self.own.q[0], 32767), self.samples()
        scaled = [self.D(self.F, k) if k else 0 for k in range(64)]
        turned = transformed([scaled[v::8] for v in range(8)])
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
        x = [clamp(from_a - both, -32767, 32767), clamp(from_l - both, -32767, 32767), e_a, e_l, e_y, e_b, 0, 0]
        mean = both + self.regressions[0].mean(x)
        whole = clamp(mean + 8 >> 4, -32767, 32767)
        rest = clamp(mean - 16 * whole, -32767, 32767)
        together = found[0] + found[1]
        span = c(clamp((max(together) - min(together)) // q * 4, 0, 65535)) if ways else 40
        apart = c(clamp(abs(from_a - from_l) >> 3, 0, 65535))
        colour = c((abs(e_y) + abs(e_b)) >> 3)
        places = [c((abs(e_a) + abs(e_l)) >> 3), 4 * min(apart, 15) + min(colour // 2, 3)]
        lines = self.lines((12, self.number, 256 * c(self.N) + span), (13, self.number, 256 * colour + span))
        s, t = 800 + 16 * self.coloured, 544 + 16 * min(span, 15)
        value = self.mixer.coded_value(lines, s, t, self.expected(0, rest, places), 2)
        self.F[0] = clamp(whole + value, -32768, 32767)
        error = clamp(16 * value - rest, -32767, 32767)
        self.regressions[0].learn(x, error)
        for e in range(2):
            self.spreads[0][e].learn(places[e], error)
        level = cut(self.F[0] * q, 2)
        full, across = (
            [[clamp(sample + level, -32767, 32767) for sample in line] for line in lines] for lines in (p, turned)
        )
        self.borders[row, column] = [full[6], full[7], across[6], across[7]]
        return error


def decode_jpeg(section: bytes, records: list[bytes], width: int, height: int) -> bytes:
    """The JPEG file of a file's section of type 0x86 and its records."""
    count, at = varint(section, 0)
    extension, form = divmod(section[at], 4)
    size, at = varint(section, at + 1)
    checksum, body = int.from_bytes(section[at : at + 4], "little"), section[at + 4 :]
    if count != len(records) or (form == 3) != (count > 0) or extension > 7:
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
