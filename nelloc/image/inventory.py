"""Contents of an image file besides its samples: metadata that Pillow does not read, and names of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nelloc.image.formats import bmp, gif, jpeg, netpbm_text, png, webp
from nelloc.image.kinds import Kind
from nelloc.image.metadata import Item, ItemType, Metadata
from nelloc.image.pixels import Pixels

# PNG chunks about the storage or display of samples; the palette is kept where there are indices.
_STORAGE_CHUNKS = (b"IHDR", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL")
_QOI_END = bytes(7) + b"\1"
# Bytes that may follow an image without being named: padding.
_PADDING = b"\0\r\n"


def describe(data: bytes, file_format: str, pixels: Pixels) -> Pixels:
    """Add all metadata of a file to ``pixels``; ``format`` is Pillow's name of the file's format.

    ``left_out`` of the result names what the file has and its ``metadata`` does not.
    """
    names: list[str] = []
    end = _end_of(data, file_format)
    if end is not None and end < len(data):
        after, data = data[end:], data[:end]
        if after.strip(_PADDING):
            names.append("data after the image")
    if file_format == "PNG":
        pixels = png.describe(data, pixels)
        names += _png_left_out(data, pixels.kind)
    elif file_format == "JPEG":
        names += jpeg.left_out(data, pixels.metadata)
    elif file_format == "GIF":
        items, more = gif.metadata(data)
        names += more
        pixels = replace(pixels, metadata=Metadata(tuple(items)))
    elif file_format == "WEBP":
        names += webp.left_out(data, pixels.metadata)
    elif file_format == "BMP":
        profile, more = bmp.colours(data)
        names += [*more, *bmp.left_out(data)]
        if profile:
            pixels = _with(pixels, [Item(ItemType.ICC, profile)])
    elif file_format == "PPM":
        pixels = _with(pixels, [Item(ItemType.COMMENT, comment) for comment in netpbm_text.comments(data)])
    return replace(pixels, left_out=tuple(dict.fromkeys((*pixels.left_out, *names))))


def _with(pixels: Pixels, items: list[Item]) -> Pixels:
    return replace(pixels, metadata=Metadata((*pixels.metadata.items, *items)))


def _png_left_out(data: bytes, kind: Kind) -> Iterator[str]:
    """Name the chunks of a PNG file that have no item."""
    for name, _ in png.chunks(data):
        kept = name in _STORAGE_CHUNKS or (name == b"PLTE" and kind is Kind.PALETTE)
        if name == b"fdAT" or not (kept or name[0] & 0x20):
            yield f"PNG chunk {name.decode('latin-1')}"
    if png.has_more_samples(data):
        yield "data after the last row, in PNG chunk IDAT"


def _end_of(data: bytes, file_format: str) -> int | None:
    """Find the end of a file's image; None if the format, or the file, does not define it."""
    if file_format == "PNG":
        return next((end for name, _, end in png.places(data) if name == b"IEND"), None)
    if file_format == "QOI":
        last = len(data.rstrip(_PADDING)) - len(_QOI_END)
        place = last if data.startswith(_QOI_END, max(0, last)) else data.find(_QOI_END)
        return None if place < 0 else place + len(_QOI_END)
    find = {
        "JPEG": jpeg.end_of,
        "GIF": gif.end_of,
        "WEBP": webp.end_of,
        "BMP": bmp.end_of,
        "PPM": netpbm_text.end_of,
    }.get(file_format)
    return None if find is None else find(data)
