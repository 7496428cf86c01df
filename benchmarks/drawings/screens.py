"""Drawings of screens and charts."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from drawings.parts import WORDS, colour_of, paragraph, photograph_part, smooth_field, text_font, vertical_gradient

_KEYWORDS = ("def", "return", "for", "in", "if", "else", "import", "class", "while", "yield")


def screenshot_desktop(random: Generator) -> Image.Image:
    """Windows with title bars, buttons, menus and text over a gradient."""
    image = vertical_gradient(640, 400, (70, 100, 160), (20, 30, 60))
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        x, y = int(random.integers(0, 300)), int(random.integers(0, 180))
        _window(draw, random, x, y, int(random.integers(220, 320)), int(random.integers(140, 210)))
    draw.rectangle((0, 376, 640, 400), fill=(35, 38, 45))
    for k in range(6):
        draw.rounded_rectangle((6 + 34 * k, 380, 32 + 34 * k, 396), 4, fill=colour_of(random))
    return image


def screenshot_code(random: Generator) -> Image.Image:
    """A dark editor: antialiased text in a few colours, line numbers, a caret line."""
    image = Image.new("RGB", (560, 420), (30, 30, 34))
    draw, font = ImageDraw.Draw(image), text_font(12)
    draw.rectangle((0, 14 * 9, 560, 14 * 10), fill=(42, 42, 48))
    for line in range(30):
        draw.text((6, 14 * line), f"{line + 1:3}", font=font, fill=(110, 110, 120))
        x = 36 + 24 * int(random.integers(0, 3))
        for _ in range(int(random.integers(1, 8))):
            word = str(random.choice(_KEYWORDS if random.random() < 0.4 else WORDS))
            colour = (
                (200, 120, 220) if word in _KEYWORDS else (152, 195, 121) if random.random() < 0.3 else (212, 212, 212)
            )
            draw.text((x, 14 * line), word, font=font, fill=colour)
            x += int(draw.textlength(word + " ", font=font))
    return image


def screenshot_page_with_photograph(random: Generator) -> Image.Image:
    """A page of text with a photograph and an icon bar."""
    image = Image.new("RGB", (640, 480), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 640, 40), fill=(28, 90, 160))
    draw.text((14, 10), "A page of the network", font=text_font(18), fill=(255, 255, 255))
    image.paste(photograph_part(random, 280, 200), (340, 60))
    paragraph(draw, random, (16, 60, 320, 470), 13, (20, 20, 20))
    paragraph(draw, random, (340, 276, 624, 470), 13, (20, 20, 20))
    return image


def screenshot_terminal(random: Generator) -> Image.Image:
    """Text of a bitmap font, not antialiased, in the sixteen colours of a terminal."""
    image = Image.new("RGB", (640, 360), (0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    font = ImageFont.load_default_imagefont()
    for line in range(30):
        text = " ".join(str(random.choice(WORDS)) for _ in range(int(random.integers(2, 14))))
        draw.text((4, 12 * line), text, font=font, fill=tuple(int(v) for v in random.choice([0, 170, 255], 3)))
    return image


def screenshot_table(random: Generator) -> Image.Image:
    """A spreadsheet: grid lines, headings and numbers."""
    image = Image.new("RGB", (600, 400), (255, 255, 255))
    draw, font = ImageDraw.Draw(image), text_font(11)
    draw.rectangle((0, 0, 600, 18), fill=(230, 232, 236))
    for row in range(22):
        for column in range(8):
            draw.text((75 * column + 6, 18 * row + 3), f"{random.normal() * 100:.2f}", font=font, fill=(0, 0, 0))
        draw.line((0, 18 * row, 600, 18 * row), fill=(200, 200, 205))
    for column in range(9):
        draw.line((75 * column, 0, 75 * column, 400), fill=(200, 200, 205))
    return image


def chart_lines(random: Generator) -> Image.Image:
    """A plot of antialiased curves with axes, ticks and a legend."""
    scale = 3
    image = Image.new("RGB", (600 * scale, 380 * scale), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for k in range(6):
        draw.line(
            (50 * scale, (40 + 56 * k) * scale, 580 * scale, (40 + 56 * k) * scale), fill=(225, 225, 225), width=scale
        )
    for _ in range(4):
        steps = np.cumsum(random.normal(0, 6, 107)) + 190
        points = [((50 + 5 * n) * scale, float(y) * scale) for n, y in enumerate(steps)]
        draw.line(points, fill=colour_of(random), width=2 * scale)
    image = image.resize((600, 380), Image.Resampling.BOX)
    draw = ImageDraw.Draw(image)
    for k in range(6):
        draw.text((14, 34 + 56 * k), f"{100 - 20 * k}", font=text_font(11), fill=(60, 60, 60))
    return image


def chart_bars(random: Generator) -> Image.Image:
    """Bars in flat colours with labels, not antialiased except for the text."""
    image = Image.new("RGB", (480, 320), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    for k in range(9):
        height = int(random.integers(20, 260))
        draw.rectangle((30 + 48 * k, 290 - height, 66 + 48 * k, 290), fill=colour_of(random), outline=(40, 40, 40))
        draw.text((36 + 48 * k, 296), str(random.choice(WORDS))[:5], font=text_font(10), fill=(0, 0, 0))
    return image


def chart_heat_map(random: Generator) -> Image.Image:
    """A smooth field through a colour map."""
    field = smooth_field(random, 320, 400, 6)
    position = field[..., None] * np.array([1.0, 1.0, 1.0])
    colours = 255 * np.clip(1.5 - np.abs(4 * position - np.array([3.0, 2.0, 1.0])), 0, 1)
    return Image.fromarray(colours.astype(np.uint8))


def _window(draw: ImageDraw.ImageDraw, random: Generator, x: int, y: int, width: int, height: int) -> None:
    draw.rectangle((x, y, x + width, y + height), fill=(240, 240, 240), outline=(90, 90, 90))
    draw.rectangle((x + 1, y + 1, x + width - 1, y + 18), fill=(60, 90, 150))
    draw.text((x + 6, y + 3), str(random.choice(WORDS)), font=text_font(11), fill=(255, 255, 255))
    paragraph(draw, random, (x + 8, y + 26, x + width - 8, y + height - 30), 11, (10, 10, 10))
    for k in range(2):
        left = x + width - 70 * (k + 1)
        draw.rounded_rectangle(
            (left, y + height - 24, left + 60, y + height - 6), 3, fill=(225, 225, 225), outline=(120, 120, 120)
        )
        draw.text((left + 14, y + height - 21), "OK" if k else "Cancel"[:5], font=text_font(10), fill=(0, 0, 0))
