"""Markdown and CSV reports of the programs in benchmarks/ and scripts/."""

from __future__ import annotations

import csv
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeVar

from nelloc.bench.machine import Machine

ROOT = Path(__file__).parents[1]
Row = TypeVar("Row")


def document(title: str, made: str, *parts: str) -> str:
    """Format a report: title, the paragraph ``made``, which names the command, and further paragraphs and tables."""
    return "\n\n".join([f"# {title}", made, *(part.rstrip("\n") for part in parts)]) + "\n"


def command_line(program: str) -> str:
    """Command by which this program was started, with ``program`` as its path in the repository.

    Absolute paths are shown from the repository, so that no report names folders of one machine.
    """
    words = [os.path.relpath(word, ROOT) if os.path.isabs(word) else word for word in sys.argv[1:]]
    return shlex.join(["python", program, *words])


def machine() -> str:
    """Describe this machine: CPU, Python and NumPy."""
    this = Machine.this()
    return f"{this.processor}, Python {this.python}, NumPy {this.numpy}"


def write_report(path: Path, text: str) -> None:
    """Write a report, with its folder if that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_csv(path: Path, heads: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file, with its folder if that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows(rows)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file; none if it does not exist."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, kind: type, rows: Iterable[Any], formats: Mapping[str, str] | None = None) -> None:
    """Write rows of a dataclass as CSV; ``formats`` has format strings of some of its fields."""
    names = [field.name for field in fields(kind)]
    given = formats or {}
    cells = (
        [format(value, given.get(name, "")) for name, value in zip(names, astuple(row), strict=True)] for row in rows
    )
    write_csv(path, names, cells)


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Read rows of a dataclass whose fields are str, int or float; none if the file does not exist."""
    types: dict[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float}
    makers = {field.name: types[str(field.type)] for field in fields(kind)}  # type: ignore[arg-type]
    return [kind(**{name: make(row[name]) for name, make in makers.items()}) for row in read_csv(path)]
