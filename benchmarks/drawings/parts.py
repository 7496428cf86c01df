"""Parts of drawings: text, colours, gradients, fields and pieces of a photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PARROTS = Path(__file__).parents[2] / "docs" / "images" / "parrots.png"
TEXT = """
the image of a window and its pixels are known to be coded in order so that every step may use what stands
above left of it while nothing else is needed from file or network when it has been read again
"""
WORDS = TEXT.split()


def text_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def colour_of(random: Generator) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in random.integers(0, 256, 3))
    return red, green, blue


def paragraph(draw: ImageDraw.ImageDraw, random: Generator, box: tuple[int, int, int, int], size: int, fill) -> None:
    """Fill a box with words."""
    left, top, right, bottom = box
    font = text_font(size)
    x, y = left, top
    while y + size < bottom:
        word = str(random.choice(WORDS)) + " "
        length = int(draw.textlength(word, font=font))
        if x + length > right:
            x, y = left, y + size * 4 // 3
            continue
        draw.text((x, y), word, font=font, fill=fill)
        x += length


def vertical_gradient(width: int, height: int, top, bottom) -> Image.Image:
    ramp = np.linspace(0, 1, height)[:, None, None]
    colours = (1 - ramp) * np.array(top) + ramp * np.array(bottom)
    return Image.fromarray(np.broadcast_to(colours, (height, width, 3)).astype(np.uint8))


def photograph_part(random: Generator, width: int, height: int) -> Image.Image:
    with Image.open(PARROTS) as photograph:
        x = int(random.integers(0, photograph.width - width + 1))
        y = int(random.integers(0, photograph.height - height + 1))
        return photograph.convert("RGB").crop((x, y, x + width, y + height))


def enlarged(pixels: NDArray[np.uint8], times: int) -> Image.Image:
    return Image.fromarray(pixels.repeat(times, axis=0).repeat(times, axis=1))


def smooth_field(random: Generator, height: int, width: int, waves: int) -> NDArray[np.float64]:
    """A smooth field in 0..1."""
    y, x = np.mgrid[:height, :width]
    field = np.zeros((height, width))
    for _ in range(waves):
        a, b = random.normal(0, 0.02, 2)
        field += np.sin(a * x + b * y + random.uniform(0, 6))
    return (field - field.min()) / (np.ptp(field) + 1e-9) * 0.999
