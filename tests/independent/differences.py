"""Section 8: models as differences to others; and the models that files name."""

from __future__ import annotations

import json
import operator
import struct
from hashlib import sha256
from zlib import crc32

from independent.coder import TOTAL, Coder
from independent.container import DIFFERENCES, WHOLE_MODEL
from independent.model_file import ELEMENT, load_model
from independent.notation import require


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
