"""PNG by Pillow, and by imagecodecs for 16-bit colour. The ratios in tables are to its usual effort.

Palettes, bits and transparent colours are kept, since PNG supports them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import NDArray
from PIL import __version__, features

from nelloc import image
from nelloc.bench.interface import EIGHT_BIT, SIXTEEN_BIT, Peer, Picture, PictureForm, shown
from nelloc.image.formats import sixteen_bit


@dataclass(frozen=True)
class Png(Peer):
    """PNG by Pillow. Efforts are zlib's levels; 9 is Pillow's ``optimize``."""

    effort: int = 9

    name: ClassVar[str] = "png"
    about: ClassVar[str] = "PNG by Pillow; efforts 0 to 9"
    forms: ClassVar[frozenset[PictureForm]] = EIGHT_BIT | SIXTEEN_BIT
    efforts: ClassVar[range] = range(10)
    usual: ClassVar[tuple[int, ...]] = (9,)

    @classmethod
    def missing(cls) -> str | None:
        return None

    def version(self) -> str:
        return f"Pillow {__version__}, zlib {features.version('zlib')}"

    def encode(self, picture: Picture) -> bytes:
        return png_bytes(picture, self.effort)

    def decode(self, data: bytes) -> NDArray:
        return png_array(data)


def png_bytes(picture: Picture, effort: int) -> bytes:
    """Encode a picture as PNG without metadata."""
    if picture.bits == 16 and picture.channels > 1:
        return sixteen_bit.write_png(picture.array, picture.name)
    out = io.BytesIO()
    pixels = picture.pixels.stripped()
    image.to_image(pixels).save(out, "PNG", optimize=effort == 9, compress_level=effort)
    return out.getvalue()


def png_array(data: bytes) -> NDArray:
    """Decode a PNG file to its appearance."""
    return shown(image.read(data, "PNG file"))
