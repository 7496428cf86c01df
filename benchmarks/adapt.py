"""Sizes with a model adapted to the images, the model included, with every round trip verified.

    python benchmarks/adapt.py --data ../shared/data --out benchmarks/results/adapt
    python benchmarks/adapt.py --data ../shared/data --out benchmarks/results/adapt --minutes 3 -- camera
    python benchmarks/adapt.py --data ../shared/data --out benchmarks/results/adapt-no-learn --no-learn

Sets: kodak, camera, new-camera and unsplash are folders that share one model beside the files; each image of
thesis-1024 has its own, inside the file. camera (169 photographs of 96 cameras) and unsplash (26 portraits) are
training images, so `default` has seen most of them; new-camera are those of camera that were held out. The sizes are
those of all files on the disk. Without --minutes, adaptation goes on while it pays.

Writes OUT.csv (a row per set, or image, and number of minutes; rows of sets and minutes that are not measured this time
are kept, so that files with and without learning need an OUT each), OUT.md and OUT.png.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import report as reports
from images import load
from PIL import Image

from nelloc.bench import markdown
from nelloc.codec.options import EncodeOptions
from nelloc.files import convert as files
from nelloc.files.batch.run import compress_folder
from nelloc.training.adapt.encode import PIXELS_PER_MINUTE


@dataclass(frozen=True)
class Row:
    """Result for one set, or image, adapted for some minutes of nominal work.

    ``asked`` is the number of minutes asked for, 0 if none was; all took ``seconds`` of processors.
    """

    set: str
    image: str
    asked: float
    minutes: float
    samples: int
    shipped_bytes: int
    adapted_bytes: int
    model_bytes: int
    seconds: float

    @property
    def gain(self) -> float:
        return 1 - self.adapted_bytes / self.shipped_bytes


def training_photographs(data: Path, prefix: str) -> dict[str, np.ndarray]:
    """Photographs of one source among the training images, by name."""
    paths = sorted((data / "train-natural").glob(f"{prefix}_*"))
    return {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in paths}


def held_out(data: Path, prefix: str) -> dict[str, np.ndarray]:
    """Photographs that no model was trained on."""
    return {name: array for name, array in load(data, "held-out").items() if name.startswith(prefix)}


# By name: how to load the images, and whether they share a model.
SETS: dict[str, tuple[Callable[[Path], dict[str, np.ndarray]], bool]] = {
    "kodak": (lambda data: load(data, "kodak"), True),
    "thesis-1024": (lambda data: load(data, "thesis-1024"), False),
    "camera": (lambda data: training_photographs(data, "cam"), True),
    "new-camera": (lambda data: held_out(data, "cam"), True),
    "unsplash": (lambda data: training_photographs(data, "unsplash"), True),
}


def measure(name: str, label: str, arrays: dict[str, np.ndarray], minutes: float | None, options: dict) -> Row:
    """Compress images together, or one alone, and decode them. Raises AssertionError if one comes back changed."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.mkdir()
        for key, array in arrays.items():
            Image.fromarray(array).save(source / f"{key}.png", compress_level=1)
        start = time.process_time()
        chosen = EncodeOptions(adapt=True, adapt_minutes=minutes, **options)
        if label == "all":
            done = [one.result for one in compress_folder([source], target, verify=False, options=chosen)]
        else:
            target.mkdir()
            done = [files.compress(source / f"{label}.png", target / f"{label}.nlc", verify=False, options=chosen)]
        seconds = time.process_time() - start
        gain = done[-1].adapted
        size = sum(path.stat().st_size for path in target.iterdir())
        assert size == (gain.adapted_bytes if gain.models else gain.shipped_bytes)
        for key, array in arrays.items():
            files.decompress(
                target / f"{key}.nlc",
                Path(folder, "back.png"),
                force=True,
                model=target,
                threads=options["threads"],
            )
            assert np.array_equal(np.asarray(Image.open(Path(folder, "back.png"))), array), f"{key} came back changed"
    samples = sum(array.size for array in arrays.values())
    trained = gain.pixels / PIXELS_PER_MINUTE
    return Row(name, label, minutes or 0.0, trained, samples, gain.shipped_bytes, size, gain.model_bytes, seconds)


