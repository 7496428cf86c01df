"""A second decoder of .nlc files, written from docs/FORMAT.md alone.

It shares no code with nelloc and uses plain Python integers only, so it is slow, but it shows whether the
specification is complete and whether nelloc follows it. Names are those of docs/FORMAT.md; "section n" in a
docstring is a section of that file. Every file that is refused raises ValueError.
"""

from __future__ import annotations

import json
import lzma
import operator
import struct
import zlib
from binascii import crc_hqx
from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any
from zlib import crc32

from independent_adaptive import decode_adaptive
from independent_jpeg import decode_jpeg
from independent_jpeg import varint as varint_of
from independent_past import corrected, made_by_jpeg

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
MAX_UNPACKED = 1 << 26
MAX_PIXELS = 1 << 28
ELEMENT = {"I8": "b", "U8": "B", "I16": "h", "U16": "H", "I32": "i", "U32": "I", "I64": "q", "U64": "Q"}
CONTEXT_TABLES = [
    f"context.{name}" for name in ("thresholds", "input_scale", "activity_input", "mean_scale", "scale_offset")
]
MIXTURE_TABLES = [f"mixture.{name}" for name in ("logistic", "exponential", "inverse_scale")]
TOTAL = 1 << 24  # the sum of a digit's frequencies


@dataclass
class Image:
    """An image: its kind, the samples of each plane in raster order, and what its sections say.

    Of a JPEG file there are no planes, and the section is the file itself.
    """

    kind: int
    width: int
    height: int
    planes: list[list[int]]
    sections: dict[int, bytes]


def decode(data: bytes, models: list[bytes]) -> Image:
    """The image of a file. ``models`` are the model files to choose from."""
    kind, model_id, width, height, tiles, sections = read_file(data)
    if JPEG in sections:
        streams = [content for _, records in tiles for _, content in records]
        return Image(kind, width, height, [], {JPEG: decode_jpeg(sections[JPEG], streams, width, height)})
    groups = GROUPS[kind]
    forms = sample_forms(kind, sections.get(SAMPLES))
    lists = level_lists(kind, forms, sections.get(LEVELS))
    require((kind == PALETTE) == (PALETTE_SECTION in sections), "a palette where there is none, or none")
    embedded = next(((t, sections[t]) for t in (WHOLE_MODEL, MODEL_DIFFERENCES) if t in sections), None)
    model = None
    past = None
    image = [[0] * (width * height) for planes, _ in groups for _ in range(planes)]
    for (top, bottom, left, right), records in tiles:
        size, decoded = right - left, []
        for (planes, bits), (depth, form), (method, content) in zip(groups, forms, records, strict=True):
            if method in MODELLED:
                require(kind not in (PALETTE, BILEVEL, *JOINED), "coded by a model, as this is not")
                if model is None:
                    found = embedded_model(*embedded, model_id, models) if embedded else find_model(model_id, models)
                    model = load_model(found)
                require(planes <= model.channels, "an RGB image with a model of gray images")
                rule = 0
                if method == LATTICE:
                    below, rule = divmod(content[0], 32)
                    require(kind in (1, 3, 5, 7) and planes == 3, "a lattice of other samples than RGB")
                    require(below < 3 and rule in (*CONVERSIONS, SEEN), "an unknown rule of a lattice")
                    method, content = MIXTURE + below, content[1:]
                samples = decode_tile(model, content, size, bottom - top, planes, depth, method - MIXTURE, rule)
            elif method == PAST:
                require(not decoded and kind < 4 and PAST_SECTION in sections, "a past where there is none")
                past = past or made_by_jpeg(sections[PAST_SECTION], planes, width, height)
                made = [[row[left:right] for row in plane[top:bottom]] for plane in past]
                found = corrected(content, made, corrections_of(planes))
                samples = [[sample for row in plane for sample in row] for plane in found]
            elif method == CONSTANT:
                samples = decode_constant(content, size * (bottom - top), planes, depth)
            elif method == STORED:
                samples = decode_stored(content, size * (bottom - top), planes, depth)
            elif method == ADAPTIVE:
                samples = decode_adaptive(Coder, content, size, bottom - top, planes, min(bits, depth))
            elif method == ROWS:
                samples = unfiltered(content, size, bottom - top, planes, depth)
            else:
                samples = inflate(content, size, bottom - top, planes)
            require(max(map(max, samples)) < 1 << min(bits, depth), "a sample out of range")
            for plane in samples:
                own = lists[len(decoded)]
                if own is not None:
                    require(own[0] <= min(plane) and max(plane) < own[0] + len(own[1]), "a number of no level")
                    decoded.append([own[1][s - own[0]] for s in plane])
                else:
                    decoded.append([restored(s, depth, form) for s in plane] if bits == 16 else plane)
        for target, source in zip(image, decoded, strict=True):
            for row in range(top, bottom):
                target[row * width + left : row * width + right] = source[(row - top) * size : (row - top + 1) * size]
    for packed in {METADATA, PALETTE_SECTION} & set(sections):
        sections[packed] = unpacked(sections[packed])
    return Image(JOINED.get(kind, kind), width, height, image, sections)


