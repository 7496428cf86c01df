"""Table 5.6 of the thesis: file sizes of nelloc and its peers on every test set, with the thesis's values.

    python benchmarks/table_5_6.py --out benchmarks/results/table_5_6

Joins the results of benchmarks/rate.py and benchmarks/peers.py (benchmarks/results/rate.csv and peers.csv), and draws
them. Writes OUT.md and OUT.png.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import peers
import rate
import report
from images import ALL_SETS, IDX, SMALL_LIMIT

from nelloc.bench import markdown
from nelloc.exact import model_store
from nelloc.training.networks.export import export
from nelloc.training.networks.local import THESIS as THESIS_SHAPES
from nelloc.training.networks.local import LocalNetwork

RESULTS = Path(__file__).parent / "results"
MODELS = ("fast", "default", "high")
PNG = "png:9"
WIDEST = 1.5
COLOURS = {
    "fast": "#7fb2e8",
    "default": "#2f7fd0",
    "high": "#0b3d73",
    PNG: "#444444",
    "webp:9": "#64b5cd",
    "jpegxl:9": "#d9a441",
    "jpeg2000": "#c44e52",
    "avif:4": "#8c8c8c",
    "jpegls": "#55a868",
    "qoi": "#8c6bb1",
    "flif:60": "#937860",
}
# Printed values of the thesis, in bits per dimension: its local models by the set that they were trained on and r, the
# number of residual blocks, and other formats, on those of its sets that have a counterpart here.
COUNTERPARTS = ("cifar10", "svhn", "celeba32", "imagenet32-like")
PRINTED: dict[str, tuple[float, float, float, float]] = {
    "ImageNet32, r = 0": (3.64, 2.38, 3.54, 3.93),
    "ImageNet32, r = 1": (3.56, 2.26, 3.47, 3.85),
    "ImageNet32, r = 3": (3.51, 2.21, 3.43, 3.82),
    "CIFAR-10, r = 0": (3.38, 2.23, 3.44, 4.20),
    "CIFAR-10, r = 1": (3.28, 2.16, 3.37, 4.07),
    "CIFAR-10, r = 3": (3.25, 2.13, 3.35, 4.02),
    "PNG": (5.87, 5.68, 6.62, 6.58),
    "WebP": (4.61, 3.04, 4.68, 4.68),
    "JPEG 2000": (5.56, 4.10, 5.70, 5.60),
    "FLIF": (4.19, 2.93, 4.44, 4.52),
}
# "Size(MB)" of the thesis, by r: four bytes a weight, in units of 2^20 bytes.
PRINTED_SIZES = {"r = 0": 0.49, "r = 1": 1.34, "r = 3": 2.75}
MEGABYTE = 2**20
# Columns of the main table that stand beside them.
OURS_BESIDE = {"PNG": PNG, "WebP": "webp:9", "JPEG 2000": "jpeg2000", "FLIF": "flif:60"}
# In the plot: those trained on ImageNet32, of the two sets whose images are the thesis's or made like them; and rates
# of Kodak, which the thesis does not have, measured with the author's published weights.
THESIS: dict[str, dict[str, float]] = {
    f"thesis r = {r}": {**dict(zip(COUNTERPARTS, PRINTED[f"ImageNet32, r = {r}"], strict=True)), **kodak}
    for r, kodak in ((0, {"kodak": 2.94}), (1, {"kodak": 2.89}), (3, {}))
}
for rates in THESIS.values():
    del rates["svhn"], rates["imagenet32-like"]
MARKERS = {"thesis r = 0": "+", "thesis r = 1": "x", "thesis r = 3": "1"}
NOTES = f"""
Bits per dimension of whole files, a file each; the smallest that was measured here is bold. nelloc's rates are those of
`python benchmarks/rate.py`, the peers' of `python benchmarks/peers.py`; both check that every pixel comes back.

