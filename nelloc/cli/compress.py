"""`nelloc compress`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from nelloc.cli.common import STDIO, Printer, coding, convert, fail, options, print_json, reporting, target_of


@click.command()
@click.argument("names", metavar="IN... [OUT]", type=click.Path(), nargs=-1, required=True)
@click.option(
    "--output-dir",
    metavar="FOLDER",
    type=click.Path(),
    help="Compress every IN, a file or a folder of images, into this folder, which is made if it is not there.",
)
@options("model")
@click.option(
    "--adapt",
    is_flag=True,
    help="First fine-tune the model on the images, which takes minutes and nelloc[train]. The result goes into the "
    "file, or once into FOLDER as ID.nlm, if that makes the whole smaller.",
)
@click.option(
    "--adapt-minutes",
    type=click.FloatRange(min=0, min_open=True, max=10_000),
    metavar="M",
    help="How long, in minutes of a fast core; implies --adapt.  [default: 1 for a megapixel, 3 for ten]",
)
@click.option(
    "--tile",
    type=click.IntRange(16, 4096),
    default=256,
    show_default=True,
    help="Largest side of a tile, in pixels. Tiles are decoded side by side and checked one by one.",
)
@options("backend", "decoder", "threads", "max_pixels", "force")
@click.option(
    "--verify/--no-verify", default=True, show_default=True, help="Decode the result and compare before it is written."
)
@options("json", "quiet", "verbose")
def compress(names, output_dir, adapt, adapt_minutes, force, verify, as_json, quiet, verbose, **fields):
    """Compress the image IN to OUT (by default IN with the extension .nlc), or many images into a folder.

    IN is a PNG, JPEG, PPM, BMP, GIF, TIFF, WebP or QOI file of 8-bit gray or RGB pixels. "-" stands for
    standard input or output. Nothing is written unless everything went well.

    Exit status: 0 done, 1 failed, 2 wrong usage.
    """
    fields |= {"adapt": adapt or adapt_minutes is not None, "adapt_minutes": adapt_minutes}
    printer = Printer(quiet, verbose)
    if output_dir is not None:
        _compress_into(output_dir, names, force, verify, as_json, printer, fields)
        return
    if len(names) > 2:
        raise click.UsageError("give --output-dir FOLDER for several inputs")
    target = names[1] if len(names) == 2 else None
    _compress_one(names[0], target, force, verify, as_json, printer, fields)


def _compress_one(source, target, force, verify, as_json, printer: Printer, fields) -> None:
    from nelloc import files

    with reporting():
        target = target_of(source, target, files.SUFFIX)
        if target == STDIO and as_json:
            raise click.UsageError("--json cannot be used when the compressed data goes to standard output")
        with coding(printer, **fields) as coding_options:
            result = convert(
                source,
                target,
                force,
                lambda data, name: files.compress_bytes(data, name, coding_options, verify=verify),
            )
        _report(printer, result, as_json)
        _report_gain(printer, result.adapted, None, as_json)


def _compress_into(folder, names, force, verify, as_json, printer: Printer, fields) -> None:
    from nelloc import files

    if STDIO in names:
        raise click.UsageError("--output-dir takes files and folders, not standard input")
    failed = 0
    with reporting(), coding(printer, **fields) as coding_options:
        for result in files.compress_files(names, folder, force=force, verify=verify, options=coding_options):
            if isinstance(result, files.Failure):
                failed += 1
                if as_json:
                    print_json({"source": result.source, "error": str(result.error)})
                fail(result.error)
                continue
            _report(printer, result, as_json)
            _report_gain(printer, result.adapted, folder, as_json)
    sys.exit(1 if failed else 0)


def _report(printer: Printer, result, as_json: bool) -> None:
    bits = 8 * result.target_bytes / result.samples
    if result.left_out:
        printer.remark(f"nelloc: {result.source}: not kept in the output: {', '.join(result.left_out)}")
    if as_json:
        row = asdict(result) | {"bits_per_dimension": bits}
        if result.adapted is None:
            del row["adapted"]
        print_json(row)
    else:
        share = result.target_bytes / max(1, result.source_bytes)
        printer.remark(
            f"{result.source} -> {result.target}: {result.source_bytes} to {result.target_bytes} bytes "
            f"({share:.1%}), {bits:.3f} bits per sample"
        )
    printer.detail(f"{result.width} x {result.height} pixels, {result.planes} planes")


def _report_gain(printer: Printer, gain, folder: str | None, as_json: bool) -> None:
    if gain is None or as_json:
        return
    if not gain.models:
        printer.remark("the model was used as it is: adapted to the images, it would not have made the whole smaller")
        return
    place = "in the file" if folder is None else f"in {folder}"
    printer.remark(
        f"adapted model {' and '.join(gain.models)}: {gain.model_bytes} bytes {place}; all in all "
        f"{gain.adapted_bytes} instead of {gain.shipped_bytes} bytes, {gain.gain:.1%} less"
    )
