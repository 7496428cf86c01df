"""PNG, as Pillow writes it. The ratios of the tables are to its usual effort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import NDArray
from PIL import __version__, features

from nelloc.bench.interface import EIGHT_BIT, Kind, Peer, Picture
from nelloc.bench.peers.package import load, save


@dataclass(frozen=True)
class Png(Peer):
    """Efforts are zlib's levels; 9 is Pillow's ``optimize``."""

    effort: int = 9

    name: ClassVar[str] = "png"
    about: ClassVar[str] = "PNG by Pillow; efforts 0 to 9"
    kinds: ClassVar[frozenset[Kind]] = EIGHT_BIT | {(1, 16)}
    efforts: ClassVar[range] = range(10)
    usual: ClassVar[tuple[int, ...]] = (9,)

    @classmethod
    def missing(cls) -> str | None:
        return None

    def version(self) -> str:
        return f"Pillow {__version__}, zlib {features.version('zlib')}"

    def encode(self, picture: Picture) -> bytes:
        return save(picture.array, "PNG", optimize=self.effort == 9, compress_level=self.effort)

    def decode(self, data: bytes) -> NDArray:
        return load(data, "PNG")
