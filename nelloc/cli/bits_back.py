"""`nelloc research bits-back`: a data set compressed with a VAE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from nelloc.cli.common import Printer, needs, options, print_json, progress_bar, reporting
from nelloc.cli.parameters import Name, OutputFile
from nelloc.errors import NellocError
from nelloc.exact.callbacks import Advance

_EPILOG = "Exit status: 0 done, 1 failed or stopped, 2 wrong usage."
_FILE = Name(path_type=Path)
_OUTPUT = OutputFile(path_type=Path)
SEED = click.IntRange(0, 2**32 - 1)
_MODEL = click.option("--model", metavar="FILE", type=_FILE, required=True, help="Model that bits-back train wrote.")


@click.group("bits-back", short_help="Compress a data set with a VAE", epilog=_EPILOG)
def bits_back() -> None:
    """Compress a data set with a VAE and bits-back coding (Algorithms 1 and 2).

    SOURCE is an idx file, gzipped or not, or a folder of images of one size. An archive decodes only with the same
    model, version of torch and kind of processor; for files to keep, use nelloc compress.
    """


@bits_back.command("train", short_help="Train a VAE", epilog=_EPILOG)
@click.argument("source", type=_FILE)
@click.argument("model", type=_OUTPUT)
@click.option("--epochs", type=click.IntRange(min=1), default=30, show_default=True, help="Length of the training.")
@click.option("--latent", type=click.IntRange(1, 4096), default=20, show_default=True, help="Number of latents.")
@click.option("--seed", type=SEED, default=1, show_default=True, help="Seed of everything random.")
@click.option("--half-asleep", is_flag=True, help="Train the encoder on the model's own images too.")
@options("device", "force", "quiet")
def train(source: Path, model: Path, force: bool, quiet: bool, **fields) -> None:
    """Train a VAE on the images of SOURCE and write it to MODEL."""
    with _starting(source, model, force, quiet) as printer:
        from nelloc import storage
        from nelloc.research.vae import image_set
        from nelloc.research.vae.model_file import identity, to_bytes
        from nelloc.research.vae.model_training import epochs_of, train_model

        found = image_set.read(source)
        with _bar(printer, epochs_of(fields["epochs"], fields["half_asleep"]), "epochs") as advance:
            vae = train_model(found, **fields, progress=advance)
        storage.write(model, to_bytes(vae), force)
        printer.remark(f"{model}: {found.kind} images, id {identity(vae).hex()}")


@bits_back.command("compress", short_help="Compress a data set", epilog=_EPILOG)
@click.argument("source", type=_FILE)
@click.argument("target", type=_OUTPUT)
@_MODEL
@click.option(
    "--steps",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Steps of optimal inference for each image, both ways (Algorithm 2).",
)
@click.option(
    "--initial-words",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    help="32-bit words that the stack begins with.  [default: what the model can need]",
)
@options("force", "json", "quiet")
def compress(source: Path, target: Path, model: Path, steps: int, initial_words, force, as_json, quiet) -> None:
    """Compress the images of SOURCE to the archive TARGET."""
    with _starting(source, target, force, quiet) as printer:
        from nelloc import storage
        from nelloc.research.vae import archive, image_set, model_file

        vae, found = model_file.load(model), image_set.read(source)
        with _bar(printer, len(found.images), "images") as advance:
            data, summary = archive.compress(
                found,
                vae,
                steps=steps,
                initial_words=initial_words,
                progress=lambda: advance(1),
                source=str(source),
            )
        storage.write(target, data, force)
        if as_json:
            print_json({"source": str(source), "target": str(target), **asdict(summary)})
            return
        printer.remark(
            f"{target}: {summary.images} images, {summary.bytes} bytes, {summary.net_bpd:.4f} bpd net, "
            f"{summary.gross_bpd:.4f} with header and {summary.initial_words} initial words"
        )


@bits_back.command("decompress", short_help="Decompress an archive", epilog=_EPILOG)
@click.argument("source", type=_FILE)
@click.argument("target", type=Name())
@_MODEL
@options("force", "quiet")
def decompress(source: Path, target: str, model: Path, force: bool, quiet: bool) -> None:
    """Decompress the archive SOURCE to TARGET: an idx file, or a folder of PNG files, as it was made from."""
    with reporting():
        needs("nelloc research bits-back", "research", "torch")
        from nelloc import disk, storage
        from nelloc.research.vae import archive, image_set, model_file

        printer = Printer(quiet)
        data = storage.read(source)
        count, named = archive.contents(data, str(source))
        output = Path(target) if named else disk.file_path(target)
        if not named:
            disk.check_target(source, output, force)
        elif disk.exists(output) and not disk.is_folder(output):
            raise NellocError(f"{target}: is a file, and {source} holds files with names; give the name of a folder")
        vae = model_file.load(model)
        with _bar(printer, count, "images") as advance:
            found = archive.decompress(data, vae, progress=lambda: advance(1), source=str(source))
        image_set.write(found, output, force)
        printer.remark(f"{target}: {count} images")


@contextmanager
def _starting(source: Path, target: Path, force: bool, quiet: bool) -> Iterator[Printer]:
    """Report errors in one line; early if the target cannot be written or torch is not installed."""
    with reporting():
        needs("nelloc research bits-back", "research", "torch")
        from nelloc import disk

        disk.check_target(source, target, force)
        yield Printer(quiet)


@contextmanager
def _bar(printer: Printer, total: int, unit: str) -> Iterator[Advance]:
    """Show a bar on standard error, on a terminal only; yields the function that advances it."""
    with progress_bar(printer, total=total, unit=f" {unit}") as bar:

        def advance(steps: int) -> None:
            bar.update(steps)

        yield advance
