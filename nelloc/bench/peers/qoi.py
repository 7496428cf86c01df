"""QOI, by imagecodecs or the package qoi. QOI has no gray: it stores three equal channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nelloc.bench.interface import Peer, Picture, PictureForm
from nelloc.bench.peers.package import missing_package, version_of


@dataclass(frozen=True)
class QoiOfImagecodecs(Peer):
    """QOI by imagecodecs."""

    name: ClassVar[str] = "qoi"
    about: ClassVar[str] = "QOI by imagecodecs or the package qoi"
    forms: ClassVar[frozenset[PictureForm]] = frozenset({(1, 8), (3, 8), (4, 8)})

    @classmethod
    def missing(cls) -> str | None:
        return missing_package("imagecodecs", "imagecodecs")

    def version(self) -> str:
        import imagecodecs

        return f"{version_of('imagecodecs')}, {imagecodecs.qoi_version()}"

    def encode(self, picture: Picture) -> bytes:
        import imagecodecs

        return bytes(imagecodecs.qoi_encode(_colour(picture)))

    def decode(self, data: bytes) -> NDArray:
        import imagecodecs

        return imagecodecs.qoi_decode(data)


@dataclass(frozen=True)
class QoiPackage(Peer):
    """QOI by the package qoi."""

    name: ClassVar[str] = QoiOfImagecodecs.name
    about: ClassVar[str] = QoiOfImagecodecs.about
    forms: ClassVar[frozenset[PictureForm]] = QoiOfImagecodecs.forms

    @classmethod
    def missing(cls) -> str | None:
        return missing_package("qoi", "qoi")

    def version(self) -> str:
        return version_of("qoi")

    def encode(self, picture: Picture) -> bytes:
        import qoi

        return bytes(qoi.encode(_colour(picture)))

    def decode(self, data: bytes) -> NDArray:
        import qoi

        return qoi.decode(data)


def _colour(picture: Picture) -> NDArray:
    """Pixels with gray as three equal channels."""
    array = picture.array
    return np.ascontiguousarray(np.repeat(array[:, :, None], 3, axis=2) if array.ndim == 2 else array)
