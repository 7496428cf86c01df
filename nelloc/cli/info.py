"""`nelloc info`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nelloc.cli.common import (
    Printer,
    fail,
    one_line,
    options,
    print_json,
    put,
    read_input,
    reporting,
    show_own_warnings,
    what_computes,
)
from nelloc.cli.parameters import Name
from nelloc.errors import NellocError

if TYPE_CHECKING:
    from nelloc.files.info import Info


@click.command(short_help="Show what .nlc files hold.")
@click.argument("names", metavar="FILE...", type=Name(), nargs=-1, required=True)
@options("max_pixels", "json", "verbose")
def info(names, max_pixels, as_json, verbose):
    """Show what each FILE holds, from its header, without decoding it.

    With -v also the levels of a stretched image's samples, and what would decode it here: the compiled core with its
    CPU level, or NumPy. With --json each FILE is an object on a line, or its name and an "error".

    Exit status: 0 done, 1 at least one is not a whole nlc file, 2 wrong usage.
    """
    from nelloc.codec import stream_end
    from nelloc.files.info import info_of_bytes

    extent = stream_end.extent(max_pixels)
    failed, shown = 0, 0
    with reporting():
        for name in names:
            try:
                data, source = read_input(name, extent)
                found = info_of_bytes(data, source, max_pixels=max_pixels)
            except NellocError as error:
                failed += 1
                if as_json:
                    print_json({"file": name, "error": str(error)})
                fail(error)
                continue
            if as_json:
                print_json(asdict(found))
                continue
            if shown:
                put("")
            shown += 1
            for title, value in _rows(found, verbose):
                put(one_line(f"{title:6} {value}"))
    sys.exit(1 if failed else 0)


def _rows(found: Info, verbose: bool) -> Iterator[tuple[str, str]]:
    """Lines about a file: titles and values."""
    yield "file", found.file
    yield "image", f"{found.width} x {found.height}, {found.bits}-bit {found.kind.removesuffix('16')}"
    yield "size", f"{found.bytes} bytes, {found.bits_per_dimension:.3f} bits per sample"
    if found.jpeg is None:
        methods = ", ".join(f"{count} {method}" for method, count in found.methods.items())
        yield "tiles", f"{found.tiles}, at most {found.tile} x {found.tile}; {methods}"
    else:
        yield "keeps", found.jpeg
        yield "parts", str(found.tiles)
    yield "model", f"{found.model} ({_place(found)})" if found.model_place != "none needed" else "none needed"
    if found.past:
        yield "past", found.past
    if found.metadata:
        stored = "" if found.jpeg is not None else f"; {found.metadata_bytes} in the file"
        items = ", ".join(f"{name} {size}" for name, size in found.metadata.items())
        yield "about", f"{items} bytes{stored}"
    if verbose:
        from nelloc.exact import model_store

        show_own_warnings(Printer())
        if found.levels:
            yield "levels", ", ".join(f"{count} of {most}" for count, most in found.levels)
        yield "here", f"decodes with {what_computes(model_store.find())}"


def _place(found: Info) -> str:
    """Place of the model that a file needs."""
    if found.model_place is None:
        return "not installed" if not found.model_bytes else "inside the file, but its base is not installed"
    if found.model_bytes:
        return f"{found.model_place}, {found.model_bytes} bytes"
    return f"{found.model_name}, {found.model_place}".removesuffix(", shipped")
