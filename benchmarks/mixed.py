"""Sizes of images of every kind as .nlc, PNG and lossless WebP: is a file ever larger than the usual?

Each image is encoded, decoded and compared before its size counts. A file may have 0.5 % and 32 bytes more than the
smaller of an optimised PNG and a lossless WebP: ``python benchmarks/mixed.py --data ../shared/data``.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import report
from mixed_images import mixed_images
from PIL import Image, __version__, features

import nelloc
from nelloc.bench import markdown
from nelloc.codec import container
from nelloc.codec.effort import DEFAULT_EFFORT

RESULTS = Path(__file__).parent / "results"
SHARE, BYTES = 1.005, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of photographs; without it only those of this repository")
    parser.add_argument("--seed", type=int, default=0, help="of the drawings")
    parser.add_argument("--effort", type=int, default=DEFAULT_EFFORT)
    parser.add_argument("--only", help="images whose name holds this")
    parser.add_argument("--out", type=Path, default=RESULTS / "mixed.md", help="also written as .csv")
    args = parser.parse_args()
    rows = []
    for name, image in mixed_images(args.seed, args.data):
        if args.only is None or args.only in name:
            rows.append(measured(name, image, args.effort))
            print(",".join(str(value) for value in rows[-1].values()), flush=True)
    write(rows, args)


def measured(name: str, image: Image.Image, effort: int) -> dict[str, object]:
    """Make one row: sizes in bytes, how the file is coded, and whether it is within the limit."""
    data = nelloc.encode(image, effort=effort, verify=False)
    if not np.array_equal(nelloc.decode(data), np.asarray(image)):
        raise SystemExit(f"{name}: does not come back")
    peers = {"png": png(image), "oxipng": oxipng(image), "webp": webp(image)}
    usual = min(size for size in peers.values() if size is not None)
    file = container.parse(data)
    methods = Counter(record.method.name.lower() for record in file.records)
    verdict = "yes" if len(data) <= usual * SHARE + BYTES else "NO"
    coded = " + ".join(f"{count} {method}" for method, count in methods.items())
    row = {"image": name, "mode": image.mode, "width": image.width, "height": image.height, **peers}
    return row | {"nlc": len(data), "of smaller": f"{len(data) / usual:.3f}", "coded": coded, "within": verdict}


def png(image: Image.Image) -> int:
    """Size of Pillow's optimised PNG."""
    return _saved(image, format="PNG", optimize=True, compress_level=9)


def webp(image: Image.Image) -> int:
    """Size of a lossless WebP at the highest effort; colour under alpha 0 is kept."""
    return _saved(image, format="WEBP", lossless=True, quality=100, method=6, exact=True)


def oxipng(image: Image.Image) -> int | None:
    """Size of a PNG optimised by oxipng, which may convert RGB to a palette; None without pyoxipng."""
    optimise = _oxipng()
    return None if optimise is None else len(optimise(_bytes(image, format="PNG"), level=4))


def _oxipng() -> Callable[..., bytes] | None:
    try:
        from oxipng import optimize_from_memory
    except ImportError:
        return None
    return optimize_from_memory


def _saved(image: Image.Image, **options) -> int:
    return len(_bytes(image, **options))


def _bytes(image: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def write(rows: list[dict[str, object]], args: argparse.Namespace) -> None:
    """Write the table as Markdown and as CSV."""
    within = sum(row["within"] == "yes" for row in rows)
    columns = list(rows[0])
    cells = [list(row.values()) for row in rows]
    made = (
        f"Made by `python benchmarks/mixed.py --data ../shared/data --seed {args.seed} --effort {args.effort}`, with "
        f"Pillow {__version__} and libwebp {features.version('webp')}. Sizes in bytes; `of smaller` is the .nlc file "
        f"divided by the smallest of the others; `within` says that it is at most 0.5 % and {BYTES} bytes larger: "
        f"**{within} of {len(rows)}** images. `coded` counts tiles, for images with alpha of colour and of alpha."
    )
    report.write_report(args.out, report.document("Images of every sort", made, markdown.table(columns, cells)))
    report.write_csv(args.out.with_suffix(".csv"), columns, cells)


if __name__ == "__main__":
    main()
