"""Speed of the codec, all in one run so that the ratios hold on any machine.

    python benchmarks/speed.py --part core --data DATA --rounds 1 --out benchmarks/results/speed_core
    python benchmarks/speed.py --part sets --out benchmarks/results/speed_sets
    python benchmarks/speed.py --part shapes --out benchmarks/results/speed_shapes
    python benchmarks/speed.py --part threads --out benchmarks/results/speed_threads
    python benchmarks/speed.py --part processes --out benchmarks/results/speed_processes
    python benchmarks/speed.py --part models --out benchmarks/results/speed_models
    python benchmarks/speed.py --part layers --rounds 1 --out benchmarks/results/speed_two_layers
    python benchmarks/speed.py --part large --part small --part memory --out benchmarks/results/speed
    python benchmarks/speed.py --part learning --out benchmarks/results/speed_learning
    python benchmarks/speed.py --part workers --out benchmarks/results/speed_workers
    python benchmarks/speed.py --part decoders --sequential-1024 --out benchmarks/results/decoders

The last also decodes 1024 x 1024 pixel by pixel, which takes ten minutes.

The first seven measure the compiled core (core_speed.py, layers_speed.py, process_speed.py), the others the NumPy
backend, on one thread except for the parts threads and workers. Every stream is decoded and compared before anything is
timed. Times are medians of rounds in which all variants take turns, so that a slow phase of the machine affects all
alike. NumPy's parts are without learning while coding, except for learning and workers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import core_speed
import layers_speed
import numpy as np
import process_speed
import report
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

import nelloc
from nelloc.bench import markdown
from nelloc.bench.timing import medians
from nelloc.codec import parallel
from nelloc.codec.effort import photograph_tile
from nelloc.codec.options import EncodeOptions
from nelloc.codec.parallel import processes_allowed
from nelloc.codec.tiling import tiles
from nelloc.exact import backends, model_store
from nelloc.exact.coder import DigitDecoder
from nelloc.exact.decoders import DECODERS
from nelloc.exact.decoders.interface import EncodedTile
from nelloc.exact.encode_tile import encode_learning, encode_tile
from nelloc.exact.engine import Engine
from nelloc.exact.wavefront import step_count, step_rows

WITHOUT = "Without learning while coding (speed_learning.md)."
WITH = "The networks learn while they code, but for rows with --no-learn."
SIZES = (32, 64, 128, 1024)
ROUNDS = 3
CORE_PARTS = ("core", "models", "sets", "shapes", "threads", "processes", "layers")
NUMPY_PARTS = ("large", "learning", "workers", "decoders", "small", "memory")
PHOTOGRAPH = Path(__file__).parent.parent / "docs" / "images" / "parrots.png"


def parrots() -> NDArray[np.uint8]:
    """The photograph in docs/, 768 x 512."""
    return np.asarray(Image.open(PHOTOGRAPH))


def photograph(size: int) -> NDArray[np.uint8]:
    """Image (size, size, 3): the parrots, mirrored at the borders if it is larger."""
    image = parrots()
    grown = np.pad(image, ((0, max(0, size - image.shape[0])), (0, max(0, size - image.shape[1])), (0, 0)), "symmetric")
    top, left = ((n - size) // 2 for n in grown.shape[:2])
    return np.ascontiguousarray(grown[top : top + size, left : left + size])


class Stream:
    """Image cut into tiles and coded, ready to be decoded repeatedly."""

    def __init__(self, engine: Engine, image: NDArray[np.uint8]):
        planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
        # most_tiles: of an engine that learns
        cut = tiles(*image.shape[:2], photograph_tile(engine.most_tiles is not None))
        self.engine = engine
        self.planes = [np.ascontiguousarray(planes[:, tile.rows, tile.columns]) for tile in cut]
        self.data = self.encode()
        for decoder in ("parallel", "sheared"):
            decoded = self.decode(decoder)
            assert all(np.array_equal(a, b) for a, b in zip(decoded, self.planes, strict=True))

    def encode(self) -> list[bytes]:
        if self.engine.most_tiles is not None:
            codes = encode_learning(self.engine, self.planes, [0] * len(self.planes))
            return [code.data for code in codes]
        return [encode_tile(self.engine, planes, 0).data for planes in self.planes]

    def decode(self, decoder: str, engine: Engine | None = None) -> list[NDArray[np.uint8]]:
        coded = [
            EncodedTile(*planes.shape[1:], len(planes), DigitDecoder(data))
            for planes, data in zip(self.planes, self.data, strict=True)
        ]
        return DECODERS[decoder](engine or self.engine, coded, lambda _: None)

    def products(self) -> Callable[[], None]:
        """Compute only the matrix products of decoding, of the same shapes."""
        horizon = self.engine.horizon
        shapes = [planes.shape[1:] for planes in self.planes]
        steps = max(step_count(h, w, horizon) for h, w in shapes)
        rows = [[step_rows(t, h, w, horizon) for h, w in shapes] for t in range(steps)]
        widths = [sum(last - first for first, last in row) for row in rows]
        model = model_store.find()
        weights = [layer.weight.astype(np.float32) for layer in model.layers]
        random = np.random.default_rng(0)
        inputs = [random.random((w.shape[1], max(widths)), np.float32) for w in weights]
        outputs = [np.empty((len(w), max(widths)), np.float32) for w in weights]
        cut = [
            [np.ascontiguousarray(x[:, :n]) for x in inputs] + [np.ascontiguousarray(y[:, :n]) for y in outputs]
            for n in sorted(set(widths))
        ]
        buffers = dict(zip(sorted(set(widths)), cut, strict=True))

        def run() -> None:
            for n in widths:
                arrays = buffers[n]
                for index, weight in enumerate(weights):
                    np.matmul(weight, arrays[index], out=arrays[len(weights) + index])

        return run


def large(engine: Engine) -> list[str]:
    """1024 x 1024: decode and the bare products, and encode."""
    stream = Stream(engine, photograph(1024))
    variants: dict[str, Callable[[], object]] = {
        "bare products": stream.products(),
        "decode, sheared": lambda: stream.decode("sheared"),
        "decode, parallel": lambda: stream.decode("parallel"),
        "encode": stream.encode,
    }
    for name in ("torch-float32", "torch-int8"):
        if backends.BACKENDS[name].available() is None:
            other = Engine.of(model_store.find(), backends.prepare(model_store.find(), name))
            variants[f"decode, sheared, {name}"] = lambda other=other: stream.decode("sheared", other)
    with threadpool_limits(limits=1):  # again, for torch's own libraries, which are loaded by now
        seconds = medians(variants, rounds=5)
    bare = seconds["bare products"]
    lines = markdown.head(["1024 x 1024, 16 tiles", "seconds", "of the bare products"])
    return lines + [markdown.row([name, f"{s:.2f}", f"{s / bare:.2f}"]) for name, s in seconds.items()]


def learning() -> list[str]:
    """1024 x 1024 with networks that learn while they code, and with fixed ones."""
    variants: dict[tuple[str, bool, str], Callable[[], object]] = {}
    bits: dict[tuple[str, bool], float] = {}
    for name in ("fast", "default", "high"):
        model = model_store.find(name)
        for learns in (False, True):
            stream = Stream(Engine.of(model, backends.prepare(model, "numpy"), learns=learns), photograph(1024))
            bits[name, learns] = 8 * sum(map(len, stream.data)) / (3 * 1024**2)
            variants[name, learns, "encode"] = stream.encode
            variants[name, learns, "decode"] = lambda stream=stream: stream.decode("sheared")
    seconds = medians(variants, ROUNDS)
    lines = markdown.head(["1024 x 1024", "bpd", "encode, s", "decode, s"])
    for (name, learns), rate in bits.items():
        found = [f"{seconds[name, learns, way]:.2f}" for way in ("encode", "decode")]
        lines.append(markdown.row([name + ("" if learns else " --no-learn"), f"{rate:.4f}", *found]))
    return lines


def workers() -> list[str]:
    """A photograph of 768 x 512 on one thread, and on all cores: threads, or processes including their start."""
    cores = EncodeOptions().workers
    parallel.LEAST_FOR_THREADS = 0  # the program itself has no threads for so little work

    def in_processes(function: Callable[[], object]) -> None:
        with processes_allowed():
            function()

    image = np.asarray(Image.open(PHOTOGRAPH))
    data = nelloc.encode(image, verify=False)
    both = {"encode": partial(nelloc.encode, image, verify=False), "decode": partial(nelloc.decode, data)}
    variants: dict[tuple[str, str], Callable[[], object]] = {}
    for way, whole in both.items():
        variants["one thread", way] = partial(whole, threads=1)
        variants[f"{cores} threads", way] = whole
        variants[f"{cores} processes", way] = partial(in_processes, whole)
    seconds = medians(variants, ROUNDS)
    lines = markdown.head(["768 x 512, 2 tiles", "encode, s", "decode, s"])
    for name in dict.fromkeys(name for name, _ in variants):
        found = [f"{seconds[name, way]:.2f}" for way in ("encode", "decode")]
        lines.append(markdown.row([name, *found]))
    return lines


# Seconds per image to decode with the thesis author's program (r = 0; sequential, parallel, sheared): the outputs of
# its published notebooks nelloc_ans and shearloc_ans (github.com/zmtomorrow/ParallelNeLLoC), made on a laptop's CPU.
AUTHOR_SECONDS = {
    32: (0.4602, 0.2230, 0.2176),
    64: (1.8785, 0.7568, 0.6125),
    128: (7.5735, 2.2172, 1.6828),
    1024: (475.91, 100.04, 73.00),
}


def decoders(engine: Engine, sequential_1024: bool) -> list[str]:
    """Table 5.7 of the thesis: decoding time by decoder and side length, with the author's own ratios."""
    ratios = ["sequential / sheared", "parallel / sheared"]
    heads = ["side", "sequential, s", "parallel, s", "sheared, s", *ratios, *(f"author: {each}" for each in ratios)]
    lines = markdown.head(heads)
    for size in SIZES:
        stream = Stream(engine, photograph(size))
        fast = medians(
            {"parallel": lambda s=stream: s.decode("parallel"), "sheared": lambda s=stream: s.decode("sheared")},
            rounds=3 if size > 200 else 15,
        )
        sequential = float("nan")
        if size < 1024 or sequential_1024:
            sequential = medians({"sequential": lambda s=stream: s.decode("sequential")}, rounds=1)["sequential"]
        row = [f"{sequential:.2f}", f"{fast['parallel']:.3f}", f"{fast['sheared']:.3f}"]
        row += [f"{sequential / fast['sheared']:.0f}", f"{fast['parallel'] / fast['sheared']:.2f}"]
        author = AUTHOR_SECONDS[size]
        row += [f"{author[0] / author[2]:.1f}", f"{author[1] / author[2]:.2f}"]
        lines.append(markdown.row([size, *(cell.replace("nan", "-") for cell in row)]))
    return lines