def corrections_of(planes: int):
    """What decodes corrections of so many planes."""

    def decode_sheet(method: int, content: bytes, width: int, height: int) -> list[list[int]]:
        if method == ADAPTIVE:
            return decode_adaptive(Coder, content, width, height, planes, 8)
        if method == STORED:
            return decode_stored(content, width * height, planes, 8)
        if method == ROWS:
            return unfiltered(content, width, height, planes, 8)
        return inflate(content, width, height, planes)

    return decode_sheet


# ---- Samples, and methods without a model


def sample_forms(kind: int, section: bytes | None) -> list[tuple[int, int]]:
    """Section 11, samples: depth and form of each group."""
    if section is None:
        return [(16 if bits == 16 else 8, 0) for _, bits in GROUPS[kind]]
    require(4 <= kind <= 7 and len(section) == 2 * len(GROUPS[kind]), "a section of samples that does not fit")
    forms = list(zip(section[::2], section[1::2], strict=True))
    for depth, form in forms:
        require(depth in (8, 10, 12, 14, 16) and form < 4 and (depth < 16 or form == 0), "unknown depth or form")
    return forms


def level_lists(kind: int, forms: list[tuple[int, int]], section: bytes | None) -> list[tuple[int, list[int]] | None]:
    """Section 11, levels: of each plane the number of the first, and the levels; or None."""
    planes = [(bits, form) for (count, bits), form in zip(GROUPS[kind], forms, strict=True) for _ in range(count)]
    if section is None:
        return [None] * len(planes)
    require(kind not in (PALETTE, BILEVEL), "levels of indices or bits")
    reader, lists = Cursor(unpacked(section)), []
    for bits, (depth, form) in planes:
        count, levels = reader.varint(), []
        if count == 0:
            lists.append(None)
            continue
        first = reader.varint()
        require(first + count <= 1 << depth and form == 0, "levels that do not fit their numbers")
        for k in range(count):
            levels.append(reader.varint() + (levels[-1] + 1 if k else 0))
        require(levels[-1] < 1 << bits, "a level out of range")
        lists.append((first, levels))
    require(reader.at == len(reader.data), "bytes after the levels")
    return lists


def restored(s: int, d: int, form: int) -> int:
    """Section 11, samples: the sample of the image."""
    if form == 0:
        return s
    if form == 3:
        return (s * 65535 + (1 << (d - 1)) - 1) // ((1 << d) - 1)
    return s << (16 - d) | (s >> (2 * d - 16) if form == 2 else 0)


def decode_constant(data: bytes, count: int, planes: int, depth: int) -> list[list[int]]:
    """Section 10, constant."""
    size = 2 if depth > 8 else 1
    require(len(data) <= planes * size, "constant data is too long")
    values = data + bytes(planes * size - len(data))
    return [[int.from_bytes(values[p * size : (p + 1) * size], "little")] * count for p in range(planes)]


def inflate(data: bytes, width: int, height: int, planes: int) -> list[list[int]]:
    """Section 10, deflate."""
    require(planes == 1 and data[:1] in (b"\1", b"\2", b"\4", b"\x08"), "malformed deflate data")
    bits, stride = data[0], -(-data[0] * width // 8)
    rows = zlib.decompress(data[1:], -15)
    require(len(rows) == stride * height, "deflate data of a wrong length")
    per_byte = 8 // bits
    samples = []
    for start in range(0, len(rows), stride):
        for x in range(width):
            byte = rows[start + x // per_byte]
            samples.append(byte >> 8 - bits * (x % per_byte + 1) & (1 << bits) - 1)
    return [samples]


def decode_stored(data: bytes, count: int, planes: int, depth: int) -> list[list[int]]:
    """Section 10: all samples, one or two bytes each."""
    size = 2 if depth > 8 else 1
    require(len(data) <= size * count * planes, "too many samples")
    data = data.ljust(size * count * planes, b"\0")
    samples = [int.from_bytes(data[k : k + size], "little") for k in range(0, len(data), size)]
    return [samples[k : k + count] for k in range(0, len(samples), count)]


def unfiltered(data: bytes, width: int, height: int, planes: int, depth: int) -> list[list[int]]:
    """Section 10, rows."""
    require(depth == 8 and len(data) > 0, "rows of deep samples, or no data")
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 22}]
    content = lzma.decompress(data[1:] + b"\0", lzma.FORMAT_RAW, filters=filters)
    require(len(content) == planes * width * height, "rows of a wrong length")
    predictor, planar, green = data[0] % 8, data[0] >> 3 & 1, data[0] >> 4
    require(predictor < 5 and green < 2 and (planes > 1 or not planar) and (planes > 2 or not green), "unknown filter")
    samples = [[0] * (width * height) for _ in range(planes)]
    for place in range(width * height):
        y, x = divmod(place, width)
        residuals = [content[p * width * height + place if planar else place * planes + p] for p in range(planes)]
        for p, plane in enumerate(samples):
            w = plane[place - 1] if x else 0
            n = plane[place - width] if y else 0
            nw = plane[place - width - 1] if x and y else 0
            prediction = (0, w, n, w + n - nw, clamp(w + n - nw, min(w, n), max(w, n)))[predictor]
            residual = residuals[p] + (residuals[1] if green and p in (0, 2) else 0)
            plane[place] = (residual + prediction) % 256
    return samples


