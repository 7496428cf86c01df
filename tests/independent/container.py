"""Section 1: bytes of a file to its header, sections and records, with their checksums."""

from __future__ import annotations

from binascii import crc_hqx
from zlib import crc32

from independent.notation import require, varint

SIGNATURE = b"\x8eNL\n"
SMALL, TILED = 0, 1
# The models that the small layout names by a number; with 0 there is none, with 255 the id follows.
NUMBERED = ["00000000", "5b94bb3d", "d946b757", "32190ca6", "430dd05d", "e7a6f68c", "ce8add88"]
WHOLE_MODEL, MODEL_DIFFERENCES, DIFFERENCES = 0x81, 0x82, b"\x8eNLD"
# Of each kind its groups: planes and bits.
GROUPS = {0: [(1, 8)], 1: [(3, 8)], 2: [(1, 8), (1, 8)], 3: [(3, 8), (1, 8)], 8: [(1, 8)], 9: [(1, 1)]}
GROUPS |= {kind + 4: [(planes, 16) for planes, _ in GROUPS[kind]] for kind in range(4)}
PALETTE, BILEVEL = 8, 9
# Kinds whose colour and alpha are one group, and what they are otherwise.
JOINED = {10: 2, 11: 3}
GROUPS |= {10: [(2, 8)], 11: [(4, 8)]}
CONSTANT, STORED, DEFLATE, ROWS, ADAPTIVE, MIXTURE, LEARNING, TWO_LAYERS = range(8)
LATTICE, PAST, COEFFICIENTS = 8, 9, 10
# Methods whose data ends with a checksum of the samples, and those that need a model.
MODELLED = {MIXTURE, LEARNING, TWO_LAYERS, LATTICE}
CHECKED = MODELLED | {ADAPTIVE}
METADATA, SAMPLES, PALETTE_SECTION, TRANSPARENT, JPEG = 1, 0x83, 0x84, 0x85, 0x86
PAST_SECTION, LEVELS = 0x87, 0x89
MAX_PIXELS = 1 << 28
# Rows top to bottom - 1 and columns left to right - 1 of the image, and of each group the method and the data.
Tile = tuple[tuple[int, int, int, int], list[tuple[int, bytes]]]
Sections = dict[int, bytes]


