"""Lossless AVIF.

By imagecodecs, which stores RGB as it is (identity matrix). Pillow always converts colour to YCbCr, which changes it by
a gray level or two even at quality 100 and 4:4:4; it keeps gray and alpha exactly. Pillow is measured if imagecodecs is
missing, and reported as lossy on images with colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import NDArray
from PIL import __version__, features

from nelloc.bench.interface import Peer, Picture
from nelloc.bench.peers.package import load, missing_package, save, version_of


@dataclass(frozen=True)
class AvifOfImagecodecs(Peer):
    """AVIF by imagecodecs. Efforts are 10 minus the encoder's speed."""

    effort: int = 4

    name: ClassVar[str] = "avif"
    about: ClassVar[str] = "lossless AVIF by imagecodecs, or at quality 100 by Pillow; efforts 0 to 10"
    max_side: ClassVar[int] = 65536
    efforts: ClassVar[range] = range(11)
    usual: ClassVar[tuple[int, ...]] = (4,)

    @classmethod
    def missing(cls) -> str | None:
        return missing_package("imagecodecs", "imagecodecs")

    def version(self) -> str:
        import imagecodecs

        return f"{version_of('imagecodecs')}, {imagecodecs.avif_version()}"

    def encode(self, picture: Picture) -> bytes:
        import imagecodecs

        return bytes(imagecodecs.avif_encode(picture.array, level=100, speed=10 - self.effort, numthreads=self.threads))

    def decode(self, data: bytes) -> NDArray:
        import imagecodecs

        return imagecodecs.avif_decode(data, numthreads=self.threads)


@dataclass(frozen=True)
class AvifOfPillow(Peer):
    """AVIF by Pillow. Efforts are 10 minus the encoder's speed."""

    effort: int = 4

    name: ClassVar[str] = AvifOfImagecodecs.name
    about: ClassVar[str] = AvifOfImagecodecs.about
    max_side: ClassVar[int] = 65536
    efforts: ClassVar[range] = range(11)
    usual: ClassVar[tuple[int, ...]] = (4,)

    @classmethod
    def missing(cls) -> str | None:
        return None if features.check("avif") else "this Pillow was built without AVIF"

    def version(self) -> str:
        return f"Pillow {__version__}, libavif {features.version('avif')}"

    def encode(self, picture: Picture) -> bytes:
        sampling = "4:4:4" if picture.channels >= 3 else "4:0:0"
        options = {"speed": 10 - self.effort, "max_threads": self.threads}
        return save(picture.array, "AVIF", quality=100, subsampling=sampling, **options)

    def decode(self, data: bytes) -> NDArray:
        return load(data, "AVIF")
