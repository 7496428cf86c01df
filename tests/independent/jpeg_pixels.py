"""Section 17: pixels of a JPEG."""

from __future__ import annotations

from zlib import crc32

from independent.jpeg_bytes import unpack_bytes
from independent.jpeg_coefficients import Part
from independent.jpeg_skeleton import Component, Jpeg
from independent.notation import varint

MATRIX = [
    [8192, 8192, 8192, 8192],
    [11363, 9633, 6437, 2260],
    [10703, 4433, -4433, -10703],
    [9633, -2259, -11362, -6436],
    [8192, -8192, -8192, 8192],
    [6437, -11362, 2261, 9633],
    [4433, -10704, 10704, -4433],
    [2260, -6436, 9633, -11363],
]
Plane = list[list[int]]


def require(condition: bool) -> None:
    if not condition:
        raise ValueError("pixels of a JPEG that make no sense")


def made_by_jpeg(section: bytes, planes: int, width: int, height: int) -> list[Plane]:
    """What the section makes of a picture: ``planes`` of rows."""
    top, at = varint(section, 0)
    left, at = varint(section, at)
    body = section[at:]
    require(len(body) > 4 and crc32(body[:-4]) == int.from_bytes(body[-4:], "little"))
    body = body[:-4]
    jpeg = Jpeg()
    jpeg.width, at = varint(body, 0)
    jpeg.height, at = varint(body, at)
    require(max(top, left) < 64 and 0 <= jpeg.width - left - width < 64 and 0 <= jpeg.height - top - height < 64)
    count, at = body[at], at + 1
    require(count == 1 or count == 3 == planes)
    factors = [divmod(body[at + k], 16) for k in range(count)]
    require(all(1 <= factor <= 4 for pair in factors for factor in pair))
    length, at = varint(body, at + count)
    tables = unpack_bytes(body[at : at + length], 128 * count)
    at += length
    for number, (h, v) in enumerate(factors):
        q = [tables[128 * number + 2 * k] + 256 * tables[128 * number + 2 * k + 1] for k in range(64)]
        require(all(q))
        jpeg.components.append(Component(number, h, v, number, q))
    rows, columns = jpeg.mcus
    for one in jpeg.components:
        one.rows, one.columns = rows * one.v, columns * one.h
        one.blocks = {(r, c): [0] * 64 for r in range(one.rows) for c in range(one.columns)}
    step = max(1, 131072 // (columns * sum(h * v for h, v in factors)))
    for first in range(0, rows, step):
        length, at = varint(body, at)
        Part(jpeg, body[at : at + length], first, min(first + step, rows))
        at += length
    require(at == len(body))
    whole = decoded(jpeg)
    cut = [[row[left : left + width] for row in plane[top : top + height]] for plane in whole]
    return cut if count == planes else cut * planes


def decoded(jpeg: Jpeg) -> list[Plane]:
    across, down = max(one.h for one in jpeg.components), max(one.v for one in jpeg.components)
    planes = []
    for one in jpeg.components:
        require(across % one.h == down % one.v == 0)
        planes.append(enlarged(samples(one), across // one.h, down // one.v, jpeg.width, jpeg.height))
    if len(planes) == 1:
        return planes
    colours: list[Plane] = [[], [], []]
    for lines in zip(*planes, strict=True):
        pixels = [coloured(*triple) for triple in zip(*lines, strict=True)]
        for number, plane in enumerate(colours):
            plane.append([pixel[number] for pixel in pixels])
    return colours


def clamped(x: int) -> int:
    return min(max(x, 0), 255)


def wave(k: int, n: int) -> int:
    return MATRIX[k][n] if n < 4 else MATRIX[k][7 - n] * (-1) ** k


def samples(one: Component) -> Plane:
    plane = [[0] * (8 * one.columns) for _ in range(8 * one.rows)]
    for (row, column), block in one.blocks.items():
        d = [a * b for a, b in zip(block, one.q, strict=True)]
        require(max(map(abs, d)) <= 32767)
        first = [[(sum(d[8 * v + u] * wave(v, y) for v in range(8)) + 1024) >> 11 for u in range(8)] for y in range(8)]
        for y in range(8):
            for x in range(8):
                total = sum(first[y][u] * wave(u, x) for u in range(8))
                plane[8 * row + y][8 * column + x] = clamped(((total + 131072) >> 18) + 128)
    return plane


def enlarged(own: Plane, across: int, down: int, width: int, height: int) -> Plane:
    require(across in (1, 2, 4) and down in (1, 2, 4))
    rows, columns = -(-height // down), -(-width // across)
    smooth = (across, down) == (1, 2) or (across == 2 and down <= 2 and columns > 2)
    if not smooth:
        return [[own[y // down][x // across] for x in range(width)] for y in range(height)]
    out = []
    for y in range(height):
        i = y // down
        near = min(i + 1, rows - 1) if y % 2 else max(i - 1, 0)
        line = [3 * own[i][j] + own[near][j] if down == 2 else own[i][j] for j in range(columns)]
        if across == 1:
            out.append([(line[x] + 1 + y % 2) >> 2 for x in range(width)])
            continue
        made = []
        for x in range(width):
            j = x // 2
            other = min(j + 1, columns - 1) if x % 2 else max(j - 1, 0)
            half, shift = (8 - x % 2, 4) if down == 2 else (1 + x % 2, 2)
            made.append((3 * line[j] + line[other] + half) >> shift)
        out.append(made)
    return out


def coloured(y: int, cb: int, cr: int) -> tuple[int, int, int]:
    u, v = cb - 128, cr - 128
    red = y + ((91881 * v + 32768) >> 16)
    green = y + ((-22554 * u - 46802 * v + 32768) >> 16)
    return clamped(red), clamped(green), clamped(y + ((116130 * u + 32768) >> 16))


def corrected(data: bytes, made: list[Plane], decode) -> list[Plane]:
    """A tile's planes, from what the JPEG made of them and a record.

    ``decode(method, data, width, height)`` gives planes.
    """
    planes = [[row[:] for row in plane] for plane in made]
    at = 0
    for whole in (False, True) if data else ():
        count, at = varint(data, at)
        if not count:
            continue
        height, width = len(made[0]), len(made[0][0])
        across, numbers, last = -(-width // 8), [], -1
        require(count <= across * -(-height // 8))
        for _ in range(count):
            gap, at = varint(data, at)
            last += gap + 1
            numbers.append(last)
        require(last < across * -(-height // 8))
        method = data[at]
        require(method in (1, 2, 3, 4))
        size, at = varint(data, at + 1)
        columns = 1
        while columns * columns < count:
            columns += 1
        sheet_height = 8 * -(-count // columns)
        require(size <= len(data) - at)
        sheet = decode(method, data[at : at + size], 8 * columns, sheet_height)
        at += size
        for n, number in enumerate(numbers):
            for y in range(8 * (number // across), min(8 * (number // across) + 8, height)):
                for x in range(8 * (number % across), min(8 * (number % across) + 8, width)):
                    place = (8 * (n // columns) + y % 8) * 8 * columns + 8 * (n % columns) + x % 8
                    for plane, values in zip(planes, sheet, strict=True):
                        plane[y][x] = values[place] if whole else (plane[y][x] + values[place]) % 256
    require(at == len(data))
    return planes
