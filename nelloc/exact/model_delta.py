"""Models stored as differences to another model: the same file with other weights and biases.

docs/FORMAT.md, section 8, is the specification. Differences are coded as digits on the stack of the tiles, with
frequencies that adapt to earlier digits. All of it is integer arithmetic, and input is not trusted: the work is bounded
by the size of the base model, and the result is checked by its SHA-256 and as any model file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.exact.coder import DigitDecoder, encode_digits
from nelloc.exact.mixture import FREE_FREQUENCY, RADIX
from nelloc.exact.model import ID_BYTES, ExactModel, load_model, model_id
from nelloc.exact.safetensors_header import read_header

SIGNATURE = b"\x8eNLD"
VERSION = 1
MAX_WEIGHT_SHIFT, MAX_BIAS_BITS = 15, 23

# A magnitude is coded in up to LEVELS digits, each of which says "3 or more" by its last value; then in plain digits.
_LEVELS, _LAST = 8, RADIX - 1
_PLAIN_DIGITS = 13
_CLASSES = RADIX * RADIX
# Counts of digits: what each starts with, what one digit adds, and the sum beyond which all are halved.
_FIRST_COUNT, _STEP, _LARGEST_SUM = 16, 32, 1 << 16
_DTYPES = {"I8": "i1", "U8": "u1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8", "U64": "<u8"}
_HEAD = struct.Struct(f"<4sB{ID_BYTES}s{ID_BYTES}s")
_EQUAL = np.full(RADIX, FREE_FREQUENCY / RADIX)
_SIGNS = np.array([FREE_FREQUENCY / 2, FREE_FREQUENCY / 2, 0, 0])


@dataclass(frozen=True)
class Differences:
    """The parsed head of differences: the ids of the model they are to and of the one they make, and all bytes."""

    base_id: bytes
    model_id: bytes
    data: bytes


@dataclass(frozen=True)
class Adapted:
    """A model that was made of another, and the bytes to store of it: its differences, or its whole file."""

    model: ExactModel
    stored: bytes


def is_differences(data: bytes) -> bool:
    """True if these bytes announce themselves as differences; a plain model file cannot begin like this."""
    return data.startswith(SIGNATURE)


def announced_id(data: bytes) -> bytes | None:
    """The id of the model that differences claim to make, unchecked; None if they are cut short."""
    return _HEAD.unpack_from(data)[3] if len(data) >= _HEAD.size else None


def parse_differences(data: bytes, source: str) -> Differences:
    """Read the head of differences. Raises NellocError naming ``source`` if it is damaged or of another version."""
    if not is_differences(data) or len(data) < _HEAD.size + 4:
        raise NellocError(f"{source}: not the differences of a model; use a file made by nelloc")
    _, version, base_id, made_id = _HEAD.unpack_from(data)
    if version != VERSION:
        raise NellocError(f"{source}: has differences of version {version}, unknown here; use a newer nelloc")
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise NellocError(f"{source}: the checksum of its model does not match, so it is damaged; get it again")
    return Differences(base_id, made_id, data)


def encode_differences(base: bytes, model: bytes) -> bytes:
    """The differences that turn the model file ``base`` into the model file ``model``.

    Raises NellocError if they differ in more than weights and biases.
    """
    old, new = _tensors(base), _tensors(model)
    if len(base) != len(model) or old.keys() != new.keys():
        raise NellocError("model: has not the shape of the model it is to be stored as differences to; store it whole")
    writer = _Writer()
    counts = _Counts()
    steps = bytearray()
    patched = bytearray(base)
    for layer in _layers(old):
        weight, bias, row_shift = (old[f"layer.{layer}.{part}"] for part in ("weight", "bias", "shift"))
        moved = [new[f"layer.{layer}.{part}"] for part in ("weight", "bias")]
        change = [
            b.values.astype(np.int64) - a.values.astype(np.int64) for a, b in zip((weight, bias), moved, strict=True)
        ]
        weight_shift = _weight_shift(change[0])
        bias_bits = _bias_bits(change[1], row_shift.values)
        steps += bytes([weight_shift, bias_bits])
        for row in change[0] >> weight_shift:
            _code(writer, counts, row, len(row))
        _code(writer, counts, change[1] >> _bias_shifts(row_shift.values, bias_bits), len(change[1]))
        for a, b in zip((weight, bias), moved, strict=True):
            a.write(patched, b.values)
    if bytes(patched) != model:
        raise NellocError("model: differs in more than weights from the one it is to be stored as differences to")
    head = _HEAD.pack(SIGNATURE, VERSION, model_id(base), model_id(model))
    body = head + bytes(steps) + writer.bytes()
    return body + struct.pack("<I", zlib.crc32(body))


def apply_differences(differences: Differences, base: bytes, source: str) -> bytes:
    """The model file that ``differences`` make of the model file ``base``, whose id is ``differences.base_id``.

    ``base`` must have been loaded as a model. Raises NellocError naming ``source`` for anything but whole differences
    to it.
    """
    try:
        if model_id(base) != differences.base_id:
            raise ValueError("they are to another model")
        made = _apply(differences.data[_HEAD.size : -4], base)
        if model_id(made) != differences.model_id:
            raise ValueError("its id is another one")
        load_model(made, source)
    except (ValueError, KeyError, OverflowError) as error:
        raise NellocError(f"{source}: its differences make no usable model ({error}); get the file again") from error
    return made


def _apply(body: bytes, base: bytes) -> bytes:
    tensors = _tensors(base)
    layers = _layers(tensors)
    steps = body[: 2 * len(layers)]
    if len(steps) < 2 * len(layers) or body[2 * len(layers) :].endswith(b"\0"):
        raise ValueError("they are cut short")
    reader, counts = _Reader(body[2 * len(layers) :]), _Counts()
    made = bytearray(base)
    for layer, weight_shift, bias_bits in zip(layers, steps[::2], steps[1::2], strict=True):
        if weight_shift > MAX_WEIGHT_SHIFT or bias_bits > MAX_BIAS_BITS:
            raise ValueError("a step is out of range")
        weight, bias, row_shift = (tensors[f"layer.{layer}.{part}"] for part in ("weight", "bias", "shift"))
        rows, columns = weight.values.shape
        change = np.stack([_code(reader, counts, None, columns) for _ in range(rows)])
        weight.write(made, weight.values + (change << weight_shift))
        change = _code(reader, counts, None, rows)
        bias.write(made, bias.values + (change << _bias_shifts(row_shift.values, bias_bits)))
    if not reader.at_end():
        raise ValueError("they do not end where they should")
    return bytes(made)


def _weight_shift(change: NDArray[np.int64]) -> int:
    """The largest power of two that divides all changes."""
    return next(s for s in range(MAX_WEIGHT_SHIFT, -1, -1) if not (change & ((1 << s) - 1)).any())


def _bias_bits(change: NDArray[np.int64], row_shift: NDArray) -> int:
    """The fewest bits below a layer's output steps that hold all changes."""
    return next(
        bits for bits in range(MAX_BIAS_BITS + 1) if not (change & ((1 << _bias_shifts(row_shift, bits)) - 1)).any()
    )


