"""`nelloc decompress`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from nelloc.cli.common import STDIO, Printer, coding, convert, folder_of, options, print_json, reporting, target_of


@click.command()
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="[OUT]", type=click.Path(), required=False)
@options("needed_model", "decoder", "backend", "threads", "max_pixels", "force", "json", "quiet", "verbose")
def decompress(source, target, force, as_json, quiet, verbose, **fields):
    """Decompress IN to the image OUT (by default IN with the extension .png).

    The extension of OUT chooses the format: png, ppm, pgm, bmp, tif or webp (lossless). "-" stands for
    standard input, or for standard output, which gets a PNG. Nothing is written unless every
    checksum is right.

    Exit status: 0 done, 1 failed, 2 wrong usage.
    """
    from nelloc import files, image

    printer = Printer(quiet, verbose)
    with reporting():
        target = target_of(source, target, ".png")
        if target == STDIO and as_json:
            raise click.UsageError("--json cannot be used when the image goes to standard output")
        suffix = ".png" if target == STDIO else Path(target).suffix
        if target != STDIO:
            image.check_output(Path(target))
        with coding(printer, **fields) as coding_options:
            result = convert(
                source,
                target,
                force,
                lambda data, name: files.decompress_bytes(data, name, coding_options, suffix, folder_of(source)),
            )
        if as_json:
            print_json(asdict(result))
        else:
            printer.remark(f"{result.source} -> {result.target}: {result.width} x {result.height} pixels")
        printer.detail(f"{result.source_bytes} to {result.target_bytes} bytes, {result.planes} planes")
