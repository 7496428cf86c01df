"""A file of the conformance table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """A file: its name, the format, the bytes, and the samples that it must be read as, (H, W) or (H, W, C).

    ``named`` is what of the file must be said not to be kept.
    """

    name: str
    suffix: str
    data: bytes
    samples: NDArray[Any]
    named: tuple[str, ...] = ()
