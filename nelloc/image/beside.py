"""What an image file holds beside its samples: metadata that Pillow does not tell, and names of what is not kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from nelloc.image import jpeg, png
from nelloc.image.metadata import Metadata
from nelloc.image.pixels import Pixels


def describe(data: bytes, file_format: str, pixels: Pixels) -> Pixels:
    """``pixels`` of a file's bytes, in a format by Pillow's name, with all its metadata; ``left_out`` has the rest."""
    if file_format == "PNG":
        pixels = png.describe(data, pixels)
    find = _LEFT_OUT.get(file_format)
    names = () if find is None else find(data, pixels.metadata)
    return replace(pixels, left_out=tuple(dict.fromkeys((*pixels.left_out, *names))))


_LEFT_OUT: dict[str, Callable[[bytes, Metadata], Iterable[str]]] = {"JPEG": jpeg.left_out}
