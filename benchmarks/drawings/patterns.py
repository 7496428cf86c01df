"""Drawings of few colours, of patterns, gradients, flat areas and noise."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from drawings.parts import colour_of, enlarged, photograph_part, smooth_field, text_font, vertical_gradient


def dithered_colours_16(random: Generator) -> Image.Image:
    """A photograph in 16 colours, error diffused."""
    return photograph_part(random, 320, 240).quantize(16).convert("RGB")


def dithered_colours_256(random: Generator) -> Image.Image:
    """A photograph in 256 colours, error diffused."""
    return photograph_part(random, 320, 240).quantize(256).convert("RGB")


def dithered_two_levels(random: Generator) -> Image.Image:
    """A photograph in black and white, error diffused."""
    return photograph_part(random, 320, 240).convert("1").convert("L")


def dithered_ordered(random: Generator) -> Image.Image:
    """A photograph in eight levels by a threshold matrix."""
    matrix = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) * 2
    pixels = np.asarray(photograph_part(random, 320, 240).convert("L"), np.int64)
    level = np.clip((pixels + np.tile(matrix, (60, 80))) // 36, 0, 7)
    return Image.fromarray((level * 36).astype(np.uint8))


def posterised(random: Generator) -> Image.Image:
    """A photograph in six levels per channel."""
    pixels = np.asarray(photograph_part(random, 320, 240), np.int64) // 43 * 51
    return Image.fromarray(pixels.astype(np.uint8))


def pixel_art_tiles(random: Generator) -> Image.Image:
    """A game map of sixteen 16 x 16 sprites."""
    colours = np.array([colour_of(random) for _ in range(24)], np.uint8)
    sprites = colours[random.integers(0, 24, (16, 16, 16)) // (1 + np.arange(16)[:, None, None] % 4) % 24]
    layout = random.integers(0, 16, (18, 24))
    layout[random.random(layout.shape) < 0.5] = 3
    return Image.fromarray(sprites[layout].transpose(0, 2, 1, 3, 4).reshape(288, 384, 3))


def pixel_art_enlarged(random: Generator) -> Image.Image:
    """A symmetric figure of 40 x 40 pixels, eight times enlarged."""
    half = random.integers(0, 6, (40, 20))
    half[random.random(half.shape) < 0.5] = 0
    colours = np.array([colour_of(random) for _ in range(6)], np.uint8)
    return enlarged(colours[np.concatenate([half, half[:, ::-1]], axis=1)], 8)


def icon_small(random: Generator) -> Image.Image:
    """An icon of 32 x 32 pixels."""
    image = Image.new("RGB", (128, 128), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((8, 8, 120, 120), 24, fill=colour_of(random))
    draw.ellipse((36, 36, 92, 92), fill=colour_of(random))
    return image.resize((32, 32), Image.Resampling.BOX)


def pattern_checks(random: Generator) -> Image.Image:
    """A check of 8 pixels in two colours."""
    y, x = np.mgrid[:300, :400]
    return Image.fromarray(np.array([colour_of(random), colour_of(random)], np.uint8)[(y // 8 + x // 8) % 2])


def pattern_texture(random: Generator) -> Image.Image:
    """A patch of noise, repeated."""
    return Image.fromarray(np.tile(random.integers(0, 256, (48, 64, 3), np.uint8), (7, 7, 1)))


def pattern_photograph(random: Generator) -> Image.Image:
    """A photograph of 96 x 64 pixels, repeated with every second row shifted."""
    patch = np.asarray(photograph_part(random, 96, 64))
    rows = [np.roll(np.tile(patch, (1, 5, 1)), 48 * (k % 2), axis=1) for k in range(5)]
    return Image.fromarray(np.concatenate(rows))


def pattern_weave(random: Generator) -> Image.Image:
    """A smooth periodic pattern whose period is not a whole number of pixels."""
    y, x = np.mgrid[:320, :320]
    wave = np.sin(x / 3.7) * np.cos(y / 5.3) + np.sin((x + y) / 7.1)
    return Image.fromarray(np.stack([128 + 50 * wave, 128 + 30 * wave, 100 - 40 * wave], -1).astype(np.uint8))


def gradient_horizontal(random: Generator) -> Image.Image:
    """A gradient between two colours."""
    image = vertical_gradient(300, 512, colour_of(random), colour_of(random))
    return image.transpose(Image.Transpose.ROTATE_90)


def gradient_radial(random: Generator) -> Image.Image:
    """Distance from a point, gray."""
    y, x = np.mgrid[:360, :480]
    distance = np.hypot(x - random.integers(100, 380), y - random.integers(100, 260))
    return Image.fromarray(np.clip(distance * 0.6, 0, 255).astype(np.uint8))


def gradient_hues(random: Generator) -> Image.Image:
    """All hues in all saturations."""
    y, x = np.mgrid[:256, :360]
    hsv = np.stack([x * 255 // 360, y, np.full_like(x, 230)], -1).astype(np.uint8)
    return Image.merge("HSV", [Image.fromarray(hsv[..., k].copy()) for k in range(3)]).convert("RGB")


def gradient_dithered(random: Generator) -> Image.Image:
    """A diagonal gradient with noise of one level, as renderers add against banding."""
    y, x = np.mgrid[:320, :400]
    ramp = (x * 0.21 + y * 0.17)[..., None] * np.array([1.0, 0.8, 0.6]) + 30
    return Image.fromarray((ramp + random.random(ramp.shape)).astype(np.uint8))


def constant_colour(random: Generator) -> Image.Image:
    """One colour."""
    return Image.new("RGB", (640, 480), colour_of(random))


def constant_pixel(random: Generator) -> Image.Image:
    """One pixel."""
    return Image.new("RGB", (1, 1), colour_of(random))


def nearly_constant(random: Generator) -> Image.Image:
    """One gray level except for five pixels."""
    pixels = np.full((400, 600), 240, np.uint8)
    pixels[random.integers(0, 400, 5), random.integers(0, 600, 5)] = 17
    return Image.fromarray(pixels)


def logo_on_white(random: Generator) -> Image.Image:
    """A few letters on a large white page."""
    image = Image.new("RGB", (800, 600), (255, 255, 255))
    ImageDraw.Draw(image).text((300, 260), "nelloc", font=text_font(48), fill=colour_of(random))
    return image


def mask_of_blobs(random: Generator) -> Image.Image:
    """A segmentation: blobs of four labels."""
    return Image.fromarray((np.clip(smooth_field(random, 360, 480, 5) * 5, 0, 3).astype(np.uint8)) * 60)


def noise_uniform(random: Generator) -> Image.Image:
    """Every sample at random."""
    return Image.fromarray(random.integers(0, 256, (160, 200, 3), np.uint8))


def noise_gray(random: Generator) -> Image.Image:
    """Every gray level at random."""
    return Image.fromarray(random.integers(0, 256, (200, 240), np.uint8))


def noise_two_levels(random: Generator) -> Image.Image:
    """Black or white at random."""
    return Image.fromarray(random.integers(0, 2, (240, 320)).astype(np.uint8) * 255)


def noise_limited(random: Generator) -> Image.Image:
    """Samples 0 to 99 at random."""
    return Image.fromarray(random.integers(0, 100, (200, 240, 3), np.uint8))


def noise_normal(random: Generator) -> Image.Image:
    """Normal noise about mid-gray."""
    return Image.fromarray(np.clip(random.normal(128, 12, (200, 240, 3)), 0, 255).astype(np.uint8))
