"""What an image file holds beside its samples: metadata that Pillow does not tell, and names of what is not kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from nelloc.image import bmp, gif, jpeg, png, tiff, webp
from nelloc.image.metadata import Item, ItemType, Metadata
from nelloc.image.pixels import Pixels
from nelloc.kinds import Kind

# Of a PNG file what says how samples are stored or shown; the colours of a palette are kept where there are indices.
_STORAGE_CHUNKS = (b"IHDR", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL")
_NETPBM_COMMENT = re.compile(rb"#([^\r\n]*)")
# Magic, size and, but of one bit, what white is; between them spaces and comments.
_NETPBM_HEAD = re.compile(rb"P(?:[14](?:(?:\s|#[^\r\n]*)+\d+){2}|[2356](?:(?:\s|#[^\r\n]*)+\d+){3})")


def describe(data: bytes, image: Image.Image, pixels: Pixels) -> Pixels:
    """``pixels`` of a file's bytes, which Pillow opened as ``image``, with all its metadata.

    ``left_out`` then names what the file has and ``metadata`` has not.
    """
    names: list[str] = []
    if image.format == "PNG":
        pixels = png.describe(data, pixels)
        names += _png_left_out(data, pixels.kind)
    elif image.format == "JPEG":
        names += jpeg.left_out(data, pixels.metadata)
    elif image.format == "GIF":
        items, names = gif.metadata(data)
        pixels = replace(pixels, metadata=Metadata(tuple(items)))
    elif image.format == "WEBP":
        names += webp.left_out(data, pixels.metadata)
    elif image.format == "TIFF":
        names += tiff.left_out(data, image, pixels.metadata)
    elif image.format == "BMP":
        profile, names = bmp.colours(data)
        if profile:
            pixels = _with(pixels, [Item(ItemType.ICC, profile)])
    elif image.format == "PPM":
        pixels = _with(pixels, [Item(ItemType.COMMENT, comment) for comment in _netpbm_comments(data)])
    return replace(pixels, left_out=tuple(dict.fromkeys((*pixels.left_out, *names))))


def _with(pixels: Pixels, items: list[Item]) -> Pixels:
    return replace(pixels, metadata=Metadata((*pixels.metadata.items, *items)))


def _png_left_out(data: bytes, kind: Kind) -> Iterator[str]:
    """Names of the chunks of a PNG file that are no items."""
    for name, _ in png.chunks(data):
        kept = name in _STORAGE_CHUNKS or (name == b"PLTE" and kind is Kind.PALETTE)
        if name == b"fdAT" or not (kept or name[0] & 0x20):
            yield f"PNG chunk {name.decode('latin-1')}"


def _netpbm_comments(data: bytes) -> list[bytes]:
    """The comments of a PBM, PGM or PPM file: in its head and, where samples are text, among them."""
    head = _NETPBM_HEAD.match(data)
    if head is None:
        return []
    end = len(data) if data[:2] in (b"P1", b"P2", b"P3") else head.end()
    return [found[1] for found in _NETPBM_COMMENT.finditer(data, 0, end) if found[1]]
