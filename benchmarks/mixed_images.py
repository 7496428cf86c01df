"""Images of every kind that is commonly stored as PNG, drawn from a seed, for ``mixed.py``.

Each drawing of ``drawings`` is a function of a random generator that returns an image of mode L, RGB, LA or RGBA.
Photographs are taken from ``docs/images`` and, if there is a data folder, from those that no model was trained on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from drawings import pages, patterns, photographs, screens
from images import HELD_OUT
from numpy.random import Generator
from PIL import Image

Drawing = Callable[[Generator], Image.Image]
# Only the middle of each drawing is measured.
_LARGEST = (280, 200)

_DRAWINGS: tuple[Drawing, ...] = tuple(
    value
    for module in (screens, pages, patterns, photographs)
    for name, value in vars(module).items()
    if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
)


def mixed_images(seed: int = 0, data: Path | None = None) -> Iterator[tuple[str, Image.Image]]:
    """Yield names and images; a name starts with the kind of the image, and does not depend on the seed."""
    for drawing in _DRAWINGS:
        random = np.random.default_rng([seed, zlib.crc32(drawing.__name__.encode())])
        yield drawing.__name__.replace("_", "-"), _middle(drawing(random))
    if data is not None:
        photographs = sorted(path for path in (data / "train-natural").iterdir() if path.suffix == ".webp")[HELD_OUT]
        for path in photographs[seed % 5 :: 10]:
            with Image.open(path) as photograph:
                yield f"photograph-{path.stem}", _middle(photograph.convert("RGB"))


def _middle(image: Image.Image) -> Image.Image:
    """Crop the middle of an image, of at most _LARGEST pixels."""
    width, height = (min(a, b) for a, b in zip(image.size, _LARGEST, strict=True))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
