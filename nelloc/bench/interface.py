"""Data types of a measurement: a picture, and the interface of a codec.

A new peer is one file in ``peers/`` with one subclass of ``Peer``, and a line in ``peers/__init__.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from nelloc import image
from nelloc.image import Pixels
from nelloc.image.kinds import Kind

# Channels and bits per sample of the arrays that a codec supports.
PictureForm = tuple[int, int]
EIGHT_BIT: frozenset[PictureForm] = frozenset({(1, 8), (2, 8), (3, 8), (4, 8)})
SIXTEEN_BIT: frozenset[PictureForm] = frozenset({(1, 16), (2, 16), (3, 16), (4, 16)})
_CHANNELS = {1: "gray", 2: "gray with alpha", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Picture:
    """Image to be coded: its name in the results, its pixels as nelloc codes them, and its appearance as an array.

    ``array`` is (height, width) or (height, width, channels), uint8 or uint16: palettes are looked up, bits are black
    and white, and a transparent colour is an alpha channel.
    """

    name: str
    pixels: Pixels
    array: NDArray

    @classmethod
    def of(cls, name: str, pixels: Pixels) -> Picture:
        """Make a picture of ``pixels``."""
        return cls(name, pixels, shown(pixels))

    @property
    def channels(self) -> int:
        """Number of channels of ``array``."""
        return self.array.shape[2] if self.array.ndim == 3 else 1

    @property
    def bits(self) -> int:
        """Bits of a sample of ``array``: 8 or 16."""
        return 8 * self.array.dtype.itemsize

    @property
    def samples(self) -> int:
        """Number of samples as `nelloc compress` counts them: a palette index is one."""
        return self.pixels.area * self.pixels.kind.planes


def shown(pixels: Pixels) -> NDArray:
    """Appearance of an image, as ``Picture.array``."""
    if pixels.kind is Kind.BILEVEL:
        return pixels.planes[0] * np.uint8(255)
    if pixels.palette is not None:
        opaque = pixels.palette.mode == "RGB" and pixels.palette.transparency is None
        return np.asarray(image.to_image(pixels).convert("RGB" if opaque else "RGBA"))
    # A copy: ascontiguousarray keeps the odd strides of sides of one pixel, which some libraries refuse.
    array = np.array(image.to_array(pixels), order="C")
    if pixels.transparent is None:
        return array
    colours = array.reshape(*array.shape[:2], -1)
    alpha = np.where((colours == pixels.transparent).all(axis=2), 0, np.iinfo(array.dtype).max)
    return np.concatenate([colours, alpha[:, :, None].astype(array.dtype)], axis=2)


class Codec(Protocol):
    """Interface of a codec to be measured."""

    @property
    def label(self) -> str:
        """Name in the results, with the effort if there are several."""
        ...

    def version(self) -> str:
        """Name and version of each component."""
        ...

    def refuses(self, picture: Picture) -> str | None:
        """Reason why it cannot code a picture losslessly; None if it can."""
        ...

    def encode(self, picture: Picture) -> bytes:
        """Encode a picture to the bytes of a whole file."""
        ...

    def decode(self, data: bytes) -> Any:
        """Decode a file to a form that ``same`` compares."""
        ...

    def same(self, picture: Picture, decoded: Any) -> bool:
        """Return True if the decoded image equals the picture."""
        ...


@dataclass(frozen=True)
class Peer(ABC):
    """Another codec at one effort (on its own scale; higher is smaller and slower) with a number of threads."""

    effort: int = 0
    threads: int = 1

    name: ClassVar[str]
    about: ClassVar[str]
    forms: ClassVar[frozenset[PictureForm]] = EIGHT_BIT
    max_side: ClassVar[int] = 1 << 30
    # Efforts allowed in NAME:EFFORT, and those measured by default.
    efforts: ClassVar[range] = range(1)
    usual: ClassVar[tuple[int, ...]] = (0,)
    # True for a peer that is measured on request only.
    on_request: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Name in the results, with the effort if there are several."""
        return self.name if len(self.efforts) == 1 else f"{self.name}:{self.effort}"

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """Reason why it is not available on this machine; None if it is."""

    @abstractmethod
    def version(self) -> str:
        """Name and version of each component."""

    def refuses(self, picture: Picture) -> str | None:
        """Reason why it cannot code a picture losslessly; None if it can."""
        if (picture.channels, picture.bits) not in self.forms:
            return f"takes no {picture.bits}-bit {_CHANNELS.get(picture.channels, f'{picture.channels}-channel')}"
        if max(picture.array.shape[:2]) > self.max_side:
            return f"takes no more than {self.max_side} pixels a side"
        return None

    @abstractmethod
    def encode(self, picture: Picture) -> bytes:
        """Encode a picture to the bytes of a whole file."""

    @abstractmethod
    def decode(self, data: bytes) -> NDArray:
        """Decode the pixels of a file; gray may become three equal channels, and get an opaque alpha channel."""

    def same(self, picture: Picture, decoded: NDArray) -> bool:
        """Return True if the decoded pixels equal the picture's."""
        return unchanged(picture, decoded)


def unchanged(picture: Picture, decoded: NDArray) -> bool:
    """Return True if every pixel is equal.

    Compared as RGBA, where gray is three equal channels and missing alpha is opaque: some formats have no gray, or no
    alpha.
    """
    if decoded.dtype != picture.array.dtype or decoded.ndim not in (2, 3):
        return False
    return np.array_equal(_as_rgba(picture.array), _as_rgba(decoded))


def _as_rgba(array: NDArray) -> NDArray:
    if array.ndim == 2:
        array = array[:, :, None]
    channels = array.shape[2]
    colour = array[:, :, :3] if channels >= 3 else np.repeat(array[:, :, :1], 3, axis=2)
    opaque = np.full((*array.shape[:2], 1), np.iinfo(array.dtype).max, array.dtype)
    return np.concatenate([colour, array[:, :, channels - 1 :] if channels in (2, 4) else opaque], axis=2)
