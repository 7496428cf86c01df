"""PNG optimised by ZopfliPNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nelloc.bench.interface import EIGHT_BIT, SIXTEEN_BIT, PictureForm
from nelloc.bench.peers.tool import Tool


@dataclass(frozen=True)
class ZopfliPng(Tool):
    """PNG optimised by ZopfliPNG."""

    name: ClassVar[str] = "zopflipng"
    about: ClassVar[str] = "PNG by ZopfliPNG"
    forms: ClassVar[frozenset[PictureForm]] = EIGHT_BIT | SIXTEEN_BIT
    programs: ClassVar[tuple[str, ...]] = ("zopflipng",)
    suffix: ClassVar[str] = ".png"

    def version(self) -> str:
        return "ZopfliPNG"  # it does not tell its version

    def encoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        return "zopflipng", "-y", source, target
