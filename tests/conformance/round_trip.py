"""One case through the codec and back into a file, and what came back, as nelloc and other programs read it."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import outside_readers
from numpy.typing import NDArray
from outside_readers import ExifTool

from conformance.case import Case
from nelloc import image
from nelloc.codec import container
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import EncodeOptions

# What exiftool tells of the storage of samples, which is another in the file that is written; a profile has no name in
# .nlc files.
_STORAGE = {
    *("PNG:" + name for name in (
        "ImageWidth", "ImageHeight", "BitDepth", "ColorType", "Compression", "Filter", "Interlace", "ProfileName",
        "Palette", "Transparency", "Warning",
    )),
    *("IFD0:" + name for name in (
        "ImageWidth", "ImageHeight", "BitsPerSample", "Compression", "PhotometricInterpretation", "StripOffsets",
        "SamplesPerPixel", "RowsPerStrip", "StripByteCounts", "PlanarConfiguration", "Predictor", "TileWidth",
        "TileLength", "TileOffsets", "TileByteCounts", "ColorMap", "ExtraSamples", "SampleFormat", "ThumbnailTIFF",
        "SubfileType", "FillOrder", "Orientation", "ResolutionUnit", "Exif_0xc5f2", "T6Options", "T4Options",
        "OldSubfileType", "PreviewTIFF",
    )),
    "File", "RIFF",
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came back of a case: from .nlc, and from the image file written of it in the format ``suffix``.

    ``left_out`` names metadata that this format does not hold. ``readers`` are other programs and libraries that read
    the written file, and whether they found in it what had to be there.
    """

    case: Case
    kind: str
    metadata: tuple[str, ...]
    file_bytes: int
    samples: bool
    description: bool
    metadata_kept: bool
    named: tuple[str, ...]
    suffix: str
    written: bool
    left_out: tuple[str, ...]
    readers: dict[str, bool] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """True if all came back, and what the written file does not hold was named."""
        whole = self.samples and self.description and self.metadata_kept and self.written
        return whole and self.named == self.case.named and all(self.readers.values())


def run(case: Case, options: EncodeOptions, exiftool: ExifTool | None = None, vips: bool = False) -> Outcome:
    """Read, encode, decode and write a case; and let others read what was written, with exiftool and vips if given."""
    pixels = image.read(case.data, case.name)
    (encoded,) = encode_pixels([pixels], options, verify=False)
    (back,) = decode_files(
        [container.parse(encoded.data, case.name)], [case.name], options.for_decoding(options.backend)
    )
    array = image.to_array(back)
    suffix = case.suffix if case.suffix in image.OUTPUT_SUFFIXES else ".png"
    written = image.write(back, suffix, case.name)
    again = image.read(written.data, case.name)
    return Outcome(
        case,
        pixels.kind.name,
        pixels.metadata.names,
        len(encoded.data),
        array.dtype == case.samples.dtype and np.array_equal(array, case.samples),
        (back.kind, back.palette, back.transparent) == (pixels.kind, pixels.palette, pixels.transparent),
        back.metadata == pixels.metadata,
        pixels.left_out,
        suffix,
        image.same_picture(pixels, again)
        and _kept(pixels, again, written.left_out, exactly=case.data[:4] == written.data[:4]),
        written.left_out,
        _others(case, pixels, written.data, suffix, exiftool, vips),
    )


def _kept(pixels: image.Pixels, again: image.Pixels, left_out: tuple[str, ...], *, exactly: bool) -> bool:
    """True if the written file has the metadata that is not said to be left out; ``exactly`` so in the same format."""
    wanted = [item for item in pixels.metadata.items if item.name not in left_out]
    if not exactly:
        texts = {"comment"} if again.metadata.texts else set()
        return {item.name for item in wanted} <= set(again.metadata.names) | texts
    return not Counter(wanted) - Counter(again.metadata.items)


# ---- What other programs read


