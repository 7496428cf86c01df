"""FLIF, by its reference program."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nelloc.bench.interface import EIGHT_BIT, SIXTEEN_BIT, PictureForm
from nelloc.bench.peers.tool import Tool


@dataclass(frozen=True)
class Flif(Tool):
    """FLIF by its program. Efforts are those of flif -E."""

    effort: int = 60

    name: ClassVar[str] = "flif"
    about: ClassVar[str] = "FLIF by flif; efforts 0 to 100, as flif -E"
    forms: ClassVar[frozenset[PictureForm]] = EIGHT_BIT | SIXTEEN_BIT
    efforts: ClassVar[range] = range(101)
    usual: ClassVar[tuple[int, ...]] = (60,)
    programs: ClassVar[tuple[str, ...]] = ("flif",)
    suffix: ClassVar[str] = ".flif"

    def version(self) -> str:
        # Its name and number stand in the second line of a banner of letters.
        done = subprocess.run([self.programs[0], "--version"], capture_output=True, text=True, errors="replace")
        found = re.search(r"FLIF[^0-9]*([0-9.]+)", done.stdout + done.stderr)
        return f"FLIF {found[1]}" if found else self.name

    def encoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        # --keep-invisible-rgb: colour under a transparent pixel stays.
        return "flif", "-e", f"--effort={self.effort}", "--keep-invisible-rgb", "--overwrite", source, target

    def decoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        return "flif", "-d", "--overwrite", source, target