def small_images(engine: Engine) -> list[str]:
    """100 images of CIFAR size in one call, one by one, and pixel by pixel."""
    image = photograph(320)
    streams = [Stream(engine, image[i : i + 32, j : j + 32]) for i in range(0, 320, 32) for j in range(0, 320, 32)]

    def together() -> None:
        tiles_ = [EncodedTile(32, 32, 3, DigitDecoder(stream.data[0])) for stream in streams]
        decoded = DECODERS["sheared"](engine, tiles_, lambda _: None)
        assert all(np.array_equal(a, s.planes[0]) for a, s in zip(decoded, streams, strict=True))

    seconds = medians(
        {
            "100 together, sheared": together,
            "one by one, sheared": lambda: [stream.decode("sheared") for stream in streams],
        },
        ROUNDS,
    )
    few = streams[::20]
    seconds |= medians({"one by one, sequential": lambda: [stream.decode("sequential") for stream in few]}, rounds=1)
    counts = {"one by one, sequential": len(few)}
    each = {name: value / counts.get(name, 100) for name, value in seconds.items()}
    best = each["100 together, sheared"]
    lines = markdown.head(["32 x 32 images", "ms per image", "times as long"])
    return lines + [markdown.row([name, f"{1e3 * s:.1f}", f"{s / best:.1f}"]) for name, s in each.items()]