def table(rows: list[Row]) -> str:
    """Format all rows as a Markdown table."""
    heads = [
        "set",
        "images",
        "minutes",
        "shipped bpd",
        "adapted bpd in all",
        "saved",
        "model bytes",
        "model bpd",
        "seconds",
    ]
    lines = []
    for row in rows:
        before, after, model = (
            f"{8 * size / row.samples:.4f}" for size in (row.shipped_bytes, row.adapted_bytes, row.model_bytes)
        )
        minutes = f"{row.minutes:.2g}" if row.asked else f"{row.minutes:.2g}, as it pays"
        cells = [row.set, row.image, minutes, before, after, f"{row.gain:.1%}"]
        lines.append([*cells, row.model_bytes, model, f"{row.seconds:.0f}"])
    return markdown.table(heads, lines)


def draw(rows: list[Row], path: Path) -> None:
    """Draw total size over minutes, in percent of the size with the model as shipped."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for key in dict.fromkeys((row.set, row.image) for row in rows):
        own = [row for row in rows if (row.set, row.image) == key]
        label = key[0] if key[1] == "all" else f"{key[0]}, image {key[1]}"
        sizes = [100 * row.adapted_bytes / row.shipped_bytes for row in own]
        axes.plot([0] + [row.minutes for row in own], [100, *sizes], marker="o", label=f"{label}: {sizes[-1]:.1f} %")
    axes.set_xlabel("minutes of adaptation")
    axes.set_ylabel("size of files and model, % of that with the model as shipped")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)


def kept(path: Path, sets: list[str], minutes: Sequence[float | None]) -> list[Row]:
    """Rows of an earlier run for sets or numbers of minutes that are not measured now."""
    rows = reports.read_rows(path, Row)
    return [row for row in rows if row.set not in sets or (row.asked or None) not in minutes]


def report(rows: list[Row], args: argparse.Namespace) -> str:
    """Format all rows as a Markdown document that names the command."""
    learning = "" if args.learn else "Without learning while coding. "
    given = {"--model": args.model, "--threads": args.threads}
    words = [f"{option} {value}" for option, value in given.items() if value is not None]
    words += [] if args.learn else ["--no-learn"]
    older = 'rows without "as it pays" are by `--minutes MINUTES` as well'
    older += ", and of when the last layer alone learned while coding" if args.learn else ""
    made = (
        f"{learning}Made by `python benchmarks/adapt.py --data {args.data} --out {args.out} "
        f"{' '.join([*words, '-- SET'])}`, a set at a time, with other work on the machine; {older}. "
        "A minute is six megapixels of training, about that of a fast core; seconds "
        "are those of one core, without learning those of the clock, with the compression before and after. camera, "
        "unsplash: photographs that the shipped model was mostly trained on."
    )
    return reports.document("Adaptation", made, table(rows), f"![size over minutes]({args.out.name}.png)")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"default: {' '.join(SETS)}")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=None)
    parser.add_argument("--minutes", type=float, nargs="+", action="extend", help="default: as many as pay")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--no-learn", dest="learn", action="store_false", help="without learning while coding")
    return parser.parse_args(words)


def main() -> None:
    args = arguments()
    options = {"model": args.model, "threads": args.threads, "learn": args.learn}
    names = args.sets or list(SETS)
    times = sorted(args.minutes) if args.minutes else [None]
    rows = kept(args.out.with_suffix(".csv"), names, times)
    for name in names:
        loader, shared = SETS[name]
        arrays = loader(args.data)
        for label, group in {"all": arrays}.items() if shared else {key: {key: arrays[key]} for key in arrays}.items():
            for minutes in times:
                rows.append(measure(name, label, group, minutes, options))
                print(table(rows[-1:]).splitlines()[-1], file=sys.stderr)
                save(sorted(rows, key=lambda row: (list(SETS).index(row.set), row.image, row.minutes)), args)
    print(args.out.with_suffix(".md").read_text(), end="")


def save(rows: list[Row], args: argparse.Namespace) -> None:
    """Write all rows: CSV, report and figure."""
    rounded = [replace(row, minutes=round(row.minutes, 3), seconds=round(row.seconds, 1)) for row in rows]
    reports.write_rows(args.out.with_suffix(".csv"), Row, rounded)
    reports.write_report(args.out.with_suffix(".md"), report(rounded, args))
    draw(rounded, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
