"""Look at pictures that may have been JPEGs: their grid of blocks, and colours that no JPEG decoder makes.

    python scripts/decoded_colours.py PICTURE...

Of each picture: how clear the grid of 8 x 8 blocks is, in standard deviations, and where it begins; the share of
pixels, of those that are not clipped, whose colour comes of no luma and chroma; and in how narrow a range of brightness
such colours are found: the median width of the range of green that holds 80 % of the pixels of one pair of differences
R - G, B - G, for pairs that no decoder makes and for those that one does. A decoder makes a pair at any brightness.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc.codec.past.detect import find_grid
from nelloc.exact.lattice import Lattice, Rule, numbers

_EDGE = 2  # channels at most this far from an end may have been clipped
_LEAST = 100  # pixels of a pair


def widths(pairs: NDArray[np.int64], green: NDArray[np.int64]) -> Iterator[int]:
    """The width of the range of green that holds 80 % of the pixels, of each pair with enough of them."""
    order = np.lexsort((green, pairs))
    for part in np.split(green[order], np.flatnonzero(np.diff(pairs[order])) + 1):
        if len(part) >= _LEAST:
            yield int(part[len(part) * 9 // 10] - part[len(part) // 10])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", metavar="PICTURE", type=Path, nargs="+")
    for path in parser.parse_args().pictures:
        image = np.asarray(Image.open(path).convert("RGB"))
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        top, left, clear = find_grid(planes[1], planes[1])
        colours = image.reshape(-1, 3)
        colours = colours[((colours > _EDGE) & (colours < 255 - _EDGE)).all(axis=1)]
        made = Lattice.of(Rule.JFIF).has[numbers(colours.T)]
        red, green, blue = colours.T.astype(np.int64)
        pairs = (red - green + 255) * 512 + blue - green + 255
        found = [[*widths(pairs[of], green[of])] for of in (~made, made)]
        ranges = [f"{np.median(one):.0f}" if one else "none" for one in found]
        print(
            f"{path}: grid at {left}, {top}, {clear:.1f} standard deviations; {100 * np.mean(~made):.1f} % of colours "
            f"from no decoder; ranges of green: {ranges[0]} of these, {ranges[1]} of the others"
        )


if __name__ == "__main__":
    main()
