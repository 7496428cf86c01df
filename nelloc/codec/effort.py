"""Levels of effort of the search for a smaller file, which ``nelloc.codec.search`` carries out.

``benchmarks/efforts.py`` measures them; a level that makes no kind of image smaller is merged with the next one.

Each level tries what the one below it tries, and more, and the smallest result is kept: so a file is never larger than
at a lower level. The network is always the one that ``--model`` names, since it decides what decoding costs.
"""

from __future__ import annotations

from enum import IntEnum

from nelloc.codec.tiling import DEFAULT_TILE

# The side of the tiles that images are coded in as a second try: what repeats far away helps, and fewer tiles.
LARGE_TILE = 1024


class Effort(IntEnum):
    """The levels, by what each adds to those below it."""

    GUESS = 1
    LARGE_TILES = 2
    PROBE = 3
    OTHER_WAYS = 4
    MODEL = 5
    LARGE_PHOTOGRAPHS = 6
    EVERYTHING = 7


DEFAULT_EFFORT = Effort.MODEL
# The same in words, which the command line prints.
ADDED = {
    Effort.GUESS: "a quick look at each tile: the model for photographs, else the adaptive coder in a likely form",
    Effort.LARGE_TILES: f"the adaptive coder in tiles of {LARGE_TILE}, not {DEFAULT_TILE}, unless most are photographs",
    Effort.PROBE: "its form that is best on a part of the image; a search for JPEG blocks that rounding has changed",
    Effort.OTHER_WAYS: "repeated colours without a palette; filtered rows packed by LZMA; colours and alpha together; "
    "one layer learns in flat tiles",
    Effort.MODEL: "the model on tiles that do not look like photographs, but have more than a few colours",
    Effort.LARGE_PHOTOGRAPHS: f"tiles of {LARGE_TILE} for the model too; a longer search for JPEG blocks; "
    "stretched images both by their levels and without",
    Effort.EVERYTHING: "on every tile the model, also with less learning or none, and all forms of the adaptive coder",
}


def photograph_tile(learns: bool) -> int:
    """The side of the tiles of a photograph, from which the network ``learns`` or not.

    The larger a tile, the more is learned from it, and learning takes longer than what wide steps save.
    """
    return 2 * DEFAULT_TILE if learns else DEFAULT_TILE
