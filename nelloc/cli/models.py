"""`nelloc models`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from nelloc.cli.common import Printer, fail, options, print_json, put, reporting, show_own_warnings, what_computes
from nelloc.cli.table import aligned
from nelloc.errors import NellocError

_MARK = "*"
_HEADS = ("name", "id", "kodak bpd", "decodes Mpx/s", "multiply-adds/pixel", "bytes", "file")


@click.command(short_help="List the installed models.")
@options("json")
def models(as_json):
    """List the installed models: those shipped with nelloc and your own.

    The rate is that of whole files on the 24 Kodak photographs, the speed that of one core; "-" stands for a figure
    that was not measured. --json adds the commands that measured them. The last line names the compute backend: the
    compiled core with its CPU level, or NumPy.

    Exit status: 0 done, 1 a model cannot be read, 2 wrong usage.
    """
    from nelloc.exact import model_facts, model_store

    with reporting():
        entries, failed = [], False
        for name, path in model_store.available().items():
            try:
                entries.append(model_facts.entry(name, path))
            except NellocError as error:
                fail(error)
                failed = True
        if as_json:
            print_json([asdict(entry) for entry in entries])
        else:
            _table(entries)
            show_own_warnings(Printer())
            put(f"computes with {what_computes(model_store.find())}")
    sys.exit(1 if failed else 0)


def _table(entries) -> None:
    rows = [_HEADS]
    for entry in entries:
        rows.append(
            (
                entry.name,
                entry.id,
                _number(entry.kodak_bpd, ".3f"),
                _number(entry.decode_megapixels_per_second, ".2f"),
                f"{entry.multiply_adds:,}",
                f"{entry.bytes:,}",
                entry.file,
            )
        )
    for line in aligned(rows, left=(0, 1, 6)):
        put(line)
    if any(_MARK in cell for row in rows for cell in row[2:4]):
        put(f"{_MARK} with --no-learn")


def _number(fact, form: str) -> str:
    """Format a figure, with a mark if it was measured with --no-learn, else with a space."""
    if fact is None:
        return "- "
    return format(fact.value, form) + (_MARK if "--no-learn" in fact.on else " ")
