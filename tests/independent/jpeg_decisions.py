"""Section 16: decisions, streams, values and numbers."""

from __future__ import annotations

from functools import cache

from independent.adaptive import squash_table, stretch_table
from independent.notation import clamp

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
