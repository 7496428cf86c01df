"""Images in and out: files, Pillow images and arrays to planes, and back.

Samples are never converted: an image whose pixels cannot be kept exactly is refused.
"""

from nelloc.image.limits import extent
from nelloc.image.metadata import Metadata
from nelloc.image.pixels import Palette, Pixels, from_array, same_picture, to_array
from nelloc.image.reading import from_image, is_deep, read
from nelloc.image.writing import OUTPUT_SUFFIXES, Written, check_output, in_slices, to_image, write, write_slices

__all__ = [
    "OUTPUT_SUFFIXES",
    "Metadata",
    "Palette",
    "Pixels",
    "Written",
    "check_output",
    "extent",
    "from_array",
    "from_image",
    "in_slices",
    "is_deep",
    "read",
    "same_picture",
    "to_array",
    "to_image",
    "write",
    "write_slices",
]
