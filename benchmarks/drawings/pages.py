"""Drawings of pages: text, lines, music, bar codes and maps."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from drawings.parts import WORDS, colour_of, enlarged, paragraph, smooth_field, text_font


def text_antialiased(random: Generator) -> Image.Image:
    """A page of gray text."""
    image = Image.new("L", (480, 640), 255)
    paragraph(ImageDraw.Draw(image), random, (20, 20, 460, 620), 14, 0)
    return image


def text_two_levels(random: Generator) -> Image.Image:
    """A page of black and white text, as fax machines send."""
    image = Image.new("L", (600, 700), 255)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    paragraph(draw, random, (20, 20, 580, 680), 17, 0)
    return image


def text_scanned(random: Generator) -> Image.Image:
    """Text with paper, blur and sensor noise."""
    image = Image.new("L", (360, 420), 235)
    paragraph(ImageDraw.Draw(image), random, (20, 20, 340, 400), 16, 30)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), np.float64)
    return Image.fromarray(np.clip(pixels + random.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8))


def text_subpixel(random: Generator) -> Image.Image:
    """Text whose three channels are shifted by thirds of a pixel, as on flat screens."""
    wide = Image.new("L", (3 * 480, 240), 255)
    paragraph(ImageDraw.Draw(wide.resize((480, 240))), random, (8, 8, 470, 230), 14, 0)
    mask = Image.new("L", (480, 240), 255)
    paragraph(ImageDraw.Draw(mask), random, (8, 8, 470, 230), 14, 0)
    wide = mask.resize((3 * 480, 240), Image.Resampling.BILINEAR)
    return Image.fromarray(np.asarray(wide).reshape(240, 480, 3).copy())


def line_drawing_sharp(random: Generator) -> Image.Image:
    """Lines and ellipses of one pixel, black on white."""
    image = Image.new("L", (500, 400), 255)
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        a, b, c, d = (int(v) for v in random.integers(0, 400, 4))
        if random.random() < 0.5:
            draw.line((a, b, c, d), fill=0)
        else:
            draw.ellipse((min(a, c), min(b, d), max(a, c), max(b, d)), outline=0)
    return image


def line_drawing_antialiased(random: Generator) -> Image.Image:
    """Lines and ellipses, drawn four times as large and averaged."""
    image = Image.new("L", (1600, 1280), 255)
    draw = ImageDraw.Draw(image)
    for _ in range(30):
        a, b, c, d = (int(v) for v in random.integers(0, 1280, 4))
        if random.random() < 0.5:
            draw.line((a, b, c, d), fill=0, width=5)
        else:
            draw.ellipse((min(a, c), min(b, d), max(a, c), max(b, d)), outline=0, width=5)
    return image.resize((400, 320), Image.Resampling.BOX)


def sheet_music(random: Generator) -> Image.Image:
    """Staves with notes, two levels."""
    image = Image.new("L", (560, 420), 255)
    draw = ImageDraw.Draw(image)
    for staff in range(6):
        top = 20 + 66 * staff
        for line in range(5):
            draw.line((20, top + 8 * line, 540, top + 8 * line), fill=0)
        for x in range(40, 530, 24):
            y = top + 4 * int(random.integers(0, 9))
            draw.ellipse((x, y - 3, x + 9, y + 4), fill=0 if random.random() < 0.7 else 255, outline=0)
            draw.line((x + 9, y, x + 9, y - 24), fill=0)
    return image


def bar_code(random: Generator) -> Image.Image:
    """Random black and white modules of 7 pixels."""
    return enlarged(random.integers(0, 2, (45, 45)).astype(np.uint8) * 255, 7)


def map_of_regions(random: Generator) -> Image.Image:
    """Regions in flat colours with borders and names."""
    points = random.integers(0, 512, (40, 2))
    y, x = np.mgrid[:400, :512]
    wave = 12 * np.sin(x / 17) + 9 * np.cos(y / 13)
    distance = (x[..., None] + wave[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2
    nearest = distance.argmin(axis=2)
    colours = np.array([colour_of(random) for _ in range(12)], np.uint8)[nearest % 12]
    border = np.zeros(nearest.shape, bool)
    border[:, 1:] |= nearest[:, 1:] != nearest[:, :-1]
    border[1:] |= nearest[1:] != nearest[:-1]
    colours[border] = (60, 60, 60)
    image = Image.fromarray(colours)
    draw = ImageDraw.Draw(image)
    for px, py in points[:15]:
        draw.text((int(px), int(py) * 400 // 512), str(random.choice(WORDS)), font=text_font(12), fill=(0, 0, 0))
    return image


def map_of_heights(random: Generator) -> Image.Image:
    """Coloured heights with contour lines."""
    height = smooth_field(random, 400, 512, 7)
    band = (height * 14).astype(int)
    colours = np.stack([40 + 14 * band, 120 + 8 * band, 60 + 6 * band], axis=-1).astype(np.uint8)
    edge = np.zeros(band.shape, bool)
    edge[:, 1:] |= band[:, 1:] != band[:, :-1]
    edge[1:] |= band[1:] != band[:-1]
    colours[edge] = (120, 80, 40)
    return Image.fromarray(colours)


def map_of_streets(random: Generator) -> Image.Image:
    """Antialiased streets with casings over parks and water."""
    image = Image.new("RGB", (1536, 1152), (242, 239, 233))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = (int(v) for v in random.integers(0, 1152, 2))
        draw.ellipse((x, y, x + 300, y + 200), fill=(200, 230, 190) if random.random() < 0.6 else (170, 211, 223))
    ends = [tuple(int(v) for v in random.integers(-200, 1700, 4)) for _ in range(26)]
    for width, colour in ((22, (190, 180, 170)), (16, (255, 255, 255))):
        for end in ends:
            draw.line(end, fill=colour, width=width)
    return image.resize((512, 384), Image.Resampling.BOX)
