"""Data sets for bits-back coding: an idx file, or a folder of images of one size."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nelloc import disk, image, storage
from nelloc.errors import NellocError
from nelloc.image.formats import IMAGE_SUFFIXES
from nelloc.research.vae.models import Kind
from nelloc.training.datasets import read_idx


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 (N, channels, rows, columns), and their file names if they came from a folder."""

    images: NDArray[np.uint8]
    names: tuple[str, ...] | None = None

    @property
    def kind(self) -> Kind:
        """Kind of VAE for these images: colour, gray, or, if all samples are 0 or 255, binary."""
        if self.images.shape[1] == 3:
            return "colour"
        return "binary" if np.isin(self.images, (0, 255)).all() else "gray"


def read(source: Path) -> ImageSet:
    """Read the images of an idx file, gzipped or not, or of a folder, in the order of the file names.

    Only the pixels of a file are kept. Raises NellocError for a folder without images, images of several sizes, or
    images that are not 8-bit gray or RGB.
    """
    if not disk.is_folder(source):
        values = read_idx(source)
        if values.ndim != 3 or not len(values):
            raise NellocError(f"{source}: holds no images; give an idx file of images, (N, rows, columns)")
        if values.max() == 1:
            raise NellocError(f"{source}: has the values 0 and 1 only; make them 0 and 255, as binary images have")
        return ImageSet(values[:, None])
    paths = [path for path in disk.contents(source) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not paths:
        raise NellocError(f"{source}: has no image files; give a folder that has")
    targets: dict[str, str] = {}
    images: list[NDArray[np.uint8]] = []
    for path in paths:
        if other := targets.get(_png_name(path.name)):
            raise NellocError(f"{path}: would be decompressed to the file of {other}; rename one of them")
        targets[_png_name(path.name)] = path.name
        pixels = image.read(storage.read(path), str(path))
        if pixels.kind.name not in ("GRAY", "RGB"):
            raise NellocError(f"{path}: is neither 8-bit gray nor RGB; leave it out")
        if images and pixels.planes.shape != images[0].shape:
            raise NellocError(f"{path}: differs in size or channels from {paths[0].name}; give images of one size")
        images.append(pixels.planes)
    return ImageSet(np.stack(images), tuple(path.name for path in paths))


def write(found: ImageSet, target: Path, force: bool) -> None:
    """Write an idx file, gzipped if ``target`` ends in .gz, or a folder of PNG files. Raises NellocError on failure.

    Other names than *.png get ".png" at the end. A folder's files are all there or, after an error, incomplete but each
    whole.
    """
    if found.names is None:
        values = found.images[:, 0]
        data = b"\0\0\x08\x03" + struct.pack(">3I", *values.shape) + values.tobytes()
        # No time stamp: equal images give equal bytes.
        storage.write(target, gzip.compress(data, mtime=0) if target.suffix == ".gz" else data, force)
        return
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise NellocError(f"{target}: cannot be made ({error.strerror}); choose another name") from error
    for name, planes in zip(found.names, found.images, strict=True):
        array = planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0)
        storage.write(target / _png_name(name), image.write(image.from_array(array), ".png", name).data, force)


def _png_name(name: str) -> str:
    """File name of a decompressed image."""
    return name if name.lower().endswith(".png") else f"{name}.png"
