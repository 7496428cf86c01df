"""Results of `nelloc bench` as text."""

from __future__ import annotations

from collections.abc import Sequence

from nelloc.bench.results import Results
from nelloc.bench.summary import Row
from nelloc.bench.table import HEADS, cells, metadata_note
from nelloc.cli.common import one_line
from nelloc.cli.table import aligned


def table(results: Results) -> str:
    """Table of the codecs that are lossless on all images, smallest first; then the others, with reasons."""
    ranked = [row for row in results.rows if row.ranked]
    lines = [HEADS, *(cells(row) for row in ranked)]
    count = len(results.images)
    rounds = f"the median of {results.repeat} rounds" if results.repeat > 1 else "one round"
    kind = ", processor time" if results.clock == "cpu" else ""
    timing = f"{kind}, {results.threads} thread{'s' * (results.threads > 1)}, {rounds}" if results.repeat else ""
    head = f"{count} image{'s' * (count != 1)}, {results.raw_bytes / 1e6:.2f} MB of pixels{timing}"
    text = [head, "", *aligned(lines)]
    if results.metadata_bytes:
        text += ["", metadata_note(results)]
    unranked = [row for row in results.rows if not row.ranked]
    if unranked:
        text += ["", "not ranked:", *(one_line(f"  {row.codec}: {row.remark}") for row in unranked)]
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
