"""The adaptive coder in the compiled core, where that is built: the same records as NumPy gives, without steps of it.

``NELLOC_CPU=numpy`` leaves it out. A build that does not give the known answers is left out too, with a warning.
"""

from __future__ import annotations

import warnings
import zlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocWarning
from nelloc.exact.callbacks import Watch
from nelloc.exact.native import _native, levels, missing

# The CRC-32 of the records of the known-answer tiles, one after the other.
_KNOWN_ANSWER = 0xB5D13C8A
# Forms of them, and bits of their samples.
_KNOWN_FORMS, _KNOWN_BITS = range(1, 7), (8, 12)


def codes(samples: NDArray[Any], bits: int) -> bool:
    """True if the core codes ``samples`` (planes, H, W) of at most ``bits`` bits."""
    return samples.dtype == _sample_type(bits) and decodes(samples.shape, bits)


def decodes(shape: tuple[int, ...], bits: int) -> bool:
    """True if the core codes tiles of ``shape`` (planes, H, W), of samples of at most ``bits`` bits."""
    if missing() is not None or not _native.adaptive_fits(*shape, bits):
        return False
    return _gives_the_known_answers()


def encode(samples: NDArray[Any], bits: int, form: int, order: int, watch: Watch | None = None) -> bytes:
    """The record of ``samples`` (planes, H, W); ``watch`` is called now and then and may raise to stop."""
    shape = (*samples.shape, bits)
    return _native.adaptive_encode(_tables(), shape, int(form), order, _contiguous(samples, bits), watch)


def decode(data: bytes, shape: tuple[int, int, int], bits: int, watch: Watch | None = None) -> NDArray[Any] | None:
    """The samples of ``shape`` (planes, H, W) of a record; None if it is damaged. ``watch`` as in ``encode``."""
    samples = np.empty(shape, _sample_type(bits))
    whole = _native.adaptive_decode(_tables(), (*shape, bits), data, samples, watch)
    return samples if whole else None


def count_colours(samples: NDArray[Any], bits: int) -> int:
    """The number of colours of ``samples`` (planes, H, W), or one more than a palette may have if there are more."""
    return _native.adaptive_colours((*samples.shape, bits), _contiguous(samples, bits))


def _sample_type(bits: int) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if bits > 8 else np.uint8


def _contiguous(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """The samples as the core reads them: native numbers of one or two bytes, in raster order."""
    return np.ascontiguousarray(samples, _sample_type(bits))


@cache
def _tables() -> Any:
    return _native.adaptive_tables()


@cache
def _gives_the_known_answers() -> bool:
    """Code small tiles in every form and back, before anything else is coded."""
    levels()  # a NELLOC_CPU that cannot be had is an error, though this coder has one level
    checksum = 0
    for bits in _KNOWN_BITS:
        samples = _known_tile(bits)
        for form in _KNOWN_FORMS:
            record = encode(samples, bits, form, 0)
            checksum = zlib.crc32(record, checksum)
            back = decode(record, samples.shape, bits)
            if back is None or not np.array_equal(back, samples):
                checksum = 0
                break
    if checksum != _KNOWN_ANSWER:
        warnings.warn(
            "the compiled adaptive coder gives wrong records on this machine and is not used",
            NellocWarning,
            stacklevel=3,
        )
    return checksum == _KNOWN_ANSWER


def _known_tile(bits: int) -> NDArray[Any]:
    """Samples (3, 12, 16) of everything that the coder tells apart: repetition, slopes, and the largest numbers."""
    row, column = np.indices((12, 16))
    plane = np.arange(3)[:, None, None]
    largest = (1 << bits) - 1
    slopes = (row * 5 + column * 3 + plane * 40) % (largest + 1)
    noise = (row * 16 + column + plane * 192) ** 2 * 40503 >> 7
    few = np.where((row // 3 + column // 4) % 2, largest, 7 * plane)
    samples = np.select([column < 5, row < 4, row < 8], [few, slopes, noise & largest], few[:, ::-1, ::-1])
    return samples.astype(_sample_type(bits))
