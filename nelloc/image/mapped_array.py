"""Arrays that are too large for the memory: in a file without a name, of which the system holds what is in use."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Arrays of fewer bytes are ordinary ones.
LARGE = 1 << 26
_CHUNK = 1 << 20


def empty(shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
    """An array to be filled. A large one lies in the folder for temporary files (TMPDIR), if there is room in it."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
    if size >= LARGE:
        try:
            return np.ndarray(shape, kind, buffer=_mapped(size))
        except OSError:  # no folder, or no room there: the memory may have it
            pass
    return np.empty(shape, kind)


def joined(groups: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Groups of planes (planes, H, W) as one."""
    whole = empty((sum(len(group) for group in groups), *groups[0].shape[1:]), groups[0].dtype)
    np.concatenate(groups, out=whole)
    return whole


def _mapped(size: int) -> mmap.mmap:
    """A new file of so many bytes, mapped; it goes with the last array that is in it."""
    with tempfile.TemporaryFile(prefix="nelloc-") as file:
        # All of it is written now: where a disk is full that is an error here, and a crash when pages are used.
        for start in range(0, size, _CHUNK):
            file.write(bytes(min(_CHUNK, size - start)))
        file.flush()
        return mmap.mmap(file.fileno(), size)
