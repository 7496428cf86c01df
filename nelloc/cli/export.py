"""`nelloc export`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nelloc.cli.common import Printer, needs_torch, options, print_json, reporting
from nelloc.cli.parameters import Name, OutputFile
from nelloc.errors import NellocError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Largest number of held-out images of a folder that the cost is measured on, and of their pixels.
_IMAGES, _PIXELS = 8, 1 << 19


@click.command(short_help="Turn a training run into a model file.")
@click.argument("run", metavar="RUN", type=Name(path_type=Path))
@click.argument("target", metavar="OUT", type=OutputFile(path_type=Path))
@click.option(
    "--data",
    metavar="FOLDER",
    type=Name(),
    multiple=True,
    help="Folder on whose held-out images the cost is measured. May be repeated.  [default: what RUN was trained on]",
)
@options("force", "json", "quiet", "verbose")
def export(run, target, data, force, as_json, quiet, verbose):
    """Make the integer model OUT of the training run in the folder RUN.

    Says what that costs: bits per dimension of the integer model against those of the same weights with nothing
    rounded, on held-out images. Nothing of RUN is changed, and a run that goes on may be exported.

    Exit status: 0 done, 1 failed, 2 wrong usage.
    """
    printer = Printer(quiet, verbose)
    with reporting():
        needs_torch("nelloc export")
        from nelloc import disk, storage
        from nelloc.exact.model import load_model
        from nelloc.training.loop import Trainer
        from nelloc.training.networks.export import export as exported

        if not disk.is_file(run / "checkpoint.safetensors"):
            raise NellocError(f"{run}: has no checkpoint.safetensors; give the folder of a run of nelloc train")
        disk.check_target(run / "checkpoint.safetensors", target, force)
        trainer = Trainer.resume(run)
        folders = data or (trainer.data.folders if trainer.data else ())
        missing = [folder for folder in folders if not disk.is_folder(folder)]
        if data and missing:
            raise NellocError(f"{missing[0]}: no such folder; give one of images to measure on")
        network = trainer.coded()
        images = [] if missing else _images(folders, printer)
        encoded = exported(network)
        model = load_model(encoded, str(target))
        storage.write(target, encoded, force)
        facts = {"model": str(target), "id": model.id.hex(), "bytes": model.size, "megapixels": trainer.seen / 1e6}
        line = f"{target}: model {model.id.hex()}, {model.size} bytes, {model.multiply_adds} multiply-adds per pixel"
        printer.remark(line)
        if not images:
            reason = f"{missing[0]} is not there" if missing else "the run does not name its training data"
            printer.remark(f"nelloc: the cost of rounding was not measured: {reason}; give --data")
            cost = None
        else:
            from nelloc.training.cost import measure_cost

            cost = measure_cost(network, target, images)
            measured = f"{cost.images} held-out image{'' if cost.images == 1 else 's'} ({cost.pixels / 1e6:.2f} Mpx)"
            printer.remark(
                f"{cost.model_bpd:.4f} bpd, {cost.bpd:+.4f} against its float parent's {cost.parent_bpd:.4f}, "
                f"on {measured} of {', '.join(map(str, folders))}"
            )
        if as_json:
            print_json(facts | {"data": list(map(str, folders)), "cost": None if cost is None else asdict(cost)})


def _images(folders, printer: Printer) -> list[NDArray]:
    """Crop the middles of the first held-out images of each folder."""
    from nelloc.training.folder import held_out_images, scan

    images: list[NDArray] = []
    for folder in folders:
        scanned = scan(Path(folder))
        most = min(_IMAGES, len(scanned.held_out))
        found, problems = held_out_images(scanned, most=most, pixels=_PIXELS // most)
        images += found.values()
        for problem in problems:
            printer.remark(f"nelloc: {problem}; it is left out")
    return images
