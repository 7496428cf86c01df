"""Lossless WebP by Pillow. WebP has no gray: it stores three equal channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import NDArray
from PIL import __version__, features

from nelloc.bench.interface import Peer, Picture
from nelloc.bench.peers.package import load, save

# Method and quality of libwebp's own lossless presets, cwebp -z 0 to 9.
_PRESETS = ((0, 0), (1, 20), (2, 25), (3, 30), (3, 50), (4, 50), (4, 75), (4, 90), (5, 90), (6, 100))


@dataclass(frozen=True)
class WebP(Peer):
    """Lossless WebP by Pillow. Efforts are those of cwebp -z."""

    effort: int = 9

    name: ClassVar[str] = "webp"
    about: ClassVar[str] = "lossless WebP by Pillow; efforts 0 to 9, as cwebp -z"
    max_side: ClassVar[int] = 16383
    efforts: ClassVar[range] = range(10)
    usual: ClassVar[tuple[int, ...]] = (6, 9)

    @classmethod
    def missing(cls) -> str | None:
        return None if features.check("webp") else "this Pillow was built without WebP"

    def version(self) -> str:
        return f"Pillow {__version__}, libwebp {features.version('webp')}"

    def encode(self, picture: Picture) -> bytes:
        method, quality = _PRESETS[self.effort]
        # exact: colour under a transparent pixel stays.
        return save(picture.array, "WEBP", lossless=True, method=method, quality=quality, exact=True)

    def decode(self, data: bytes) -> NDArray:
        return load(data, "WEBP")
