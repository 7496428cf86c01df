"""An image of coefficients that is filled in, and the parts that it is coded in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BLOCK = 64
PART_BLOCKS = 1 << 17
ZIGZAG = [
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21),
    *(28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61),
    *(54, 47, 55, 62, 63),
]


@dataclass
class Component:
    """A component: sampling factors, steps of quantisation (64), and coefficients (rows, columns, 64)."""

    h: int
    v: int
    steps: list[int] = field(default_factory=list)
    coefficients: NDArray[np.int16] = field(default_factory=lambda: np.zeros((0, 0, BLOCK), np.int16))

    @property
    def rows(self) -> int:
        """Number of rows of blocks."""
        return int(self.coefficients.shape[0])

    @property
    def columns(self) -> int:
        """Number of columns of blocks."""
        return int(self.coefficients.shape[1])


@dataclass
class Image:
    """The size of an image in pixels, and its 1 or 3 components."""

    width: int
    height: int
    components: list[Component]

    @property
    def factors(self) -> tuple[int, int]:
        """The largest horizontal and vertical factor."""
        return max(one.h for one in self.components), max(one.v for one in self.components)

    @property
    def units(self) -> tuple[int, int]:
        """Rows and columns of MCUs."""
        h, v = self.factors
        return -(-self.height // (8 * v)), -(-self.width // (8 * h))

    @property
    def blocks_of_unit(self) -> int:
        """Number of blocks in an MCU."""
        return sum(one.h * one.v for one in self.components)

    @property
    def rows_of_part(self) -> int:
        """Number of rows of MCUs in a part."""
        return max(1, PART_BLOCKS // (self.units[1] * self.blocks_of_unit))

    @property
    def parts(self) -> int:
        """Number of parts that stand alone."""
        return -(-self.units[0] // self.rows_of_part)

    def clear(self) -> None:
        """Make room for coefficients, all 0."""
        rows, columns = self.units
        for one in self.components:
            one.coefficients = np.zeros((rows * one.v, columns * one.h, BLOCK), np.int16)
