"""The entropy coder: digits on constriction's ANS stack.

constriction turns floating-point probabilities into fixed-point ones. That step must not decide
anything: it is handed integers in float64 that sum to exactly 2**24 minus the alphabet's size,
so that its scaling factor is 1 and each frequency is the integer plus one. A few golden words
are coded when a process first uses the coder, and the tests pin more of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import constriction
import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError

# Capacity of the coder's state, which holds data beside the words.
CODER_STATE_BITS = 64
_CATEGORICAL = constriction.stream.model.Categorical(perfect=False)
_AnsCoder = constriction.stream.stack.AnsCoder
_GOLDEN_SEED = 0x12345678
_GOLDEN_DIGITS = np.array([0, 1, 2, 3, 2], np.int32)
_GOLDEN_FREQUENCIES = np.array(
    [
        [0, 0, 0, 16777212],
        [16777212, 0, 0, 0],
        [4194303, 4194303, 4194303, 4194303],
        [1, 2, 3, 16777206],
        [8388606, 8388604, 1, 1],
    ],
    np.float64,
)
_GOLDEN_BYTES = bytes.fromhex("0388ab3bfdffffae0000006824")


@cache
def check_golden_words() -> None:
    """Check, once in a process, that constriction codes a few digits to the bytes that the file format prescribes.

    Raises NellocError if it does not: no file may be written or read with it.
    """
    coder = _AnsCoder(_words(_GOLDEN_SEED))
    coder.encode_reverse(_GOLDEN_DIGITS, _CATEGORICAL, _GOLDEN_FREQUENCIES)
    if _stored(coder) == _GOLDEN_BYTES:
        digits = _AnsCoder(_stack(_GOLDEN_BYTES)).decode(_CATEGORICAL, _GOLDEN_FREQUENCIES)
        if np.array_equal(digits, _GOLDEN_DIGITS):
            return
    from importlib.metadata import version  # slow to import, and needed here alone

    raise NellocError(
        f"constriction {version('constriction')}: its bytes differ from those of the .nlc format; install version 0.5.0"
    )


def encode_digits(digits: NDArray[np.int32], frequencies: NDArray[np.float64], seed: int) -> bytes:
    """Bytes from which ``digits`` (N,) are decoded first to last.

    ``frequencies`` (N, RADIX) sum to 2**24 - RADIX in each row. ``seed`` (32 bits) is the decoder's
    stack after the last digit.
    """
    check_golden_words()
    coder = _AnsCoder(_words(seed))
    if len(digits):
        coder.encode_reverse(digits, _CATEGORICAL, frequencies)
    return _stored(coder)


class DigitWriter:
    """Collects digits as they are coded; ANS takes them last to first."""

    def __init__(self) -> None:
        self._digits: list[NDArray[np.uint8]] = []
        self._frequencies: list[NDArray[np.int32]] = []

    def digits(self, known: NDArray[Any] | None, frequencies: NDArray[np.float64]) -> NDArray[Any]:
        """Write the digits ``known`` (N,) of ``frequencies`` (N, RADIX), and return them."""
        assert known is not None
        self._digits.append(known.astype(np.uint8))
        self._frequencies.append(frequencies.astype(np.int32))
        return known

    def bytes(self, seed: int) -> bytes:
        """All that was written; ``seed`` as in ``encode_digits``."""
        check_golden_words()
        coder = _AnsCoder(_words(seed))
        for digits, frequencies in zip(reversed(self._digits), reversed(self._frequencies), strict=True):
            coder.encode_reverse(digits.astype(np.int32), _CATEGORICAL, frequencies.astype(np.float64))
        return _stored(coder)


class DigitSource(Protocol):
    """Source of the digits of one tile."""

    def decode(self, frequencies: NDArray[np.float64]) -> NDArray[np.int32]:
        """The next digits (N,), given their frequencies (N, RADIX), C-contiguous."""
        ...


class DigitDecoder:
    """Decodes one tile's digits."""

    def __init__(self, data: bytes):
        check_golden_words()
        self._coder = _AnsCoder(_stack(data))
        self._decode = self._coder.decode

    def decode(self, frequencies: NDArray[np.float64]) -> NDArray[np.int32]:
        """The next digits (N,), given their frequencies (N, RADIX), C-contiguous."""
        return self._decode(_CATEGORICAL, frequencies)

    def ends_with(self, seed: int) -> bool:
        """True if the stack holds exactly ``seed``: all of it was read and every digit was right."""
        return np.array_equal(self._coder.get_compressed(), _words(seed))


def pixel_checksum(samples: NDArray[Any]) -> int:
    """CRC-32 of a tile's samples (planes, H, W), plane after plane in raster order: the first word of its stack.

    Deep samples count as two bytes, little-endian.
    """
    return zlib.crc32(np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")))


def decode_side_by_side(
    decoders: Sequence[DigitSource], slices: Sequence[tuple[int, slice]], frequencies: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Digits (N,) of several tiles whose pixels stand side by side.

    ``slices`` gives pairs of a tile and its columns. Columns that belong to no tile get digit 0.
    """
    if len(slices) == 1 and slices[0][1] == slice(0, len(frequencies)):
        return decoders[slices[0][0]].decode(frequencies).astype(np.int64)
    digits = np.zeros(len(frequencies), np.int64)
    for tile, columns in slices:
        digits[columns] = decoders[tile].decode(frequencies[columns])
    return digits


def _stack(data: bytes) -> NDArray[np.uint32]:
    """The words of a stored stack: zero bytes that were left out at its end are restored."""
    return np.frombuffer(data + b"\0" * (-len(data) % 4), "<u4").astype(np.uint32)


def _words(seed: int) -> NDArray[np.uint32]:
    """The stack that holds ``seed``: one word, or none if it is zero (a stack never ends in a zero word)."""
    return np.array([seed] if seed else [], np.uint32)


def _stored(coder: constriction.stream.stack.AnsCoder) -> bytes:
    """The words of a stack. The last one is the high half of the coder's state; its high bytes are often zero."""
    return coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")
