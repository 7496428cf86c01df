"""Cells of the tables of results, as text."""

from __future__ import annotations

from nelloc.bench.results import Results
from nelloc.bench.summary import Row

HEADS = ("codec", "bpd", "bytes", "of PNG", "encode MB/s", "decode MB/s", "memory MB")


def metadata_note(results: Results) -> str:
    """Note about the metadata in nelloc's files."""
    return f"nelloc's files hold {results.metadata_bytes:,} bytes of metadata, unlike the others; --strip leaves it out"


def cells(row: Row) -> tuple[str, ...]:
    """Cells of a row under ``HEADS``; "-" if nothing was measured."""
    return (
        row.codec,
        number(row.bits_per_dimension, ".3f"),
        f"{row.bytes:,}",
        number(row.ratio_to_png, ".1%"),
        number(row.encode_speed, ".3g"),
        number(row.decode_speed, ".3g"),
        memory_of(row),
    )


def number(value: float | None, form: str) -> str:
    """Formatted number, or "-"."""
    return "-" if value is None else format(value, form)


def memory_of(row: Row) -> str:
    """Peak memory of encoding and decoding, in MB."""
    if row.encode_memory is None or row.decode_memory is None:
        return "-"
    return " / ".join(f"{size / 1e6:.1f}" for size in (row.encode_memory, row.decode_memory))
