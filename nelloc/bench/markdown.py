"""Markdown tables of the reports of benchmarks/ and scripts/."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def row(cells: Iterable[object]) -> str:
    """Format one row of a table; None is an empty cell."""
    return "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"


def head(heads: Sequence[str]) -> list[str]:
    """Format the two lines that begin a table."""
    return [row(heads), row(["---"] * len(heads))]


def table(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Format a table, with a newline at the end."""
    return "\n".join([*head(heads), *map(row, rows)]) + "\n"
