"""Section 6, and section 9 for samples of more than 8 bits: the distribution of a pixel."""

from __future__ import annotations

import operator

from independent.coder import TOTAL
from independent.model_file import Model
from independent.notation import clamp


class Pixel:
    """Section 6: the distribution of one pixel, plane by plane and digit by digit."""

    def __init__(self, model: Model, base: list[int], level: int, outputs: list[int], depth: int) -> None:
        self.model, self.base, self.depth = model, base, depth
        # Section 9: octaves beyond the model's levels, and the level that many octaves below.
        self.e = octaves(level, len(model.tables["context.thresholds"]), 8)
        self.level = level - 8 * self.e
        blocks = [outputs[k : k + model.components] for k in range(0, len(outputs), model.components)]
        c = model.channels
        self.means, self.scales, self.coefficients = blocks[1 : 1 + c], blocks[1 + c : 1 + 2 * c], blocks[1 + 2 * c :]
        table = model.tables["mixture.exponential"]
        e = [table[min(max(blocks[0]) - g, len(table) - 1)] for g in blocks[0]]
        self.w = self.first_w = [x * 8192 // sum(e) for x in e]
        self.values: list[int] = []
        # Section 13: of each plane decoded, what each component's probability was, and where its edges were.
        self.edges: list[list[tuple[int, int, int, int]]] = []
        # Section 15: on a lattice the masses of all values, what is expected there, and more of this pixel.
        self.masses: list[int] = []
        self.expected: list[int] = []
        self.near: list[list[int]] = []
        self.on = False
        self.context = self.m = 0

    def begin_plane(self) -> None:
        """Means and scales of the next plane, which the planes already decoded shift."""
        p, tables = len(self.values), self.model.tables
        v = [4 * value - base for value, base in zip(self.values, self.base[:p], strict=True)]
        shift = [0] * len(self.w)
        if p == 1:
            shift = [a * v[0] >> 4 for a in self.coefficients[0]]
        elif p == 2:
            shift = [(a * v[0] + b * v[1]) >> 4 for a, b in zip(*self.coefficients[1:], strict=True)]
        m, e, table = self.depth - 8, self.e, tables["mixture.inverse_scale"]
        scale, centre = tables["context.mean_scale"][self.level] << e, 16 * self.base[p]
        means = zip(self.means[p], shift, strict=True)
        least, largest = -4096 << m, (64 << self.depth) + (4096 << m)
        self.mu = [clamp((mean * scale >> 8) + centre + other, least, largest) for mean, other in means]
        offset, count = tables["context.scale_offset"][self.level] + 32 * e, len(table)
        places = [clamp(q + offset, 0, count - 1 + 32 * m) for q in self.scales[p]]
        self.f = [octaves(j, count, 32) for j in places]
        self.s = [table[j - 32 * f] for j, f in zip(places, self.f, strict=True)]
        self.lo = 0

    def below(self, b: int) -> list[int]:
        """c_i(b): the probability of each component below boundary b."""
        if b in (0, 1 << self.depth):
            return [(b >> self.depth) << (15 if self.depth == 8 else 24)] * len(self.w)
        if self.depth > 8:
            return [deep_logistic(self.model, (64 * b - 32 - mu) * s >> 6 + f) for mu, s, f in self.components()]
        table, result = self.model.logistic, []
        for mu, s, _ in self.components():
            z = (64 * b - 32 - mu) * s >> 14
            result.append(table[min(z, len(table) - 1)] if z >= 0 else 32768 - table[min(-1 - z, len(table) - 1)])
        return result

    def components(self) -> zip:
        """Mean, scale and octaves of each component."""
        return zip(self.mu, self.s, self.f, strict=True)

    def bounds(self, d: int) -> list[int]:
        """The cumulative frequencies of the digit of stride d, from 0 to 2^24."""
        marks = [self.lo + k * d for k in range(5)]
        if self.masses:
            cumulative = [sum(self.masses[self.lo : mark]) for mark in marks]
            return [f * (TOTAL - 4) // max(cumulative[4], 1) + k if k < 4 else TOTAL for k, f in enumerate(cumulative)]
        weight = sum(self.w)
        uniform = [weight * b >> 6 if self.depth == 8 else (weight * b << 11) >> self.depth for b in marks]
        below = [sum(map(operator.mul, self.w, self.below(b))) for b in marks]
        cumulative = [a + b for a, b in zip(below, uniform, strict=True)]
        first, span = cumulative[0], cumulative[4] - cumulative[0]
        t = max(0, span.bit_length() - 29) if self.depth > 8 else 0
        # Each frequency is a difference of G plus one, so the bounds are G plus the number of digits below.
        return [(f - first >> t) * (TOTAL - 4) // (span >> t) + k for k, f in enumerate(cumulative)]

    def end_plane(self) -> None:
        """Keep the decoded value; a joint model weighs the components by how well they foretold it."""
        x = self.lo
        if self.depth == 8:
            places = [[(64 * b - 32 - mu) * s >> 14 for mu, s, _ in self.components()] for b in (x, x + 1)]
            self.edges.append(list(zip(self.below(x), self.below(x + 1), *places, strict=True)))
        if self.model.joint:
            steps = 64 if self.depth == 8 else 1
            pairs = zip(self.w, self.below(x), self.below(x + 1), strict=True)
            u = [w * (steps * (c - b) + 1) for w, b, c in pairs]
            self.w = [y * 8192 // sum(u) for y in u]
        self.values.append(x)
        self.masses = []


def octaves(index: int, count: int, steps: int) -> int:
    """Section 9: how many octaves of so many steps an index is beyond a table of ``count`` entries."""
    return 0 if index < count else -(-(index - count + 1) // steps)


def deep_logistic(model: Model, position: int) -> int:
    """Section 9, logistic table: c at a position, which is 0 in the middle."""
    half = model.tables["mixture.logistic"]
    reach = (len(half) - 1) * 4096
    g, r = divmod(clamp(position, -reach, reach) + reach, 4096)

    def entry(place: int) -> int:
        k = place - (len(half) - 1)
        if abs(k) >= len(half) - 1:
            return 0 if k < 0 else 1 << 20
        return half[k] if k >= 0 else (1 << 20) - half[-k]

    return entry(g) * (4096 - r) + entry(g + 1) * r >> 8
