"""Division of an image into independent tiles of nearly equal size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

DEFAULT_TILE = 256
MIN_TILE, MAX_TILE = 16, 4096


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of an image.

    Parameters
    ----------
    top, left : int
        First row and first column, in pixels from the image's upper left corner.
    height, width : int
        Numbers of rows and of columns.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """First row below the rectangle."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """First column to the right of the rectangle."""
        return self.left + self.width

    @property
    def rows(self) -> slice:
        """Slice of the rows."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Slice of the columns."""
        return slice(self.left, self.left + self.width)

    def within(self, other: Rectangle) -> Rectangle:
        """The same rectangle, seen from the corner of ``other``."""
        return Rectangle(self.top - other.top, self.left - other.left, self.height, self.width)

    def meets(self, other: Rectangle) -> bool:
        """True if the two have a pixel in common."""
        rows = max(self.top, other.top) < min(self.bottom, other.bottom)
        return rows and max(self.left, other.left) < min(self.right, other.right)

    def holds(self, other: Rectangle) -> bool:
        """True if the whole of ``other`` is inside."""
        rows = self.top <= other.top and other.bottom <= self.bottom
        return rows and self.left <= other.left and other.right <= self.right

    def __str__(self) -> str:
        """Format x, y, width and height, as --region takes them."""
        return f"{self.left},{self.top},{self.width},{self.height}"


def tiles(height: int, width: int, tile: int = DEFAULT_TILE) -> list[Rectangle]:
    """Tiles of at most ``tile`` x ``tile`` pixels, in raster order.

    Each axis is cut into the fewest parts, whose sizes differ by at most one, so that no tile
    is a sliver with a poor context.
    """
    rows, columns = cuts(height, tile), cuts(width, tile)
    return [
        Rectangle(top, left, bottom - top, right - left)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]


def tile_count(height: int, width: int, tile: int) -> int:
    """Number of tiles that ``tiles`` makes."""
    return -(-height // tile) * -(-width // tile)


def cuts(size: int, tile: int) -> list[int]:
    """Places along an axis at which tiles begin, and the end of the last one."""
    parts = -(-size // tile)
    return [part * size // parts for part in range(parts + 1)]
