"""From pixels back to coefficients."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from past_pictures import SAMPLINGS
from PIL import Image
from PIL.JpegPresets import presets

from nelloc.codec.past import tables
from nelloc.codec.past.coefficients import Component, JpegCoefficients, block_shapes
from nelloc.codec.past.decode import decode
from nelloc.codec.past.detect import find_grid, was_jpeg
from nelloc.codec.past.inversion import Inversion, Sampling
from nelloc.codec.past.invert import invert
from nelloc.codec.past.pixels import pack_section
from nelloc.codec.past.worth import exact_blocks
from nelloc.exact import native

pytestmark = pytest.mark.skipif(native.missing() is not None, reason="the compiled core is not built")
_FREQUENCY = np.add.outer(np.arange(8), np.arange(8)).ravel()


def legal_picture(seed: int, quality: int, sampling: tuple[int, int] | None) -> JpegCoefficients:
    """Random coefficients whose samples are not clipped, in whole units."""
    rng = np.random.default_rng(seed)
    factors = [sampling, (1, 1), (1, 1)] if sampling else [(1, 1)]
    components = []
    shapes = block_shapes(160, 128, factors)
    for number, ((h, v), shape) in enumerate(zip(factors, shapes, strict=True)):
        table = tables.standard_table(tables.CHROMA if number else tables.LUMA, quality)
        numbers = rng.laplace(size=(*shape, 64)) * (12 if number else 30) / (1 + _FREQUENCY**1.4)
        numbers[..., 0] = rng.uniform(-100, 100, shape) / (2 if number else 1)
        components.append(Component(h, v, table, np.round(numbers / table).astype(np.int16)))
    return JpegCoefficients(160, 128, tuple(components))


@pytest.mark.parametrize("sampling", [s for s in SAMPLINGS if s != (4, 1)])
@pytest.mark.parametrize("quality", [50, 75, 88])
def test_decoded_coefficients_are_found(quality, sampling):
    """Forward model, then inverter: the same pixels."""
    pixels = decode(legal_picture(quality, quality, sampling))
    found = invert(pixels)
    assert found is not None
    assert np.array_equal(found.pixels, pixels)


@pytest.mark.parametrize("sampling", [(1, 1), (2, 2)])
def test_fine_tables_need_a_search(sampling):
    pixels = decode(legal_picture(3, 95, sampling))
    found = invert(pixels)
    assert found is not None
    assert exact_blocks(pixels, found.pixels)[0] > 0.98


@pytest.mark.parametrize(("quality", "least"), [(60, 0.995), (85, 0.995), (94, 0.98)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_blocks_that_the_edge_cuts(quality, least, subsampling):
    """The border of a picture whose sides are no multiples of 8, by Pillow's encoder, is found like the rest."""
    file = io.BytesIO()
    parrots = Image.open(Path(__file__).parents[3] / "docs/images/parrots.png").convert("RGB").crop((0, 0, 205, 171))
    parrots.save(file, "JPEG", quality=quality, subsampling=subsampling)
    pixels = np.ascontiguousarray(np.asarray(Image.open(file)).transpose(2, 0, 1))
    found = invert(pixels)
    assert found is not None
    assert exact_blocks(pixels, found.pixels)[1] >= least
    wrong = (found.pixels != pixels).any(axis=0)
    assert wrong[:, 200:].mean() < 0.1
    assert wrong[168:].mean() < 0.1


# Tables that are no scaled examples of the JPEG standard: Photoshop's, which Pillow has, and some that rise steadily.
SLOPING = [[rise * (2 + v + u) for v in range(8) for u in range(8)] for rise in (1, 2)]
TABLES = {"sloping": SLOPING} | {name: own["quantization"] for name, own in presets.items()}


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("name", ["sloping", "web_medium", "web_high"])
def test_tables_of_any_encoder_are_found(name, subsampling):
    """The blocks that they make are nearly all found, in fewer bytes than the JPEG file has."""
    file = io.BytesIO()
    parrots = Image.open(Path(__file__).parents[3] / "docs/images/parrots.png").convert("RGB")
    parrots.save(file, "JPEG", qtables=TABLES[name], subsampling=subsampling)
    pixels = np.ascontiguousarray(np.asarray(Image.open(file)).transpose(2, 0, 1))
    found = invert(pixels)
    assert found is not None
    assert exact_blocks(pixels, found.pixels)[1] > 0.98
    assert len(pack_section(found)) < 0.8 * len(file.getvalue())
    luma = found.image.components[0]
    often = np.count_nonzero(luma.coefficients.reshape(-1, 64), axis=0) > 8
    assert often.sum() > 15
    assert np.array_equal(luma.quantisation[often], np.array(Image.open(file).quantization[0])[often])


