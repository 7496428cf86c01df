"""Section 15: colour lattices."""

from __future__ import annotations

import operator
from itertools import pairwise

from independent.coder import TOTAL
from independent.mixture import Pixel
from independent.notation import clamp

# Section 15: of each rule d, and the parts of r, g and b that luma Y, and the chromas U and V, add.
Terms = tuple[int, list[tuple[int, int, int]], list[int], list[tuple[int, int]], list[int]]


def plain(d: int, lumas: list[int], red: int, first: int, second: int, blue: int) -> Terms:
    """A conversion in which chroma is only multiplied: the parts of Y, of V in r, of U and V in g, of U in b."""
    chroma = [x - 128 for x in range(256)]
    greens = [(-first * x, -second * x) for x in chroma]
    return d, [(y, y, y) for y in lumas], [red * x for x in chroma], greens, [blue * x for x in chroma]


def photo_cd() -> Terms:
    reds, blues = [18215 * (x - 137) for x in range(256)], [22179 * (x - 156) for x in range(256)]
    greens = [(-1940 * (b // 10000), -5090 * (r // 10000)) for r, b in zip(reds, blues, strict=True)]
    return 10000, [(13584 * x,) * 3 for x in range(256)], reds, greens, blues


def webp() -> Terms:
    lumas = [19077 * x >> 8 for x in range(256)]
    greens = [(-(6419 * x >> 8), -(13320 * x >> 8)) for x in range(256)]
    parts = [(y - 14234, y + 8708, y - 17685) for y in lumas]
    return 64, parts, [26149 * x >> 8 for x in range(256)], greens, [33050 * x >> 8 for x in range(256)]


CONVERSIONS = {
    1: plain(65536, [65536 * y + 32768 for y in range(256)], 91881, 22554, 46802, 116130),
    2: photo_cd(),
    3: webp(),
    4: plain(256, [256 * y + 128 for y in range(256)], 359, 88, 183, 454),
    5: plain(64, [(257 * 16320 * y >> 16) + 32 for y in range(256)], 90, 22, 46, 113),
    6: plain(64, [(257 * 18997 * y >> 16) - 1160 for y in range(256)], 102, 25, 52, 128),
    7: plain(65536, [76309 * (y - 16) + 32768 for y in range(256)], 117489, 13975, 34925, 138438),
}
SEEN = 8  # the rule of no formula
ROWS: dict[int, dict[int, list[int]]] = {}  # of each other rule: what its lattices have found, which takes long


class Lattice:
    """Section 15: the colours of a rule, and what is learned of them in one tile."""

    def __init__(self, rule: int) -> None:
        self.learns = rule == SEEN
        self.d, self.lumas, self.reds, self.greens, self.blues = (
            (1, [], [], [], []) if self.learns else CONVERSIONS[rule]
        )
        self.origins: dict[int, list[tuple[int, int]]] = {}  # of each red the Y and V that give it
        for y, (luma, _, _) in enumerate(self.lumas):
            for v, red in enumerate(self.reds):
                self.origins.setdefault(self.level(luma + red), []).append((y, v))
        # Of each Y and U the blue, as a bit; of each red, for each green, the blues as bits.
        self.bits = [[1 << self.level(luma + blue) for blue in self.blues] for _, _, luma in self.lumas]
        self.rows: dict[int, list[int]] = {} if self.learns else ROWS.setdefault(rule, {})
        self.n, self.f = [[0] * 132, [0] * 132], [[0] * 132, [0] * 132]

    def level(self, x: int) -> int:
        return clamp(x // self.d, 0, 255)

    def row(self, red: int) -> list[int]:
        """For each green the blues on the lattice, as bits."""
        if red not in self.rows:
            found = [0] * 256
            for y, v in self.origins.get(red, ()):
                base = self.lumas[y][1] + self.greens[v][1]
                for (green, _), blue in zip(self.greens, self.bits[y], strict=True):
                    level = (base + green) // self.d  # clamped where it must be, which is seldom
                    found[level if 0 <= level <= 255 else self.level(base + green)] |= blue
            self.rows[red] = found
        return self.rows[red]

    def has(self, colour: list[int]) -> int:
        red, green, blue = colour
        return self.row(red)[green] >> blue & 1

    def masses(self, pixel: Pixel) -> tuple[list[int], list[list[int]]]:
        """P(x) of all values, and p_i(x) of each component that is not left out, else nothing."""
        below = [pixel.below(b) for b in range(257)]
        parts = [[b - a for a, b in zip(x, y, strict=True)] for x, y in pairwise(below)]
        weights = [w if w >= 16 else 0 for w in pixel.w]
        return [(sum(pixel.w) >> 6) + sum(map(operator.mul, weights, part)) for part in parts], parts

    def weigh_green(self, pixel: Pixel) -> None:
        pixel.masses, parts = self.masses(pixel)
        more, row, tables = [0] * 256, self.row(pixel.values[0]), pixel.model.tables
        v0 = 4 * pixel.values[0] - pixel.base[0]
        scale, offset = tables["context.mean_scale"][pixel.level], tables["context.scale_offset"][pixel.level]
        inverse = tables["mixture.inverse_scale"]
        for i, w in enumerate(pixel.w):
            half = 32 + (5 << 23) // inverse[clamp(pixel.scales[2][i] + offset, 0, len(inverse) - 1)]
            z = min((half >> 5) + 1, 256)
            h = w * (63488 // z) >> 6
            for x in range(256):
                if w < 16 or w * parts[x][i] < 1 << 19:
                    continue
                linear = pixel.coefficients[1][i] * v0 + pixel.coefficients[2][i] * (4 * x - pixel.base[1]) >> 4
                mu = (pixel.means[2][i] * scale >> 8) + 16 * pixel.base[2] + linear
                a = clamp(mu + 63 - half >> 6, 0, 256 - z)
                n = (row[x] >> a & (1 << z) - 1).bit_count()
                more[x] += parts[x][i] * ((h * n + 16 * w >> 8) - w)
        pixel.expected = [p + m >> 2 for p, m in zip(pixel.masses, more, strict=True)]
        pixel.m = clamp(65536 * sum(pixel.expected) // sum(pixel.masses), 1, 65535)
        k = pixel.m.bit_length() if pixel.m < 32768 else 32 - (65535 - pixel.m).bit_length()
        west, north = map(self.has, pixel.near)
        pixel.context = 33 * (west + 2 * north) + k

    def weigh_blue(self, pixel: Pixel) -> None:
        row = self.row(pixel.values[0])[pixel.values[1]]
        masses, _ = self.masses(pixel)
        pixel.masses = [p if (row >> x & 1) == pixel.on else 0 for x, p in enumerate(masses)]

    def bounds(self, pixel: Pixel) -> list[int]:
        """The cumulative frequencies of the digit of the lattice."""
        n, f = ([numbers[k][pixel.context] for k in (0, 1)] for numbers in (self.n, self.f))
        x0 = (65536 - pixel.m) * ((n[0] + 1 << 32) // (f[0] + 65536))
        x1 = pixel.m * ((n[1] + 1 << 32) // (f[1] + 65536))
        t = max(0, (x0 + x1).bit_length() - 29)
        q = (x0 >> t) * (TOTAL - 4) // (x0 + x1 >> t)
        return [0, q + 1, TOTAL - 2, TOTAL - 1, TOTAL]

    def learn(self, pixels: list[Pixel]) -> None:
        """After a step."""
        for pixel in pixels:
            self.n[pixel.on][pixel.context] += 1
            self.f[1][pixel.context] += pixel.m
            self.f[0][pixel.context] += 65536 - pixel.m
            if self.learns:
                red, green, blue = pixel.values
                self.row(red)[green] |= 1 << blue
        for context in range(132):
            if self.n[0][context] + self.n[1][context] > 1023:
                for numbers in (*self.n, *self.f):
                    numbers[context] >>= 1