def unpacked(data: bytes) -> bytes:
    """Section 11: what metadata and palettes are stored as."""
    require(data[:1] in (b"\0", b"\1", b"\2"), "unknown compression")
    if data[0] == 1:
        data = data[:1] + zlib.decompress(data[1:], -15)
    elif data[0] == 2:
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
        data = data[:1] + lzma.decompress(data[1:], lzma.FORMAT_RAW, filters=filters)
    require(len(data) <= MAX_UNPACKED + 1, "too long")
    return data[1:]


def find_model(model_id: bytes, models: list[bytes]) -> bytes:
    """The whole model file of this id among ``models``, which may be stored as differences."""
    for model in models:
        whole = model if not model.startswith(DIFFERENCES) else None
        if whole is None and model[9:13] == model_id:
            whole = apply_differences(model, models)
        if whole is not None and sha256(whole).digest()[:4] == model_id:
            return whole
    raise ValueError(f"no model {model_id.hex()}")


def embedded_model(section: int, content: bytes, model_id: bytes, models: list[bytes]) -> bytes:
    """Section 1: the model file in a section of type 0x81 or 0x82."""
    whole = content if section == WHOLE_MODEL else apply_differences(content, models)
    require(sha256(whole).digest()[:4] == model_id, "the model inside is not the one named")
    return whole


def require(condition: bool, message: str) -> None:
    """Refuse the file unless the condition holds."""
    if not condition:
        raise ValueError(message)


def clamp(x: int, lo: int, hi: int) -> int:
    """x limited to lo..hi."""
    return min(max(x, lo), hi)


# ---- The file


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
        places, groups = [(0, height, 0, width)], varint_of(sections[JPEG], 0)[0]
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


# ---- The model


@dataclass
class Layer:
    """One layer of the network: for each output its weights, bias and shift."""

    weight: list[tuple[int, ...]]
    bias: tuple[int, ...]
    shift: tuple[int, ...]
    skip: int | None


@dataclass
class Model:
    """A model file (section 2): its settings, the layers, the tables by name, and the table U of section 6."""

    horizon: int
    components: int
    joint: bool
    channels: int
    raw: bool
    borders: bool
    layers: list[Layer]
    tables: dict[str, tuple[int, ...]]
    logistic: list[int]


def load_model(data: bytes) -> Model:
    """Section 2: a model from the bytes of its file."""
    try:
        return parse_model(data)
    except (KeyError, TypeError, IndexError, AttributeError, struct.error) as error:
        raise ValueError(f"not a model file: {error!r}") from error


def parse_model(data: bytes) -> Model:
    """Section 2: the same for a file whose parts are all there and of the right types."""
    (length,) = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    about = json.loads(header.pop("__metadata__")["about"])
    require(about["format"] == "nelloc-model" and about["version"] == 1, "unknown format or version of the model")
    h, components, skips = about["horizon"], about["components"], about["skips"]
    channels, inputs = about.get("channels", 3), about.get("inputs", "normalised")
    require(channels in (1, 3) and inputs in ("normalised", "raw"), "unknown channels or inputs")
    raw = inputs == "raw"
    require(h >= (1 if raw else 2) and components >= 1, "horizon or components not defined")
    borders = about.get("borders", False)
    require(h <= 6 or not borders, "horizon not defined with borders")
    features = channels * 2 * h * (h + 1) + (0 if raw else channels + 1) + (3 if borders else 0)

    def tensor(name: str) -> tuple[int, ...]:
        begin, end = header[name]["data_offsets"]
        element = ELEMENT[header[name]["dtype"]]
        return struct.unpack(f"<{(end - begin) // struct.calcsize('<' + element)}{element}", body[begin:end])

    layers: list[Layer] = []
    for i, skip in enumerate(skips):
        (rows, columns), flat = header[f"layer.{i}.weight"]["shape"], tensor(f"layer.{i}.weight")
        weight = [flat[k * columns : (k + 1) * columns] for k in range(rows)]
        layer = Layer(weight, tensor(f"layer.{i}.bias"), tensor(f"layer.{i}.shift"), skip)
        require(len(flat) == rows * columns and len(layer.bias) == len(layer.shift) == rows, "bad shape of a layer")
        require(columns == (len(layers[-1].bias) if layers else features), "layers do not fit together")
        require(skip is None or (0 <= skip < i and len(layers[skip].bias) == rows), f"bad skip of layer {i}")
        for row, bias in zip(weight, layer.bias, strict=True):
            limit = (255 if i else 384) * sum(map(abs, row)) + abs(bias)
            require(limit < 1 << 24, f"weights of layer {i} too large")
        layers.append(layer)
    outputs = (10 if channels == 3 else 3) * components
    require(bool(layers) and len(layers[-1].bias) == outputs, "the last layer does not fit the mixture")
    require(max(t["data_offsets"][1] for t in header.values()) == len(body), "the tensors do not fill the file")
    tables = {name: tensor(name) for name in CONTEXT_TABLES + MIXTURE_TABLES}
    levels = {len(tables[name]) for name in CONTEXT_TABLES}
    require(levels == {1} or (len(levels) == 1 and not raw), "tables of wrong numbers of levels")
    logistic = logistic_table(tables["mixture.logistic"])
    return Model(h, components, about["joint"], channels, raw, borders, layers, tables, logistic)


