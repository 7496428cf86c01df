"""The machine that something was measured on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

import nelloc


@dataclass(frozen=True)
class Machine:
    """Processor, system and the versions that all codecs share."""

    processor: str
    cores: int
    system: str
    python: str
    numpy: str
    pillow: str
    nelloc: str

    @classmethod
    def this(cls) -> Machine:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        system = f"{platform.system()} {platform.release()}".strip()
        versions = (platform.python_version(), np.__version__, PIL.__version__, nelloc.__version__)
        return cls(_processor(), cores, system, *versions)


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
