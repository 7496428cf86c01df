"""Photographs, plain and treated, and images with alpha."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from drawings.parts import colour_of, enlarged, paragraph, photograph_part


def photograph(random: Generator) -> Image.Image:
    """A part of a photograph."""
    return photograph_part(random, 360, 280)


def photograph_gray(random: Generator) -> Image.Image:
    """A part of a photograph in gray."""
    return photograph_part(random, 360, 280).convert("L")


def photograph_gray_as_colours(random: Generator) -> Image.Image:
    """A gray photograph in three equal channels."""
    return photograph_part(random, 320, 240).convert("L").convert("RGB")


def photograph_enlarged(random: Generator) -> Image.Image:
    """A part of a photograph, each pixel repeated 3 x 3 times."""
    return enlarged(np.asarray(photograph_part(random, 120, 90)), 3)


def photograph_interpolated(random: Generator) -> Image.Image:
    """A part of a photograph, enlarged 2.5 times with interpolation."""
    return photograph_part(random, 128, 96).resize((320, 240), Image.Resampling.BICUBIC)


def photograph_of_few_levels(random: Generator) -> Image.Image:
    """A photograph whose contrast was stretched, so that many levels are missing."""
    pixels = np.asarray(photograph_part(random, 320, 240), np.int64)
    return Image.fromarray((np.clip(pixels // 2 * 3 - 60, 0, 255)).astype(np.uint8))


def photograph_framed(random: Generator) -> Image.Image:
    """A photograph within a wide flat frame."""
    image = Image.new("RGB", (560, 440), (245, 245, 240))
    image.paste(photograph_part(random, 256, 200), (152, 110))
    return image


def alpha_icon(random: Generator) -> Image.Image:
    """An antialiased icon on transparent ground, whose colours continue below alpha 0."""
    image = Image.new("RGBA", (512, 512), (*colour_of(random), 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 40, 470, 470), fill=(*colour_of(random), 255))
    draw.rectangle((180, 180, 330, 330), fill=(*colour_of(random), 160))
    return image.resize((128, 128), Image.Resampling.BOX)


def alpha_text(random: Generator) -> Image.Image:
    """Gray text with alpha."""
    image = Image.new("LA", (400, 200), (0, 0))
    mask = Image.new("L", image.size, 0)
    paragraph(ImageDraw.Draw(mask), random, (8, 8, 392, 192), 15, 255)
    image.putalpha(mask)
    return image


def alpha_photograph(random: Generator) -> Image.Image:
    """A photograph cut out with a soft edge; hidden pixels are black."""
    image, y, x = photograph_part(random, 280, 220), *np.mgrid[:220, :280]
    alpha = np.clip(255 - (np.hypot(x - 140, y - 110) - 80) * 12, 0, 255).astype(np.uint8)
    pixels = np.asarray(image) * (alpha[..., None] > 0)
    return Image.fromarray(np.dstack([pixels, alpha]).astype(np.uint8))


def alpha_shadow(random: Generator) -> Image.Image:
    """A soft black shadow: only alpha varies."""
    mask = Image.new("L", (300, 240), 0)
    ImageDraw.Draw(mask).rounded_rectangle((60, 60, 240, 180), 20, fill=180)
    image = Image.new("RGBA", mask.size, (0, 0, 0, 0))
    image.putalpha(mask.filter(ImageFilter.GaussianBlur(12)))
    return image
