"""Lossless JPEG XL, by pillow-jxl-plugin or by libjxl's own programs."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from numpy.typing import NDArray

from nelloc.bench.interface import EIGHT_BIT, Peer, Picture, PictureForm
from nelloc.bench.peers.package import load, missing_package, save, version_of
from nelloc.bench.peers.tool import Tool


@dataclass(frozen=True)
class JpegXlOfPillow(Peer):
    """JPEG XL by pillow-jxl-plugin. Efforts are libjxl's."""

    effort: int = 9

    name: ClassVar[str] = "jpegxl"
    about: ClassVar[str] = "lossless JPEG XL by pillow-jxl-plugin, or cjxl and djxl; efforts 1 to 9, as cjxl -e"
    forms: ClassVar[frozenset[PictureForm]] = EIGHT_BIT | {(1, 16)}
    efforts: ClassVar[range] = range(1, 10)
    usual: ClassVar[tuple[int, ...]] = (7, 9)

    @classmethod
    def missing(cls) -> str | None:
        return missing_package("pillow-jxl-plugin", "pillow_jxl")

    def version(self) -> str:
        return f"{version_of('pillow-jxl-plugin')}, {libjxl_of_package()}"

    def encode(self, picture: Picture) -> bytes:
        import pillow_jxl  # noqa: F401 (registers itself with Pillow)

        return save(picture.array, "JXL", lossless=True, effort=self.effort, num_threads=self.threads)

    def decode(self, data: bytes) -> NDArray:
        import pillow_jxl  # noqa: F401

        return load(data, "JXL")


@cache
def libjxl_of_package() -> str:
    """Version of libjxl in pillow-jxl-plugin, from its list of components."""
    for file in importlib.metadata.files("pillow-jxl-plugin") or ():
        if file.name.endswith(".cyclonedx.json"):
            found = re.search(r"libjxl-(\d+\.\d+(?:\.\d+)?)", file.read_text())
            if found:
                return f"libjxl {found[1]}"
    return "libjxl of an unknown version"


@dataclass(frozen=True)
class JpegXlTools(Tool):
    """JPEG XL by cjxl and djxl. Efforts are those of cjxl -e."""

    effort: int = 9

    name: ClassVar[str] = JpegXlOfPillow.name
    about: ClassVar[str] = JpegXlOfPillow.about
    forms: ClassVar[frozenset[PictureForm]] = JpegXlOfPillow.forms
    efforts: ClassVar[range] = JpegXlOfPillow.efforts
    usual: ClassVar[tuple[int, ...]] = JpegXlOfPillow.usual
    programs: ClassVar[tuple[str, ...]] = ("cjxl", "djxl")
    suffix: ClassVar[str] = ".jxl"

    def encoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        return "cjxl", "-d", "0", "-e", str(self.effort), f"--num_threads={self._workers}", source, target

    def decoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        return "djxl", f"--num_threads={self._workers}", source, target

    @property
    def _workers(self) -> int:
        """Number of threads besides the first, as libjxl counts them."""
        return self.threads if self.threads > 1 else 0
