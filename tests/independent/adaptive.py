"""Section 12: the adaptive coder."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import Protocol
from zlib import crc32

from independent.notation import clamp

GOLDEN, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1
MULTIPLIERS = [pow(GOLDEN, k, 1 << 64) for k in range(1, 17)]
NEIGHBOURS = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, 2), (-1, -2), (-2, 1), (-2, -1), (0, -3)]
SIZES = (11, 6, 2)
PALETTE, CANDIDATES_PREDICTED, CANDIDATES_PLAIN, PREDICTED, PLAIN, STEADY = 1, 2, 3, 4, 5, 6
LIMIT = 4095


class Digits(Protocol):
    """Section 7's stack: a digit from its cumulative frequencies, and what is left in the end."""

    words: list[int]
    state: int

    def digit(self, bounds: list[int]) -> int: ...


@cache
def stretch_table() -> list[int]:
    lg = [(n**256).bit_length() - 1 for n in range(1, 8192, 2)]
    return [a - b for a, b in zip(lg, reversed(lg), strict=True)]


@cache
def squash_table() -> list[int]:
    roots = [root(1 << (4096 + k)) for k in range(256)]
    upper = []
    for x in range(LIMIT + 1):
        y = roots[x % 256] << x // 256
        upper.append((y << 22) // (y + 65536))
    return [(1 << 22) - p for p in upper[:0:-1]] + upper


def root(x: int) -> int:
    """The largest integer whose 256th power is at most x, by halving."""
    lo, hi = 0, 1 << 20
    while hi - lo > 1:
        middle = (lo + hi) // 2
        lo, hi = (middle, hi) if middle**256 <= x else (lo, middle)
    return lo


def hashed(numbers: list[int], bits: int) -> int:
    """The hash of a tuple of numbers."""
    total = sum((n + 1) * m for n, m in zip(numbers, MULTIPLIERS, strict=False)) & MASK
    total = (total ^ total >> 29) * MULTIPLIERS[15] & MASK
    return total >> (64 - bits)


class Model:
    """A model of digits: counts in contexts of several tables, and weights. Learns from a step's digits at once."""

    def __init__(self, tables: int, steady: bool = False) -> None:
        self.tables = tables
        self.limit, self.tenths = (1 << 20, 10) if steady else (16384, 16)
        self.counts: dict[tuple[int, int], list[int]] = {}
        self.weights: dict[int, list[list[int]]] = {}

    def code(self, coder: Digits, contexts: list[list[int]], sets: list[int]) -> list[int]:
        """The digits of a step; of each its context in each table, and its set of weights."""
        plans = [self.predict(*place) for place in zip(contexts, sets, strict=True)]
        digits = [coder.digit(bounds) for bounds, _, _ in plans]
        full = {
            (t, c) for place in contexts for t, c in enumerate(place) if sum(self.counts.get((t, c), [0])) > self.limit
        }
        for key in full:
            self.counts[key] = [(n + 1) >> 1 for n in self.counts[key]]
        changes: dict[int, list[list[int]]] = {}
        for place, which, digit, (_, inputs, chances) in zip(contexts, sets, digits, plans, strict=True):
            for t, c in enumerate(place):
                self.counts.setdefault((t, c), [0] * 4)[digit] += 32
            change = changes.setdefault(which, [[0] * 3 for _ in range(self.tables)])
            for k in range(min(digit, 2) + 1):
                error = ((1 << 22 if digit == k else 0) - chances[k]) >> 10
                for t in range(self.tables):
                    change[t][k] += (inputs[t][k] * error + 8192) >> 14
        for which, change in changes.items():
            old = self.weights.setdefault(which, self.fresh())
            for t in range(self.tables):
                old[t] = [clamp(a + b, -(1 << 19), 1 << 19) for a, b in zip(old[t], change[t], strict=True)]
        return digits

    def fresh(self) -> list[list[int]]:
        return [[self.tenths * 65536 // (10 * self.tables)] * 3 for _ in range(self.tables)]

    def predict(self, place: list[int], which: int) -> tuple[list[int], list[list[int]], list[int]]:
        """Cumulative frequencies of a digit, the inputs of its decisions, and their probabilities."""
        inputs = []
        for t, c in enumerate(place):
            n = self.counts.get((t, c), [0] * 4)
            inputs.append([stretch_table()[(n[k] + 12) * 4096 // (sum(n[k:]) + 24)] for k in range(3)])
        weights = self.weights.get(which) or self.fresh()
        chances, below = [], [0]
        for k in range(3):
            mixed = sum(inputs[t][k] * weights[t][k] for t in range(self.tables)) >> 16
            chances.append(squash_table()[clamp(mixed, -LIMIT, LIMIT) + LIMIT])
            below.append(below[k] + (((1 << 22) - below[k]) * chances[k] >> 22))
        below.append(1 << 22)
        return [(b * ((1 << 24) - 4) >> 22) + k for k, b in enumerate(below)], inputs, chances


class Tree:
    """Numbers of so many bits, digit by digit."""

    def __init__(self, tables: int, table_bits: int, bits: int, steady: bool = False) -> None:
        self.count, self.mask, self.model = max(1, -(-bits // 2)), (1 << table_bits) - 1, Model(tables, steady)
        self.nodes = sum(4**k for k in range(min(self.count, 4))) + max(0, self.count - 4)

    def code(self, coder: Digits, contexts: list[list[int]], sets: list[int]) -> list[int]:
        values, first = [0] * len(sets), 0
        for k in range(self.count):
            nodes = [value + first for value in values]
            places = [
                [(c + node * 40503) & self.mask for c in place] for place, node in zip(contexts, nodes, strict=True)
            ]
            which = [s * self.nodes + (n if k < 4 else 81 + k) for s, n in zip(sets, nodes, strict=True)]
            digits = self.model.code(coder, places, which)
            values = [4 * value + digit for value, digit in zip(values, digits, strict=True)]
            first += 4**k
        return values


class Memory:
    """What followed the same neighbourhood: two colours and how often the first was right."""

    def __init__(self, bits: int) -> None:
        self.bits, self.slots = bits, {}

    def recall(self, neighbours: list[int]) -> tuple[int, int, int, int]:
        at = hashed(neighbours, self.bits)
        return (at, *self.slots.get(at, (0, 0, 0)))

    def learn(self, recalled: list[tuple[int, int, int, int]], colours: list[int]) -> None:
        for (at, first, second, confidence), x in zip(recalled, colours, strict=True):
            if x == first:
                self.slots[at] = (first, second, min(confidence + 1, 15))
            elif confidence > 2:
                self.slots[at] = (first, x, confidence >> 1)
            else:
                self.slots[at] = (x, first, 1)


def decode_adaptive(coder_of, data: bytes, width: int, height: int, planes: int, bits: int) -> list[list[int]]:
    """The samples of a record, plane by plane; ``coder_of`` makes section 7's stack of bytes."""
    head = data[:2].ljust(2, b"\0")
    order, form = divmod(head[0], 8)
    if form not in (1, 2, 3, 4, 5, 6):
        raise ValueError("unknown form")
    orders = sorted(permutations(range(planes)), key=lambda p: (p[0] != planes // 2, p))
    if order >= len(orders) or (form in (PALETTE, STEADY) and order):
        raise ValueError("unknown order")
    coder = coder_of(data[2:] if form == PALETTE else data[1:])
    if form == PALETTE:
        palette = read_palette(coder, head[1] + 1, planes, bits)
        (indices,) = Walk(coder, form, (0,), width, height, 1, 8, len(palette)).run()
        samples = [[palette[i][p] for i in indices] for p in range(planes)]
    else:
        samples = Walk(coder, form, orders[order], width, height, planes, bits, 0).run()
    size = 2 if bits > 8 else 1
    content = b"".join(x.to_bytes(size, "little") for plane in samples for x in plane)
    if coder.words or coder.state != crc32(content):
        raise ValueError("the end state is not the CRC-32 of the samples")
    return samples


def read_palette(coder: Digits, count: int, planes: int, bits: int) -> list[list[int]]:
    tree, palette = Tree(3, 10, bits), []
    before = [0] * planes
    for _ in range(count):
        colour, last = [0] * planes, 0
        for p in reversed(range(planes)):
            contexts = [[hashed([p], 10), hashed([p, last], 10), hashed([p, before[p]], 10)]]
            (last,) = tree.code(coder, contexts, [0])
            before[p] = last
            colour[p] = (last + (palette[-1][p] if palette else 0)) % (1 << bits)
        palette.append(colour)
    return palette


class Walk:
    """A tile, step by step."""

    def __init__(self, coder, form, order, width, height, planes, bits, colours) -> None:
        self.coder, self.form, self.order = coder, form, order
        self.width, self.height, self.planes, self.bits, self.colours = width, height, planes, bits, colours
        self.sample = [{} for _ in range(planes)]
        self.residual = [{} for _ in range(planes)]
        self.colour, self.choice, self.left, self.above = {}, {}, {}, {}
        area = max(8, (height * width - 1).bit_length())
        self.choice_bits, self.sample_bits = min(area, 16), min(area + 2, 18)
        self.memories = [Memory(min(area + 1, 20)) for _ in SIZES]
        self.choices = Model(7)
        if form == PALETTE:
            self.tree = Tree(6, self.sample_bits, max(1, (colours - 1).bit_length()))
        elif form == STEADY:
            self.tree = Tree(1, self.sample_bits, bits, steady=True)
        else:
            self.tree = Tree(8, self.sample_bits, bits)

    def run(self) -> list[list[int]]:
        for t in range(self.width + 3 * (self.height - 1)):
            places = [(i, t - 3 * i) for i in range(self.height) if 0 <= t - 3 * i < self.width]
            if self.form >= PREDICTED:
                self.code_samples(places)
            else:
                self.code_step(places)
        return [[plane[i, j] for i in range(self.height) for j in range(self.width)] for plane in self.sample]

    def see(self, field: dict, place: tuple[int, int], offset: tuple[int, int]) -> int:
        """A field's number at a neighbour; 0 outside the tile."""
        return field.get((place[0] + offset[0], place[1] + offset[1]), 0)

    def near(self, field: dict, place: tuple[int, int]) -> list[int]:
        """W, N, NW, NE."""
        return [self.see(field, place, offset) for offset in NEIGHBOURS[:4]]

    def straight(self, plane: int, place: tuple[int, int]) -> int:
        w, n, nw, _ = self.near(self.sample[plane], place)
        return clamp(w + n - nw, min(w, n), max(w, n))

    def pack(self, samples: list[int]) -> int:
        return sum(x << self.bits * p for p, x in enumerate(samples))

    def code_step(self, places: list[tuple[int, int]]) -> None:
        recalled, candidates, contexts, sets = [], [], [], []
        for place in places:
            seen = [self.see(self.colour, place, offset) for offset in NEIGHBOURS]
            known = [memory.recall(seen[:size]) for memory, size in zip(self.memories, SIZES, strict=True)]
            recalled.append(known)
            candidates.append(self.candidates(place, known))
            place_contexts, which = self.choice_contexts(place, known, candidates[-1])
            contexts.append([hashed(parts, self.choice_bits) for parts in place_contexts])
            sets.append(which)
        choices = self.choices.code(self.coder, contexts, sets)
        others = []
        for place, choice, three in zip(places, choices, candidates, strict=True):
            if choice == 3:
                others.append((place, three))
            elif three[choice] < 0:
                raise ValueError("a candidate that is not there")
            else:
                for p in range(self.planes):
                    self.sample[p][place] = three[choice] >> self.bits * p & ((1 << self.bits) - 1)
        predicted = {place: [self.straight(p, place) for p in range(self.planes)] for place in places}
        if self.form == PALETTE:
            self.code_symbols(others)
        else:
            self.code_samples([place for place, _ in others])
        for place, choice in zip(places, choices, strict=True):
            for p in range(self.planes):
                self.residual[p][place] = self.sample[p][place] - predicted[place][p]
            self.colour[place] = self.pack([plane[place] for plane in self.sample])
            self.choice[place] = choice
            for runs, offset in ((self.left, (0, -1)), (self.above, (-1, 0))):
                same = self.colour[place] == self.see(self.colour, place, offset)
                runs[place] = min(self.see(runs, place, offset) + 1, 40) if same else 0
        for k, memory in enumerate(self.memories):
            memory.learn([known[k] for known in recalled], [self.colour[place] for place in places])

    def candidates(self, place: tuple[int, int], known: list[tuple[int, int, int, int]]) -> list[int]:
        w, n, nw, ne = self.near(self.colour, place)
        a, b, c = known
        first = next((first for _, first, _, confidence in known if confidence > 0), w)
        extra = c[2] if self.form == PALETTE else self.pack([self.straight(p, place) for p in range(self.planes)])
        likely = [first, b[1] if b[3] > 0 else w, c[1] if c[3] > 0 else w, a[2], b[2], extra, w, n, ne, nw]
        different = list(dict.fromkeys(likely))[:3]
        return different + [-1] * (3 - len(different))

    def choice_contexts(self, place, known, three) -> tuple[list[list[int]], int]:
        first, second, third = three
        w, n, nw, ne = self.near(self.colour, place)
        qa, qb, qc = ([0, 1, 2, 3, 3, 3, 3][min(k[3], 6)] if k[3] < 7 else 4 for k in known)
        agree = (known[0][1] == known[1][1]) + 2 * (known[1][1] == known[2][1]) + 4 * (first == w) + 8 * (first == n)
        flat = (w == n) + 2 * (n == ne) + 4 * (w == nw)
        near = self.near(self.choice, place)
        left_w, left_n = self.see(self.left, place, (0, -1)), self.see(self.left, place, (-1, 0))
        above_w, above_n = self.see(self.above, place, (0, -1)), self.see(self.above, place, (-1, 0))
        contexts = [
            [qa, qb, qc, agree, flat],
            [*near, qa, agree],
            [first, second, third, agree],
            [first, w, n, near[0]],
            [known[1][0], first, qa],
            [first == w, first == n, left_w, left_n, above_n],
            [first == w, second == w, above_n, above_w, left_w],
        ]
        return contexts, 5 * qa + qb

    def code_symbols(self, others: list[tuple[tuple[int, int], list[int]]]) -> None:
        contexts = []
        for place, (first, second, _) in others:
            w, n, nw, ne = self.near(self.colour, place)
            parts = [[0], [w], [w, n], [first, second], [n, ne], [w, nw]]
            contexts.append([hashed([k, *part], self.sample_bits) for k, part in enumerate(parts)])
        for (place, _), symbol in zip(
            others, self.tree.code(self.coder, contexts, [0] * len(others)) if others else [], strict=True
        ):
            if symbol >= self.colours:
                raise ValueError("a colour that is not in the palette")
            self.sample[0][place] = symbol

    def code_samples(self, places: list[tuple[int, int]]) -> None:
        if not places:
            return
        whole, predicts = 1 << self.bits, self.form in (CANDIDATES_PREDICTED, PREDICTED)
        straight = {place: [self.straight(p, place) for p in range(self.planes)] for place in places}
        activity = {place: [self.activity(p, place) for p in range(self.planes)] for place in places}
        state = {place: (0, 0, 0, []) for place in places}  # shift, previous, the one before, samples so far
        for number, p in enumerate(self.order):
            contexts, predictions = [], []
            for place in places:
                shift, previous, before, known = state[place]
                w, n, nw, _ = self.near(self.sample[p], place)
                predictions.append(clamp(straight[place][p] + shift, 0, whole - 1) if predicts else 0)
                error_w, error_n, _, _ = self.near(self.residual[p], place)
                level = activity[place][p].bit_length()
                parts = [
                    [number],
                    [number, sum(activity[place]).bit_length(), abs(previous).bit_length()],
                    [number, clamp(error_w, -6, 6), clamp(error_n, -6, 6)],
                    [number, previous, before, level >> 1],
                    [number, straight[place][p], *known] if number else [number, w, n, nw],
                    [number, level, clamp(error_w + error_n, -20, 20) >> 1],
                    [number, w, *known],
                    [number, w, n],
                ]
                used = parts[:1] if self.form == STEADY else parts
                contexts.append([hashed(part, self.sample_bits) for part in used])
            values = self.tree.code(self.coder, contexts, [number] * len(places))
            for place, value, prediction in zip(places, values, predictions, strict=True):
                if value >= whole:
                    raise ValueError("a sample out of range")
                x = ((-(value + 1 >> 1) if value & 1 else value >> 1) + prediction) % whole if predicts else value
                self.sample[p][place] = x
                self.residual[p][place] = x - straight[place][p]
                shift, previous, _, known = state[place]
                shift = x - straight[place][p] if number == 0 else shift
                state[place] = (shift, x - prediction, previous, [*known, x])

    def activity(self, plane: int, place: tuple[int, int]) -> int:
        w, n, nw, ne = self.near(self.sample[plane], place)
        return abs(w - nw) + abs(n - nw) + abs(n - ne)
