"""Lossless JPEG 2000, as Pillow writes it: the reversible 5/3 wavelet and colour transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import NDArray
from PIL import __version__, features

from nelloc.bench.interface import EIGHT_BIT, Peer, Picture, PictureForm
from nelloc.bench.peers.package import load, save


@dataclass(frozen=True)
class Jpeg2000(Peer):
    """Lossless JPEG 2000 by Pillow."""

    name: ClassVar[str] = "jpeg2000"
    about: ClassVar[str] = "lossless JPEG 2000 by Pillow"
    forms: ClassVar[frozenset[PictureForm]] = EIGHT_BIT | {(1, 16)}

    @classmethod
    def missing(cls) -> str | None:
        return None if features.check("jpg_2000") else "this Pillow was built without JPEG 2000"

    def version(self) -> str:
        return f"Pillow {__version__}, OpenJPEG {features.version('jpg_2000')}"

    def encode(self, picture: Picture) -> bytes:
        return save(picture.array, "JPEG2000", irreversible=False, mct=1 if picture.channels >= 3 else 0)

    def decode(self, data: bytes) -> NDArray:
        return load(data, "JPEG2000")
