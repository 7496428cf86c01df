"""`nelloc verify`."""

from __future__ import annotations

import sys

import click

from nelloc.cli.common import Printer, coding, fail, one_line, options, print_json, put, read_input, reporting
from nelloc.cli.parameters import Name
from nelloc.errors import NellocError


@click.command(short_help="Check every checksum of .nlc files.")
@click.argument("names", metavar="FILE...", type=Name(), nargs=-1, required=True)
@options("needed_model", "decoder", "backend", "threads", "max_pixels", "json", "quiet", "verbose")
def verify(names, as_json, quiet, verbose, **fields):
    """Decode each FILE completely and check every checksum. Nothing is written.

    Exit status: 0 all whole, 1 at least one is not, 2 wrong usage.
    """
    from nelloc.codec import stream_end
    from nelloc.files import convert as files

    extent = stream_end.extent(fields["max_pixels"])
    printer = Printer(quiet, verbose)
    failed = 0
    with reporting(), coding(printer, "decode", **fields) as coding_options:
        for name in names:
            try:
                data, source = read_input(name, extent)
                result = files.verify_bytes(data, source, coding_options)
            except NellocError as error:
                failed += 1
                if as_json:
                    print_json({"file": name, "ok": False, "error": str(error)})
                fail(error)
                continue
            if as_json:
                print_json({"file": name, "ok": True})
            elif not quiet:
                put(one_line(f"{name}: whole, {result.width} x {result.height} pixels"))
    if len(names) > 1:
        printer.detail(f"{len(names) - failed} of {len(names)} files are whole")
    sys.exit(1 if failed else 0)