def logistic_table(coarse: tuple[int, ...]) -> list[int]:
    """Section 6, logistic table: U, which interpolates C."""
    fine = []
    for k in range(16 * (len(coarse) - 1)):
        c, f = divmod(2 * k + 1, 32)
        fine.append((coarse[c] * (32 - f) + coarse[c + 1] * f + 512) >> 10)
    fine[-1] = 32768
    return fine


# ---- Models as differences


def apply_differences(data: bytes, models: list[bytes]) -> bytes:
    """Section 8: the model file that these differences make of the one among ``models`` that they name."""
    require(data[:5] == DIFFERENCES + b"\1" and len(data) > 17, "not differences of version 1")
    require(crc32(data[:-4]) == int.from_bytes(data[-4:], "little"), "the differences' CRC-32 differs")
    base = find_model(data[5:9], models)
    load_model(base)
    (length,) = struct.unpack_from("<Q", base)
    header, made = json.loads(base[8 : 8 + length]), bytearray(base)
    layers = sum(name.startswith("layer.") and name.endswith(".weight") for name in header)
    steps, coder, contexts = data[13 : 13 + 2 * layers], Coder(data[13 + 2 * layers : -4]), Contexts()
    for i in range(layers):
        p, q = steps[2 * i : 2 * i + 2]
        require(p <= 15 and q <= 23, "a step out of range")
        rows, columns = header[f"layer.{i}.weight"]["shape"]
        change = [d << p for _ in range(rows) for d in read_vector(coder, contexts, columns)]
        add(made, header[f"layer.{i}.weight"], 8 + length, change)
        begin, end = header[f"layer.{i}.shift"]["data_offsets"]
        require(end - begin == rows, "shifts of more than a byte")
        shifts = [max(shift - q, 0) for shift in base[8 + length + begin : 8 + length + end]]
        change = [d << shift for d, shift in zip(read_vector(coder, contexts, rows), shifts, strict=True)]
        add(made, header[f"layer.{i}.bias"], 8 + length, change)
    require(not coder.words and coder.state == 0, "the differences do not end where they should")
    require(sha256(made).digest()[:4] == data[9:13], "the differences make another model")
    return bytes(made)


def add(made: bytearray, entry: dict, start: int, change: list[int]) -> None:
    """Add numbers to the tensor of a header's entry, in place."""
    element = "<" + str(len(change)) + ELEMENT[entry["dtype"]]
    old = struct.unpack_from(element, made, start + entry["data_offsets"][0])
    struct.pack_into(element, made, start + entry["data_offsets"][0], *map(operator.add, old, change))


