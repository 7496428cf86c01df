"""Section 16: blocks of coefficients, from the stream of their part."""

from __future__ import annotations

from independent.jpeg_decisions import WORD, Mixer
from independent.jpeg_skeleton import ZIGZAG, Jpeg
from independent.notation import clamp

INNER = [k for k in ZIGZAG if k % 8 and k // 8]
NEAR = [2048, 2841, 2676, 2408, 2048, 1609, 1108, 565]
HALF_ROWS = [
    (2896, 2896, 2896, 2896), (4017, 3406, 2276, 799), (3784, 1567, -1567, -3784), (3406, -799, -4017, -2276),
    (2896, -2896, -2896, 2896), (2276, -4017, 799, 3406), (1567, -3784, 3784, -1567), (799, -2276, 3406, -4017),
]  # fmt: skip
M = [[*row, *((-x if k % 2 else x) for x in reversed(row))] for k, row in enumerate(HALF_ROWS)]
NOTHING = [0] * 64


def cut(a: int, b: int) -> int:
    """``a // b`` of section 16."""
    return abs(a) // b * (1 if a >= 0 else -1)


def rounded(a: int, b: int) -> int:
    return (abs(a) + b // 2) // b * (1 if a >= 0 else -1)


def c(x: int) -> int:
    bits = x.bit_length()
    return x if x < 4 else 2 * bits - 2 + (x >> (bits - 2)) % 2


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
