"""paq8px, a general compressor with models of images: the smallest files that are known, and the slowest.

It is given Netpbm files, whose pixels its models find.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from numpy.typing import NDArray

from nelloc import image
from nelloc.bench.interface import Picture, PictureForm, shown
from nelloc.bench.peers.tool import Tool, run


@dataclass(frozen=True)
class Paq8px(Tool):
    """paq8px by its program. Efforts are its levels; minutes an image, so it is measured on request only."""

    effort: int = 8

    name: ClassVar[str] = "paq8px"
    about: ClassVar[str] = "paq8px by paq8px; efforts 1 to 12, its levels; on request only"
    forms: ClassVar[frozenset[PictureForm]] = frozenset({(1, 8), (3, 8)})
    efforts: ClassVar[range] = range(1, 13)
    usual: ClassVar[tuple[int, ...]] = (8,)
    on_request: ClassVar[bool] = True
    programs: ClassVar[tuple[str, ...]] = ("paq8px",)
    suffix: ClassVar[str] = ".paq8px"

    def version(self) -> str:
        # The help begins with the version; --version is unknown.
        done = subprocess.run([self.programs[0]], capture_output=True, text=True, errors="replace")
        return next((line.split("(")[0].strip() for line in done.stdout.splitlines() if "paq8px" in line), self.name)

    def encoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        return self.programs[0], f"-{self.effort}", source, target

    def decoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        return self.programs[0], "-d", source, target

    def encode(self, picture: Picture) -> bytes:
        with tempfile.TemporaryDirectory(prefix="nelloc-bench-") as folder:
            source, target = Path(folder, "in.pnm"), Path(folder, f"out{self.suffix}")
            height, width = picture.array.shape[:2]
            head = f"P{6 if picture.channels == 3 else 5}\n{width} {height}\n255\n"
            source.write_bytes(head.encode() + picture.array.tobytes())
            return run(self.encoding(source, target), target)

    def decode(self, data: bytes) -> NDArray:
        with tempfile.TemporaryDirectory(prefix="nelloc-bench-") as folder:
            source, target = Path(folder, f"in{self.suffix}"), Path(folder, "out.pnm")
            source.write_bytes(data)
            return shown(image.read(run(self.decoding(source, target), target), "Netpbm file"))