class Cursor:
    """Reads a file from its start."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next bytes, all of them present."""
        require(count <= len(self.data) - self.at, "the file is cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count: int) -> int:
        """A number of a fixed count of bytes."""
        return int.from_bytes(self.take(count), "little")

    def varint(self) -> int:
        """A varint, as the head of docs/FORMAT.md defines it."""
        value = 0
        for index in range(5):
            byte = self.number(1)
            value |= (byte & 127) << 7 * index
            if byte < 128:
                require(byte > 0 or index == 0, "varint longer than needed")
                return value
        raise ValueError("varint of more than five bytes")

    def check(self, start: int, count: int, name: str) -> None:
        """Read the CRC, 2 or 4 bytes long, of all bytes from ``start`` to here, and compare."""
        covered = self.data[start : self.at]
        expected = crc_hqx(covered, 0xFFFF) if count == 2 else crc32(covered)
        require(self.number(count) == expected, f"{name} differs")


def read_file(data: bytes) -> tuple[int, bytes, int, int, list[Tile], Sections]:
    """Section 1: kind, model id, width, height, tiles and sections of a file, checksums verified."""
    file = Cursor(data)
    require(file.take(4) == SIGNATURE, "not a .nlc file")
    version, layout = divmod(file.number(1), 16)
    require(version == 1, f"unknown version {version}")
    require(layout in (SMALL, TILED), f"unknown layout {layout}")
    if layout == SMALL:
        return read_small_layout(file)
    kind, model_id = file.number(1), file.take(4)
    require(kind in GROUPS, f"unknown kind {kind}")
    return kind, model_id, *read_tiled_layout(file, len(GROUPS[kind]))


def read_small_layout(file: Cursor) -> tuple[int, bytes, int, int, list[Tile], Sections]:
    """Section 1, the small layout, from the kind on."""
    method, kind = divmod(file.number(1), 16)
    require(kind in GROUPS, f"unknown kind {kind}")
    number, width, height = file.number(1), file.number(1) + 1, file.number(1) + 1
    require(number < len(NUMBERED) or number == 255, f"unknown model number {number}")
    model_id = file.take(4) if number == 255 else bytes.fromhex(NUMBERED[number])
    methods, lengths = [method], []
    if len(GROUPS[kind]) == 2:
        methods.append(file.number(1))
        lengths.append(file.varint())
    require(COEFFICIENTS not in methods, "a record that does not fit")
    if not CHECKED.issuperset(methods):
        crc, rest = file.number(2), file.data[file.at :]
        require(crc == crc_hqx(file.data[: file.at - 2] + rest, 0xFFFF), "the CRC-16 differs")
    require((model_id == bytes(4)) == MODELLED.isdisjoint(methods), "a model that no record needs, or none")
    lengths.append(len(file.data) - file.at - sum(lengths))
    records = [record(method, file.take(length)) for method, length in zip(methods, lengths, strict=True)]
    return kind, model_id, width, height, [((0, height, 0, width), records)], {}


def record(method: int, content: bytes) -> tuple[int, bytes]:
    """Section 1: a method and its data."""
    require(method in {*range(8), LATTICE, PAST, COEFFICIENTS}, f"unknown method {method}")
    require(method in (DEFLATE, ROWS, PAST) or not content.endswith(b"\0"), "data that ends in a zero byte")
    return method, content


def read_tiled_layout(file: Cursor, groups: int) -> tuple[int, int, list[Tile], Sections]:
    """Section 1, tiled layout: width, height, tiles and sections, from what follows the model id."""
    width, height, size = file.varint(), file.varint(), file.varint()
    announced = [(file.number(1), file.varint()) for _ in range(file.varint())]
    file.check(0, 2, "the CRC-16")
    require(0 < width * height <= MAX_PIXELS, "no pixels, or too many")
    require(16 <= size <= 4096, f"bad tile size {size}")
    known = {METADATA, WHOLE_MODEL, MODEL_DIFFERENCES, SAMPLES, PALETTE_SECTION, TRANSPARENT, JPEG, PAST_SECTION}
    known.add(LEVELS)
    sections: Sections = {}
    for section_type, length in announced:
        require(section_type < 128 or section_type in known, f"section {section_type}")
        start, content = file.at, file.take(length)
        file.check(start, 4, "a section's CRC-32")
        if section_type in known:
            require(section_type not in sections, "two sections of one type")
            sections[section_type] = content
    require(not {WHOLE_MODEL, MODEL_DIFFERENCES} <= set(sections), "more than one model")
    places = [(*rows, *columns) for rows in parts(height, size) for columns in parts(width, size)]
    if JPEG in sections:  # its records are parts of one image
        require(len(sections) == 1, "a JPEG file and more")
        places, groups = [(0, height, 0, width)], varint(sections[JPEG], 0)[0]
    start = file.at
    index = [[(file.number(1), file.varint()) for _ in range(groups)] for _ in places]
    file.check(start, 4, "the tile index's CRC-32")
    tiles = []
    for place, entries in zip(places, index, strict=True):
        records = []
        for method, length in entries:
            require((method == COEFFICIENTS) == (JPEG in sections), "a record that does not fit")
            start = file.at
            records.append(record(method, file.take(length)))
            file.check(start, 4, "a tile's CRC-32")
        tiles.append((place, records))
    require(file.at == len(file.data), "bytes after the end of the file")
    return width, height, tiles, sections


def parts(size: int, tile: int) -> list[tuple[int, int]]:
    """Section 1, tiles: begin and end of each part of one axis."""
    n = -(-size // tile)
    return [(k * size // n, (k + 1) * size // n) for k in range(n)]
