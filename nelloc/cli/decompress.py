"""`nelloc decompress`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nelloc.cli.common import STDIO, Printer, coding, options, pipe, reporting, target_of
from nelloc.cli.folder import Shown, convert_many, convert_one, select
from nelloc.cli.help import GroupedCommand
from nelloc.errors import NellocError, damage_remark

if TYPE_CHECKING:
    from nelloc.codec.tiling import Rectangle
    from nelloc.files.batch.conversion import Decompression
    from nelloc.files.result import Result

# Written out so that --help does not import Pillow; a test keeps them true.
FORMATS = ("jpg", "png", "tif", "tiff", "webp", "bmp", "ppm", "pgm", "pbm", "pnm")


def _region(context: click.Context, parameter: click.Parameter, text: str | None) -> Rectangle | None:
    if text is None:
        return None
    from nelloc.codec.tiling import Rectangle

    parts = text.split(",")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        raise click.BadParameter(f"{text!r} is not X,Y,W,H, four whole numbers", context, parameter)
    x, y, width, height = map(int, parts)
    if not width or not height:
        raise click.BadParameter(f"{text!r} is empty", context, parameter)
    return Rectangle(y, x, height, width)


_GROUPS = {
    "Output": ("suffix", "output_dir", "recursive", "region", "force", "remove", "strip"),
    "Model": ("model",),
    "Speed": ("jobs", "threads", "dask", "backend", "decoder"),
    "Safety": ("allow_damaged", "max_pixels"),
    "Messages": ("as_json", "quiet", "verbose", "help", "help_all"),
}
_RARE = ("dask", "backend", "decoder", "max_pixels")


@click.command(
    cls=GroupedCommand, groups=_GROUPS, rare=_RARE, short_help="Decompress .nlc files to PNG or another format."
)
@select
@click.option(
    "--format",
    "suffix",
    type=click.Choice(FORMATS),
    help="Format of the output, where OUT does not say it.  [default: jpg where a JPEG file is kept, else png]",
)
@click.option(
    "--region",
    metavar="X,Y,W,H",
    callback=_region,
    help="Only this part: W x H pixels from pixel (X, Y) on. Only the tiles that it meets are decoded.",
)
@click.option(
    "--allow-damaged",
    is_flag=True,
    help="Write what is left of a damaged file too: the tiles that are lost are magenta, or gray, and named; exit "
    "status 1.",
)
@options("needed_model", "decoder", "backend", "threads", "max_pixels", "strip", "force", "json", "quiet", "verbose")
def decompress(selection, suffix, force, as_json, quiet, verbose, **fields):
    """Decompress IN to the image OUT (by default IN with the extension .png, or .jpg), or many files.

    The extension of OUT chooses the format: png, tif, webp (lossless), bmp, ppm, pgm or pbm; jpg for a JPEG file that
    is kept byte for byte. One that cannot hold the image as it is, is refused; metadata that it cannot hold is named.
    "-" stands for standard input, or for
    standard output. Nothing is written unless every checksum is right. With -r or --output-dir every IN is an .nlc
    file or a folder of them; what is done already is skipped.

    Exit status: 0 done, 1 a file failed, 2 wrong usage.
    """
    printer = Printer(quiet, verbose)
    if fields["region"] is not None and selection.many:
        raise click.UsageError("--region is for one file; leave out -r and --output-dir")
    if selection.remove and (fields["region"] is not None or fields["allow_damaged"]):
        raise click.UsageError("--rm needs the whole image; leave out --region and --allow-damaged")
    with reporting(), coding(printer, "decode", **fields) as coding_options:
        from nelloc.files.batch.conversion import Decompression

        conversion = Decompression(coding_options, force, True, selection.remove, resume=selection.many)
        if selection.many:
            from nelloc.files.batch.plan import decompress_to

            convert_many(selection, decompress_to(suffix and f".{suffix}"), conversion, printer, as_json, _shown)
        else:
            _decompress_one(*selection.names, suffix=suffix, conversion=conversion, printer=printer, as_json=as_json)


def _decompress_one(
    source, target=None, *, suffix: str | None, conversion: Decompression, printer: Printer, as_json: bool
) -> None:
    from nelloc.codec.format import SIGNATURE
    from nelloc.files import convert as files
    from nelloc.files.batch.outcome import Converted
    from nelloc.files.jpeg import check_output, default_suffix_of

    ending = f".{suffix}" if suffix else None
    if ending is None and source != STDIO:
        ending = default_suffix_of(Path(source))
    target = target_of(source, target, ending or ".png")
    if target == STDIO and as_json:
        raise click.UsageError("--json cannot be used when the image goes to standard output")
    if target == source != STDIO and os.path.isfile(source):
        with open(source, "rb") as file:
            signed = file.read(len(SIGNATURE)) == SIGNATURE
        if signed:
            raise NellocError(f"{source}: is the input; give another name for the output")
        raise NellocError(f"{source}: is not an .nlc file; give a file made by nelloc compress")
    if target != STDIO and not Path(target).suffix:
        conversion = replace(conversion, suffix=ending)
    elif target != STDIO:
        check_output(Path(target))
        ending = Path(target).suffix
    if STDIO not in (source, target):
        outcome = convert_one(source, target, conversion, printer, as_json, _shown)
        sys.exit(1 if isinstance(outcome, Converted) and outcome.result.damaged else 0)

    def decompressed(data: bytes, name: str) -> tuple[Result, bytes]:
        return files.decompress_bytes(data, name, conversion.options, ending)

    result = pipe(source, target, conversion, decompressed)
    _shown(result).put(printer, as_json)
    sys.exit(1 if result.damaged else 0)


def _shown(result: Result) -> Shown:
    what = "JPEG file, byte for byte, of " if result.keeps == "bytes" and not result.damaged else ""
    line = f"{result.source} -> {result.target}: {what}{result.width} x {result.height} pixels"
    row = dict(vars(result))
    detail = f"{result.source_bytes} to {result.target_bytes} bytes, {result.planes} planes"
    remarks = []
    if result.left_out:
        remarks.append(f"nelloc: {result.source}: not kept in the output: {', '.join(result.left_out)}")
    if result.damaged:
        remarks.append(f"nelloc: {damage_remark(result.source, result.damaged)}")
    return Shown(line, row, tuple(remarks), detail)
