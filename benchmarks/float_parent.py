"""What the integer model loses against its float parent: the same weights with nothing rounded.

    python benchmarks/float_parent.py weights/checkpoints/default --data ../shared/data

Both see the same contexts. The integer model's bits are -log2 of what the coder is given, the parent's those of its
float likelihood.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from images import SETS, load

from nelloc import image as images
from nelloc import library
from nelloc.codec import Options, encode_pixels
from nelloc.encoder import context_sources
from nelloc.exact.context import FIRST_PIXEL
from nelloc.models.export import export
from nelloc.models.local import LocalNetwork
from nelloc.tiling import tiles
from nelloc.training.batches import BatchMaker, evaluate
from nelloc.training.loop import Trainer

PIXELS_PER_PASS = 1 << 16


def parent_bits(network: LocalNetwork, image: np.ndarray) -> float:
    """Bits that the float parent gives an (H, W, 3) image, tile by tile as in the codec."""
    make = BatchMaker(network.config)
    total = 0.0
    for tile in tiles(*image.shape[:2]):
        pixels = image[tile.rows, tile.columns].reshape(-1, 3)
        order, sources = context_sources(tile.height, tile.width, network.config.horizon)
        known = np.concatenate([pixels, np.full((1, 3), FIRST_PIXEL, np.uint8)])
        for start in range(0, len(order), PIXELS_PER_PASS):
            part = slice(start, start + PIXELS_PER_PASS)
            batch = make(known[sources[:, part]].transpose(0, 2, 1), pixels[order[part]].T)
            total += evaluate(network, batch, rounding=False) * 3 * len(order[part])
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=library.DEFAULT_MODEL)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    torch.set_num_threads(1)
    network = Trainer.resume(args.checkpoint).averaged
    shipped = library.shipped().get(args.model, Path(args.model))
    assert export(network) == shipped.read_bytes(), f"{shipped} is not the integer model of {args.checkpoint}"
    lines = ["| set | float parent, bpd | integer, bpd | loss |", "| --- | --- | --- | --- |"]
    for name in SETS:
        arrays = {key: array for key, array in load(args.data, name).items() if array.ndim == 3}
        samples = sum(array.size for array in arrays.values())
        parent = sum(parent_bits(network, array) for array in arrays.values()) / samples
        pixels = [images.from_array(array, key) for key, array in arrays.items()]
        encoded = encode_pixels(pixels, Options(model=args.model), verify=False, measure=True)
        integer = sum(item.model_bits or 0.0 for item in encoded) / samples
        lines.append(f"| {name} | {parent:.4f} | {integer:.4f} | {integer - parent:+.4f} |")
        print(lines[-1], flush=True)
    if args.out is not None:
        command = f"python benchmarks/float_parent.py {args.checkpoint} --data ../shared/data"
        args.out.write_text(
            f"# Integer model against its float parent\n\nMade by `{command}`.\n\n" + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