@pytest.mark.parametrize("top", [0, 3, 9])
def test_grid_of_a_crop(top):
    pixels = decode(legal_picture(4, 70, (2, 2)))[:, top:, 2 * top :]
    assert find_grid(pixels[1], pixels[1])[:2] == (top % 8, 2 * top % 8)


@pytest.mark.parametrize(("top", "left"), [(8, 0), (0, 8), (24, 8)])
@pytest.mark.parametrize("sampling", [(2, 1), (2, 2)])
def test_crops_by_blocks_of_luma_that_cut_those_of_chroma(sampling, top, left):
    """The grid of luma is at the corner then, and that of units, of two blocks of luma, is not."""
    pixels = decode(legal_picture(5, 75, sampling))[:, top:, left:]
    found = invert(pixels)
    assert found is not None
    assert (found.top, found.left) == (top % (8 * sampling[1]), left % (8 * sampling[0]))
    assert np.array_equal(found.pixels[:, 16:, 16:], pixels[:, 16:, 16:])


def test_the_sampling_of_a_large_crop_is_that_of_its_middle(monkeypatch):
    file = io.BytesIO()
    image = Image.open(Path(__file__).parents[3] / "docs/images/parrots.png").convert("RGB")
    image.save(file, "JPEG", quality=85, subsampling=2)
    pixels = np.ascontiguousarray(np.asarray(Image.open(file)).transpose(2, 0, 1)[:, 5:, 11:])
    tried = []
    with_chroma = Inversion.with_chroma
    monkeypatch.setattr(
        Inversion,
        "with_chroma",
        lambda self, way, **more: tried.append((self._pixels.shape, way)) or with_chroma(self, way, **more),
    )
    found = invert(pixels)
    assert found is not None
    assert [way for shape, way in tried if shape == pixels.shape] == [Sampling(2, 2, 5, 11)]


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_crops_of_the_finest_tables(subsampling):
    """Grid and sampling of a cropping at quality 98, of which a search finds most blocks."""
    file = io.BytesIO()
    parrots = Image.open(Path(__file__).parents[3] / "docs/images/parrots.png").convert("RGB").crop((0, 0, 256, 192))
    parrots.save(file, "JPEG", quality=98, subsampling=subsampling)
    pixels = np.ascontiguousarray(np.asarray(Image.open(file)).transpose(2, 0, 1)[:, 5:-6, 3:-9])
    found = invert(pixels)
    assert found is not None
    assert (found.top % 8, found.left % 8) == (5, 3)
    luma = found.image.components[0]
    assert (luma.h, luma.v) == [(1, 1), (2, 1), (2, 2)][subsampling]


def test_same_result_again():
    pixels = decode(legal_picture(5, 95, (2, 1)))
    one, other = invert(pixels), invert(pixels.copy())
    assert one is not None
    assert other is not None
    for a, b in zip(one.image.components, other.image.components, strict=True):
        assert np.array_equal(a.coefficients, b.coefficients)


def test_pictures_of_other_kinds_have_no_such_past():
    rng = np.random.default_rng(6)
    y, x = np.mgrid[:200, :200]
    smooth = np.stack([120 + 60 * np.sin(x / (9 + k)) + 40 * np.cos(y / (7 - k)) for k in range(3)])
    noisy = np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)
    screen = np.repeat(np.repeat(rng.integers(0, 256, (3, 25, 25)), 8, axis=1), 8, axis=2).astype(np.uint8)
    for picture in (noisy, screen, smooth.astype(np.uint8), rng.integers(0, 256, (3, 64, 64)).astype(np.uint8)):
        assert not was_jpeg(picture)
        assert invert(picture) is None
    for picture in (noisy, smooth.astype(np.uint8)):
        assert invert(picture[:1]) is None
    assert invert(np.zeros((3, 1, 1), np.uint8)) is None
    assert invert(np.full((1, 40, 40), 7, np.uint8)) is None


def test_drawings_whose_colours_happen_to_be_such():
    """Few colours prove nothing, however many pixels have them."""
    rng = np.random.default_rng(8)
    few = np.ascontiguousarray(decode(legal_picture(8, 90, (1, 1))).reshape(3, -1)[:, :20])
    assert not was_jpeg(few[:, rng.integers(0, 20, (100, 100))])


def test_effort_decides_how_long_is_searched():
    """Low efforts search for nothing, and find fewer blocks; high ones search longer, and find no fewer."""
    pixels = decode(legal_picture(9, 97, (2, 2)))
    shares, turns = [], []
    for effort in (1, 5, 7):
        count = 0

        def turn() -> None:
            nonlocal count
            count += 1

        found = invert(pixels, turn, effort)
        assert found is not None
        shares.append(exact_blocks(pixels, found.pixels)[0])
        turns.append(count)
    assert shares[0] < shares[1] <= shares[2]
    assert turns[0] < turns[1] <= turns[2]


def test_stops_when_told():
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        invert(decode(legal_picture(7, 80, (1, 1))), stop)
