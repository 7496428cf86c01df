"""Thumbnails of .nlc files, as file managers store them.

The keys are those of the freedesktop.org Thumbnail Managing Standard.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import nelloc
from nelloc import disk, storage
from nelloc import image as images
from nelloc.codec import stream_end
from nelloc.codec.decode import decode_files, open_file
from nelloc.codec.options import DecodeOptions
from nelloc.errors import unwritable
from nelloc.image.kinds import Kind
from nelloc.image.metadata import ItemType
from nelloc.image.orientation import shown
from nelloc.image.pixels import Pixels

MIME = "image/x-nelloc"
# File managers ask for 128 (normal), 256, 512 or 1024 pixels.
MAX_SIZE = 4096


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail as PNG bytes, and its width and height in pixels."""

    data: bytes
    width: int
    height: int


def write_thumbnail(source: Path, target: Path, size: int, options: DecodeOptions, *, force: bool = False) -> Thumbnail:
    """Write a PNG thumbnail of an .nlc file.

    Parameters
    ----------
    source : Path
        The .nlc file.
    target : Path
        The PNG file; its name may end in anything, since file managers give temporary names.
    size : int
        The largest side in pixels. Smaller images are not enlarged.
    options : DecodeOptions
        How to decode: the model, the threads and ``max_pixels``.
    force : bool
        Write into an existing file.

    Returns
    -------
    Thumbnail
        The thumbnail that was written.

    Raises
    ------
    NellocError
        If the file is damaged, its model is missing, or ``target`` exists and ``force`` is not set.
    """
    disk.check_target(source, target, force, in_place=force)
    file = storage.read_input(source, stream_end.extent(options.max_pixels))
    opened = open_file(file.data, str(source), options)
    (pixels,) = decode_files([opened], [str(source)], options)
    small = _reduced(pixels, size)
    keys = {
        "Thumb::URI": source.absolute().as_uri(),
        "Thumb::MTime": str(file.modified // 10**9),
        "Thumb::Size": str(len(file.data)),
        "Thumb::Mimetype": MIME,
        "Thumb::Image::Width": str(pixels.width),
        "Thumb::Image::Height": str(pixels.height),
        "Software": f"nelloc {nelloc.__version__}",
    }
    thumbnail = Thumbnail(_png(small, keys, pixels.metadata.get(ItemType.ICC)), *small.size)
    if force and disk.exists(target):
        _overwrite(target, thumbnail.data)
    else:
        storage.write(target, thumbnail.data, force, permissions=file.permissions)
    return thumbnail


def _overwrite(target: Path, data: bytes) -> None:
    """Write into an existing file, not a new one of its name: tumbler reads the file that it holds open."""
    try:
        with open(target, "r+b") as file:
            file.write(data)
            file.truncate()
    except OSError as error:
        raise unwritable(target, error) from error


def _reduced(pixels: Pixels, size: int) -> Image.Image:
    """The image as it is shown, upright, in 8 bits, no side larger than ``size``."""
    image = _image(shown(pixels))
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return image


def _image(pixels: Pixels) -> Image.Image:
    """A Pillow image of mode L, LA, RGB or RGBA."""
    if pixels.kind.deep:
        reduced = images.to_array(pixels) >> ((pixels.metadata.depth or 16) - 8)
        # A transparent colour of 16 bits is shown.
        return Image.fromarray(np.ascontiguousarray(np.minimum(reduced, 255).astype(np.uint8)))
    image = images.to_image(pixels)
    if "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGB" if pixels.palette is None or pixels.palette.mode == "RGB" else "RGBA")
    return image.convert("L") if pixels.kind is Kind.BILEVEL else image


def _png(image: Image.Image, keys: dict[str, str], profile: bytes | None) -> bytes:
    text = PngInfo()
    for key, value in keys.items():
        text.add_text(key, value)
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=text, icc_profile=profile)
    return out.getvalue()