def _bias_shifts(row_shift: NDArray, bits: int) -> NDArray[np.int64]:
    """For each row, the shift of its bias's step: ``bits`` below the step of its output."""
    return np.maximum(row_shift.astype(np.int64) - bits, 0)


class _Coder(Protocol):
    """Digits (n,) of given frequencies (4,), written or read."""

    def digits(
        self, known: NDArray[np.int64] | None, frequencies: NDArray[np.float64], n: int
    ) -> NDArray[np.int64]: ...


class _Writer:
    """Collects digits; ANS writes them last to first."""

    def __init__(self) -> None:
        self._digits: list[NDArray[np.int64]] = []
        self._frequencies: list[NDArray[np.float64]] = []

    def digits(self, known: NDArray[np.int64] | None, frequencies: NDArray[np.float64], n: int) -> NDArray[np.int64]:
        assert known is not None
        self._digits.append(known)
        self._frequencies.append(np.broadcast_to(frequencies, (n, RADIX)))
        return known

    def bytes(self) -> bytes:
        digits = np.concatenate(self._digits).astype(np.int32)
        return encode_digits(digits, np.ascontiguousarray(np.concatenate(self._frequencies)), 0)


class _Reader:
    def __init__(self, data: bytes):
        self._decoder = DigitDecoder(data)

    def digits(self, known: NDArray[np.int64] | None, frequencies: NDArray[np.float64], n: int) -> NDArray[np.int64]:
        rows = np.ascontiguousarray(np.broadcast_to(frequencies, (n, RADIX)))
        return self._decoder.decode(rows).astype(np.int64)

    def at_end(self) -> bool:
        return self._decoder.ends_with(0)


