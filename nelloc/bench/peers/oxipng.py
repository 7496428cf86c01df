"""PNG optimised by oxipng."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nelloc.bench.interface import EIGHT_BIT, SIXTEEN_BIT, PictureForm
from nelloc.bench.peers.tool import Tool


@dataclass(frozen=True)
class OxiPng(Tool):
    """PNG optimised by oxipng. Efforts are those of oxipng -o."""

    effort: int = 4

    name: ClassVar[str] = "oxipng"
    about: ClassVar[str] = "PNG by oxipng; efforts 0 to 6, as oxipng -o"
    forms: ClassVar[frozenset[PictureForm]] = EIGHT_BIT | SIXTEEN_BIT
    efforts: ClassVar[range] = range(7)
    usual: ClassVar[tuple[int, ...]] = (4,)
    programs: ClassVar[tuple[str, ...]] = ("oxipng",)
    suffix: ClassVar[str] = ".png"

    def encoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        return "oxipng", "-o", str(self.effort), "-t", str(self.threads), "--strip", "all", "--out", target, source
