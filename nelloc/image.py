"""Images in and out: Pillow images and arrays to planes, and back.

Nothing is ever converted: an image whose pixels cannot be kept exactly is refused.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from nelloc.container import MAX_PIXELS, Kind
from nelloc.errors import NellocError

_KIND_OF_MODE = {"L": Kind.GRAY, "RGB": Kind.RGB}
# The formats that are read. Of others Pillow cuts deep samples to 8 bits and does not say so, or
# runs another program. Pillow is asked in this order; those it has loaded already come first.
_INPUT_FORMATS = ("PNG", "JPEG", "PPM", "BMP", "GIF", "TIFF", "WEBP", "QOI")
# Extension to Pillow format and options, for formats that keep 8-bit gray and RGB exactly.
_OUTPUT_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".ppm": ("PPM", {}),
    ".pgm": ("PPM", {}),
    ".pnm": ("PPM", {}),
    ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".webp": ("WEBP", {"lossless": True, "quality": 100}),
}

# Pillow's names of metadata, and ours.
_METADATA = {
    "icc_profile": "ICC profile",
    "gamma": "gamma",
    "exif": "EXIF",
    "xmp": "XMP",
    "XML:com.adobe.xmp": "XMP",
    "photoshop": "Photoshop data",
    "comment": "comment",
}
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL = 258, 277  # TIFF tags


@dataclass(frozen=True)
class Pixels:
    """An image as it is coded: ``planes`` (1 or 3, height, width) uint8; ``left_out`` names what is not kept."""

    planes: NDArray[np.uint8]
    kind: Kind
    left_out: tuple[str, ...] = ()


def from_array(array: NDArray, source: str = "image") -> Pixels:
    """Planes of an (H, W) or (H, W, 3) uint8 array. Raises NellocError for any other array."""
    array = np.asarray(array)
    if array.dtype != np.uint8:
        raise NellocError(f"{source}: has samples of type {array.dtype}; only 8-bit samples (uint8) can be coded yet")
    if array.size == 0:
        raise NellocError(f"{source}: is empty; give an image of at least 1x1 pixels")
    if array.ndim == 2:
        return Pixels(array[None], Kind.GRAY)
    if array.ndim == 3 and array.shape[2] == 3:
        return Pixels(array.transpose(2, 0, 1), Kind.RGB)
    raise NellocError(f"{source}: has shape {array.shape}; give (height, width) for gray or (height, width, 3) for RGB")


def from_image(image: Image.Image, source: str = "image") -> Pixels:
    """Planes of a Pillow image of mode L or RGB. Raises NellocError for any other."""
    with _reading(source):
        _check_supported(image, source)
        _check_samples(image, source)
        image.load()
        _check_supported(image, source)
        pixels = from_array(np.asarray(image), source)
        return Pixels(pixels.planes, pixels.kind, _left_out(image))


def read(data: bytes, source: str, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode an image file's bytes.

    Raises NellocError if Pillow cannot, if its kind is not supported, or if it has more than ``max_pixels``.
    """
    with _reading(source), Image.open(io.BytesIO(data), formats=_INPUT_FORMATS) as image:
        if image.width * image.height > max_pixels:
            raise NellocError(
                f"{source}: has {image.width} x {image.height} pixels, above the limit of {max_pixels}; "
                "raise --max-pixels if the file is trusted"
            )
        return from_image(image, source)


@contextmanager
def _reading(source: str) -> Iterator[None]:
    """Turn what Pillow raises for a file that it cannot read into NellocError."""
    try:
        yield
    except NellocError:
        raise
    except UnidentifiedImageError:
        known = ", ".join(_INPUT_FORMATS)
        raise NellocError(f"{source}: is not an image that can be read; give one of the formats {known}") from None
    except Image.DecompressionBombError as error:
        raise NellocError(f"{source}: {error}; raise PIL.Image.MAX_IMAGE_PIXELS if it is trusted") from None
    except MemoryError:
        raise NellocError(f"{source}: does not fit in memory; split the image first") from None
    except Exception as error:  # Pillow's readers raise many kinds for damaged files
        raise NellocError(f"{source}: is damaged ({error}); get it again from its source") from error


def _check_supported(image: Image.Image, source: str) -> None:
    """Raise NellocError for more than one frame, a mode other than L and RGB, and a transparent colour."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise NellocError(f"{source}: has {frames} frames; extract the frame to compress first")
    if image.mode not in _KIND_OF_MODE:
        raise NellocError(
            f"{source}: is of mode {image.mode}; only 8-bit gray (L) and RGB images can be compressed yet"
        )
    if "transparency" in image.info:
        raise NellocError(f"{source}: has a transparent colour; only images without transparency can be compressed yet")


def _check_samples(image: Image.Image, source: str) -> None:
    """Raise NellocError for a file whose samples Pillow would silently cut, scale or drop; before they are loaded."""
    largest = 255
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        rawmode = str(arguments[0])
        if ";16" in rawmode and rawmode != "BGR;16":  # that one is 5, 6 and 5 bits
            largest = 65535
        elif tile[0].startswith("ppm"):
            largest = int(arguments[1])
    tags = getattr(image, "tag_v2", {})  # of a TIFF file
    bits = tags.get(_BITS_PER_SAMPLE, 8)
    if largest > 255 or max(bits if isinstance(bits, tuple) else (bits,)) > 8:
        raise NellocError(f"{source}: has 16 bits per sample; only 8-bit images can be compressed yet")
    if largest < 255:
        raise NellocError(f"{source}: has samples of 0 to {largest}; only 0 to 255 can be compressed yet")
    if tags.get(_SAMPLES_PER_PIXEL, 1) > len(image.getbands()):
        raise NellocError(f"{source}: has extra channels; only gray and RGB without others can be compressed yet")


def _left_out(image: Image.Image) -> tuple[str, ...]:
    """What the file has beside its pixels, which is not kept. (The resolution is not named: most files have one.)"""
    names = [name for key, name in _METADATA.items() if image.info.get(key)]
    if set(getattr(image, "text", ())) - set(_METADATA):
        names.append("text")
    return tuple(dict.fromkeys(names))


def to_array(planes: NDArray[np.uint8], kind: Kind) -> NDArray[np.uint8]:
    """(H, W) for gray, (H, W, 3) for RGB."""
    return planes[0] if kind is Kind.GRAY else planes.transpose(1, 2, 0)


def check_output(path: Path) -> None:
    """Raise NellocError unless an image can be written to ``path`` without loss."""
    if path.suffix.lower() not in _OUTPUT_FORMATS:
        known = " ".join(_OUTPUT_FORMATS)
        raise NellocError(f"{path}: {path.suffix or 'no extension'} is not a lossless image format; use one of {known}")


def write(array: NDArray[np.uint8], suffix: str = ".png", source: str = "image") -> bytes:
    """The bytes of an image file, in the lossless format that ``suffix`` names.

    Raises NellocError if the format cannot hold the image.
    """
    name, options = _OUTPUT_FORMATS[suffix.lower()]
    if suffix.lower() == ".pgm" and array.ndim == 3:
        raise NellocError(f"{source}: is an RGB image, and .pgm holds gray only; use .ppm")
    out = io.BytesIO()
    try:
        Image.fromarray(array).save(out, name, **options)
    except (OSError, ValueError) as error:
        raise NellocError(f"{source}: cannot be written as {name} ({error}); use .png") from error
    return out.getvalue()
