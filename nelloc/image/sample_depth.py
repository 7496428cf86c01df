"""Effective bit depth of a 16-bit image, and the position of these bits."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.image import mapped_array
from nelloc.varint import MalformedError

# Depths of coded samples: a digit has two bits.
DEPTHS = (8, 10, 12, 14, 16)
_PIXELS_AT_ONCE = 1 << 20


class DepthRule(enum.IntEnum):
    """Rule that makes the sample of the image from a coded sample s of d bits."""

    PLAIN = 0  # s
    SHIFTED = 1  # s << (16 - d)
    REPLICATED = 2  # the same, with the low bits filled from the top of s
    SCALED = 3  # s * 65535 / (2**d - 1), rounded


@dataclass(frozen=True)
class Depth:
    """Samples of ``bits`` bits at the position that ``form`` names."""

    bits: int
    form: DepthRule = DepthRule.PLAIN

    @classmethod
    def checked(cls, bits: int, form: int) -> Depth:
        """Raise MalformedError for an undefined depth or form."""
        if bits not in DEPTHS or form not in set(DepthRule) or (bits == 16 and form != DepthRule.PLAIN):
            raise MalformedError("depth")
        return cls(bits, DepthRule(form))

    def reduce(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Samples as they are coded: uint8 up to 8 bits, else uint16. Bits that do not fit the form are lost."""
        kind = np.uint16 if self.bits > 8 else np.uint8
        if self.form is DepthRule.PLAIN and samples.dtype == kind:
            return samples
        coded = mapped_array.empty(samples.shape, kind)
        for rows in _slices(samples):
            part = samples[:, rows]
            if self.form is DepthRule.SCALED:
                coded[:, rows] = (part.astype(np.uint32) * self._largest + 32767) // 65535
            else:
                coded[:, rows] = part if self.form is DepthRule.PLAIN else part >> np.uint16(16 - self.bits)
        return coded

    def restore(self, coded: NDArray[Any]) -> NDArray[np.uint16]:
        """Restore the image's samples, uint16, from the coded ones."""
        wide = coded.astype(np.uint32)
        if self.form is DepthRule.PLAIN:
            return wide.astype(np.uint16)
        if self.form is DepthRule.SCALED:
            return ((wide * 65535 + self._largest // 2) // self._largest).astype(np.uint16)
        shifted = wide << (16 - self.bits)
        if self.form is DepthRule.REPLICATED:
            shifted |= wide >> (2 * self.bits - 16)
        return shifted.astype(np.uint16)

    @property
    def _largest(self) -> int:
        return (1 << self.bits) - 1


def find(samples: NDArray[np.uint16]) -> Depth:
    """Find the smallest depth that keeps all samples."""
    for bits in DEPTHS[:-1]:
        for form in DepthRule:
            depth = Depth(bits, form)
            # A few samples rule out most images.
            if _keeps(depth, samples[:, :1, :64]) and _keeps(depth, samples):
                return depth
    return Depth(16)


def smallest(numbers: int) -> Depth:
    """The smallest depth that has as many numbers."""
    return next(Depth(bits) for bits in DEPTHS if numbers <= 1 << bits)


def _keeps(depth: Depth, samples: NDArray[np.uint16]) -> bool:
    if depth.form is DepthRule.PLAIN and int(samples.max()) >> depth.bits:
        return False
    parts = (samples[:, rows] for rows in _slices(samples))
    return all(np.array_equal(depth.restore(depth.reduce(part)), part) for part in parts)


def _slices(samples: NDArray[Any]) -> Iterator[slice]:
    """Yield rows of samples (planes, H, W), few enough at a time to need little memory."""
    _, height, width = samples.shape
    step = max(1, _PIXELS_AT_ONCE // width)
    return (slice(top, top + step) for top in range(0, height, step))