Columns "thesis": its networks trained on ImageNet32 for 400 epochs, as printed; for Kodak, which it does not have,
measured with the author's published weights. Ours saw far fewer pixels, of photographs and small images, with training
images of CIFAR-10 and CelebA among them ([the model card](../../weights/MODEL_CARD.md)). Our figures are those of
files: one of 32 x 32 pixels has about 1.0 % more than its model asks for ([rate.md](rate.md)). The sets are those of
the data folder: the first 1000 test images of CIFAR-10, a stand-in for ImageNet32 (Tiny ImageNet, halved), crops of
CelebA, an approximation of SVHN, and of {", ".join(IDX)} the first {SMALL_LIMIT} images, 28 x 28, of kinds that the
gray models were not trained on, some of which go through the adaptive coder. "-": not measured.
"""
BESIDE = """
Bits per dimension, as the thesis prints them, and ours of the same method. Not all of the images are the thesis's: of
CIFAR-10 they are the first 1000 test images of 10,000; CelebA's are other test images, cropped and resized alike; svhn
is an approximation with other brightnesses and imagenet32-like a softer stand-in, so that of these two only orders
compare. ImageNet64 and whole ImageNet photographs, the thesis's other two columns, have no counterpart here, and its
rows of other neural codecs, quoted or measured there, are left out. Of its own rates the thesis gives the deviation
over seeds as about 0.02. "Model": its size in units of 2^20 bytes, in the thesis at four bytes a weight, here of the
file, whose weights have one or two.
"""
TRAINED = """
Rows `thesis-r`: networks of the thesis's shapes, trained here by its recipe on what data and time there were, and coded
in the same engine without learning, lattices and the search for a past: `python scripts/train_thesis.py`, then
`python benchmarks/rate.py --no-learn --no-lattice --no-past --model RUN/model.nlm --out benchmarks/results/rate_thesis`
([rate_thesis.md](rate_thesis.md); [MODELS.md](../../docs/MODELS.md) has their training, of images of both sets that the
thesis's were trained on one of, and less than a three-thousandth of its pixels).
"""

# Rows of rate.csv without what nelloc knows of an image's past.
PLAIN = " --no-lattice --no-past"


def figures() -> dict[str, dict[str, float]]:
    """Read bits per dimension by set and codec; of sets measured without an image's past, these figures."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    rows = report.read_rows(RESULTS / "rate.csv", rate.Row)
    plain = {row.set for row in rows if PLAIN in row.model}
    for row in rows:
        if row.set in plain and PLAIN not in row.model:
            continue
        total = sums[row.set, row.model.replace(PLAIN, "")]
        total[0] += 8 * row.bytes
        total[1] += row.samples
    for (name, model), (bits, samples) in sums.items():
        found[name][model] = bits / samples
    for peer in report.read_rows(RESULTS / "peers.csv", peers.Row):
        if peer.bpd not in ("lossy", "failed", "skipped"):
            found[peer.set][peer.peer] = float(peer.bpd)
    return found


def table(found: dict[str, dict[str, float]], columns: list[str]) -> str:
    """Format sets down, codecs across, as Markdown."""
    heads = [f"`{c}`" if c in MODELS else c for c in columns]
    lines = []
    for name in (s for s in ALL_SETS if s in found):
        best = min(found[name].values())
        cells = []
        for column in columns:
            value = found[name].get(column)
            cells.append("-" if value is None else f"**{value:.3f}**" if value == best else f"{value:.3f}")
        cells += [f"{rates[name]:.2f}" if name in rates else "" for rates in THESIS.values()]
        lines.append([name, *cells])
    return markdown.table(["set", *heads, *THESIS], lines)


def trained() -> dict[str, dict[str, float]]:
    """Read bits per dimension by set of the networks that scripts/train_thesis.py trained."""
    sums: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row in report.read_rows(RESULTS / "rate_thesis.csv", rate.Row):
        total = sums[Path(row.model.split()[0]).parent.name][row.set]
        total[0] += 8 * row.bytes
        total[1] += row.samples
    return {
        name: {each: bits / samples for each, (bits, samples) in rates.items()} for name, rates in sorted(sums.items())
    }


def model_bytes(name: str) -> int:
    """Size of the file of a shipped model, or of any of the thesis's shape ``name``, whatever its weights are."""
    if name in MODELS:
        return model_store.shipped()[name].stat().st_size
    return len(export(LocalNetwork(THESIS_SHAPES[name])))


def beside(found: dict[str, dict[str, float]]) -> str:
    """Format the thesis's values and ours of the same method, methods down, sets across, as Markdown."""
    heads = [head for name in COUNTERPARTS for head in (f"{name}, thesis", "ours")]
    lines = []
    for method, printed in PRINTED.items():
        size = PRINTED_SIZES.get(method.split(", ")[-1])
        cells = ["" if size is None else f"{size:.2f}"]
        for name, value in zip(COUNTERPARTS, printed, strict=True):
            ours = found[name].get(OURS_BESIDE.get(method, ""))
            cells += [f"{value:.2f}", "" if ours is None else f"{ours:.2f}"]
        lines.append([f"thesis, {method}" if "r =" in method else method, *cells])
    for method, rates in (*trained().items(), *((m, {n: found[n][m] for n in COUNTERPARTS}) for m in MODELS)):
        cells = [cell for name in COUNTERPARTS for cell in ("", f"{rates[name]:.2f}" if name in rates else "-")]
        lines.append([f"`{method}`", f"{model_bytes(method) / MEGABYTE:.2f}", *cells])
    return markdown.table(["method", "model", *heads], lines)


def plot(found: dict[str, dict[str, float]], columns: list[str], path: Path) -> None:
    """Draw each codec's size as a share of PNG's, set by set, and the thesis's rates likewise."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = [s for s in ALL_SETS if PNG in found.get(s, {})]
    figure, axes = plt.subplots(figsize=(10, 0.42 * len(names) + 1.6), layout="constrained")
    for column in [c for c in (*columns[len(MODELS) :], *THESIS, *MODELS) if c != PNG]:
        own, published = column in MODELS, column in THESIS
        rates = THESIS[column] if published else {n: found[n][column] for n in names if column in found[n]}
        shares = {names.index(n): rate / found[n][PNG] for n, rate in rates.items()}
        # Values beyond the axis are arrows at its end.
        for marker, inside in (("o" if own else MARKERS.get(column, "D"), True), (">", False)):
            points = [(min(x, WIDEST), y) for y, x in shares.items() if (x <= WIDEST) == inside]
            if points or inside:
                axes.scatter(
                    *(zip(*points, strict=True) if points else ([], [])),
                    s=70 if own else 40,
                    marker=marker,
                    color=COLOURS.get(column, "#222222"),
                    label=(f"nelloc {column}" if own else column) if inside else None,
                    zorder=4 if published else 3 if own else 2,
                    edgecolors=None if published else "white",
                    linewidths=1.6 if published else 0.6,
                    clip_on=False,
                )
    axes.axvline(1, color="#444444", linewidth=1)
    axes.set_xlim(0.5, WIDEST)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(f"size of all files as a share of PNG's (arrows: more than {WIDEST:.0%})")
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axes.grid(color="#dddddd", zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = figures()
    measured = {codec for rates in found.values() for codec in rates}
    columns = [*MODELS, *(peer for peer in COLOURS if peer in measured and peer not in MODELS)]
    command = "`python benchmarks/table_5_6.py --out benchmarks/results/table_5_6`"
    parts = [table(found, columns), NOTES.strip("\n"), f"![sizes]({args.out.name}.png)"]
    parts += ["## Beside the thesis's values", beside(found), BESIDE.strip("\n")]
    if trained():
        parts.append(TRAINED.strip("\n"))
    report.write_report(args.out.with_suffix(".md"), report.document("Table 5.6", f"Made by {command}.", *parts))
    plot(found, columns, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
