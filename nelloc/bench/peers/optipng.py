"""PNG optimised by OptiPNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nelloc.bench.interface import EIGHT_BIT, SIXTEEN_BIT, PictureForm
from nelloc.bench.peers.tool import Tool


@dataclass(frozen=True)
class OptiPng(Tool):
    """PNG optimised by OptiPNG. Efforts are those of optipng -o."""

    effort: int = 2

    name: ClassVar[str] = "optipng"
    about: ClassVar[str] = "PNG by OptiPNG; efforts 0 to 7, as optipng -o"
    forms: ClassVar[frozenset[PictureForm]] = EIGHT_BIT | SIXTEEN_BIT
    efforts: ClassVar[range] = range(8)
    usual: ClassVar[tuple[int, ...]] = (2,)
    programs: ClassVar[tuple[str, ...]] = ("optipng",)
    suffix: ClassVar[str] = ".png"

    def encoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        # -force: write a file even if it is not smaller than the barely compressed input.
        return "optipng", "-quiet", "-force", "-strip", "all", f"-o{self.effort}", "-out", target, source
