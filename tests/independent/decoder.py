"""A file to its image."""

from __future__ import annotations

from dataclasses import dataclass

from independent.adaptive import decode_adaptive
from independent.coder import Coder
from independent.container import (
    ADAPTIVE,
    BILEVEL,
    CONSTANT,
    GROUPS,
    JOINED,
    JPEG,
    LATTICE,
    LEVELS,
    METADATA,
    MIXTURE,
    MODEL_DIFFERENCES,
    MODELLED,
    PALETTE,
    PALETTE_SECTION,
    PAST,
    PAST_SECTION,
    ROWS,
    SAMPLES,
    STORED,
    WHOLE_MODEL,
    read_file,
)
from independent.differences import embedded_model, find_model
from independent.file_sections import level_lists, restored, sample_forms, unpacked
from independent.jpeg_file import decode_jpeg
from independent.jpeg_pixels import corrected, made_by_jpeg
from independent.lattice import CONVERSIONS, SEEN
from independent.model_file import load_model
from independent.notation import require
from independent.plain_methods import decode_constant, decode_stored, inflate, unfiltered
from independent.tile import decode_tile


@dataclass
class Image:
    """An image: its kind, the samples of each plane in raster order, and what its sections say.

    Of a JPEG file there are no planes, and the section is the file itself.
    """

    kind: int
    width: int
    height: int
    planes: list[list[int]]
    sections: dict[int, bytes]


def decode(data: bytes, models: list[bytes]) -> Image:
    """The image of a file. ``models`` are the model files to choose from."""
    kind, model_id, width, height, tiles, sections = read_file(data)
    if JPEG in sections:
        streams = [content for _, records in tiles for _, content in records]
        return Image(kind, width, height, [], {JPEG: decode_jpeg(sections[JPEG], streams, width, height)})
    groups = GROUPS[kind]
    forms = sample_forms(kind, sections.get(SAMPLES))
    lists = level_lists(kind, forms, sections.get(LEVELS))
    require((kind == PALETTE) == (PALETTE_SECTION in sections), "a palette where there is none, or none")
    embedded = next(((t, sections[t]) for t in (WHOLE_MODEL, MODEL_DIFFERENCES) if t in sections), None)
    model = None
    past = None
    image = [[0] * (width * height) for planes, _ in groups for _ in range(planes)]
    for (top, bottom, left, right), records in tiles:
        size, decoded = right - left, []
        for (planes, bits), (depth, form), (method, content) in zip(groups, forms, records, strict=True):
            if method in MODELLED:
                require(kind not in (PALETTE, BILEVEL, *JOINED), "coded by a model, as this is not")
                if model is None:
                    found = embedded_model(*embedded, model_id, models) if embedded else find_model(model_id, models)
                    model = load_model(found)
                require(planes <= model.channels, "an RGB image with a model of gray images")
                rule = 0
                if method == LATTICE:
                    below, rule = divmod(content[0], 32)
                    require(kind in (1, 3, 5, 7) and planes == 3, "a lattice of other samples than RGB")
                    require(below < 3 and rule in (*CONVERSIONS, SEEN), "an unknown rule of a lattice")
                    method, content = MIXTURE + below, content[1:]
                samples = decode_tile(model, content, size, bottom - top, planes, depth, method - MIXTURE, rule)
            elif method == PAST:
                require(not decoded and kind < 4 and PAST_SECTION in sections, "a past where there is none")
                past = past or made_by_jpeg(sections[PAST_SECTION], planes, width, height)
                made = [[row[left:right] for row in plane[top:bottom]] for plane in past]
                found = corrected(content, made, corrections_of(planes))
                samples = [[sample for row in plane for sample in row] for plane in found]
            elif method == CONSTANT:
                samples = decode_constant(content, size * (bottom - top), planes, depth)
            elif method == STORED:
                samples = decode_stored(content, size * (bottom - top), planes, depth)
            elif method == ADAPTIVE:
                samples = decode_adaptive(Coder, content, size, bottom - top, planes, min(bits, depth))
            elif method == ROWS:
                samples = unfiltered(content, size, bottom - top, planes, depth)
            else:
                samples = inflate(content, size, bottom - top, planes)
            require(max(map(max, samples)) < 1 << min(bits, depth), "a sample out of range")
            for plane in samples:
                own = lists[len(decoded)]
                if own is not None:
                    require(own[0] <= min(plane) and max(plane) < own[0] + len(own[1]), "a number of no level")
                    decoded.append([own[1][s - own[0]] for s in plane])
                else:
                    decoded.append([restored(s, depth, form) for s in plane] if bits == 16 else plane)
        for target, source in zip(image, decoded, strict=True):
            for row in range(top, bottom):
                target[row * width + left : row * width + right] = source[(row - top) * size : (row - top + 1) * size]
    for packed in {METADATA, PALETTE_SECTION} & set(sections):
        sections[packed] = unpacked(sections[packed])
    return Image(JOINED.get(kind, kind), width, height, image, sections)


def corrections_of(planes: int):
    """What decodes corrections of so many planes."""

    def decode_sheet(method: int, content: bytes, width: int, height: int) -> list[list[int]]:
        if method == ADAPTIVE:
            return decode_adaptive(Coder, content, width, height, planes, 8)
        if method == STORED:
            return decode_stored(content, width * height, planes, 8)
        if method == ROWS:
            return unfiltered(content, width, height, planes, 8)
        return inflate(content, width, height, planes)

    return decode_sheet
