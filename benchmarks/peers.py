"""Whole file sizes of other lossless codecs on the sets that rate.py measures.

    pip install pillow-jxl-plugin
    python benchmarks/peers.py --data ../shared/data --out benchmarks/results/peers.md
    python benchmarks/peers.py --data ../shared/data --out benchmarks/results/peers.md kodak-gray

PNG and WebP are Pillow's, JPEG XL is pillow-jxl-plugin's where it is installed. Every file is decoded and compared.
Rows of sets that are not measured this time are kept.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import io
from pathlib import Path

import numpy as np
from images import SETS, load
from PIL import Image, features

PEERS: dict[str, tuple[str, dict]] = {
    "PNG": ("PNG", {"optimize": True}),
    "WebP": ("WEBP", {"lossless": True, "quality": 100, "method": 6}),
    "JPEG XL -e 9": ("JXL", {"lossless": True, "effort": 9, "quality": 100}),
}


def size(image: np.ndarray, name: str, options: dict) -> int:
    """Bytes of one file. Raises AssertionError if it is not lossless."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, name, **options)
    back = np.asarray(Image.open(io.BytesIO(out.getvalue())))
    if image.ndim == 2 and back.ndim == 3:  # WebP has no gray
        back = back[:, :, 0]
    assert np.array_equal(back, image), f"{name} changed an image"
    return len(out.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"default: {' '.join(SETS)}")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    peers = dict(PEERS)
    versions = f"Pillow {Image.__version__}, libwebp {features.version('webp')}"
    if importlib.util.find_spec("pillow_jxl") is None:
        del peers["JPEG XL -e 9"]
    else:
        import pillow_jxl  # noqa: F401 (registers itself with Pillow)

        versions += f", pillow-jxl-plugin {importlib.metadata.version('pillow-jxl-plugin')}"
    old = args.out.read_text().splitlines() if args.out is not None and args.out.exists() else []
    rows = {line.split(" | ")[0].strip("| "): line for line in old if line.startswith("| ")}
    lines = ["| set | " + " | ".join(f"{name}, bpd" for name in peers) + " |", "| --- |" + " --- |" * len(peers)]
    for name in args.sets or SETS:
        arrays = load(args.data, name).values()
        samples = sum(array.size for array in arrays)
        cells = [f"{8 * sum(size(a, *peer) for a in arrays) / samples:.4f}" for peer in peers.values()]
        rows[name] = f"| {name} | " + " | ".join(cells) + " |"
        print(rows[name], flush=True)
    lines += [row for name, row in rows.items() if name not in ("set", "---")]
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        head = "# Peers\n\nMade by `python benchmarks/peers.py --data ../shared/data`; " + versions + ".\n\n"
        args.out.write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
