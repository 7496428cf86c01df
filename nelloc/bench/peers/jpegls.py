"""JPEG-LS (LOCO-I), by imagecodecs or pillow-jpls; both are CharLS, which codes each channel by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import NDArray

from nelloc.bench.interface import Form, Peer, Picture
from nelloc.bench.peers.package import load, missing_package, save, version_of


@dataclass(frozen=True)
class JpegLsOfImagecodecs(Peer):
    name: ClassVar[str] = "jpegls"
    about: ClassVar[str] = "JPEG-LS by imagecodecs or pillow-jpls"
    forms: ClassVar[frozenset[Form]] = frozenset({(1, 8), (3, 8), (4, 8), (1, 16), (3, 16), (4, 16)})

    @classmethod
    def missing(cls) -> str | None:
        return missing_package("imagecodecs", "imagecodecs")

    def version(self) -> str:
        import imagecodecs

        return f"{version_of('imagecodecs')}, {imagecodecs.jpegls_version()}"

    def encode(self, picture: Picture) -> bytes:
        import imagecodecs

        return bytes(imagecodecs.jpegls_encode(picture.array))

    def decode(self, data: bytes) -> NDArray:
        import imagecodecs

        return imagecodecs.jpegls_decode(data)


@dataclass(frozen=True)
class JpegLsOfPillow(Peer):
    name: ClassVar[str] = JpegLsOfImagecodecs.name
    about: ClassVar[str] = JpegLsOfImagecodecs.about
    forms: ClassVar[frozenset[Form]] = frozenset({(1, 8), (3, 8), (4, 8)})

    @classmethod
    def missing(cls) -> str | None:
        return missing_package("pillow-jpls", "pillow_jpls")

    def version(self) -> str:
        return version_of("pillow-jpls")

    def encode(self, picture: Picture) -> bytes:
        import pillow_jpls  # noqa: F401 (registers itself with Pillow)

        return save(picture.array, "JPEG-LS")

    def decode(self, data: bytes) -> NDArray:
        import pillow_jpls  # noqa: F401

        return load(data, "JPEG-LS")
