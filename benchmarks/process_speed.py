"""Speed of whole processes, as a user starts them, with the compiled core and with NumPy: a part of speed.py.

The times are wall-clock seconds of one thread, with the start of Python, reading and writing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import report
from mixed_images import icon_small
from numpy.typing import NDArray
from PIL import Image

from nelloc.bench.timing import medians

BACKENDS = ("native", "numpy")
ICONS = 300
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode


def nelloc(*arguments: object) -> None:
    """Run the command line in a new process."""
    subprocess.run(
        [sys.executable, "-m", "nelloc", *map(str, arguments)], check=True, capture_output=True, env=ENVIRONMENT
    )


def processes(name: str, photograph: NDArray[np.uint8], rounds: int) -> list[str]:
    """Time `nelloc decompress` of a photograph, `nelloc compress` of a folder of icons, and importing nelloc."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        Image.fromarray(photograph).save(folder / "photograph.png")
        nelloc("compress", folder / "photograph.png", folder / "photograph.nlc", "--threads", 1)
        random = np.random.default_rng(0)
        (folder / "icons").mkdir()
        for number in range(ICONS):
            icon_small(random).save(folder / "icons" / f"{number:03}.png")
        variants: dict[tuple[str, str], Callable[[], object]] = {}
        for backend in BACKENDS:
            common = ("--backend", backend, "--threads", 1, "--force")
            variants["decompress", backend] = lambda common=common: nelloc(
                "decompress", folder / "photograph.nlc", folder / "back.png", *common
            )
            variants["icons", backend] = lambda common=common: nelloc(
                "compress", "-r", folder / "icons", "--output-dir", folder / "archive", "--jobs", 1, *common
            )
            variants["icons back", backend] = lambda common=common: nelloc(
                "decompress", "-r", folder / "archive", "--output-dir", folder / "back", "--jobs", 1, *common
            )
        seconds = medians(variants, rounds)
        assert np.array_equal(np.asarray(Image.open(folder / "back.png")), photograph)
    python = [sys.executable, "-c"]
    starts: dict[str, Callable[[], object]] = {
        text: lambda text=text: subprocess.run([*python, text], check=True, env=ENVIRONMENT)
        for text in ("pass", "import nelloc")
    }
    start = medians(starts, 9)
    size = f"{photograph.shape[1]} x {photograph.shape[0]}"
    rows = {
        "decompress": f"`nelloc decompress` of {name}, {size}",
        "icons": f"`nelloc compress -r` of {ICONS} icons of 32 x 32",
        "icons back": f"`nelloc decompress -r` of {ICONS} icons",
    }
    lines = report.table_head(["whole process, one thread", "core, s", "NumPy, s", "ratio"])
    for what, text in rows.items():
        core, reference = (seconds[what, backend] for backend in BACKENDS)
        lines.append(report.table_row([text, f"{core:.2f}", f"{reference:.2f}", f"{reference / core:.1f}"]))
    return [*lines, "", f"`import nelloc` takes {start['import nelloc'] - start['pass']:.3f} s."]
