"""An image as it is coded: groups of planes and their meaning; conversion from and to arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.image.kinds import Kind, Role
from nelloc.image.metadata import Metadata

# uint8, or uint16 for deep kinds.
Samples = NDArray[Any]
_KIND_OF_CHANNELS = {1: Kind.GRAY, 2: Kind.LA, 3: Kind.RGB, 4: Kind.RGBA}
# Samples of an image that are copied.
_COPIED = 1 << 16
_DEEP = {Kind.GRAY: Kind.GRAY16, Kind.LA: Kind.LA16, Kind.RGB: Kind.RGB16, Kind.RGBA: Kind.RGBA16}


@dataclass(frozen=True)
class Palette:
    """Colours of an image of indices: ``colours`` are their bytes, in ``mode`` RGB or RGBA.

    ``transparency`` is the index of the transparent colour, or a table of the first indices' alpha, or None.
    """

    mode: str
    colours: bytes
    transparency: int | bytes | None = None


@dataclass(frozen=True)
class Pixels:
    """An image as it is coded.

    ``groups`` are arrays (planes, height, width), uint8 or uint16, one for each of ``kind.groups``. ``transparent`` is
    the transparent colour, one number for each colour plane. ``left_out`` names contents of the file that are not kept,
    ``damaged`` the tiles of a damaged file that hold no pixels of the image.
    """

    kind: Kind
    groups: tuple[Samples, ...]
    palette: Palette | None = None
    transparent: tuple[int, ...] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    left_out: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def planes(self) -> Samples:
        """First group: colour, gray, indices or bits."""
        return self.groups[0]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.planes.shape[1]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.planes.shape[2]

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def photographic(self) -> bool:
        """True if the first group is 8-bit colour or gray, the data that models are trained on."""
        first = self.kind.groups[0]
        return first.role is Role.COLOUR and first.bits == 8

    def stripped(self) -> Pixels:
        """Remove the metadata; ``left_out`` then names it."""
        return replace(self, metadata=Metadata(), left_out=(*self.left_out, *self.metadata.names))

    def same_as(self, other: Pixels) -> bool:
        """Return True if all that a file keeps is equal: kind, samples, palette, transparency and metadata."""
        mine = (self.kind, self.palette, self.transparent, self.metadata)
        if mine != (other.kind, other.palette, other.transparent, other.metadata):
            return False
        return all(np.array_equal(a, b) for a, b in zip(self.groups, other.groups, strict=True))

    def rows(self, first: int, last: int) -> Pixels:
        """Rows from ``first`` to before ``last``, as an image."""
        return replace(self, groups=tuple(group[:, first:last] for group in self.groups))

    def same_in_slices(self, slices: Iterable[Pixels], same: Callable[[Pixels, Pixels], bool]) -> bool:
        """Check that ``slices``, from top to bottom, are the ``same`` as all rows of this image."""
        top = 0
        for part in slices:
            if not same(self.rows(top, top + part.height), part):
                return False
            top += part.height
        return top == self.height


def from_array(array: NDArray, source: str = "image") -> Pixels:
    """Convert an array (H, W), or (H, W, C) of 2 to 4 channels, of uint8 or uint16; or (H, W) of bool.

    Two channels are gray and alpha, three RGB, four RGB and alpha. Strides and byte order are arbitrary. Raises
    NellocError for any other array.
    """
    if np.ma.is_masked(array):
        raise NellocError(f"{source}: has masked samples, which cannot be kept; fill them first")
    array = np.asarray(array)
    if array.dtype == np.dtype(np.uint16).newbyteorder():
        array = array.astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16, np.bool_):
        raise NellocError(
            f"{source}: has samples of type {array.dtype}; only 8-bit or 16-bit samples (uint8, uint16) can be coded; "
            "convert it to one of them first"
        )
    if array.size == 0:
        raise NellocError(f"{source}: is empty; give an image of at least 1x1 pixels")
    if array.dtype == np.bool_ and array.ndim == 2:
        return Pixels(Kind.BILEVEL, (array.astype(np.uint8)[None],))
    if array.dtype == np.bool_ or not (array.ndim == 2 or (array.ndim == 3 and 2 <= array.shape[2] <= 4)):
        raise NellocError(
            f"{source}: has shape {array.shape}; give (height, width) for gray, or (height, width, channels) with "
            "2 channels for gray and alpha, 3 for RGB, 4 for RGBA"
        )
    planes = (array[:, :, None] if array.ndim == 2 else array).transpose(2, 0, 1)
    kind = _KIND_OF_CHANNELS[len(planes)]
    if array.dtype == np.uint16:
        kind, planes = _DEEP[kind], planes.astype(np.uint16, copy=False)
    return Pixels(kind, split(kind, planes))


def split(kind: Kind, planes: Samples) -> tuple[Samples, ...]:
    """Split all planes (planes, H, W) into the groups of ``kind``; few samples lie plane after plane then."""
    if planes.size <= _COPIED:  # each look at them is sooner, which pays for the copy
        planes = np.ascontiguousarray(planes)
    groups, first = [], 0
    for group in kind.groups:
        groups.append(planes[first : first + group.planes])
        first += group.planes
    return tuple(groups)


def to_array(pixels: Pixels) -> NDArray:
    """Samples as ``from_array`` takes them and Pillow gives them: indices as such, bool for bilevel images."""
    if pixels.kind is Kind.BILEVEL:
        return pixels.planes[0].astype(np.bool_)
    if pixels.kind.planes == 1:
        return pixels.planes[0]
    whole = pixels.planes if len(pixels.groups) == 1 else np.concatenate(pixels.groups)
    return whole.transpose(1, 2, 0)


def same_picture(pixels: Pixels, other: Pixels) -> bool:
    """Return True if kind, samples, transparency and the colours of indices are equal, metadata aside."""
    if (pixels.kind, pixels.transparent) != (other.kind, other.transparent):
        return False
    if not all(np.array_equal(a, b) for a, b in zip(pixels.groups, other.groups, strict=True)):
        return False
    if pixels.palette is None or other.palette is None:
        return pixels.palette is other.palette
    colours = len(pixels.palette.colours) // len(pixels.palette.mode)
    used = np.unique(pixels.planes).tolist()  # the colour of an index beyond the palette is undefined
    return all(_colour(pixels.palette, i) == _colour(other.palette, i) for i in used if i < colours)


def _colour(palette: Palette, index: int) -> tuple[bytes, int]:
    """Colour of a palette entry, and its alpha."""
    size = len(palette.mode)
    entry = palette.colours[index * size : (index + 1) * size].ljust(3, b"\0")
    table = palette.transparency
    if isinstance(table, int):
        alpha = 0 if index == table else 255
    elif table is not None:
        alpha = table[index] if index < len(table) else 255
    else:
        alpha = entry[3] if size == 4 and len(entry) == 4 else 255
    return entry[:3], alpha
