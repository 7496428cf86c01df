"""Section 16: skeletons of JPEG files."""

from __future__ import annotations

from dataclasses import dataclass, field

ZIGZAG = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
]  # fmt: skip


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
