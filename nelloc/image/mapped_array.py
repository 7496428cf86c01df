"""Arrays that are too large for memory, mapped to an unnamed file."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Smaller arrays (in bytes) are ordinary ones.
LARGE = 1 << 26
_CHUNK = 1 << 20


def empty(shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
    """Allocate an array. A large one lies in the folder for temporary files (TMPDIR), if there is room in it."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
    if size >= LARGE:
        try:
            return np.ndarray(shape, kind, buffer=_mapped(size))
        except OSError:  # no folder, or no room in it: use memory
            pass
    return np.empty(shape, kind)


def joined(groups: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Join groups of planes (planes, H, W) into one array."""
    whole = empty((sum(len(group) for group in groups), *groups[0].shape[1:]), groups[0].dtype)
    np.concatenate(groups, out=whole)
    return whole


def _mapped(size: int) -> mmap.mmap:
    """Create and map a file of the given size in bytes; it is freed with the last array that uses it."""
    with tempfile.TemporaryFile(prefix="nelloc-") as file:
        # Write all of it now: a full disk is an error here, but a crash when pages are used.
        for start in range(0, size, _CHUNK):
            file.write(bytes(min(_CHUNK, size - start)))
        file.flush()
        return mmap.mmap(file.fileno(), size)
