"""Images in and out: Pillow images and arrays to planes, and back.

Nothing is ever converted: an image whose pixels cannot be kept exactly is refused.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from nelloc.container import Kind
from nelloc.errors import NellocError

_KIND_OF_MODE = {"L": Kind.GRAY, "RGB": Kind.RGB}
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
        return Pixels(np.ascontiguousarray(array.transpose(2, 0, 1)), Kind.RGB)
    raise NellocError(f"{source}: has shape {array.shape}; give (height, width) for gray or (height, width, 3) for RGB")


def from_image(image: Image.Image, source: str = "image") -> Pixels:
    """Planes of a Pillow image of mode L or RGB. Raises NellocError for any other."""
    if getattr(image, "n_frames", 1) > 1:
        raise NellocError(f"{source}: has {image.n_frames} frames; extract the frame to compress first")  # type: ignore[attr-defined]
    if image.mode not in _KIND_OF_MODE:
        raise NellocError(
            f"{source}: is of mode {image.mode}; only 8-bit gray (L) and RGB images can be compressed yet"
        )
    if _deeper_than_it_seems(image):
        raise NellocError(f"{source}: has 16 bits per sample; only 8-bit images can be compressed yet")
    if "transparency" in image.info:
        raise NellocError(f"{source}: has a transparent colour; only images without transparency can be compressed yet")
    pixels = from_array(np.asarray(image), source)
    kept_out = {"icc_profile": "ICC profile", "exif": "EXIF", "xmp": "XMP", "XML:com.adobe.xmp": "XMP"}
    left_out = tuple(dict.fromkeys(name for key, name in kept_out.items() if image.info.get(key)))
    return Pixels(pixels.planes, pixels.kind, left_out)


def _deeper_than_it_seems(image: Image.Image) -> bool:
    """True for a file of 16-bit samples that Pillow would cut to 8 bits."""
    tiles = getattr(image, "tile", [])
    return any("16" in str(argument) for tile in tiles for argument in np.atleast_1d(np.array(tile[3], object)))


def read(data: bytes, source: str) -> Pixels:
    """Decode an image file's bytes. Raises NellocError if Pillow cannot, or if its kind is not supported."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            refused = _deeper_than_it_seems(image)
            if refused:
                raise NellocError(f"{source}: has 16 bits per sample; only 8-bit images can be compressed yet")
            image.load()
            return from_image(image, source)
    except UnidentifiedImageError:
        raise NellocError(
            f"{source}: is not an image that can be read; give a PNG, TIFF, WebP, BMP or PPM file"
        ) from None
    except Image.DecompressionBombError as error:
        raise NellocError(f"{source}: {error}; split the image first") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise NellocError(f"{source}: is damaged ({error}); get it again from its source") from error


def to_array(planes: NDArray[np.uint8], kind: Kind) -> NDArray[np.uint8]:
    """(H, W) for gray, (H, W, 3) for RGB."""
    return planes[0] if kind is Kind.GRAY else np.ascontiguousarray(planes.transpose(1, 2, 0))


def check_output(path: Path) -> None:
    """Raise NellocError unless an image can be written to ``path`` without loss."""
    if path.suffix.lower() not in _OUTPUT_FORMATS:
        known = " ".join(_OUTPUT_FORMATS)
        raise NellocError(f"{path}: {path.suffix or 'no extension'} is not a lossless image format; use one of {known}")


def write(array: NDArray[np.uint8], suffix: str = ".png") -> bytes:
    """The bytes of an image file, in the lossless format that ``suffix`` names."""
    name, options = _OUTPUT_FORMATS[suffix.lower()]
    out = io.BytesIO()
    Image.fromarray(array).save(out, name, **options)
    return out.getvalue()
