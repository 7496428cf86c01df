"""`nelloc compress`."""

from __future__ import annotations

from dataclasses import asdict

import click

from nelloc.cli.common import STDIO, Printer, coding, convert, options, print_json, reporting, target_of


@click.command()
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="[OUT]", type=click.Path(), required=False)
@options("model")
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
def compress(source, target, tile, force, verify, as_json, quiet, verbose, **fields):
    """Compress the image IN to OUT (by default IN with the extension .nlc).

    IN is a PNG, JPEG, PPM, BMP, GIF, TIFF, WebP or QOI file of 8-bit gray or RGB pixels. "-" stands for
    standard input or output. Nothing is written unless everything went well.

    Exit status: 0 done, 1 failed, 2 wrong usage.
    """
    from nelloc import files

    printer = Printer(quiet, verbose)
    with reporting():
        target = target_of(source, target, files.SUFFIX)
        if target == STDIO and as_json:
            raise click.UsageError("--json cannot be used when the compressed data goes to standard output")
        with coding(printer, tile=tile, **fields) as coding_options:
            result = convert(
                source,
                target,
                force,
                lambda data, name: files.compress_bytes(data, name, coding_options, verify=verify),
            )
        _report(printer, result, as_json)


def _report(printer: Printer, result, as_json: bool) -> None:
    bits = 8 * result.target_bytes / result.samples
    if result.left_out:
        printer.remark(f"nelloc: {result.source}: not kept in the output: {', '.join(result.left_out)}")
    if as_json:
        print_json(asdict(result) | {"bits_per_dimension": bits})
    else:
        share = result.target_bytes / max(1, result.source_bytes)
        printer.remark(
            f"{result.source} -> {result.target}: {result.source_bytes} to {result.target_bytes} bytes "
            f"({share:.1%}), {bits:.3f} bits per sample"
        )
    printer.detail(f"{result.width} x {result.height} pixels, {result.planes} planes")
