"""Description of the machine that ran a measurement."""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

import nelloc
from nelloc.codec.options import available_cores


@dataclass(frozen=True)
class Machine:
    """CPU, system and the versions of libraries that all codecs share."""

    processor: str
    cores: int
    system: str
    python: str
    numpy: str
    pillow: str
    nelloc: str

    @classmethod
    def this(cls) -> Machine:
        """Describe this machine."""
        system = f"{platform.system()} {platform.release()}".strip()
        versions = (platform.python_version(), np.__version__, PIL.__version__, nelloc.__version__)
        return cls(_processor(), available_cores(), system, *versions)


def _processor() -> str:
    """Name of the CPU, if the system reports one."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
