"""The entropy coder: digits on constriction's ANS stack.

constriction turns floating-point probabilities into fixed-point ones. That step must not decide
anything: it is handed integers in float64 that sum to exactly 2**24 minus the alphabet's size,
so that its scaling factor is 1 and each frequency is the integer plus one. The tests pin the
words that come out.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import constriction
import numpy as np
from numpy.typing import NDArray

# What the coder's state can hold beside the words.
CODER_STATE_BITS = 64
_CATEGORICAL = constriction.stream.model.Categorical(perfect=False)
_AnsCoder = constriction.stream.stack.AnsCoder


def encode_digits(digits: NDArray[np.int32], frequencies: NDArray[np.float64], seed: int) -> bytes:
    """Bytes from which ``digits`` (N,) are decoded first to last.

    ``frequencies`` (N, RADIX) sum to 2**24 - RADIX in each row. ``seed`` (32 bits) is what the
    decoder's stack holds in the end.
    """
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
        coder = _AnsCoder(_words(seed))
        for digits, frequencies in zip(reversed(self._digits), reversed(self._frequencies), strict=True):
            coder.encode_reverse(digits.astype(np.int32), _CATEGORICAL, frequencies.astype(np.float64))
        return _stored(coder)


class DigitSource(Protocol):
    """Where the digits of one tile come from."""

    def decode(self, frequencies: NDArray[np.float64]) -> NDArray[np.int32]:
        """The next digits (N,), given their frequencies (N, RADIX), C-contiguous."""
        ...


class DigitDecoder:
    """Decodes one tile's digits."""

    def __init__(self, data: bytes):
        padded = data + b"\0" * (-len(data) % 4)
        self._coder = _AnsCoder(np.frombuffer(padded, "<u4").astype(np.uint32))
        self._decode = self._coder.decode

    def decode(self, frequencies: NDArray[np.float64]) -> NDArray[np.int32]:
        """The next digits (N,), given their frequencies (N, RADIX), C-contiguous."""
        return self._decode(_CATEGORICAL, frequencies)

    def ends_with(self, seed: int) -> bool:
        """True if the stack holds exactly ``seed``: all of it was read and every digit was right."""
        return np.array_equal(self._coder.get_compressed(), _words(seed))


def pixel_checksum(samples: NDArray[Any]) -> int:
    """What a tile's stack starts with: the CRC-32 of its samples (planes, H, W), plane after plane in raster order.

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


def _words(seed: int) -> NDArray[np.uint32]:
    """The stack that holds ``seed``: one word, or none if it is zero (a stack never ends in a zero word)."""
    return np.array([seed] if seed else [], np.uint32)


def _stored(coder: constriction.stream.stack.AnsCoder) -> bytes:
    """The words of a stack. The last one is the high half of the coder's state; its high bytes are often zero."""
    return coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")
