"""Table 5.7 of the thesis with networks of the thesis's shapes: seconds to decode by decoder, network and side.

    python benchmarks/table_5_7_networks.py --data ../shared/data --out benchmarks/results/table_5_7_networks

(a) r = 0, 1, 3 residual blocks at 32 x 32; (b) r = 0 at sides of 32, 64, 128 and 1024. The three decoders walk in
Python, with the network's products by NumPy, then by the compiled core; beside them the core that walks too. Weights
are random: a decoder does the same work whatever they are. Images are crops from the middles of the thesis's ten
photographs (the mean of three at 32 x 32, else the first) and its first of 1024 x 1024. The seconds are CPU time of one
thread; every stream is first decoded and compared. --sequential-1024 also decodes 1024 x 1024 pixel by pixel, which
takes a quarter of an hour. Writes OUT.md.

With --runs nothing is timed, and OUT.md has bits per dimension of all these images, beside the thesis's, by networks
that scripts/train_thesis.py has trained, FOLDER/thesis-rN/model.nlm:

    python benchmarks/table_5_7_networks.py --data ../shared/data --runs runs --out benchmarks/results/table_5_7_bits
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import report
import torch
from images import load
from numpy.typing import NDArray
from speed import Stream
from threadpoolctl import threadpool_limits

from nelloc.bench import markdown
from nelloc.bench.timing import medians
from nelloc.exact import backends, model_store
from nelloc.exact.decoders import DECODERS
from nelloc.exact.engine import Engine
from nelloc.exact.model import ExactModel, load_model
from nelloc.exact.tile_coder import tile_coder
from nelloc.training.networks.export import export
from nelloc.training.networks.local import THESIS, LocalNetwork

# Seconds of the thesis's decoders, sequential, parallel and sheared, by residual blocks and side.
PRINTED = {
    (0, 32): (0.460, 0.223, 0.218),
    (1, 32): (0.578, 0.277, 0.222),
    (3, 32): (0.774, 0.335, 0.245),
    (0, 64): (1.879, 0.757, 0.612),
    (0, 128): (7.574, 2.217, 1.683),
    (0, 1024): (475.9, 100.0, 73.00),
}
# Its bits per dimension, by the same.
PRINTED_BPD = {(0, 32): 3.39, (1, 32): 3.32, (3, 32): 3.29, (0, 64): 3.05, (0, 128): 2.93, (0, 1024): 2.22}
EVALUATORS = ("numpy", "native")
# Images of 32 x 32 that are timed.
SMALL = 3
NOTES = """
"NumPy" and "core's products": the walks in Python with one or the other for the network; "core": the compiled core
alone, which is what `nelloc decompress` uses. "thesis": a MacBook Air with an M1. Machines and engines are others, so
that only ratios compare: ours of the sequential decoder over the sheared one are larger, as its walk has a fixed cost
for each call, and those of the parallel one over the sheared are near 1, as both compute the same products and the
store of known pixels is small here. "-": not measured; the sequential decoder with the shipped network takes 531 s for
1024 x 1024 ([decoders.md](decoders.md)).
"""


BITS_NOTES = """
Of the streams, by networks of the thesis's shapes that `python scripts/train_thesis.py` trained
([MODELS.md](../../docs/MODELS.md) has for how long and on what); the thesis's saw CIFAR-10 1,000 times. The images of
1024 x 1024 are the thesis's; its smaller ones are the same ten photographs, cut or made smaller in a way that it does
not say, and ours are cut from their middles.
"""


def model_of(blocks: int) -> ExactModel:
    """Make a model of the thesis's shape with random weights, the same in every run."""
    torch.manual_seed(blocks)
    return load_model(export(LocalNetwork(THESIS[f"thesis-r{blocks}"])), f"r = {blocks}")


