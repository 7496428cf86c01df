"""Peak memory of `nelloc compress` and `decompress` for a large image.

    python benchmarks/big_image.py --data ../shared/data --model fast --out benchmarks/results/big_image.md

The image is a mosaic of the training photographs, so that every tile is coded like one of a photograph.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import report
from PIL import Image

import nelloc
from nelloc.bench import markdown

PAUSE = 0.1  # seconds between looks at the memory


@dataclass(frozen=True)
class Run:
    """Measurement of one command: its name, seconds, and the peak of its processes' total memory, in MB.

    Shared memory counts once.
    """

    name: str
    seconds: float
    megabytes: float


def mosaic(data: Path, megapixels: float) -> Image.Image:
    """Arrange photographs in a square of a number of megapixels."""
    side = round(1000 * megapixels**0.5)
    canvas = np.empty((side, side, 3), np.uint8)
    top, paths = 0, iter(sorted((data / "train-natural").glob("*.webp")) * 20)
    while top < side:
        left, height = 0, 200
        while left < side:
            photograph = np.asarray(Image.open(next(paths)).convert("RGB"))[:height, : side - left]
            rows = min(len(photograph), side - top)
            canvas[top : top + rows, left : left + photograph.shape[1]] = photograph[:rows]
            left += photograph.shape[1]
        top += height
    return Image.fromarray(canvas)


def run(name: str, *arguments: str) -> Run:
    """Run `nelloc` and watch its memory."""
    start = time.perf_counter()
    most = 0
    with psutil.Popen([sys.executable, "-m", "nelloc", *arguments]) as process:
        while process.poll() is None:
            most = max(most, sum(map(_memory, [process, *process.children(recursive=True)])))
            time.sleep(PAUSE)
    if process.returncode:
        sys.exit(f"nelloc {' '.join(arguments)} failed")
    return Run(name, time.perf_counter() - start, most / 1e6)


def _memory(process: psutil.Process) -> int:
    """Memory of a process in bytes, with its part of shared memory; 0 if it has ended."""
    try:
        return process.memory_full_info().pss
    except psutil.NoSuchProcess:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--megapixels", type=float, default=100)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    nelloc_options = ["--threads", "2", "--model", args.model]
    Image.MAX_IMAGE_PIXELS = None
    with tempfile.TemporaryDirectory() as folder:
        source, target, back = (str(Path(folder) / name) for name in ("big.png", "big.nlc", "back.png"))
        mosaic(args.data, args.megapixels).save(source, compress_level=1)
        side = round(1000 * args.megapixels**0.5)
        raw = 3 * side**2 / 1e6
        region = f"{side // 2},{side // 2},512,512"
        runs = [
            run("compress, with its check", "compress", *nelloc_options, source, target),
            run("decompress to PNG", "decompress", *nelloc_options, target, back),
            run(
                "decompress --region, 512 x 512", "decompress", *nelloc_options, "--region", region, target, back, "-f"
            ),
        ]
        bits = 8 * os.path.getsize(target) / (3 * side**2)
    made = (
        f"Made by `python benchmarks/big_image.py --megapixels {args.megapixels:g} --model {args.model}`:\n"
        f"{side} x {side} pixels of RGB ({raw:.0f} MB of samples), {bits:.3f} bits per dimension, two cores; "
        f"nelloc {nelloc.__version__}."
    )
    rows = [[one.name, f"{one.megabytes:.0f}", f"{one.seconds:.0f}"] for one in runs]
    text = report.document("A big image", made, markdown.table(["command", "peak memory, MB", "seconds"], rows))
    print(text)
    if args.out:
        report.write_report(args.out, text)


if __name__ == "__main__":
    main()
