"""Palettes of TIFF files, whose entries of 16 bits mostly hold colours of 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.image.formats.tiff.layout import PALETTE, Layout
from nelloc.image.formats.tiff.metadata import COLOUR_MAP
from nelloc.image.formats.tiff.structure import Directory, Head, MalformedTiffError
from nelloc.image.pixels import Palette

_READ_SHORT = "the 16-bit form of the palette's entries (they hold 8-bit colours and are read as such)"
_LONG_COLOURS = "has a palette of 16-bit colours, of which 8 bits could be kept; convert it to 16-bit RGB first"
_SHORT_COLOURS = (
    "has a palette of 8-bit colours where TIFF has 16, which Pillow reads as black; give the file itself to "
    "nelloc.compress"
)


def palette_of(head: Head, first: Directory, layout: Layout, source: str) -> tuple[Palette | None, list[str]]:
    """Colours of a palette, in 8 bits, and the name of a deviation from TIFF if it has one."""
    if layout.photometric != PALETTE:
        return None, []
    entry = first.entries.get(COLOUR_MAP)
    values = np.array(() if entry is None else entry.numbers(head.order), np.int64)
    if len(values) != 3 << layout.depth:
        raise MalformedTiffError("its palette does not have one colour for each index")
    colours, odd = _eight_bit_colours(values)
    if colours is None:
        raise NellocError(f"{source}: {_LONG_COLOURS}")
    table = colours.reshape(3, -1).T.astype(np.uint8)
    return Palette("RGB", table.tobytes()), [_READ_SHORT] if odd and colours.any() else []


def problem_of_palette(values: tuple[int, ...]) -> str | None:
    """Reason why Pillow changes the colours of a palette of 16-bit entries; None if it does not."""
    colours, odd = _eight_bit_colours(np.array(values, np.int64))
    if colours is None:
        return _LONG_COLOURS
    return _SHORT_COLOURS if odd and colours.any() else None


def _eight_bit_colours(values: NDArray[np.int64]) -> tuple[NDArray[np.int64] | None, bool]:
    """Convert 16-bit palette entries to 8-bit colours, or None; the flag is True if they were 8-bit already.

    Writers scale 8 bits by 257 or by 256. Some old ones do not scale; like libtiff, this takes entries that are all
    below 256 for 8-bit ones.
    """
    for factor in (257, 256):
        if not (values % factor).any():
            return values // factor, False
    return (values, True) if values.max(initial=0) < 256 else (None, False)
