"""Contents of .nlc files, read without decoding them."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nelloc import storage
from nelloc.codec import container, stream_end
from nelloc.codec.canvas import past_of
from nelloc.codec.decode import locate_model
from nelloc.codec.description import Description, read_description
from nelloc.codec.format import Method, SectionType
from nelloc.codec.lattice import OnLattice
from nelloc.codec.options import check_types
from nelloc.codec.past.jpeg_file import about
from nelloc.codec.tiling import tile_count
from nelloc.errors import NellocError
from nelloc.image.limits import MAX_PIXELS
from nelloc.varint import MalformedError


@dataclass(frozen=True)
class Info:
    """Contents of a file, read without decoding it.

    ``bits`` is the number of bits of a sample of the first group, ``methods`` the number of records of each method;
    ``metadata`` are items and their sizes, which together take ``metadata_bytes`` in the file. A file that needs no
    model has the id 00000000. ``jpeg`` describes a JPEG file that is kept instead of pixels, whose parts are ``tiles``,
    and whose samples and channels are those of ``bits`` and ``kind``, such as CMYK.
    ``past`` describes the picture before it was decoded to pixels. ``levels`` are, of each plane, the numbers of levels
    that its samples have, and of those that they could have; there are none unless the file lists levels.
    """

    file: str
    bytes: int
    kind: str
    width: int
    height: int
    tile: int
    tiles: int
    model: str
    model_name: str | None
    model_place: str | None
    model_bytes: int
    bits_per_dimension: float
    bits: int
    methods: dict[str, int]
    metadata: dict[str, int]
    metadata_bytes: int
    jpeg: str | None = None
    past: str | None = None
    levels: tuple[tuple[int, int], ...] = ()


def info(source: str | Path, *, max_pixels: int = MAX_PIXELS) -> Info:
    """Read the contents of an .nlc file, without decoding it.

    Parameters
    ----------
    source : str or Path
        The .nlc file.
    max_pixels : int
        Images of more pixels are refused.

    Returns
    -------
    Info
        Size, kind and depth of the image, methods of its tiles, its model and metadata.

    Raises
    ------
    NellocError
        If it is not a whole .nlc file.
    TypeError
        If an argument has the wrong type.
    """
    check_types(source=source, max_pixels=max_pixels)
    return info_of_bytes(storage.read(Path(source), stream_end.extent(max_pixels)), str(source), max_pixels=max_pixels)


def info_of_bytes(data: bytes, source: str, *, max_pixels: int = MAX_PIXELS) -> Info:
    """Read the contents of .nlc bytes, and find their model.

    Raises NellocError if they are not a whole file.
    """
    file = container.parse(data, source, max_pixels=max_pixels)
    section, description = file.model_section, read_description(file, source)
    packed = file.section(SectionType.METADATA)
    items: dict[str, int] = {}
    for item in description.metadata.items:
        items[item.name] = items.get(item.name, 0) + len(item.data)
    place, name = _model_of(file, source)
    kept = None if file.jpeg is None else about(file, source)
    kind, planes = file.kind.name, file.kind.planes
    bits = min(description.depths[0].bits, file.kind.groups[0].bits)
    if kept is not None and kept.frame is not None:
        bits, planes = kept.frame.bits, kept.frame.channels
        kind = {1: "GRAY", 3: "RGB", 4: "CMYK"}.get(planes, f"{planes} channels")
    return Info(
        file=source,
        bytes=len(data),
        kind=kind,
        width=file.width,
        height=file.height,
        tile=file.tile,
        tiles=tile_count(file.height, file.width, file.tile) if file.jpeg is None else len(file.records),
        model=file.model_id.hex(),
        model_name=name,
        model_place=place,
        model_bytes=0 if section is None else len(section.data),
        bits_per_dimension=8 * len(data) / (file.width * file.height * planes),
        bits=bits,
        methods=dict(Counter(_method_of(record) for record in file.records)),
        metadata=items,
        metadata_bytes=0 if packed is None else len(packed),
        jpeg=None if kept is None else str(kept),
        past=past_of(file, source),
        levels=_levels(file, description),
    )


def _model_of(file: container.Container, source: str) -> tuple[str | None, str | None]:
    """Place and name of the model of a file: None if it is missing or damaged; one inside the file has no name."""
    if not file.needs_model:
        return "none needed", None
    try:
        located = locate_model(file, source, None)
    except NellocError:  # it is missing or damaged
        return None, None
    return located.place, None if located.path is None else located.path.stem


def _levels(file: container.Container, description: Description) -> tuple[tuple[int, int], ...]:
    """Number of levels of each plane's samples, and of those that they could have."""
    most = [1 << group.bits for group in file.groups for _ in range(group.planes)]
    pairs = zip(description.levels, most, strict=bool(description.levels))
    return tuple((count if own is None else len(own.values), count) for own, count in pairs)


def _method_of(record: container.TileRecord) -> str:
    """Name of the method of a record; on a lattice with the rule, and the method below it."""
    if record.method is not Method.LATTICE:
        return record.method.name.lower()
    with contextlib.suppress(MalformedError):
        on_lattice = OnLattice.of(record.data)
        return f"lattice ({on_lattice.rule.name.lower()}, {on_lattice.below.name.lower()})"
    return "lattice (unknown)"
