"""From coefficients of a JPEG to pixels, in the integers of docs/FORMAT.md, section 16."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.coefficients import JpegCoefficients
from nelloc.exact import native


def decode(image: JpegCoefficients) -> NDArray[np.uint8]:
    """The pixels (1 or 3 planes, height, width) of an image of coefficients.

    Raises ValueError for one that the format does not have.
    """
    out = np.empty((len(image.components), image.height, image.width), np.uint8)
    given = [
        (one.h, one.v, *one.coefficients.shape[:2], one.quantisation, np.ascontiguousarray(one.coefficients))
        for one in image.components
    ]
    native._native.past_decode(image.height, image.width, given, out)
    return out
