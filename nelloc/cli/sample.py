"""`nelloc sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nelloc.cli.common import (
    Printer,
    check_core,
    needs_torch,
    options,
    print_json,
    progress_bar,
    reporting,
    show_own_warnings,
)
from nelloc.cli.parameters import Name, OutputFile, Size
from nelloc.errors import NellocError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BAR = "{percentage:3.0f}%|{bar}| {n:.2f}/{total:.2f} Mpx [{elapsed}<{remaining}]"
_MAX_PIXELS = 1 << 28  # of all images together, as --max-pixels of compress
_MAX_SEED = (1 << 64) - 1  # torch takes no more
_GAP, _GROUND = 2, 255  # pixels between the images of a sheet, and their value


@click.command(short_help="Draw images from a model.")
@click.option(
    "--model",
    metavar="NAME|PATH",
    type=Name(),
    default="default",
    show_default=True,
    help="Model to draw from: one that compress takes, or a pair that ood-score takes.",
)
@click.option(
    "--size", type=Size(), metavar="WIDTHxHEIGHT", default="32x32", show_default=True, help="Size of an image."
)
@click.option("--count", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many images to draw.")
@click.option("--columns", type=click.IntRange(min=1), help="Images in a row.  [default: as a square]")
@click.option(
    "--seed", type=click.IntRange(0, _MAX_SEED), default=1, show_default=True, help="Seed of everything random."
)
@click.option("--part", type=click.Choice(("local", "full")), help="Which model of a pair.  [default: local]")
@click.option("--out", metavar="FILE", type=OutputFile(path_type=Path), required=True, help="The PNG file to write.")
@options("backend", "force", "json", "quiet")
def sample(model, size, count, columns, seed, part, out, backend, force, as_json, quiet):
    """Draw images from a model, as samples of its distribution.

    Several images become a sheet, with two white pixels between them. An integer model, which compress takes, gives
    the same images for the same seed on every machine, and needs no torch; image k of a seed does not depend on how
    many are drawn. A pair is of float models and needs the extra [train].

    Exit status: 0 done, 1 failed, 2 wrong usage.
    """
    printer = Printer(quiet)
    width, height = size
    if count * width * height > _MAX_PIXELS:
        asked = f"--size {width}x{height} --count {count}"
        raise click.UsageError(f"{asked} asks for more than {_MAX_PIXELS} pixels; choose smaller or fewer images")
    with reporting():
        from nelloc import disk, storage
        from nelloc.exact import model_store
        from nelloc.files.convert import enough_memory

        disk.check_target(Path(model), out, force)
        if out.suffix.lower() != ".png":
            raise NellocError(f"{out}: samples are written as PNG; give a name that ends in .png")
        with (
            enough_memory(str(out)),
            progress_bar(printer, total=count * width * height / 1e6, unit="Mpx", bar_format=_BAR) as bar,
        ):

            def progress(pixels: int) -> None:
                bar.update(pixels / 1e6)

            if model in model_store.available() or Path(model).suffix == model_store.MODEL_SUFFIX:
                if part is not None:
                    raise NellocError(f"{model}: is one integer model; --part is for a pair")
                from nelloc.exact.sample import sample as draw

                show_own_warnings(printer)
                check_core(printer, backend)
                images = draw(model_store.find(model), height, width, count, seed, backend=backend, progress=progress)
            elif model not in model_store.shipped_pairs() and not disk.exists(model):
                known = ", ".join([*model_store.available(), *model_store.shipped_pairs()])
                raise NellocError(f"{model}: no such model; give one of these, or a file: {known}")
            else:
                images = _from_pair(model, part or "local", height, width, count, seed, progress)
            data = _png(_sheet(images, columns))
        storage.write(out, data, force)
        if as_json:
            facts = {"file": str(out), "model": model, "seed": seed}
            print_json(facts | {"width": width, "height": height, "count": count})
        else:
            printer.remark(f"{out}: {count} of {width}x{height} from {model}")


def _from_pair(model: str, part: str, height: int, width: int, count: int, seed: int, progress) -> NDArray[np.uint8]:
    """Images (count, height, width, channels) drawn from one of a pair of float models."""
    needs_torch(f"{model}: a pair")
    from nelloc.ood.pair import find
    from nelloc.training.networks.full import sample as draw

    images = draw(getattr(find(model), part), height, width, count, seed, progress)
    return images.permute(0, 2, 3, 1).numpy()


def _sheet(images: NDArray[np.uint8], columns: int | None) -> NDArray[np.uint8]:
    """Images (N, H, W, C) beside and below each other, in rows of ``columns``."""
    import numpy as np

    n, height, width, channels = images.shape
    columns = min(n, columns or round(n**0.5 + 0.499))
    rows = -(-n // columns)
    shape = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels)
    sheet = np.full(shape, _GROUND, np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _png(sheet: NDArray[np.uint8]) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(sheet[:, :, 0] if sheet.shape[2] == 1 else sheet).save(file, "PNG")
    return file.getvalue()