class _Counts:
    """Frequency counts of each digit in each context."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, ...], NDArray[np.int64]] = {}

    def code(
        self, coder: _Coder, context: tuple[int, ...], known: NDArray[np.int64] | None, n: int
    ) -> NDArray[np.int64]:
        """Code ``n`` digits of one context, and count them."""
        counts = self._counts.setdefault(context, np.full(RADIX, _FIRST_COUNT, np.int64))
        bounds = np.concatenate([[0], np.cumsum(counts)]) * FREE_FREQUENCY // counts.sum()
        digits = coder.digits(known, np.diff(bounds).astype(np.float64), n)
        counts += _STEP * np.bincount(digits, minlength=RADIX)
        while counts.sum() > _LARGEST_SUM:
            counts += 1
            counts >>= 1
        return digits


def _code(coder: _Coder, counts: _Counts, known: NDArray[np.int64] | None, n: int) -> NDArray[np.int64]:
    """Code a vector of ``n`` differences, given if they are ``known``; its class, magnitudes, then signs."""
    class_ = _code_class(coder, counts, None if known is None else _class(known))
    if class_ == 0:
        return np.zeros(n, np.int64)
    magnitude = _code_magnitudes(coder, counts, class_, None if known is None else np.abs(known), n)
    moved = np.flatnonzero(magnitude)
    magnitude[moved] *= _code_signs(coder, None if known is None else known[moved], len(moved))
    return magnitude


def _code_class(coder: _Coder, counts: _Counts, known: int | None) -> int:
    """Code the class of a vector, as a high and a low digit."""
    digits = (None, None) if known is None else divmod(known, RADIX)
    high = _code_one(coder, counts, (0,), digits[0])
    return RADIX * high + _code_one(coder, counts, (1, high), digits[1])


def _code_one(coder: _Coder, counts: _Counts, context: tuple[int, ...], known: int | None) -> int:
    """Code a single digit."""
    return int(counts.code(coder, context, None if known is None else np.array([known]), 1)[0])


def _code_magnitudes(
    coder: _Coder, counts: _Counts, class_: int, known: NDArray[np.int64] | None, n: int
) -> NDArray[np.int64]:
    """Code the magnitudes (n,) of a vector: level by level a digit of those that were 3 or more in all before."""
    magnitude = np.zeros(n, np.int64)
    active = np.arange(n)
    for level in range(_LEVELS):
        rest = None if known is None else np.minimum(known[active] - magnitude[active], _LAST)
        digits = counts.code(coder, (2, class_, min(level, 3)), rest, len(active))
        magnitude[active] += digits
        active = active[digits == _LAST]
        if not len(active):
            return magnitude
    rest = None if known is None else known[active] - magnitude[active]
    magnitude[active] += _code_plain(coder, rest, len(active))
    return magnitude


def _code_plain(coder: _Coder, known: NDArray[np.int64] | None, n: int) -> NDArray[np.int64]:
    """Code numbers (n,) of _PLAIN_DIGITS digits, all equally likely."""
    places = RADIX ** np.arange(_PLAIN_DIGITS - 1, -1, -1)
    plain = None if known is None else (known[:, None] // places % RADIX).ravel()
    digits = coder.digits(plain, _EQUAL, n * _PLAIN_DIGITS)
    return (digits.reshape(n, _PLAIN_DIGITS) * places).sum(axis=1)


def _code_signs(coder: _Coder, known: NDArray[np.int64] | None, n: int) -> NDArray[np.int64]:
    """Code the signs, 1 or -1, of ``n`` numbers other than 0."""
    negative = coder.digits(None if known is None else (known < 0).astype(np.int64), _SIGNS, n)
    if (negative > 1).any():
        raise ValueError("a sign is neither plus nor minus")
    return 1 - 2 * negative


def _class(vector: NDArray[np.int64]) -> int:
    """The class of a vector: 0 if it is zero, else by the octave of its mean magnitude."""
    total = int(np.abs(vector).sum())
    if not total:
        return 0
    octave = (total * 256 // len(vector)).bit_length()
    return min(max(octave, 1), _CLASSES - 1)


@dataclass(frozen=True)
class _Tensor:
    """A tensor in a model file, and where it stands there."""

    values: NDArray
    start: int

    def write(self, data: bytearray, values: NDArray) -> None:
        """Replace its bytes in ``data``. Raises ValueError if the values do not fit its type."""
        limits = np.iinfo(self.values.dtype)
        if values.min() < limits.min or values.max() > limits.max:
            raise ValueError("a value does not fit its tensor")
        stored = values.astype(self.values.dtype).tobytes()
        data[self.start : self.start + len(stored)] = stored


def _tensors(data: bytes) -> dict[str, _Tensor]:
    """The tensors of a model file that was loaded before, so that its header is known to be right."""
    header, start = read_header(data)
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] in _DTYPES:
            begin, end = (start + offset for offset in entry["data_offsets"])
            values = np.frombuffer(data[begin:end], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
            tensors[name] = _Tensor(values, begin)
    return tensors


def _layers(tensors: dict[str, _Tensor]) -> list[int]:
    """The numbers of the layers, in order."""
    return list(_count(lambda index: f"layer.{index}.weight" in tensors))


def _count(present) -> Iterator[int]:
    index = 0
    while present(index):
        yield index
        index += 1
