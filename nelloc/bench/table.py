"""Results as a text table."""

from __future__ import annotations

from collections.abc import Sequence

from nelloc.bench.results import Results
from nelloc.bench.summary import Row

HEADS = ("codec", "bpd", "bytes", "of PNG", "encode MB/s", "decode MB/s", "memory MB")


def table(results: Results) -> str:
    """Table of the codecs that are lossless on all images, smallest first; then the others, with reasons."""
    ranked = [row for row in results.rows if row.ranked]
    lines = [HEADS, *(cells(row) for row in ranked)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    count = len(results.images)
    rounds = f"the median of {results.repeat} rounds" if results.repeat > 1 else "one round"
    timing = f", {results.threads} thread{'s' * (results.threads > 1)}, {rounds}" if results.repeat else ""
    head = f"{count} image{'s' * (count != 1)}, {results.raw_bytes / 1e6:.2f} MB of pixels{timing}"
    text = [head, ""]
    for line in lines:
        first, *others = (
            cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        text.append("  ".join([first, *others]).rstrip())
    if results.metadata_bytes:
        text += ["", metadata_note(results)]
    unranked = [row for row in results.rows if not row.ranked]
    if unranked:
        text += ["", "not ranked:", *(f"  {row.codec}: {row.remark}" for row in unranked)]
    text += ["", "versions:", *_versions(results.rows)]
    if results.missing:
        text += ["", "not found:", *(f"  {missing.name}: {missing.reason}" for missing in results.missing)]
    return "\n".join(text)


def _versions(rows: Sequence[Row]) -> list[str]:
    """Line for each measured version, with the codecs that it belongs to."""
    codecs: dict[str, list[str]] = {}
    for row in rows:
        codecs.setdefault(row.version, []).append(row.codec)
    return [f"  {', '.join(names)}: {version}" for version, names in codecs.items()]


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
