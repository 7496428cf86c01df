"""`nelloc ood-score`."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nelloc.cli.common import (
    Printer,
    fail,
    needs_torch,
    options,
    print_json,
    progress_bar,
    put,
    quiet_pillow,
    reporting,
)
from nelloc.cli.parameters import Name, OutputFile, finite
from nelloc.cli.table import aligned
from nelloc.errors import NellocError

if TYPE_CHECKING:
    from nelloc.ood.pair import Pair
    from nelloc.ood.scores import Scores

OUT_OF_DISTRIBUTION = 3  # exit status; 2 is click's, for wrong usage
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n}/{total} images [{elapsed}<{remaining}]"


@click.command(name="ood-score", short_help="Score how much images are like those of a model.")
@click.argument("images", metavar="IMAGES...", type=Name(), nargs=-1)
@click.option(
    "--model", metavar="PAIR", type=Name(), default="fashion", show_default=True,
    help="Pair of models: a shipped name, a file, or the folder of a run of train --ood.",
)  # fmt: skip
@click.option(
    "--threshold", type=float, callback=finite, metavar="SCORE", help="Call images of lower scores out of distribution."
)
@click.option(
    "--calibrate",
    metavar="FOLDER",
    type=Name(),
    help="Set the threshold by these images, which are taken to be in distribution.",
)
@click.option(
    "--fpr", callback=finite, type=click.FloatRange(0, 1, max_open=True), metavar="RATE",
    help="Share of the images of --calibrate to be called out of distribution.  [default: 0.05]",
)  # fmt: skip
@click.option(
    "--id", "inside", metavar="FOLDER", type=Name(), help="With --ood: how well scores tell these images from others."
)
@click.option("--ood", "outside", metavar="FOLDER", type=Name(), help="The others.")
@click.option("--plot", metavar="FILE", type=OutputFile(path_type=Path), help="Write histograms of the scores as PNG.")
@click.option("--resize", is_flag=True, help="Resize and convert images of another size or mode; else they are errors.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@options("threads", "force", "json", "quiet")
def ood_score(
    images, model, threshold, calibrate, fpr, inside, outside, plot, resize, as_csv, threads, force, as_json, quiet
):
    """Score how much images are like those that a pair of models was trained on.

    IMAGES are files and folders. Per image: bits per dimension of the local and of the full model, and the non-local
    score, which is the first less the second: log p_full - log p_local, per dimension. Higher is more in
    distribution. With --threshold or --calibrate there is a verdict too.

    With --id and --ood, the area under the ROC curve (AUROC) of this score and of others, and which share of the
    second folder is accepted where 95 % of the first is (FPR at 95 % TPR).

    Exit status: 0 all images in distribution, or no verdict asked for; 1 an image or something else failed;
    2 wrong usage; 3 an image is out of distribution, and none failed.
    """
    _check(images, threshold, calibrate, fpr, inside, outside, as_csv, as_json)
    printer = Printer(quiet)
    with reporting():
        quiet_pillow(printer)
        needs_torch("nelloc ood-score")
        import torch

        from nelloc import disk, storage
        from nelloc.ood.pair import find
        from nelloc.ood.plots import draw_histograms

        if plot is not None:
            disk.check_target(Path(model), plot, force)
            if plot.suffix.lower() != ".png":
                raise NellocError(f"{plot}: histograms are written as PNG; give a name that ends in .png")
        if threads:
            torch.set_num_threads(threads)
        pair = find(model)
        if inside is not None:
            compared, failed = _compare(pair, inside, outside, resize, as_csv, as_json, printer)
            if plot is not None:
                storage.write(plot, draw_histograms(compared), force)
            sys.exit(1 if failed else 0)
        sets = {}
        if calibrate is not None:
            from nelloc.ood.metrics import calibrate as set_threshold

            names, sets[calibrate], failed = _scored(pair, [calibrate], resize, printer)
            if failed and not names:
                sys.exit(1)  # each was named
            if failed:
                raise NellocError(f"{calibrate}: not all of its images can be scored; remove those that cannot")
            rate = 0.05 if fpr is None else fpr
            threshold = set_threshold(sets[calibrate].nonlocal_, rate)
            printer.remark(f"threshold {threshold:.6f}: below it are at most {rate:g} of the {len(names)} images there")
        names, scores, failed = _scored(pair, images, resize, printer)
        rejected = _report(names, scores, threshold, as_csv, as_json)
        if plot is not None and len(scores):
            storage.write(plot, draw_histograms(sets | {"images": scores}, threshold=threshold), force)
    sys.exit(1 if failed else OUT_OF_DISTRIBUTION if rejected else 0)


def _check(images, threshold, calibrate, fpr, inside, outside, as_csv, as_json) -> None:
    """Raise click.UsageError for options that do not go together."""
    if (inside is None) != (outside is None):
        raise click.UsageError("--id and --ood go together: give both")
    if bool(images) == (inside is not None):
        raise click.UsageError("give either IMAGES, or --id and --ood")
    if inside is not None and (threshold is not None or calibrate is not None):
        raise click.UsageError("--id and --ood compare scores; a threshold is for IMAGES")
    if threshold is not None and calibrate is not None:
        raise click.UsageError("give either --threshold or --calibrate")
    if fpr is not None and calibrate is None:
        raise click.UsageError("--fpr is for --calibrate")
    if as_csv and as_json:
        raise click.UsageError("give either --csv or --json")


def _scored(pair: Pair, inputs, resize: bool, printer: Printer) -> tuple[list[str], Scores, bool]:
    """Names and scores of the images, and whether some cannot be scored; an error is printed for each of those."""
    import numpy as np

    from nelloc.bench.pictures import find
    from nelloc.ood.images import read
    from nelloc.ood.scores import score

    found, errors = find(inputs)
    names, arrays = [], []
    for item in found:
        try:
            arrays.append(read(item.path, pair.height, pair.width, pair.channels, resize=resize))
            names.append(str(item.path))
        except NellocError as error:
            errors.append(error)
    for problem in errors:
        fail(problem)
    shape = (len(arrays), pair.channels, pair.height, pair.width)
    stacked = np.stack(arrays) if arrays else np.empty(shape, np.uint8)
    with progress_bar(printer, total=len(arrays), bar_format=_BAR) as bar:
        return names, score(pair, stacked, bar.update), bool(errors)


def _report(names: list[str], scores: Scores, threshold: float | None, as_csv: bool, as_json: bool) -> bool:
    """Print a row per image; True if one is out of distribution."""
    columns = {
        "local_bpd": scores.local,
        "full_bpd": scores.full,
        "nonlocal": scores.nonlocal_,
        "complexity_png": scores.complexity_png,
        "complexity_generic": scores.complexity_generic,
    }
    rows = [
        {"image": name} | {key: round(float(values[number]), 6) for key, values in columns.items()}
        for number, name in enumerate(names)
    ]
    rejected = False
    for row, value in zip(rows, scores.nonlocal_, strict=True):
        if threshold is not None:
            row["in_distribution"] = bool(value >= threshold)
            rejected |= not row["in_distribution"]
    if as_json:
        print_json({"threshold": threshold, "images": rows})
    elif as_csv:
        put(_as_csv(rows))
    else:
        _table([{key: _cell(row[key]) for key in row if not key.startswith("complexity")} for row in rows])
    return rejected


def _compare(pair, inside, outside, resize, as_csv, as_json, printer) -> tuple[dict[str, Scores], bool]:
    """Print how well each score tells two folders apart; returns their scores, and whether an image failed."""
    from nelloc.ood.metrics import TRUE_POSITIVE_RATE, auroc, false_positive_rate
    from nelloc.ood.scores import codecs

    sets, failed = {}, False
    for folder in (inside, outside):
        names, sets[folder], bad = _scored(pair, [folder], resize, printer)
        failed |= bad
        if not names:
            raise NellocError(f"{folder}: none of its images can be scored; choose another folder, or --resize")
    a, b = (sets[folder].all() for folder in (inside, outside))
    rows = [
        {
            "score": name,
            "auroc": round(auroc(a[name], b[name]), 6),
            "fpr_at_95_tpr": round(false_positive_rate(a[name], b[name], TRUE_POSITIVE_RATE), 6),
        }
        for name in a
    ]
    if as_json:
        counts = {"id": len(sets[inside]), "ood": len(sets[outside])}
        print_json({"images": counts, "generic_codecs": [peer.label for peer in codecs()], "scores": rows})
    elif as_csv:
        put(_as_csv(rows))
    else:
        _table([{key: _cell(value) for key, value in row.items()} for row in rows])
    return sets, failed


def _cell(value) -> str:
    if isinstance(value, bool):
        return "in" if value else "OUT"
    return f"{value:.4f}" if isinstance(value, float) else value


def _as_csv(rows: list[dict]) -> str:
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def _table(rows: list[dict[str, str]]) -> None:
    """Print columns, the first aligned to the left, the others to the right."""
    if not rows:
        return
    heads = ["verdict" if key == "in_distribution" else key for key in rows[0]]
    for line in aligned([heads, *(list(row.values()) for row in rows)]):
        put(line)
