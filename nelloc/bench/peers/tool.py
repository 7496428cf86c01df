"""Shared code of peers that are programs on PATH: files in a temporary folder, in and out.

Their times include starting the program, and writing and reading those files.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from numpy.typing import NDArray

from nelloc.bench import memory
from nelloc.bench.interface import Peer, Picture
from nelloc.bench.peers.png import png_array, png_bytes
from nelloc.errors import NellocError


@dataclass(frozen=True)
class Tool(Peer):
    """Program that converts a PNG file to its own format, and possibly back."""

    programs: ClassVar[tuple[str, ...]]
    suffix: ClassVar[str]

    @classmethod
    def missing(cls) -> str | None:
        absent = [program for program in cls.programs if shutil.which(program) is None]
        return f"no {' and no '.join(absent)} on PATH" if absent else None

    def version(self) -> str:
        done = subprocess.run([self.programs[0], "--version"], capture_output=True, text=True, errors="replace")
        lines = (done.stdout + done.stderr).strip().splitlines()
        return lines[0] if lines else self.programs[0]

    @abstractmethod
    def encoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        """Command that makes ``target`` from the PNG file ``source``."""

    def decoding(self, source: Path, target: Path) -> Sequence[str | Path]:
        """Command that makes the PNG file ``target`` from ``source``; empty if that is a PNG file itself."""
        return ()

    def encode(self, picture: Picture) -> bytes:
        with tempfile.TemporaryDirectory(prefix="nelloc-bench-") as folder:
            source, target = Path(folder, "in.png"), Path(folder, f"out{self.suffix}")
            source.write_bytes(png_bytes(picture, effort=1))
            return run(self.encoding(source, target), target)

    def decode(self, data: bytes) -> NDArray:
        if self.suffix == ".png":
            return png_array(data)
        with tempfile.TemporaryDirectory(prefix="nelloc-bench-") as folder:
            source, target = Path(folder, f"in{self.suffix}"), Path(folder, "out.png")
            source.write_bytes(data)
            return png_array(run(self.decoding(source, target), target))


def run(command: Sequence[str | Path], target: Path) -> bytes:
    """Run a command and return the content of ``target``. Raises NellocError if it fails or writes nothing."""
    done = subprocess.run(memory.watched(command), capture_output=True, text=True, errors="replace")
    if done.returncode != 0 or not target.is_file():
        lines = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()
        raise NellocError(f"{command[0]} failed: {lines[-1]}")
    return target.read_bytes()