def images_of(data: Path, side: int) -> list[NDArray[np.uint8]]:
    """Load the images of a side, (side, side, 3): three of 1024 x 1024, else a crop of each of the ten photographs."""
    if side == 1024:
        return list(load(data, "thesis-1024").values())
    found = []
    for image in load(data, "thesis-imagenet10").values():
        colour = image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)
        row, column = ((length - side) // 2 for length in colour.shape[:2])
        found.append(np.ascontiguousarray(colour[row : row + side, column : column + side]))
    return found


def measure(model: ExactModel, images: list[NDArray[np.uint8]], walks: tuple[str, ...]) -> dict[str, float]:
    """Time decoding, in seconds of an image: by evaluator and walk, and by the core alone."""
    variants = {}
    for evaluator in EVALUATORS:
        engine = Engine.of(model, backends.prepare(model, evaluator))
        streams = [Stream(engine, image) for image in images]
        for walk in walks:
            variants[f"{evaluator} {walk}"] = partial(decode_all, streams, walk)
    variants["core"] = partial(tile_coder(model).decode, coded(model, images), ignore)
    seconds = medians(variants, 1, time.process_time)
    return {name: value / len(images) for name, value in seconds.items()}


def coded(model: ExactModel, images: list[NDArray[np.uint8]]) -> list[tuple[tuple[int, ...], bytes]]:
    """Code images by the core: shapes and streams. Raises AssertionError if one comes back changed."""
    core = tile_coder(model)
    tiles = [np.ascontiguousarray(image.transpose(2, 0, 1)) for image in images]
    streams = [(tile.shape, code.data) for tile, code in zip(tiles, core.encode(tiles, ignore), strict=True)]
    assert all(np.array_equal(a, b) for a, b in zip(tiles, core.decode(streams, ignore), strict=True))
    return streams


def bits(model: ExactModel, images: list[NDArray[np.uint8]]) -> float:
    """Bits per dimension of the streams of ``images``."""
    return 8 * sum(len(data) for _, data in coded(model, images)) / sum(image.size for image in images)


def write_bits(data: Path, runs: Path, out: Path) -> None:
    """Write the bits per dimension of trained networks as OUT.md."""
    lines = []
    for (blocks, side), printed in PRINTED_BPD.items():
        model, images = model_store.find(runs / f"thesis-r{blocks}" / "model.nlm"), images_of(data, side)
        lines.append([str(blocks), str(side), str(len(images)), f"{printed:.2f}", f"{bits(model, images):.2f}"])
    made = (
        "`python benchmarks/table_5_7_networks.py --data ../shared/data --runs runs "
        "--out benchmarks/results/table_5_7_bits`"
    )
    text = report.document(
        "Table 5.7, bits per dimension",
        f"Made by {made}.",
        markdown.table(["r", "side", "images", "thesis", "ours"], lines),
        BITS_NOTES.strip("\n"),
    )
    report.write_report(out.with_suffix(".md"), text)


def decode_all(streams: list[Stream], walk: str) -> None:
    for stream in streams:
        stream.decode(walk)


def ignore(_: int) -> None:
    """Take no notice of progress."""


def cells(blocks: int, side: int, found: dict[str, float]) -> list[str]:
    """Format a row: the thesis's seconds and its ratios, then for each evaluator ours, then the core's."""
    row = [str(blocks), str(side)]
    for source in ("thesis", *EVALUATORS):
        values = (
            PRINTED[blocks, side]
            if source == "thesis"
            else [found.get(f"{source} {walk}", np.nan) for walk in DECODERS]
        )
        sequential, parallel, sheared = values
        row.append("; ".join(f"{value:.3f}" for value in values))
        row.append(f"{sequential / parallel:.2f}; {sequential / sheared:.2f}; {parallel / sheared:.2f}")
    row.append(f"{found['core']:.4f}")
    return [cell.replace("nan", "-") for cell in row]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sequential-1024", action="store_true")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="of trained networks: measure bits, not seconds")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.runs is not None:
        write_bits(args.data, args.runs, args.out)
        return
    lines = []
    with threadpool_limits(limits=1):
        for blocks, side in PRINTED:
            walks = tuple(walk for walk in DECODERS if walk != "sequential" or side < 1024 or args.sequential_1024)
            found = measure(model_of(blocks), images_of(args.data, side)[: SMALL if side == 32 else 1], walks)
            lines.append(cells(blocks, side, found))
            print(*lines[-1], sep=" | ", flush=True)
    seconds = "sequential; parallel; sheared, s"
    ratios = "seq. / par.; seq. / sheared; par. / sheared"
    heads = ["r", "side"]
    for source in ("thesis", "NumPy", "core's products"):
        heads += [f"{source}: {seconds}", ratios]
    made = "`python benchmarks/table_5_7_networks.py --data ../shared/data --out benchmarks/results/table_5_7_networks`"
    text = report.document(
        "Table 5.7, with networks of the thesis's shapes",
        f"Made by {made} on {report.machine()}, in seconds of the processor, one thread.",
        markdown.table([*heads, "core, s"], lines),
        NOTES.strip("\n"),
    )
    report.write_report(args.out.with_suffix(".md"), text)


if __name__ == "__main__":
    main()
