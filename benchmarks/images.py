"""The image sets that the benchmarks measure, from the data folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SETS = ("kodak", "cifar10", "thesis-imagenet10", "thesis-1024")


def load(data: Path, name: str) -> dict[str, NDArray[np.uint8]]:
    """The images of one set by name: (H, W, 3) or (H, W) uint8."""
    if name == "cifar10":
        sheet = np.asarray(Image.open(data / "cifar10" / "test_0.png").convert("RGB"))
        return {f"test_{n:04}": image for n, image in enumerate(sheet.reshape(-1, 32, 32, 3))}
    images = {}
    for path in sorted((data / name).iterdir()):
        if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
            image = Image.open(path)
            # The 1024 x 1024 images are RGBA with constant alpha.
            images[path.stem] = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return images
