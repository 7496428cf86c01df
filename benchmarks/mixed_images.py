"""Images of every kind that is commonly stored as PNG, drawn from a seed, for ``mixed.py``.

Each drawing is a function of a random generator that returns an image of mode L, RGB, LA or RGBA. Photographs are taken
from ``docs/images`` and, if there is a data folder, from those that no model was trained on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from images import HELD_OUT
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PARROTS = Path(__file__).parents[1] / "docs" / "images" / "parrots.png"
_TEXT = """
the image of a window and its pixels are known to be coded in order so that every step may use what stands
above left of it while nothing else is needed from file or network when it has been read again
"""
_WORDS = _TEXT.split()
_KEYWORDS = ("def", "return", "for", "in", "if", "else", "import", "class", "while", "yield")

Drawing = Callable[[Generator], Image.Image]


# Only the middle of each drawing is measured.
_LARGEST = (280, 200)


def mixed_images(seed: int = 0, data: Path | None = None) -> Iterator[tuple[str, Image.Image]]:
    """Yield names and images; a name starts with the kind of the image, and does not depend on the seed."""
    for drawing in _DRAWINGS:
        random = np.random.default_rng([seed, zlib.crc32(drawing.__name__.encode())])
        yield drawing.__name__.replace("_", "-"), _middle(drawing(random))
    if data is not None:
        photographs = sorted(path for path in (data / "train-natural").iterdir() if path.suffix == ".webp")[HELD_OUT]
        for path in photographs[seed % 5 :: 10]:
            with Image.open(path) as photograph:
                yield f"photograph-{path.stem}", _middle(photograph.convert("RGB"))


def _middle(image: Image.Image) -> Image.Image:
    """Crop the middle of an image, of at most _LARGEST pixels."""
    width, height = (min(a, b) for a, b in zip(image.size, _LARGEST, strict=True))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


# ---- Screens


def screenshot_desktop(random: Generator) -> Image.Image:
    """Windows with title bars, buttons, menus and text over a gradient."""
    image = _vertical_gradient(640, 400, (70, 100, 160), (20, 30, 60))
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        x, y = int(random.integers(0, 300)), int(random.integers(0, 180))
        _window(draw, random, x, y, int(random.integers(220, 320)), int(random.integers(140, 210)))
    draw.rectangle((0, 376, 640, 400), fill=(35, 38, 45))
    for k in range(6):
        draw.rounded_rectangle((6 + 34 * k, 380, 32 + 34 * k, 396), 4, fill=_colour(random))
    return image


def screenshot_code(random: Generator) -> Image.Image:
    """A dark editor: antialiased text in a few colours, line numbers, a caret line."""
    image = Image.new("RGB", (560, 420), (30, 30, 34))
    draw, font = ImageDraw.Draw(image), _font(12)
    draw.rectangle((0, 14 * 9, 560, 14 * 10), fill=(42, 42, 48))
    for line in range(30):
        draw.text((6, 14 * line), f"{line + 1:3}", font=font, fill=(110, 110, 120))
        x = 36 + 24 * int(random.integers(0, 3))
        for _ in range(int(random.integers(1, 8))):
            word = str(random.choice(_KEYWORDS if random.random() < 0.4 else _WORDS))
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
    draw.text((14, 10), "A page of the network", font=_font(18), fill=(255, 255, 255))
    image.paste(_photograph(random, 280, 200), (340, 60))
    _paragraph(draw, random, (16, 60, 320, 470), 13, (20, 20, 20))
    _paragraph(draw, random, (340, 276, 624, 470), 13, (20, 20, 20))
    return image


def screenshot_terminal(random: Generator) -> Image.Image:
    """Text of a bitmap font, not antialiased, in the sixteen colours of a terminal."""
    image = Image.new("RGB", (640, 360), (0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    font = ImageFont.load_default_imagefont()
    for line in range(30):
        text = " ".join(str(random.choice(_WORDS)) for _ in range(int(random.integers(2, 14))))
        draw.text((4, 12 * line), text, font=font, fill=tuple(int(v) for v in random.choice([0, 170, 255], 3)))
    return image


def screenshot_table(random: Generator) -> Image.Image:
    """A spreadsheet: grid lines, headings and numbers."""
    image = Image.new("RGB", (600, 400), (255, 255, 255))
    draw, font = ImageDraw.Draw(image), _font(11)
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
        draw.line(points, fill=_colour(random), width=2 * scale)
    image = image.resize((600, 380), Image.Resampling.BOX)
    draw = ImageDraw.Draw(image)
    for k in range(6):
        draw.text((14, 34 + 56 * k), f"{100 - 20 * k}", font=_font(11), fill=(60, 60, 60))
    return image


def chart_bars(random: Generator) -> Image.Image:
    """Bars in flat colours with labels, not antialiased except for the text."""
    image = Image.new("RGB", (480, 320), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    for k in range(9):
        height = int(random.integers(20, 260))
        draw.rectangle((30 + 48 * k, 290 - height, 66 + 48 * k, 290), fill=_colour(random), outline=(40, 40, 40))
        draw.text((36 + 48 * k, 296), str(random.choice(_WORDS))[:5], font=_font(10), fill=(0, 0, 0))
    return image


def chart_heat_map(random: Generator) -> Image.Image:
    """A smooth field through a colour map."""
    field = _field(random, 320, 400, 6)
    position = field[..., None] * np.array([1.0, 1.0, 1.0])
    colours = 255 * np.clip(1.5 - np.abs(4 * position - np.array([3.0, 2.0, 1.0])), 0, 1)
    return Image.fromarray(colours.astype(np.uint8))


# ---- Text and drawings


def text_antialiased(random: Generator) -> Image.Image:
    """A page of gray text."""
    image = Image.new("L", (480, 640), 255)
    _paragraph(ImageDraw.Draw(image), random, (20, 20, 460, 620), 14, 0)
    return image


def text_two_levels(random: Generator) -> Image.Image:
    """A page of black and white text, as fax machines send."""
    image = Image.new("L", (600, 700), 255)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    _paragraph(draw, random, (20, 20, 580, 680), 17, 0)
    return image


def text_scanned(random: Generator) -> Image.Image:
    """Text with paper, blur and sensor noise."""
    image = Image.new("L", (360, 420), 235)
    _paragraph(ImageDraw.Draw(image), random, (20, 20, 340, 400), 16, 30)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), np.float64)
    return Image.fromarray(np.clip(pixels + random.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8))


def text_subpixel(random: Generator) -> Image.Image:
    """Text whose three channels are shifted by thirds of a pixel, as on flat screens."""
    wide = Image.new("L", (3 * 480, 240), 255)
    _paragraph(ImageDraw.Draw(wide.resize((480, 240))), random, (8, 8, 470, 230), 14, 0)
    mask = Image.new("L", (480, 240), 255)
    _paragraph(ImageDraw.Draw(mask), random, (8, 8, 470, 230), 14, 0)
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
    return _enlarged(random.integers(0, 2, (45, 45)).astype(np.uint8) * 255, 7)


# ---- Maps


def map_of_regions(random: Generator) -> Image.Image:
    """Regions in flat colours with borders and names."""
    points = random.integers(0, 512, (40, 2))
    y, x = np.mgrid[:400, :512]
    wave = 12 * np.sin(x / 17) + 9 * np.cos(y / 13)
    distance = (x[..., None] + wave[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2
    nearest = distance.argmin(axis=2)
    colours = np.array([_colour(random) for _ in range(12)], np.uint8)[nearest % 12]
    border = np.zeros(nearest.shape, bool)
    border[:, 1:] |= nearest[:, 1:] != nearest[:, :-1]
    border[1:] |= nearest[1:] != nearest[:-1]
    colours[border] = (60, 60, 60)
    image = Image.fromarray(colours)
    draw = ImageDraw.Draw(image)
    for px, py in points[:15]:
        draw.text((int(px), int(py) * 400 // 512), str(random.choice(_WORDS)), font=_font(12), fill=(0, 0, 0))
    return image


def map_of_heights(random: Generator) -> Image.Image:
    """Coloured heights with contour lines."""
    height = _field(random, 400, 512, 7)
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


# ---- Palettes and pixel art


def dithered_colours_16(random: Generator) -> Image.Image:
    """A photograph in 16 colours, error diffused."""
    return _photograph(random, 320, 240).quantize(16).convert("RGB")


def dithered_colours_256(random: Generator) -> Image.Image:
    """A photograph in 256 colours, error diffused."""
    return _photograph(random, 320, 240).quantize(256).convert("RGB")


def dithered_two_levels(random: Generator) -> Image.Image:
    """A photograph in black and white, error diffused."""
    return _photograph(random, 320, 240).convert("1").convert("L")


def dithered_ordered(random: Generator) -> Image.Image:
    """A photograph in eight levels by a threshold matrix."""
    matrix = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) * 2
    pixels = np.asarray(_photograph(random, 320, 240).convert("L"), np.int64)
    level = np.clip((pixels + np.tile(matrix, (60, 80))) // 36, 0, 7)
    return Image.fromarray((level * 36).astype(np.uint8))


def posterised(random: Generator) -> Image.Image:
    """A photograph in six levels per channel."""
    pixels = np.asarray(_photograph(random, 320, 240), np.int64) // 43 * 51
    return Image.fromarray(pixels.astype(np.uint8))


def pixel_art_tiles(random: Generator) -> Image.Image:
    """A game map of sixteen 16 x 16 sprites."""
    colours = np.array([_colour(random) for _ in range(24)], np.uint8)
    sprites = colours[random.integers(0, 24, (16, 16, 16)) // (1 + np.arange(16)[:, None, None] % 4) % 24]
    layout = random.integers(0, 16, (18, 24))
    layout[random.random(layout.shape) < 0.5] = 3
    return Image.fromarray(sprites[layout].transpose(0, 2, 1, 3, 4).reshape(288, 384, 3))


def pixel_art_enlarged(random: Generator) -> Image.Image:
    """A symmetric figure of 40 x 40 pixels, eight times enlarged."""
    half = random.integers(0, 6, (40, 20))
    half[random.random(half.shape) < 0.5] = 0
    colours = np.array([_colour(random) for _ in range(6)], np.uint8)
    return _enlarged(colours[np.concatenate([half, half[:, ::-1]], axis=1)], 8)


def icon_small(random: Generator) -> Image.Image:
    """An icon of 32 x 32 pixels."""
    image = Image.new("RGB", (128, 128), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((8, 8, 120, 120), 24, fill=_colour(random))
    draw.ellipse((36, 36, 92, 92), fill=_colour(random))
    return image.resize((32, 32), Image.Resampling.BOX)


# ---- Patterns


def pattern_checks(random: Generator) -> Image.Image:
    """A check of 8 pixels in two colours."""
    y, x = np.mgrid[:300, :400]
    return Image.fromarray(np.array([_colour(random), _colour(random)], np.uint8)[(y // 8 + x // 8) % 2])


def pattern_texture(random: Generator) -> Image.Image:
    """A patch of noise, repeated."""
    return Image.fromarray(np.tile(random.integers(0, 256, (48, 64, 3), np.uint8), (7, 7, 1)))


def pattern_photograph(random: Generator) -> Image.Image:
    """A photograph of 96 x 64 pixels, repeated with every second row shifted."""
    patch = np.asarray(_photograph(random, 96, 64))
    rows = [np.roll(np.tile(patch, (1, 5, 1)), 48 * (k % 2), axis=1) for k in range(5)]
    return Image.fromarray(np.concatenate(rows))


def pattern_weave(random: Generator) -> Image.Image:
    """A smooth periodic pattern whose period is not a whole number of pixels."""
    y, x = np.mgrid[:320, :320]
    wave = np.sin(x / 3.7) * np.cos(y / 5.3) + np.sin((x + y) / 7.1)
    return Image.fromarray(np.stack([128 + 50 * wave, 128 + 30 * wave, 100 - 40 * wave], -1).astype(np.uint8))


# ---- Gradients, flat areas, noise


def gradient_horizontal(random: Generator) -> Image.Image:
    """A gradient between two colours."""
    image = _vertical_gradient(300, 512, _colour(random), _colour(random))
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
    return Image.new("RGB", (640, 480), _colour(random))


def constant_pixel(random: Generator) -> Image.Image:
    """One pixel."""
    return Image.new("RGB", (1, 1), _colour(random))


def nearly_constant(random: Generator) -> Image.Image:
    """One gray level except for five pixels."""
    pixels = np.full((400, 600), 240, np.uint8)
    pixels[random.integers(0, 400, 5), random.integers(0, 600, 5)] = 17
    return Image.fromarray(pixels)


def logo_on_white(random: Generator) -> Image.Image:
    """A few letters on a large white page."""
    image = Image.new("RGB", (800, 600), (255, 255, 255))
    ImageDraw.Draw(image).text((300, 260), "nelloc", font=_font(48), fill=_colour(random))
    return image


def mask_of_blobs(random: Generator) -> Image.Image:
    """A segmentation: blobs of four labels."""
    return Image.fromarray((np.clip(_field(random, 360, 480, 5) * 5, 0, 3).astype(np.uint8)) * 60)


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


# ---- Photographs, plain and treated


def photograph(random: Generator) -> Image.Image:
    """A part of a photograph."""
    return _photograph(random, 360, 280)


def photograph_gray(random: Generator) -> Image.Image:
    """A part of a photograph in gray."""
    return _photograph(random, 360, 280).convert("L")


def photograph_gray_as_colours(random: Generator) -> Image.Image:
    """A gray photograph in three equal channels."""
    return _photograph(random, 320, 240).convert("L").convert("RGB")


def photograph_enlarged(random: Generator) -> Image.Image:
    """A part of a photograph, each pixel repeated 3 x 3 times."""
    return _enlarged(np.asarray(_photograph(random, 120, 90)), 3)


def photograph_interpolated(random: Generator) -> Image.Image:
    """A part of a photograph, enlarged 2.5 times with interpolation."""
    return _photograph(random, 128, 96).resize((320, 240), Image.Resampling.BICUBIC)


def photograph_of_few_levels(random: Generator) -> Image.Image:
    """A photograph whose contrast was stretched, so that many levels are missing."""
    pixels = np.asarray(_photograph(random, 320, 240), np.int64)
    return Image.fromarray((np.clip(pixels // 2 * 3 - 60, 0, 255)).astype(np.uint8))


def photograph_framed(random: Generator) -> Image.Image:
    """A photograph within a wide flat frame."""
    image = Image.new("RGB", (560, 440), (245, 245, 240))
    image.paste(_photograph(random, 256, 200), (152, 110))
    return image


# ---- With alpha


def alpha_icon(random: Generator) -> Image.Image:
    """An antialiased icon on transparent ground, whose colours continue below alpha 0."""
    image = Image.new("RGBA", (512, 512), (*_colour(random), 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 40, 470, 470), fill=(*_colour(random), 255))
    draw.rectangle((180, 180, 330, 330), fill=(*_colour(random), 160))
    return image.resize((128, 128), Image.Resampling.BOX)


def alpha_text(random: Generator) -> Image.Image:
    """Gray text with alpha."""
    image = Image.new("LA", (400, 200), (0, 0))
    mask = Image.new("L", image.size, 0)
    _paragraph(ImageDraw.Draw(mask), random, (8, 8, 392, 192), 15, 255)
    image.putalpha(mask)
    return image


def alpha_photograph(random: Generator) -> Image.Image:
    """A photograph cut out with a soft edge; hidden pixels are black."""
    image, y, x = _photograph(random, 280, 220), *np.mgrid[:220, :280]
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


_DRAWINGS: tuple[Drawing, ...] = tuple(
    value
    for name, value in list(globals().items())
    if callable(value)
    and not name.startswith("_")
    and getattr(value, "__module__", None) == __name__
    and name != "mixed_images"
)


# ---- Parts


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _colour(random: Generator) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in random.integers(0, 256, 3))
    return red, green, blue


def _paragraph(draw: ImageDraw.ImageDraw, random: Generator, box: tuple[int, int, int, int], size: int, fill) -> None:
    """Fill a box with words."""
    left, top, right, bottom = box
    font = _font(size)
    x, y = left, top
    while y + size < bottom:
        word = str(random.choice(_WORDS)) + " "
        length = int(draw.textlength(word, font=font))
        if x + length > right:
            x, y = left, y + size * 4 // 3
            continue
        draw.text((x, y), word, font=font, fill=fill)
        x += length


def _window(draw: ImageDraw.ImageDraw, random: Generator, x: int, y: int, width: int, height: int) -> None:
    draw.rectangle((x, y, x + width, y + height), fill=(240, 240, 240), outline=(90, 90, 90))
    draw.rectangle((x + 1, y + 1, x + width - 1, y + 18), fill=(60, 90, 150))
    draw.text((x + 6, y + 3), str(random.choice(_WORDS)), font=_font(11), fill=(255, 255, 255))
    _paragraph(draw, random, (x + 8, y + 26, x + width - 8, y + height - 30), 11, (10, 10, 10))
    for k in range(2):
        left = x + width - 70 * (k + 1)
        draw.rounded_rectangle(
            (left, y + height - 24, left + 60, y + height - 6), 3, fill=(225, 225, 225), outline=(120, 120, 120)
        )
        draw.text((left + 14, y + height - 21), "OK" if k else "Cancel"[:5], font=_font(10), fill=(0, 0, 0))


def _vertical_gradient(width: int, height: int, top, bottom) -> Image.Image:
    ramp = np.linspace(0, 1, height)[:, None, None]
    colours = (1 - ramp) * np.array(top) + ramp * np.array(bottom)
    return Image.fromarray(np.broadcast_to(colours, (height, width, 3)).astype(np.uint8))


def _photograph(random: Generator, width: int, height: int) -> Image.Image:
    with Image.open(PARROTS) as photograph:
        x = int(random.integers(0, photograph.width - width + 1))
        y = int(random.integers(0, photograph.height - height + 1))
        return photograph.convert("RGB").crop((x, y, x + width, y + height))


def _enlarged(pixels: NDArray[np.uint8], times: int) -> Image.Image:
    return Image.fromarray(pixels.repeat(times, axis=0).repeat(times, axis=1))


def _field(random: Generator, height: int, width: int, waves: int) -> NDArray[np.float64]:
    """A smooth field in 0..1."""
    y, x = np.mgrid[:height, :width]
    field = np.zeros((height, width))
    for _ in range(waves):
        a, b = random.normal(0, 0.02, 2)
        field += np.sin(a * x + b * y + random.uniform(0, 6))
    return (field - field.min()) / (np.ptp(field) + 1e-9) * 0.999
