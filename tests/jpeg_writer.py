"""Write baseline JPEG files of given coefficients: what a decoder of JPEG makes of them is what is compared.

Every code of the two Huffman tables has the same length, so the files are large and simple.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

# Where the coefficients of a block's zigzag stand in the order of rows.
ZIGZAG = sorted(range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))
_DC_SYMBOLS = list(range(12))
_AC_SYMBOLS = [0x00, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 11))]
_AC_CODES = {symbol: code for code, symbol in enumerate(_AC_SYMBOLS)}

Component = tuple[int, int, NDArray[np.uint16], NDArray[np.int16]]


def write(width: int, height: int, components: list[Component]) -> bytes:
    """A JPEG file of components (horizontal, vertical, table (64,), coefficients (rows, columns, 64)) in rows' order.

    Blocks fill whole units. Tables of entries beyond 255 are written with 16 bits, as extended JPEG.
    """
    deep = any(int(table.max()) > 255 for _, _, table, _ in components)
    parts = [b"\xff\xd8"]
    for number, (_, _, table, _) in enumerate(components):
        values = [int(table[place]) for place in ZIGZAG]
        body = struct.pack(f">{64}{'H' if deep else 'B'}", *values)
        parts.append(_segment(0xDB, bytes([deep << 4 | number]) + body))
    frame = struct.pack(">BHHB", 8, height, width, len(components))
    for number, (horizontal, vertical, _, _) in enumerate(components):
        frame += bytes([number + 1, horizontal << 4 | vertical, number])
    parts.append(_segment(0xC1 if deep else 0xC0, frame))
    parts.append(_segment(0xC4, b"\x00" + bytes(12 if k == 4 else 0 for k in range(1, 17)) + bytes(_DC_SYMBOLS)))
    lengths = bytes(len(_AC_SYMBOLS) if k == 8 else 0 for k in range(1, 17))
    parts.append(_segment(0xC4, b"\x10" + lengths + bytes(_AC_SYMBOLS)))
    scan = bytes([len(components)]) + b"".join(bytes([number + 1, 0]) for number in range(len(components)))
    parts.append(_segment(0xDA, scan + b"\x00\x3f\x00"))
    parts.append(_entropy_coded(width, height, components))
    return b"".join(parts) + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _entropy_coded(width: int, height: int, components: list[Component]) -> bytes:
    bits: list[str] = []
    before = [0] * len(components)
    for number, blocks in _units(width, height, components):
        for block in blocks:
            before[number] = _code_block(bits, [int(block[place]) for place in ZIGZAG], before[number])
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\x00")


def _units(width: int, height: int, components: list[Component]):
    if len(components) == 1:  # not interleaved: blocks outside the picture are not there
        yield 0, components[0][3][: -(-height // 8), : -(-width // 8)].reshape(-1, 64)
        return
    across, down = max(c[0] for c in components), max(c[1] for c in components)
    for y in range(-(-height // (8 * down))):
        for x in range(-(-width // (8 * across))):
            for number, (h, v, _, blocks) in enumerate(components):
                yield number, blocks[y * v : y * v + v, x * h : x * h + h].reshape(-1, 64)


def _code_block(bits: list[str], zigzag: list[int], before: int) -> int:
    difference = zigzag[0] - before
    size = abs(difference).bit_length()
    bits.append(f"{size:04b}{_magnitude(difference, size)}")
    run = 0
    last = max((k for k in range(1, 64) if zigzag[k]), default=0)
    for value in zigzag[1 : last + 1]:
        if not value:
            run += 1
            continue
        while run > 15:
            bits.append(f"{_AC_CODES[0xF0]:08b}")
            run -= 16
        size = abs(value).bit_length()
        bits.append(f"{_AC_CODES[run << 4 | size]:08b}{_magnitude(value, size)}")
        run = 0
    if last < 63:
        bits.append(f"{_AC_CODES[0]:08b}")
    return zigzag[0]


def _magnitude(value: int, size: int) -> str:
    return f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""
