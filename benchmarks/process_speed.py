"""Speed of whole processes, as a user starts them, with the compiled core and with NumPy: a part of speed.py.

The times are of one thread, with the start of Python, reading and writing: wall-clock seconds, which on a machine that
does other work are longer, also where both wait for the disk, and processor time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np
from drawings.patterns import icon_small
from numpy.typing import NDArray
from PIL import Image

from nelloc.bench import markdown
from nelloc.bench.timing import cpu_seconds, medians

BACKENDS = ("native", "numpy")
ICONS = 300
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode


def nelloc(*arguments: object) -> None:
    """Run the command line in a new process."""
    subprocess.run(
        [sys.executable, "-m", "nelloc", *map(str, arguments)], check=True, capture_output=True, env=ENVIRONMENT
    )


def _medians(
    variants: Mapping[tuple[str, str], Callable[[], object]], rounds: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """Median wall-clock and processor seconds of each variant, which take turns."""
    times: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in variants}
    for _ in range(rounds):
        for key, function in variants.items():
            wall, cpu = time.perf_counter(), cpu_seconds()
            function()
            times[key].append((time.perf_counter() - wall, cpu_seconds() - cpu))
    return {key: (median(wall for wall, _ in found), median(cpu for _, cpu in found)) for key, found in times.items()}


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
        seconds = _medians(variants, rounds)
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
    heads = ["core, s", "NumPy, s", "ratio", "processor time: core, s", "NumPy, s", "ratio"]
    lines = markdown.head(["whole process, one thread", *heads])
    for what, text in rows.items():
        cells = []
        for core, reference in zip(*(seconds[what, backend] for backend in BACKENDS), strict=True):
            cells += [f"{core:.2f}", f"{reference:.2f}", f"{reference / core:.1f}"]
        lines.append(markdown.row([text, *cells]))
    return [*lines, "", f"`import nelloc` takes {start['import nelloc'] - start['pass']:.3f} s."]
