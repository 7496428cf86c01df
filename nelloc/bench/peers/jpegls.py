"""JPEG-LS (LOCO-I), by imagecodecs or pillow-jpls; both are CharLS, which codes each channel by itself.

A gray image whose samples need fewer bits than their type has is coded with both numbers of bits, where pillow-jpls
can, and the smaller file counts: fewer bits mostly make it smaller, and sometimes larger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import NDArray

from nelloc.bench.interface import Peer, Picture, PictureForm
from nelloc.bench.peers.package import load, missing_package, save, version_of


@dataclass(frozen=True)
class JpegLsOfImagecodecs(Peer):
    """JPEG-LS by imagecodecs."""

    name: ClassVar[str] = "jpegls"
    about: ClassVar[str] = "JPEG-LS by imagecodecs or pillow-jpls"
    forms: ClassVar[frozenset[PictureForm]] = frozenset({(1, 8), (3, 8), (4, 8), (1, 16), (3, 16), (4, 16)})

    @classmethod
    def missing(cls) -> str | None:
        return missing_package("imagecodecs", "imagecodecs")

    def version(self) -> str:
        import imagecodecs

        return f"{version_of('imagecodecs')}, {imagecodecs.jpegls_version()}"

    def encode(self, picture: Picture) -> bytes:
        import imagecodecs

        # By default imagecodecs 2026.3.6 allocates too small a buffer for noise.
        room = bytearray(2 * picture.array.nbytes + 4096)
        whole = bytes(imagecodecs.jpegls_encode(picture.array, out=room))
        if JpegLsOfPillow.missing() is not None or not _spare_bits(picture):
            return whole
        return min(whole, _of_true_depth(picture), key=len)

    def decode(self, data: bytes) -> NDArray:
        import imagecodecs

        return imagecodecs.jpegls_decode(data)


@dataclass(frozen=True)
class JpegLsOfPillow(Peer):
    """JPEG-LS by pillow-jpls."""

    name: ClassVar[str] = JpegLsOfImagecodecs.name
    about: ClassVar[str] = JpegLsOfImagecodecs.about
    forms: ClassVar[frozenset[PictureForm]] = frozenset({(1, 8), (3, 8), (4, 8), (1, 16)})

    @classmethod
    def missing(cls) -> str | None:
        return missing_package("pillow-jpls", "pillow_jpls")

    def version(self) -> str:
        return version_of("pillow-jpls")

    def encode(self, picture: Picture) -> bytes:
        import pillow_jpls  # noqa: F401 (registers itself with Pillow)

        whole = save(picture.array, "JPEG-LS")
        if picture.bits == 8 or not _spare_bits(picture):  # pillow-jpls writes 2 to 7 bits, but does not read them
            return whole
        return min(whole, _of_true_depth(picture), key=len)

    def decode(self, data: bytes) -> NDArray:
        import pillow_jpls  # noqa: F401

        return load(data, "JPEG-LS")


def _spare_bits(picture: Picture) -> bool:
    """Return True if a gray image needs fewer bits than its samples have."""
    return picture.channels == 1 and _depth(picture) < picture.bits


def _depth(picture: Picture) -> int:
    """Bits of the largest sample, in the range of its type: JPEG-LS starts at 2, two bytes at 9."""
    return max(2 if picture.bits == 8 else 9, int(picture.array.max()).bit_length())


def _of_true_depth(picture: Picture) -> bytes:
    """Encode a gray image with only the bits that its samples need."""
    import pillow_jpls  # noqa: F401

    return save(picture.array, "JPEG-LS", bits_per_sample=_depth(picture))
