"""Description of an image in a file: palette, transparency, depth of samples and metadata.

Conversion of an image to its sections and the groups as they are coded, and back.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nelloc.codec import level_lists
from nelloc.codec.container import Container, Section
from nelloc.codec.format import SectionType
from nelloc.errors import RESTORE, NellocError
from nelloc.image import levels, metadata
from nelloc.image.kinds import Group, Kind
from nelloc.image.levels import Levels
from nelloc.image.pixels import Palette, Pixels, Samples
from nelloc.image.sample_depth import Depth, find, smallest
from nelloc.varint import Cursor, MalformedError, varint

# Largest palette or metadata when unpacked: a few bytes must not take much memory.
MAX_UNPACKED = 1 << 26
_MAX_COLOURS = 256  # of a palette
_LZMA = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 20}]
_PLAIN, _ZLIB, _LZMA_RAW = range(3)
_NOTHING, _INDEX, _TABLE = range(3)
_WITH_LEVELS = frozenset(Kind) - {Kind.PALETTE, Kind.BILEVEL}


@dataclass(frozen=True)
class Described:
    """An image ready to be coded: its sections, and of each group the samples as they are coded and their depth."""

    sections: tuple[Section, ...]
    groups: tuple[Samples, ...]
    depths: tuple[Depth, ...]


def describe(pixels: Pixels, source: str = "image") -> Described:
    """The sections of an image, and its groups with samples of as few bits as they need.

    Raises NellocError naming ``source`` for more metadata than files hold.
    """
    specified = zip(pixels.kind.groups, pixels.groups, strict=True)
    depths = tuple(find(samples) if group.bits > 8 else Depth(8) for group, samples in specified)
    groups = tuple(depth.reduce(group) for depth, group in zip(depths, pixels.groups, strict=True))
    sections = []
    if pixels.palette is not None:
        sections.append(Section(SectionType.PALETTE, _squeeze(_pack_palette(pixels.palette))))
    if pixels.transparent is not None:
        data = struct.pack(f"<{len(pixels.transparent)}H", *pixels.transparent)
        sections.append(Section(SectionType.TRANSPARENT_COLOUR, data))
    if pixels.metadata:
        count = len(pixels.metadata.items)
        if count > metadata.MAX_ITEMS:
            raise NellocError(
                f"{source}: has {count} pieces of metadata, above the limit of {metadata.MAX_ITEMS}; "
                "use --strip to leave them out"
            )
        packed = metadata.pack(pixels.metadata)
        if len(packed) > MAX_UNPACKED:
            raise NellocError(f"{source}: has more than {MAX_UNPACKED} bytes of metadata; use --strip to leave it out")
        sections.append(Section(SectionType.METADATA, _squeeze(packed)))
    return Described((*_depths_section(pixels.kind, depths), *sections), groups, depths)


def missing_levels(kind: Kind, what: Described) -> list[Sequence[Levels | None]]:
    """Lists of the levels of each group's planes, None of planes that seem to lack none."""
    if kind not in _WITH_LEVELS:
        return []
    return [[levels.find(plane) for plane in samples] for samples in what.groups]


def by_levels(
    kind: Kind, what: Described, found: Sequence[Sequence[Levels | None]], *, placed: bool = False
) -> Described:
    """The same image with samples numbered among the levels of their planes, as ``missing_levels`` found them.

    Unless the first group's are ``placed``, numbers begin or end where those of samples do.
    """
    groups, depths, lists = [], [], []
    for number, (samples, depth, lacking) in enumerate(zip(what.groups, what.depths, found, strict=True)):
        own = list(lacking)
        if any(own) and kind.deep:
            own = [levels.occurring(plane) if one is None else one for plane, one in zip(samples, own, strict=True)]
            depths.append(smallest(max(len(one.values) for one in own if one is not None)))
        else:
            depths.append(depth)
        if not (placed and number == 0) and levels.is_bright(samples, own):
            own = [one and one.numbered((1 << depths[-1].bits) - len(one.values)) for one in own]
        groups.append(levels.reduce_planes(samples, own, samples_type(depths[-1])) if any(own) else samples)
        lists += [one and Levels(depth.restore(one.values), one.offset) for one in own]
    section = Section(SectionType.LEVELS, _squeeze(level_lists.pack(lists)))
    others = tuple(one for one in what.sections if one.type != SectionType.SAMPLES)
    return Described((*_depths_section(kind, depths), section, *others), tuple(groups), tuple(depths))


def _depths_section(kind: Kind, depths: Sequence[Depth]) -> Sequence[Section]:
    """The section of samples, if the image needs it."""
    if not kind.deep or all(depth == Depth(16) for depth in depths):
        return ()
    return [Section(SectionType.SAMPLES, bytes(n for depth in depths for n in (depth.bits, depth.form)))]


@dataclass(frozen=True)
class Description:
    """Contents of the sections of a file; ``levels`` are those of all planes, or none."""

    kind: Kind
    depths: tuple[Depth, ...]
    palette: Palette | None
    transparent: tuple[int, ...] | None
    metadata: metadata.Metadata
    levels: tuple[Levels | None, ...] = ()

    def pixels(self, groups: Sequence[Samples]) -> Pixels:
        """The image of decoded ``groups``."""
        if self.kind.deep:
            groups = [depth.restore(group) for depth, group in zip(self.depths, groups, strict=True)]
        elif len(groups) < len(self.kind.groups):
            groups = np.split(groups[0], np.cumsum([group.planes for group in self.kind.groups])[:-1])
        if self.levels:
            pairs = zip(groups, split_levels(self.kind.groups, self.levels), strict=True)
            groups = [levels.restore_planes(group, own) for group, own in pairs]
        return Pixels(self.kind, tuple(groups), self.palette, self.transparent, self.metadata)


