"""`nelloc compress`."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nelloc.cli.common import STDIO, Printer, coding, options, pipe, reporting, target_of
from nelloc.cli.folder import Selection, Shown, convert_many, convert_one, remark_growth, select
from nelloc.cli.help import GroupedCommand
from nelloc.cli.parameters import finite
from nelloc.codec.effort import ADDED, DEFAULT_EFFORT, Effort
from nelloc.errors import NellocError

if TYPE_CHECKING:
    from nelloc.files.batch.conversion import Compression
    from nelloc.files.result import Gain, Result


# Extensions of image formats that are not compressed, and yet no names for .nlc files.
_OTHER_IMAGES = (".jp2", ".jxl", ".jls", ".avif", ".heic", ".heif", ".tga", ".pam", ".pfm", ".dng")


def _effort_table() -> str:
    """Table of the levels of --effort for the help."""
    rows = "\n".join(f"{level}  + {added}" if level > 1 else f"1  {added}" for level, added in ADDED.items())
    return (
        "\b\nLevels of --effort, and what each adds to the one before it; the smallest result is kept.\n"
        f"{rows}\n\n"
        "The model is the one of --model at every level. Trials whose result is not kept cost nothing to decode."
    )


_GROUPS = {
    "Output": ("output_dir", "recursive", "force", "remove", "pixels", "strip"),
    "Model": ("model", "embed", "adapt", "adapt_minutes"),
    "Effort": ("effort", "learn", "lattice", "tile", "jobs", "threads", "dask", "backend", "decoder"),
    "Safety": ("verify", "max_pixels"),
    "Messages": ("as_json", "quiet", "verbose", "help", "help_all"),
}
_RARE = ("adapt_minutes", "lattice", "tile", "dask", "backend", "decoder", "max_pixels")


@click.command(
    cls=GroupedCommand,
    groups=_GROUPS,
    rare=_RARE,
    details=_effort_table(),
    short_help="Compress images to .nlc files.",
)
@select
@options("model")
@click.option(
    "--embed/--no-embed",
    default=True,
    show_default=True,
    help="Put a model that does not come with nelloc into each file, which then decodes everywhere; without it, "
    "decoding needs --model, or the model in your model folder.",
)
@click.option(
    "--adapt",
    is_flag=True,
    help="First fine-tune the model on the images, which takes minutes and needs the extra [train]. The result goes "
    "into the file, or once into FOLDER as ID.nlm, which decompress then needs as --model, if that makes the whole at "
    "least 0.1 % smaller.",
)
@click.option(
    "--adapt-minutes",
    type=click.FloatRange(min=0, min_open=True, max=10_000),
    callback=finite,
    metavar="M",
    help="How long, in minutes of a fast core; implies --adapt.  [default: as long as it pays, at most 1 for a "
    "megapixel, 3 for ten]",
)
@click.option(
    "--effort",
    type=click.IntRange(min(Effort), max(Effort)),
    default=int(DEFAULT_EFFORT),
    show_default=True,
    help="How much to try: higher is slower and never larger. --help-all has a table.",
)
@click.option(
    "--tile",
    type=click.IntRange(16, 4096),
    help="Largest side of a tile, in pixels. Tiles are decoded side by side and checked one by one.  "
    "[default: 256, or 512 for photographs that are learned from; and what --effort tries]",
)
@click.option(
    "--learn/--no-learn",
    default=True,
    show_default=True,
    help="Let the model's last layers learn from each tile as it is coded: smaller, and slower to encode and decode.",
)
@click.option(
    "--lattice/--no-lattice",
    default=True,
    show_default=True,
    help="Look for colours that a conversion from luma and chroma leaves, as in decoded JPEGs, and use that.",
)
@click.option(
    "--pixels", is_flag=True, help="Keep what JPEG files decode to, not their bytes; --adapt does so as well."
)
@options("strip", "backend", "decoder", "threads", "max_pixels", "force")
@click.option(
    "--verify/--no-verify", default=True, show_default=True, help="Decode the result and compare before it is written."
)
@options("json", "quiet", "verbose")
def compress(selection, adapt, adapt_minutes, force, verify, as_json, quiet, verbose, **fields):
    """Compress the image IN to OUT (by default IN with the extension .nlc), or many images.

    IN is a PNG, JPEG, PPM, BMP, GIF, TIFF, WebP or QOI file: gray or RGB of 8 or 16 bits per sample, with or without
    alpha, a palette, or one bit. Samples and metadata are kept exactly, or the file is refused. A JPEG file is kept
    byte for byte, in four fifths of its size or so. "-" stands for standard input or output. Nothing is written unless
    everything went well. With -r or --output-dir every IN is an image or a folder of images; what is done already is
    skipped.

    A model of your own goes into each file that needs it, unless --no-embed is given.

    Exit status: 0 done, 1 a file failed, 2 wrong usage.
    """
    fields |= {"adapt": adapt or adapt_minutes is not None, "adapt_minutes": adapt_minutes}
    if selection.remove and not verify:
        raise click.UsageError("--rm deletes verified inputs only; leave out --no-verify")
    _check_output(selection)
    if selection.many and fields["adapt"] and (selection.output_dir is None or selection.spread):
        raise click.UsageError("--adapt makes one model for --output-dir FOLDER, in one process")
    printer = Printer(quiet, verbose)
    with reporting(), coding(printer, "encode", **fields) as coding_options:
        from nelloc.files.batch.conversion import Compression

        models = Path(selection.output_dir) if selection.many and fields["adapt"] else None
        conversion = Compression(coding_options, force, verify, selection.remove, selection.many, models=models)
        last = _left_out(conversion)
        if selection.many:
            from nelloc.files.batch.plan import COMPRESS

            show = partial(_shown, folder=selection.output_dir)
            convert_many(selection, COMPRESS, conversion, printer, as_json, show, last)
        else:
            _compress_one(*selection.names, conversion=conversion, printer=printer, as_json=as_json)
            if last is not None:
                printer.remark(last)


def _left_out(conversion: Compression) -> str | None:
    """Return the remark on a model that outputs need, do not hold and do not find; None if there is none.

    Raises NellocError if inputs are to be removed, and files that others cannot decode are all that would be left.
    """
    from nelloc.exact import model_store

    model = conversion.options.model
    if conversion.options.embed or model is None:
        return None
    found = model_store.find(model)
    if model_store.is_found(found.id):
        return None
    folder = model_store.user_folder()
    if conversion.remove:
        raise NellocError(f"{model}: is not in {folder}, and outputs need it; copy it there, or leave out --no-embed")
    return f"nelloc: outputs need model {found.id.hex()}; decode them with --model {model}, or copy it into {folder}"


def _check_output(selection: Selection) -> None:
    """Raise UsageError if OUT is an image, such as the second of two that a shell found for a pattern."""
    from nelloc.image.formats import IMAGE_SUFFIXES

    if selection.many or len(selection.names) < 2:
        return
    suffix = Path(selection.names[1]).suffix.lower()
    if suffix in IMAGE_SUFFIXES or suffix in _OTHER_IMAGES:
        reason = f"OUT is {selection.names[1]}, and {suffix} files are images; choose a name that ends in .nlc"
        raise click.UsageError(f"{reason}, or to compress several images give --output-dir or -r")


def _compress_one(source, target=None, *, conversion: Compression, printer: Printer, as_json: bool) -> None:
    from nelloc.files import convert as files
    from nelloc.image.formats.lossy import grown

    if target is None and Path(source).suffix.lower() == files.SUFFIX and os.path.isfile(source):
        raise NellocError(f"{source}: is an {files.SUFFIX} file already; give an image")

    target = target_of(source, target, files.SUFFIX)
    if target == STDIO and as_json:
        raise click.UsageError("--json cannot be used when the compressed data goes to standard output")
    if STDIO not in (source, target):
        convert_one(source, target, conversion, printer, as_json, _shown)
    else:

        def compressed(data: bytes, name: str) -> tuple[Result, bytes]:
            result, output = files.compress_bytes(data, name, conversion.options, verify=conversion.verify)
            form = None if result.keeps == "bytes" else grown(data, len(output))
            if form is not None:
                remark_growth(name, target, form, printer)
            return result, output

        _shown(pipe(source, target, conversion, compressed)).put(printer, as_json)


def _shown(result: Result, folder: str | None = None) -> Shown:
    bits = 8 * result.target_bytes / result.samples
    what = "byte for byte" if result.keeps == "bytes" else f"{bits:.3f} bits per sample"
    row = vars(result) | {"bits_per_dimension": bits}
    del row["damaged"]  # of files that are decompressed
    if result.adapted is None:
        del row["adapted"]
    else:
        row["adapted"] = asdict(result.adapted)
    share = result.target_bytes / max(1, result.source_bytes)
    line = (
        f"{result.source} -> {result.target}: {result.source_bytes} to {result.target_bytes} bytes "
        f"({share:.1%}), {what}"
    )
    gain = None if result.adapted is None else _gain(result.adapted, folder)
    left_out = f"nelloc: {result.source}: not kept in the output: {', '.join(result.left_out)}"
    detail = f"{result.width} x {result.height} pixels, {result.planes} planes"
    return Shown(line, row, (left_out,) if result.left_out else (), detail, gain)


def _gain(gain: Gain, folder: str | None) -> str:
    if not gain.models:
        return "the model was used as it is: adapted to the images, it would not have made the whole 0.1 % smaller"
    place = "in the file" if folder is None else f"in {folder} (decompress with --model {folder})"
    return (
        f"adapted model {' and '.join(gain.models)}: {gain.model_bytes} bytes {place}; all in all "
        f"{gain.adapted_bytes} instead of {gain.shipped_bytes} bytes, {gain.gain:.1%} less"
    )
