"""Decoding time of nlcd beside the Python package's, and of WebAssembly beside the core with AVX2, in one run.

    python benchmarks/decoder.py --nlcd NLCD [--wasm web/dist/nelloc.wasm] [--page web/dist] IMAGE...
        [--rounds 5] --out benchmarks/results/decoder

Each image is compressed with the default model. Variants take turns; the CPU time that is told is the median of the
rounds. Python and nlcd use one thread. Whole processes are timed for nlcd (decode to raw samples), and for Python the
call of `nelloc.decode` alone, without the start of the interpreter. WebAssembly runs in Node.js, AVX2 in nlcd. With
--page the module of the page opens and decodes each image in headless Chromium, in one worker and in several
(--workers): seconds of the clock, from the call until its first pixels are there, and until all are, and CPU seconds
of all processes of the browser.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from in_page import Browser
from PIL import Image

import nelloc
from nelloc.bench import markdown

# Decode as web/nelloc-worker.js does; prints milliseconds of CPU time.
NODE = """
const fs = require("fs");
const module = new WebAssembly.Module(fs.readFileSync(process.argv[1]));
const refuse = () => 52;
const { exports: e } = new WebAssembly.Instance(module, { nelloc: { watch: () => 0 },
    wasi_snapshot_preview1: { fd_close: refuse, fd_seek: refuse, fd_write: refuse } });
const file = fs.readFileSync(process.argv[2]);
const place = e.take(file.length);
new Uint8Array(e.memory.buffer).set(file, place);
const before = process.cpuUsage();
if (e.open(place, file.length, 2 ** 27, 0, 0)) throw new Error("open");
const numbers = e.take(18 * 8);
e.image(numbers);
const [width, height] = new Float64Array(e.memory.buffer, numbers, 2);
const pixels = e.take(4 * width * height);
if (e.decode(1, 0, pixels, 4 * width)) throw new Error("decode");
const used = process.cpuUsage(before);
console.log((used.user + used.system) / 1000);
"""


# Milliseconds until the first pixels, and all, of a file that is not in the cache of the page.
IN_PAGE = """import('/nelloc.js').then(async ({ open }) => {
    const begin = performance.now();
    let first = 0;
    const file = await open('/image.nlc?' + begin);
    await file.decode({ workers: WORKERS, onTile: () => { first ||= performance.now() - begin; } });
    file.close();
    return [first, performance.now() - begin]; })"""


def cpu_of_children(work: Callable[[], object]) -> float:
    """CPU seconds that a child process takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_here(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    before = time.process_time()
    work()
    return time.process_time() - before


def variants(nlcd: str, wasm: str | None, data: bytes, path: Path) -> dict[str, Callable[[], float]]:
    """Measurements by name: each gives CPU seconds."""

    def run_nlcd(level: str) -> None:
        command = [nlcd, "--format", "raw", str(path), "-"]
        environment = os.environ | {"NELLOC_CPU": level}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    def run_wasm() -> float:
        command = ["node", "-e", NODE, str(wasm), str(path)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1000

    found: dict[str, Callable[[], float]] = {
        "Python": lambda: cpu_here(lambda: nelloc.decode(data)),
        "nlcd": lambda: cpu_of_children(lambda: run_nlcd("")),
        "nlcd, AVX2": lambda: cpu_of_children(lambda: run_nlcd("avx2")),
    }
    if wasm:
        found["WebAssembly"] = run_wasm
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--nlcd", required=True)
    parser.add_argument("--wasm")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    command = f"`python benchmarks/decoder.py --nlcd NLCD --wasm WASM --page DIST {' '.join(map(str, options.images))}`"
    lines = ["# Decoding time: nlcd, Python, WebAssembly", "", command, ""]
    with TemporaryDirectory() as folder:
        browser = Browser(options.page, Path(folder)) if options.page else None
        for image in options.images:
            pixels = np.asarray(Image.open(image).convert("RGB"))
            data = nelloc.encode(pixels)
            path = Path(folder, "image.nlc")
            path.write_bytes(data)
            assert np.array_equal(nelloc.decode(data), pixels)
            timed = variants(options.nlcd, options.wasm, data, path)
            times: dict[str, list[float]] = {name: [] for name in timed}
            shown: dict[int, list[list[float]]] = {workers: [] for workers in options.workers} if browser else {}
            for _ in range(options.rounds):
                for workers, found in shown.items():
                    assert browser
                    before = browser.cpu()
                    passed = browser.run(IN_PAGE.replace("WORKERS", str(workers)))
                    found.append([*(one / 1000 for one in passed), browser.cpu() - before])
                for name, run in timed.items():
                    times[name].append(run())
            middle = {name: statistics.median(all_times) for name, all_times in times.items()}
            megapixels = pixels.shape[0] * pixels.shape[1] / 1e6
            lines += [f"{image.name}, {pixels.shape[1]} x {pixels.shape[0]}, {len(data)} bytes:", ""]
            lines += markdown.head(["", "CPU s", "s per megapixel"])
            lines += [
                markdown.row([name, f"{taken:.3f}", f"{taken / megapixels:.2f}"]) for name, taken in middle.items()
            ]
            lines += ["", f"nlcd / Python: {middle['nlcd'] / middle['Python']:.2f}"]
            if options.wasm:
                lines.append(f"WebAssembly / AVX2: {middle['WebAssembly'] / middle['nlcd, AVX2']:.2f}")
            lines.append("")
            for workers, rounds in shown.items():
                first, whole, used = (statistics.median(column) for column in zip(*rounds, strict=True))
                lines.append(
                    f"- Page, {workers} worker{'s' if workers > 1 else ''}: first pixels after {first:.2f} s, "
                    f"all after {whole:.2f} s, {used:.2f} s of CPU time"
                )
            lines += [""] if shown else []
    options.out.with_suffix(".md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