def read_description(file: Container, source: str) -> Description:
    """Read the sections of a file. Raises NellocError naming ``source`` for invalid sections."""
    if file.jpeg is not None:
        from nelloc.codec.past.jpeg_file import metadata

        return Description(file.kind, (Depth(8),), None, None, metadata(file, source))
    try:
        return Description(
            file.kind,
            _depths(file),
            _palette(file),
            _transparent(file),
            read_metadata(file.section(SectionType.METADATA)),
            _levels(file),
        )
    except (MalformedError, zlib.error, lzma.LZMAError, EOFError, struct.error):
        raise NellocError(f"{source}: its description of the image makes no sense; {RESTORE}") from None


def read_metadata(data: bytes | None) -> metadata.Metadata:
    """The metadata of a section's bytes, none of None. Raises what malformed bytes raise."""
    return metadata.Metadata() if data is None else metadata.parse(_unsqueeze(data))


def _depths(file: Container) -> tuple[Depth, ...]:
    data = file.section(SectionType.SAMPLES)
    if data is None:
        return tuple(Depth(16 if group.bits == 16 else 8) for group in file.groups)
    if not file.kind.deep or len(data) != 2 * len(file.kind.groups):
        raise MalformedError("samples")
    return tuple(Depth.checked(bits, form) for bits, form in zip(data[::2], data[1::2], strict=True))


def _levels(file: Container) -> tuple[Levels | None, ...]:
    data = file.section(SectionType.LEVELS)
    if data is None:
        return ()
    depths = zip(file.groups, _depths(file), strict=True)
    bits = [(group.bits, depth.bits) for group, depth in depths for _ in range(group.planes)]
    found = level_lists.parse(_unsqueeze(data), bits)
    forms = zip(_depths(file), split_levels(file.groups, found), strict=True)
    if file.kind not in _WITH_LEVELS or any(depth.form and any(own) for depth, own in forms):
        raise MalformedError("levels")
    return found


def split_levels(groups: Sequence[Group], of_planes: Sequence[Levels | None]) -> list[Sequence[Levels | None]]:
    """The lists of each group's planes."""
    ends = np.cumsum([group.planes for group in groups]).tolist()
    return [of_planes[end - group.planes : end] for group, end in zip(groups, ends, strict=True)]


def _palette(file: Container) -> Palette | None:
    data = file.section(SectionType.PALETTE)
    if (data is None) == (file.kind is Kind.PALETTE):
        raise MalformedError("palette")
    return None if data is None else _parse_palette(_unsqueeze(data))


def _transparent(file: Container) -> tuple[int, ...] | None:
    data = file.section(SectionType.TRANSPARENT_COLOUR)
    if data is None:
        return None
    planes = file.kind.groups[0].planes
    if len(file.kind.groups) > 1 or file.kind is Kind.PALETTE or len(data) != 2 * planes:
        raise MalformedError("transparent colour")
    return struct.unpack(f"<{planes}H", data)


def _pack_palette(palette: Palette) -> bytes:
    transparency = palette.transparency
    form = _NOTHING if transparency is None else _INDEX if isinstance(transparency, int) else _TABLE
    head = bytes([form << 1 | (palette.mode == "RGBA")])
    if isinstance(transparency, int):
        head += bytes([transparency])
    elif transparency is not None:
        head += varint(len(transparency)) + transparency
    return head + palette.colours


def _parse_palette(data: bytes) -> Palette:
    reader = Cursor(data)
    form, alpha = divmod(reader.byte(), 2)
    if form > _TABLE:
        raise MalformedError("palette")
    transparency: int | bytes | None = None
    if form == _INDEX:
        transparency = reader.byte()
    elif form == _TABLE:
        transparency = reader.take(reader.varint())[:_MAX_COLOURS]
    colours, mode = reader.rest(), "RGBA" if alpha else "RGB"
    if len(colours) % len(mode) or len(colours) > _MAX_COLOURS * len(mode):
        raise MalformedError("palette")
    return Palette(mode, colours, transparency)


def _squeeze(data: bytes) -> bytes:
    """A byte that says how, and the bytes in the form that is smallest."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    forms = (
        data,
        deflate.compress(data) + deflate.flush(),
        lzma.compress(data, lzma.FORMAT_RAW, filters=_LZMA),
    )
    best = min(range(len(forms)), key=lambda form: len(forms[form]))
    return bytes([best]) + forms[best]


def _unsqueeze(data: bytes) -> bytes:
    form, body = Cursor(data).byte(), data[1:]
    if form == _PLAIN:
        return body
    if form not in (_ZLIB, _LZMA_RAW):
        raise MalformedError("compression")
    decoder: Any = zlib.decompressobj(-15) if form == _ZLIB else lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_LZMA)
    out = decoder.decompress(body, MAX_UNPACKED + 1)
    if not decoder.eof or decoder.unused_data or len(out) > MAX_UNPACKED:
        raise MalformedError("compressed data")
    return out


def samples_type(depth: Depth) -> type[np.unsignedinteger]:
    """The type of samples of this depth as they are coded."""
    return np.uint16 if depth.bits > 8 else np.uint8