class Contexts:
    """Section 8, contexts: counts of digits."""

    def __init__(self) -> None:
        self.counts: dict[tuple[int, ...], list[int]] = {}

    def digits(self, coder: Coder, context: tuple[int, ...], n: int) -> list[int]:
        """Decode digits of one context at once, and count them."""
        counts = self.counts.setdefault(context, [16] * 4)
        bounds = [sum(counts[:k]) * (TOTAL - 4) // sum(counts) + k for k in range(5)]
        digits = [coder.digit(bounds) for _ in range(n)]
        for digit in digits:
            counts[digit] += 32
        while sum(counts) > 65536:
            counts[:] = [(c + 1) >> 1 for c in counts]
        return digits


def read_vector(coder: Coder, contexts: Contexts, n: int) -> list[int]:
    """Section 8: one vector of n differences."""
    (a,) = contexts.digits(coder, (0,), 1)
    (b,) = contexts.digits(coder, (1, a), 1)
    numbers, unknown = [0] * n, list(range(n))
    if a == b == 0:
        return numbers
    for level in range(8):
        digits = contexts.digits(coder, (2, a, b, min(level, 3)), len(unknown))
        for k, digit in zip(unknown, digits, strict=True):
            numbers[k] += digit
        unknown = [k for k, digit in zip(unknown, digits, strict=True) if digit == 3]
    for k in unknown:
        value = 0
        for _ in range(13):
            value = 4 * value + coder.digit([i << 22 for i in range(5)])
        numbers[k] += value
    for k in range(n):
        if numbers[k]:
            sign = coder.digit([0, (1 << 23) - 1, TOTAL - 2, TOTAL - 1, TOTAL])
            require(sign < 2, "neither plus nor minus")
            numbers[k] *= 1 - 2 * sign
    return numbers


# ---- The pixels


class Coder:
    """Section 7: the stack of words that a tile's digits are popped from."""

    def __init__(self, data: bytes) -> None:
        require(not data.endswith(b"\0"), "the tile's data ends in a zero byte")
        data += bytes(-len(data) % 4)
        self.words = list(struct.unpack(f"<{len(data) // 4}I", data))
        self.state = 0
        for _ in range(min(2, len(self.words))):
            self.state = self.state << 32 | self.words.pop()

    def digit(self, bounds: list[int]) -> int:
        """Decode the digit k with bounds[k] <= state mod 2^24 < bounds[k + 1]."""
        r = self.state % TOTAL
        k = bisect_right(bounds, r) - 1
        self.state = (self.state >> 24) * (bounds[k + 1] - bounds[k]) + r - bounds[k]
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return k


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


def rounded(number: int, bits: int) -> int:
    """A number without its last bits, rounded: those of sections 13 and 14."""
    return number + (1 << bits >> 1) >> bits


class LastLayer:
    """Section 13: what is learned in one tile."""

    def __init__(self, model: Model) -> None:
        self.model = model
        last = model.layers[-1]
        units = len(last.weight[0]) + 1
        largest = 127 * 255 * units
        rows = zip(last.weight, last.bias, last.shift, strict=True)
        sums = [(255 * sum(map(abs, weight)) + abs(bias) >> shift) + largest // 128 + 2 for weight, bias, shift in rows]
        require(model.joint and max(largest, *sums) < 1 << 24, "a model that cannot learn")
        self.d = [[0] * units for _ in last.bias]
        self.q, self.n = [3264] * units, 64
        k, c = model.components, model.channels
        self.shifts = [9] * k + [7] * c * k + [10] * c * k + [7] * (3 * k if c == 3 else 0)

    def corrected(self, outputs: list[int], a: list[int]) -> list[int]:
        """The outputs of a pixel for which the last layer is given ``a``."""
        changes = [sum((d + 2048 >> 12) * x for d, x in zip(row, [*a, 32], strict=True)) for row in self.d]
        each = zip(outputs, changes, self.shifts, strict=True)
        return [output + (change + (1 << s - 1) >> s) for output, change, s in each]

    def learn(self, step: list[tuple[Pixel, list[int]]]) -> None:
        """Change, after a step of pixels and what the last layer was given for each."""
        lessons = [(self.gradients(pixel), [*a, 32]) for pixel, a in step[:256]]
        self.n += len(lessons)
        for j in range(len(self.q)):
            self.q[j] += sum(a[j] ** 2 for _, a in lessons)
            u = (max(2, (self.q[j] // self.n).bit_length()) - 10) // 2 + 4
            for o, row in enumerate(self.d):
                change = 4 * sum(g[o] * a[j] for g, a in lessons)
                row[j] = clamp(row[j] + (change + ((1 << u) >> 1) >> u), -127 * 4096, 127 * 4096)

    def gradients(self, pixel: Pixel) -> list[int]:
        """g of every output."""
        k, c = self.model.components, self.model.channels
        r, zeros = pixel.w, [0] * k
        scale = self.model.tables["context.mean_scale"][pixel.level]
        pairs = zip(pixel.values, pixel.base, strict=False)
        deviations = [clamp(256 * (4 * x - base) // scale, -64, 64) for x, base in pairs]
        logits = [y - w + 32 >> 6 for y, w in zip(r, pixel.first_w, strict=True)]
        means, scales, pulls = [], [], []
        for edges in pixel.edges:
            pulls.append([y * (b + c - 32768) for y, (b, c, _, _) in zip(r, edges, strict=True)])
            means.append([pull + (1 << 21) >> 22 for pull in pulls[-1]])
            tops = [zb * b * (32768 - b) - zc * c * (32768 - c) for b, c, zb, zc in edges]
            e = [clamp(top // (max(c - b, 1) << 19), -64, 192) for top, (b, c, _, _) in zip(tops, edges, strict=True)]
            scales.append([y * x + 4096 >> 13 for y, x in zip(r, e, strict=True)])
        coefficients = [zeros] * (3 if c == 3 else 0)
        for place, (p, q) in enumerate([(1, 0), (2, 0), (2, 1)]):
            if p < len(pulls):
                coefficients[place] = [pull * deviations[q] + (1 << 26) >> 27 for pull in pulls[p]]
        missing = [zeros] * (c - len(means))
        return [g for block in (logits, *means, *missing, *scales, *missing, *coefficients) for g in block]


class TwoLayers:
    """Section 14: what is learned in one tile by the last layer and the hidden one before it."""

    def __init__(self, model: Model) -> None:
        self.model, self.last_layer = model, LastLayer(model)
        require(len(model.layers) > 2, "a model that cannot learn in two layers")
        self.hidden, self.last = model.layers[-2:]
        k, c = model.components, model.channels
        self.bits = [6] * k + [8] * c * k + [5] * c * k + [8] * (3 * k if c == 3 else 0)
        self.own_back = self.weights_back()
        self.require_bounds()
        # Of each layer, last and hidden: changes, averages, and squares.
        self.d = [[[0] * (len(row) + 1) for row in layer.weight] for layer in (self.last, self.hidden)]
        self.m = [[row[:] for row in rows] for rows in self.d]
        self.q = [[3264] * len(rows[0]) for rows in self.d]
        self.e, self.n, self.steps = [64 << 14] * len(self.hidden.weight), 64, 0

    def require_bounds(self) -> None:
        """The conditions for a model."""
        correction = 127 * 255 * (max(len(self.hidden.weight), len(self.hidden.weight[0])) + 1)
        sums = [
            [255 * sum(map(abs, row)) + abs(bias) for row, bias in zip(layer.weight, layer.bias, strict=True)]
            for layer in (self.last, self.hidden)
        ]
        good = self.hidden.skip is None and max(self.hidden.shift) <= 9 and correction < 1 << 24
        good = good and max(abs(w) for layer in (self.last, self.hidden) for row in layer.weight for w in row) < 1 << 15
        good = (
            good and max(s >> t for s, t in zip(sums[0], self.last.shift, strict=True)) + correction // 64 + 2 < 1 << 24
        )
        good = good and max(s << 9 - t for s, t in zip(sums[1], self.hidden.shift, strict=True)) + correction < 1 << 31
        require(good, "a model that cannot learn in two layers")
        columns = zip(*self.own_back, strict=True)
        most = max(sum(min(abs(w) + 64, 1 << 15) for w in column) for column in columns)
        require(511 * most < 1 << 31, "a model that cannot learn in two layers")

    def weights_back(self) -> list[list[int]]:
        """v of the model itself, for each output and unit."""
        found = []
        for row, shift, bits in zip(self.last.weight, self.last.shift, self.bits, strict=True):
            by = 13 - bits - shift
            scaled = [rounded(w, -by) if by < 0 else w << by for w in row]
            found.append([clamp(w, -32768, 32767) for w in scaled])
        return found

    def evaluated(self, x: list[int]) -> tuple[list[int], tuple[list[int], list[int], list[int]]]:
        """The outputs of a pixel by averages; what the hidden layer is given; it and the outputs as they learn."""
        layers = self.model.layers
        given = x
        outputs: list[list[int]] = []
        for layer in layers[:-2]:
            rows = zip(layer.weight, layer.bias, layer.shift, strict=True)
            given = [(sum(map(operator.mul, weight, given)) + bias) >> shift for weight, bias, shift in rows]
            if layer.skip is not None:
                given = [a + b for a, b in zip(given, outputs[layer.skip], strict=True)]
            given = [clamp(y, 0, 255) for y in given]
            outputs.append(given)
        averaged, _ = self.outputs(given, *self.m, 17)
        raw, units = self.outputs(given, *self.d, 13)
        return averaged, (given, units, raw)

    def outputs(
        self, given: list[int], last: list[list[int]], hidden: list[list[int]], bits: int
    ) -> tuple[list[int], list[int]]:
        """The outputs by changes of the last and of the hidden layer, and the hidden layer's units."""
        units, outputs = [], []
        for weight, bias, shift, row in zip(
            self.hidden.weight, self.hidden.bias, self.hidden.shift, hidden, strict=True
        ):
            own = sum(map(operator.mul, weight, given)) + bias
            change = sum(rounded(d, bits) * x for d, x in zip(row, [*given, 32], strict=True))
            units.append(clamp((own << 9 - shift) + change >> 9, 0, 255))
        rows = zip(self.last.weight, self.last.bias, self.last.shift, last, self.bits, strict=True)
        for weight, bias, shift, row, fraction in rows:
            own = sum(map(operator.mul, weight, units)) + bias >> shift
            change = sum(rounded(d, bits) * x for d, x in zip(row, [*units, 32], strict=True))
            outputs.append(own + rounded(change, 14 - fraction))
        return outputs, units

    def learn(self, step: list[tuple[Pixel, tuple[list[int], list[int], list[int]]]]) -> None:
        """Change, after a step of pixels and what ``evaluated`` gave beside their outputs."""
        lessons = []
        for pixel, (given, units, raw) in step[:256]:
            again = Pixel(self.model, pixel.base, pixel.level, raw, 8)
            for value in pixel.values:
                again.begin_plane()
                again.lo = value
                again.end_plane()
            g = self.last_layer.gradients(again)
            lessons.append((g, self.true(g, raw), [*units, 32], [*given, 32]))
        moves = self.moves(lessons)
        self.n += len(lessons)
        self.steps += 1
        pace = min(4, self.steps.bit_length() - 1)
        self.follow(0, 4, pace, [(g, units) for g, _, units, _ in lessons])
        self.follow(1, 16, pace, [(move, given) for move, (_, _, _, given) in zip(moves, lessons, strict=True)])

    def true(self, g: list[int], raw: list[int]) -> list[int]:
        """t of every output."""
        k, c = self.model.components, self.model.channels
        scales = raw[(1 + c) * k : (1 + 2 * c) * k]
        inverse = [64 - (s & 31) << 6 - clamp(s >> 5, -6, 6) for s in scales]
        found = g[:k]
        found += [rounded(2 * x * f, 12) for x, f in zip(g[k : (1 + c) * k], inverse, strict=True)]
        found += [rounded(355 * x, 8) for x in g[(1 + c) * k : (1 + 2 * c) * k]]
        of = inverse[k : 2 * k] + 2 * inverse[2 * k :]
        found += [rounded(4 * x * f, 12) for x, f in zip(g[(1 + 2 * c) * k :], of, strict=False)]
        return [clamp(x, -511, 511) for x in found]

    def moves(self, lessons: list[tuple[list[int], list[int], list[int], list[int]]]) -> list[list[int]]:
        """By how much the hidden layer's units should move, for each pixel."""
        back = [
            [clamp(w + rounded(d, 14), -32768, 32767) for w, d in zip(own, row[:-1], strict=True)]
            for own, row in zip(self.own_back, self.d[0], strict=True)
        ]
        columns = list(zip(*back, strict=True))
        by = [max((e // self.n).bit_length() // 2 - 2, 0) for e in self.e]
        moves = []
        for _, t, units, _ in lessons:
            errors = [clamp(rounded(sum(map(operator.mul, v, t)), 5), -4095, 4095) for v in columns]
            errors = [error if 0 < unit < 255 else 0 for error, unit in zip(errors, units, strict=False)]
            self.e = [e + error**2 for e, error in zip(self.e, errors, strict=True)]
            moves.append([clamp(rounded(error, b), -127, 127) for error, b in zip(errors, by, strict=True)])
        return moves

    def follow(self, layer: int, gain: int, pace: int, lessons: list[tuple[list[int], list[int]]]) -> None:
        """Change one layer by gradients and units of pixels."""
        for j in range(len(self.q[layer])):
            self.q[layer][j] += sum(a[j] ** 2 for _, a in lessons)
            u = (max(2, (self.q[layer][j] // self.n).bit_length()) - 10) // 2 + 4
            for o, (row, mean) in enumerate(zip(self.d[layer], self.m[layer], strict=True)):
                change = rounded(gain * sum(g[o] * a[j] for g, a in lessons), u)
                row[j] = clamp(row[j] + change, -127 << 13, 127 << 13)
                mean[j] += rounded((row[j] << 4) - mean[j], pace)


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
        self.rows: dict[int, list[int]] = {}  # of each red, for each green, the blues as bits
        self.n, self.f = [[0] * 132, [0] * 132], [[0] * 132, [0] * 132]

    def level(self, x: int) -> int:
        return clamp(x // self.d, 0, 255)

    def row(self, red: int) -> list[int]:
        """For each green the blues on the lattice, as bits."""
        if red not in self.rows:
            found = [0] * 256
            for y, v in self.origins.get(red, ()):
                _, luma_g, luma_b = self.lumas[y]
                for u in range(256):
                    green = self.level(luma_g + self.greens[u][0] + self.greens[v][1])
                    found[green] |= 1 << self.level(luma_b + self.blues[u])
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


def decode_tile(
    model: Model, data: bytes, width: int, height: int, planes: int, depth: int, learns: int, rule: int = 0
) -> list[list[int]]:
    """Sections 3, 7, 9, 14, 16 and 19: all pixels of a tile, step by step, and the check of its end."""
    tables = model.tables
    usable = not model.raw and len(tables["context.thresholds"]) >= 8 and len(tables["mixture.inverse_scale"]) >= 32
    require(depth == 8 or usable, "a model that codes 8 bits only")
    require(not learns or depth == 8, "samples of more than 8 bits that teach")
    require(not rule or depth == 8, "samples of more than 8 bits on a lattice")
    layer = (None, LastLayer, TwoLayers)[learns]
    layer, lattice = layer and layer(model), Lattice(rule) if rule else None
    coder, pace = Coder(data), model.horizon + 1
    known: dict[tuple[int, int], list[int]] = {}
    for t in range(width + (height - 1) * pace):
        places = [(i, t - i * pace) for i in range(height) if 0 <= t - i * pace < width]
        step = [predict(model, known, i, j, width, depth, layer) for i, j in places]
        pixels = [pixel for pixel, _ in step]
        for plane in range(planes):
            for pixel in pixels:
                pixel.begin_plane()
            if lattice is not None and plane == 1:
                for pixel in pixels:
                    lattice.weigh_green(pixel)
                for pixel in pixels:
                    pixel.on = coder.digit(lattice.bounds(pixel)) == 1
                for pixel in pixels:
                    pixel.masses = [e if pixel.on else p - e for p, e in zip(pixel.masses, pixel.expected, strict=True)]
            if lattice is not None and plane == 2:
                for pixel in pixels:
                    lattice.weigh_blue(pixel)
            for d in [4**k for k in reversed(range(depth // 2))]:
                for pixel in pixels:
                    pixel.lo += d * coder.digit(pixel.bounds(d))
            for pixel in pixels:
                pixel.end_plane()
        for place, pixel in zip(places, pixels, strict=True):
            known[place] = pixel.values * (model.channels // planes)  # a gray tile has equal channels
        if layer is not None:
            layer.learn(step)
        if lattice is not None:
            lattice.learn(pixels)
    samples = [[known[i, j][p] for i in range(height) for j in range(width)] for p in range(planes)]
    require(not coder.words, "words are left after the last digit")
    size = 2 if depth > 8 else 1
    whole = b"".join(sample.to_bytes(size, "little") for plane in samples for sample in plane)
    require(coder.state == crc32(whole), "the end state is not the CRC-32 of the samples")
    return samples


def predict(
    model: Model,
    known: dict[tuple[int, int], list[int]],
    i: int,
    j: int,
    width: int,
    depth: int,
    learned: LastLayer | TwoLayers | None,
) -> tuple[Pixel, Any]:
    """Section 4: what pixel (i, j) sees, its inputs, and with the network's outputs its distribution.

    Beside it, what the last layer was given."""
    h, tables = model.horizon, model.tables
    offsets = [(di, dj) for di in range(-h, 0) for dj in range(-h, h + 1)] + [(0, dj) for dj in range(-h, 0)]
    seen = {offset: [1 << depth - 1] * model.channels for offset in offsets}
    for di, dj in offsets if (i, j) != (0, 0) else ():
        r, c = max(i + di, 0), clamp(j + dj, 0, width - 1)
        if r == i and c >= j:
            r, c = (i, j - 1) if j > 0 else (i - 1, 0)
        seen[di, dj] = known[r, c]
    m, levels = depth - 8, len(tables["context.thresholds"])
    base, level = ([510] * model.channels, 0) if model.raw else base_and_level(model, seen, m)
    e = octaves(level, levels, 8)
    gain = tables["context.input_scale"][level - 8 * e]
    values = [4 * x - b >> e for pixel in seen.values() for x, b in zip(pixel, base, strict=True)]
    x = [clamp(value * gain + 512 >> 10, -384, 384) for value in values]
    if not model.raw:
        x += [(b >> 2 + m) - 128 for b in base]
        told = clamp(level - 8 * m, min(16, levels - 1), levels - 1) if m else level
        x.append(tables["context.activity_input"][told])
    if model.borders:
        x += [64 * min(distance, h) for distance in (i, j, width - 1 - j)]
    hidden: Any
    if isinstance(learned, TwoLayers):
        outputs, hidden = learned.evaluated(x)
    else:
        outputs, hidden = network(model.layers, x)
        if learned is not None:
            outputs = learned.corrected(outputs, hidden)
    pixel = Pixel(model, base, level, outputs, depth)
    pixel.near = [seen[0, -1], seen[-1, 0]]
    return pixel, hidden


def base_and_level(model: Model, seen: dict[tuple[int, int], list[int]], m: int) -> tuple[list[int], int]:
    """Sections 4 and 9: the base of each channel and the level of what a pixel sees, if the inputs are normalised."""
    w, n, ne = seen[0, -1], seen[-1, 0], seen[-1, 1]
    base = [2 * a + b + c for a, b, c in zip(w, n, ne, strict=True)]
    near = (w, n, ne, seen[-1, -1], seen[0, -2], seen[-2, 0])
    activity = sum(abs(4 * x - b) for pixel in near for x, b in zip(pixel, base, strict=True))
    thresholds = list(model.tables["context.thresholds"])
    for _ in range(8 * m):
        thresholds.append(2 * thresholds[-8] + 18 * model.channels)
    return base, max(k for k, threshold in enumerate(thresholds) if threshold <= activity)


def network(layers: list[Layer], x: list[int]) -> tuple[list[int], list[int]]:
    """Section 5: the outputs of the last layer, and what it was given."""
    outputs: list[list[int]] = []
    for layer in layers:
        rows = zip(layer.weight, layer.bias, layer.shift, strict=True)
        x = [(sum(map(operator.mul, weight, x)) + bias) >> shift for weight, bias, shift in rows]
        if layer.skip is not None:
            x = [a + b for a, b in zip(x, outputs[layer.skip], strict=True)]
        if layer is not layers[-1]:
            x = [clamp(y, 0, 255) for y in x]
        outputs.append(x)
    return outputs[-1], outputs[-2]
