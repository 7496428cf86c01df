"""Limits of images."""

from nelloc.storage import Extent

# Images that announce more pixels are refused: a damaged or hostile header must not cost memory.
MAX_PIXELS = 1 << 28
# A pixel of a file has no more: those of text take most. Metadata comes on top.
_PIXEL_BYTES, _OTHER_BYTES = 24, 1 << 30


def extent(max_pixels: int = MAX_PIXELS) -> Extent:
    """Extent of a stream of an image file, which is read to its end."""
    return Extent(_PIXEL_BYTES * max_pixels + _OTHER_BYTES)