MEMORY = """
import sys
import numpy as np
sys.path.insert(0, {folder!r})
from speed import photograph
import nelloc
from nelloc.bench.memory import peak
nelloc.decode(nelloc.encode(photograph(64), threads=1), threads=1)
size = {size}
image = np.tile(photograph(512), (size // 512, size // 512, 1))
before = peak()
data = nelloc.encode(image, threads=1, verify=False)
encoded = peak()
back = nelloc.decode(data, threads=1)
assert np.array_equal(back, image)
decoded = peak()
print(before, encoded, decoded)
"""


def memory() -> list[str]:
    """Peak memory of a process that encodes, then decodes, above that with the image loaded."""
    lines = markdown.head(["image", "raw, MB", "encode adds, MB", "encode and decode add, MB"])
    for size in (512, 1024, 2048):
        script = MEMORY.format(folder=str(Path(__file__).parent), size=size)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        before, encoded, decoded = (int(word) / 1024 for word in done.stdout.split())
        raw = 3 * size * size / 2**20
        adds = (f"{peak - before:.0f}" for peak in (encoded, decoded))
        lines.append(markdown.row([f"{size} x {size}", f"{raw:.1f}", *adds]))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--part", action="append", choices=(*CORE_PARTS, *NUMPY_PARTS))
    parser.add_argument(
        "--data",
        type=Path,
        default=None,
        help="the folder of test data, of which core takes two photographs",
    )
    parser.add_argument("--rounds", type=int, default=core_speed.ROUNDS, help="rounds of the core's parts")
    parser.add_argument("--sequential-1024", action="store_true")
    args = parser.parse_args()
    core_speed.ROUNDS = args.rounds
    model = model_store.find()
    parts = []
    with threadpool_limits(limits=1):
        engine = Engine.of(model, backends.prepare(model, "numpy"))
        measurements: dict[str, Callable[[], list[str]]] = {
            "core": lambda: core_speed.core(core_speed.photographs(args.data) or {"parrots": parrots()}),
            "sets": lambda: core_speed.sets(photograph(1024)),
            "shapes": lambda: core_speed.shapes(photograph(1024)),
            "threads": lambda: core_speed.threads(parrots()),
            "processes": lambda: process_speed.processes("parrots", parrots(), args.rounds),
            "layers": lambda: layers_speed.layers("parrots", photograph(512), args.rounds),
            "large": lambda: large(engine),
            "models": lambda: core_speed.models(photograph(512)),
            "learning": learning,
            "workers": workers,
            "decoders": lambda: decoders(engine, args.sequential_1024),
            "small": lambda: small_images(engine),
            "memory": memory,
        }
        for name, measurement in measurements.items():
            if args.part is None or name in args.part:
                parts.append("\n".join(measurement()))
                print(parts[-1] + "\n", flush=True)
    if args.out is not None:
        note = WITH if set(args.part or NUMPY_PARTS) <= {"learning", "workers", *CORE_PARTS} else WITHOUT
        made = (
            f"Made by `{report.command_line('benchmarks/speed.py')}` on {report.machine()}, one thread but for the "
            f"parts threads and workers; model `default` ({model.id.hex()}).\n{note}"
        )
        report.write_report(args.out.with_suffix(".md"), report.document("Speed", made, *parts))


if __name__ == "__main__":
    main()
