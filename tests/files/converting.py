"""Compressing and decompressing one file, and what must be left when it is refused."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nelloc.errors import NellocError
from nelloc.files.result import Result

OLD = b"what the target held before"


@dataclass(frozen=True)
class Job:
    """One of the two directions, with an input file; ``run(target, **options)`` performs it."""

    source: Path
    target: Path
    run: Callable[..., Result]
    output: bytes


@contextlib.contextmanager
def refused(folder: Path, *words: str) -> Iterator[None]:
    """What happens inside raises one sentence with ``words``, and changes nothing below ``folder``."""
    before = contents(folder)
    with pytest.raises(NellocError) as caught:
        yield
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, object]:
    """Every path below ``folder`` and what is there."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        kind = path.lstat().st_mode
        found[str(path)] = path.read_bytes() if stat.S_ISREG(kind) else os.readlink(path) if path.is_symlink() else kind
    return found
