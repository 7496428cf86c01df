"""`nelloc info`."""

from __future__ import annotations

from dataclasses import asdict

import click

from nelloc.cli.common import (
    Printer,
    options,
    print_json,
    put,
    read_input,
    reporting,
    show_own_warnings,
    what_computes,
)
from nelloc.cli.parameters import Name


@click.command(short_help="Show what an .nlc file or a model holds.")
@click.argument("file", metavar="FILE", type=Name())
@options("max_pixels", "json", "verbose")
def info(file, max_pixels, as_json, verbose):
    """Show what FILE holds, from its header, without decoding it.

    With -v also the levels of a stretched image's samples, and what would decode it here: the compiled core with its
    CPU level, or NumPy.

    Exit status: 0 done, 1 not a whole nlc file, 2 wrong usage.
    """
    from nelloc.files.info import info_of_bytes

    with reporting():
        data, name = read_input(file)
        found = info_of_bytes(data, name, max_pixels=max_pixels)
        if as_json:
            print_json(asdict(found))
            return
        if found.model_place is None:
            where = "not installed" if not found.model_bytes else "inside the file, but its base is not installed"
        elif found.model_bytes:
            where = f"{found.model_place}, {found.model_bytes} bytes"
        else:
            where = f"{found.model_name}, {found.model_place}".removesuffix(", shipped")
        model = f"{found.model} ({where})" if found.model_place != "none needed" else "none needed"
        methods = ", ".join(f"{count} {method}" for method, count in found.methods.items())
        rows = [
            ("file", found.file),
            ("image", f"{found.width} x {found.height}, {found.bits}-bit {found.kind.removesuffix('16')}"),
            ("size", f"{found.bytes} bytes, {found.bits_per_dimension:.3f} bits per sample"),
        ]
        if found.jpeg is None:
            rows.append(("tiles", f"{found.tiles}, at most {found.tile} x {found.tile}; {methods}"))
        else:
            rows += [("keeps", found.jpeg), ("parts", str(found.tiles))]
        rows.append(("model", model))
        if found.past:
            rows.append(("past", found.past))
        if found.metadata:
            stored = "" if found.jpeg is not None else f"; {found.metadata_bytes} in the file"
            items = ", ".join(f"{name} {size}" for name, size in found.metadata.items())
            rows.append(("about", f"{items} bytes{stored}"))
        if verbose:
            from nelloc.exact import model_store

            show_own_warnings(Printer())
            if found.levels:
                rows.append(("levels", ", ".join(f"{count} of {most}" for count, most in found.levels)))
            rows.append(("here", f"decodes with {what_computes(model_store.find())}"))
        for name, value in rows:
            put(f"{name:6} {value}")