def _others(
    case: Case, pixels: image.Pixels, data: bytes, suffix: str, exiftool: ExifTool | None, vips: bool
) -> dict[str, bool]:
    """What each reader that can read the written file finds: True if that is right."""
    found: dict[str, bool] = {}
    if suffix == ".tif":
        array = outside_readers.tiff_samples(data)
        found["tifffile"] = array.dtype == case.samples.dtype and np.array_equal(array, case.samples)
        if case.suffix == suffix:
            found["tifffile"] &= _same_tags(case.data, data)
    expected = shown(pixels)
    decoded = outside_readers.imagecodecs_samples(data, suffix)
    if decoded is not None:
        found["imagecodecs"] = np.array_equal(with_alpha(decoded), expected)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, f"before{case.suffix}"), Path(folder, f"after{suffix}")
        before.write_bytes(case.data)
        after.write_bytes(data)
        # libvips has no fewer bits than 16 of deep samples, and refuses other depths.
        if vips and pixels.metadata.depth is None:
            found["vips"] = np.array_equal(with_alpha(outside_readers.vips_samples(after, Path(folder))), expected)
        same = case.data[:2] == data[:2] and suffix in (".png", ".tif", ".webp")
        if exiftool is not None and same and not case.named:
            one, other = exiftool.read_all([before, after])
            found["exiftool"] = _metadata_of(one) == _metadata_of(other)
    return found


def _same_tags(data: bytes, written: bytes) -> bool:
    """True if tifffile finds the same tags, beside those of storage, in two files."""
    from nelloc.image.formats.tiff.metadata import ORIENTATION, RESOLUTION_UNIT, STORAGE

    mine, other = outside_readers.tiff_tags(data), outside_readers.tiff_tags(written)
    tags = (set(mine) | set(other)) - {*STORAGE, ORIENTATION, RESOLUTION_UNIT}
    return all(_value(mine.get(tag)) == _value(other.get(tag)) for tag in tags)


def _value(tag: outside_readers.TiffTag | None) -> object:
    """What a tag says, without its type, which BigTIFF has more of; a resolution of 1 says nothing."""
    return None if tag is None or tag.value in ((1, 1), 1) else tag.value


def _metadata_of(tags: dict[str, Any]) -> dict[str, Any]:
    """The tags that are metadata; not a resolution that says nothing."""
    empty = {"IFD0:XResolution": 1, "IFD0:YResolution": 1}
    return {name: value for name, value in tags.items() if name not in _STORAGE and empty.get(name) != value}


def shown(pixels: image.Pixels) -> NDArray[Any]:
    """What an image shows: red, green, blue and alpha, (H, W, 4)."""
    array = image.to_array(pixels)
    if pixels.palette is not None:
        size = len(pixels.palette.mode)
        table = np.frombuffer(pixels.palette.colours, np.uint8).reshape(-1, size)
        table = np.concatenate([table, np.zeros((256 - len(table), size), np.uint8)])
        colours = with_alpha(table[None])[0].copy()
        transparency = pixels.palette.transparency
        if isinstance(transparency, int):
            colours[transparency, 3] = 0
        elif transparency is not None:
            colours[: len(transparency), 3] = list(transparency)[:256]
        return colours[array]
    found = with_alpha(array)
    if pixels.transparent is not None:
        colour = pixels.planes.transpose(1, 2, 0) == np.array(pixels.transparent)
        found = found.copy()
        found[colour.all(axis=2), 3] = 0
    return found


def with_alpha(array: NDArray[Any]) -> NDArray[Any]:
    """Samples of any number of channels, as red, green, blue and alpha."""
    if array.dtype == np.bool_:
        array = array * np.uint8(255)
    array = array[:, :, None] if array.ndim == 2 else array
    channels = array.shape[2]
    colour = array[:, :, :1].repeat(3, axis=2) if channels < 3 else array[:, :, :3]
    full = np.full((*array.shape[:2], 1), np.iinfo(array.dtype).max, array.dtype)
    return np.concatenate([colour, array[:, :, -1:] if channels in (2, 4) else full], axis=2)
