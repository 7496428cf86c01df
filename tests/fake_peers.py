"""Peers that behave badly, for tests of the bench."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nelloc.bench.interface import Peer, Picture, PictureForm


@dataclass(frozen=True)
class Raw(Peer):
    """Stores an array as it is, which is larger than what any codec writes."""

    name: ClassVar[str] = "raw"
    about: ClassVar[str] = "arrays as they are"

    @classmethod
    def missing(cls) -> str | None:
        return None

    def version(self) -> str:
        return f"{self.name} 1.2"

    def encode(self, picture: Picture) -> bytes:
        out = io.BytesIO()
        np.save(out, picture.array)
        return out.getvalue()

    def decode(self, data: bytes) -> NDArray:
        return np.load(io.BytesIO(data))


@dataclass(frozen=True)
class Lossy(Raw):
    """Alters one sample by one gray level, and would be the smallest of all."""

    name: ClassVar[str] = "lossy"

    def encode(self, picture: Picture) -> bytes:
        _STORED[0] = picture.array
        return b"!"

    def decode(self, data: bytes) -> NDArray:
        array = _STORED[0].copy()
        array.flat[-1] ^= 1
        return array


@dataclass(frozen=True)
class Perfect(Lossy):
    """The smallest of all, and lossless."""

    name: ClassVar[str] = "perfect"

    def decode(self, data: bytes) -> NDArray:
        return _STORED[0]


@dataclass(frozen=True)
class Failing(Raw):
    """Cannot decode what it wrote."""

    name: ClassVar[str] = "failing"

    def decode(self, data: bytes) -> NDArray:
        raise RuntimeError("out of luck")


@dataclass(frozen=True)
class Tiring(Raw):
    """Works once, when it is checked, and not again."""

    name: ClassVar[str] = "tiring"
    calls: ClassVar[list[str]] = []

    def encode(self, picture: Picture) -> bytes:
        if picture.name in self.calls:
            raise RuntimeError("tired")
        self.calls.append(picture.name)
        return super().encode(picture)


@dataclass(frozen=True)
class GrayOnly(Raw):
    name: ClassVar[str] = "gray-only"
    forms: ClassVar[frozenset[PictureForm]] = frozenset({(1, 8)})


@dataclass(frozen=True)
class Absent(Raw):
    name: ClassVar[str] = "absent"

    @classmethod
    def missing(cls) -> str | None:
        return "no absent on PATH"


@dataclass(frozen=True)
class Hungry(Raw):
    """Takes 64 MB to encode, and no more than it must to decode."""

    name: ClassVar[str] = "hungry"

    def encode(self, picture: Picture) -> bytes:
        if picture.pixels.width > 16:
            assert np.ones(8 << 20).sum() == 8 << 20
        return super().encode(picture)


_STORED: list[NDArray] = [np.zeros(0)]
