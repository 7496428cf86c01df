"""JPEG files of all kinds, made here, and ways to damage one."""

from __future__ import annotations

import io
import itertools
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from nelloc.codec import container
from nelloc.codec.options import EncodeOptions
from nelloc.codec.past import core
from nelloc.codec.past.jpeg_file import pack_file
from nelloc.varint import varint


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with slopes, edges and noise."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[0:height, 0:width]
    slopes = np.stack([row * 3 + column, 255 - column * 2, row * 2], 2) % 256
    edges = ((row // 11 + column // 7) % 2 * 90)[..., None]
    noise = rng.normal(0, 9, (height, width, 3))
    return Image.fromarray(np.clip(slopes * 0.6 + edges + noise, 0, 255).astype(np.uint8))


def saved(image: Image.Image, **options) -> bytes:
    """The JPEG file of an image."""
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def made() -> Iterator[tuple[str, bytes]]:
    """Files of all qualities, samplings, sizes and codings that Pillow writes, with their names."""
    sizes = [(1, 1), (8, 8), (9, 7), (16, 17), (33, 15), (50, 37)]
    options = itertools.product((2, 30, 75, 92, 100), (0, 1, 2), (False, True))
    for number, (quality, sampling, progressive) in enumerate(options):
        image = picture(*sizes[number % len(sizes)], seed=number)
        image = image.convert("L") if number % 5 == 4 else image
        more = [{}, {"optimize": True}, {"restart_marker_blocks": 2}, {"restart_marker_rows": 1}][number % 4]
        name = f"{image.size} {image.mode} {quality} {sampling} {'progressive' * progressive} {more}"
        yield name, saved(image, quality=quality, subsampling=sampling, progressive=progressive, **more)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A file with some bytes changed, removed, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        if not changed:
            break
        at = chance.randrange(len(changed))
        match chance.randrange(6):
            case 0 | 1:
                changed[at] = chance.randrange(256)
            case 2:
                changed[at] ^= 1 << chance.randrange(8)
            case 3:
                del changed[at : at + chance.randrange(1, 9)]
            case 4:
                changed[at:at] = changed[at : at + chance.randrange(1, 9)]
            case 5:
                del changed[at:]
    return bytes(changed)


def keep(path: Path, data: bytes, form: int | None = None) -> None:
    """Write the .nlc file that keeps a JPEG file, in a form of docs/FORMAT.md, or in the best one."""
    file = pack_file(data, "made.jpg", EncodeOptions())
    if form is not None:
        body = {0: data, 2: core.pack_bytes(data)}[form]
        section = varint(0) + bytes([form]) + varint(len(data)) + struct.pack("<I", zlib.crc32(data)) + body
        file = replace(file, records=(), sections=(container.Section(0x86, section),))
    path.write_bytes(container.pack(file))
