"""`nelloc thumbnail`."""

from __future__ import annotations

from pathlib import Path

import click

from nelloc.cli.common import Printer, coding, options, reporting
from nelloc.cli.parameters import Name, OutputFile


@click.command(short_help="Write a thumbnail of an .nlc file.")
@click.argument("source", metavar="IN", type=Name())
@click.argument("target", metavar="OUT", type=OutputFile())
@click.option(
    "--size",
    type=click.IntRange(1, 4096),
    default=128,
    show_default=True,
    metavar="N",
    help="Largest side, in pixels. Smaller images are not enlarged.",
)
@options("needed_model", "threads", "max_pixels", "force", "quiet", "verbose")
def thumbnail(source, target, size, force, quiet, verbose, **fields):
    """Write a PNG thumbnail of the .nlc file IN to OUT.

    It has the keys that file managers look for: the file's URI, size and time of modification. File managers call this
    command themselves after `nelloc desktop install --user`.

    Exit status: 0 done, 1 the file failed, 2 wrong usage.
    """
    printer = Printer(quiet, verbose)
    with reporting(), coding(printer, "decode", **fields) as coding_options:
        from nelloc.plugins.thumbnail import write_thumbnail

        made = write_thumbnail(Path(source), Path(target), size, coding_options, force=force)
        printer.remark(f"{source} -> {target}: {made.width} x {made.height} pixels, {len(made.data)} bytes")
