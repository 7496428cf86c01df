"""The cheap look: photographs are told from what is none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import nelloc
from nelloc.codec.adaptive import classify
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.adaptive.stream import all_settings, encode
from nelloc.codec.tiling import tiles

PARROTS = Path(__file__).parents[3] / "docs" / "images" / "parrots.png"


def planes(image):
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def photograph():
    return Image.open(PARROTS).crop((100, 100, 356, 300))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_photographs_are_photographs(mode):
    samples = planes(photograph().convert(mode))
    assert classify.is_photograph(samples)
    assert classify.is_photograph(samples.astype(np.uint16) * 200)
    assert not classify.repeats(samples)


OTHERS = {
    "noise": lambda: planes(np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)),
    "quantised": lambda: planes(photograph().quantize(200).convert("RGB")),
    "dithered": lambda: planes(photograph().convert("1").convert("L")),
    "enlarged": lambda: planes(photograph()).repeat(3, axis=1).repeat(3, axis=2),
    "missing levels": lambda: planes(photograph()) // 3 * 3,
    "flat": lambda: planes(photograph()) // 64,
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_images_are_not(name):
    assert not classify.is_photograph(OTHERS[name]())


def test_a_repeated_photograph_repeats():
    assert classify.repeats(np.tile(planes(photograph())[:, :50, :60], (1, 3, 3)))


def over_exposed():
    """A photograph whose middle is white."""
    samples = planes(photograph()).copy()
    samples[:, 30:170, 20:220] = 255
    return samples


def test_what_is_over_exposed_does_not_repeat():
    assert not classify.repeats(over_exposed())


def test_a_blurred_and_a_dark_photograph_are_smooth():
    specks = (np.random.default_rng(0).random((200, 256)) < 0.01).astype(np.uint8) * 3
    blurred = planes(photograph().filter(ImageFilter.GaussianBlur(12)))
    for samples in (blurred // 4 + specks, planes(photograph()) // 24):
        assert not classify.is_photograph(samples)
        assert classify.is_smooth(samples)


@pytest.mark.parametrize("name", [*OTHERS, "plain", "gradient", "row"])
def test_what_is_drawn_or_computed_is_not_smooth(name):
    ramp = np.arange(200)[:, None] // 4 + np.arange(300) // 3
    computed = {"plain": np.zeros((9, 9)), "gradient": ramp, "row": np.zeros((1, 9))}
    samples = OTHERS[name]() if name in OTHERS else computed[name].astype(np.uint8)[None]
    if name == "flat":
        samples = samples * 30
    assert classify.repeats(samples) or not classify.is_smooth(samples)


def test_few_colours_are_likely_to_want_a_palette():
    assert classify.likely_setting(np.zeros((3, 9, 9), np.uint8), 8).form is Form.PALETTE
    assert classify.likely_setting(OTHERS["noise"](), 8).form is Form.PLAIN


def test_the_probe_is_the_busiest_part_and_only_what_is_small_is_tried_in_all_ways():
    samples = np.full((1, 100, 300), 7, np.uint8)
    samples[:, 10:50, 190:240] = np.random.default_rng(0).integers(0, 256, (40, 50))
    busiest = next(part for part in tiles(100, 300, 64) if (part.top, part.left) == (0, 180))
    part = np.ascontiguousarray(samples[:, busiest.rows, busiest.columns])
    tried = [setting for setting in all_settings(samples, 8) if not setting.order]
    expected = min(tried, key=lambda setting: len(encode(part, 8, setting)))
    plain = samples[:, :40, :180]
    assert expected != min(tried, key=lambda setting: len(encode(plain, 8, setting)))
    assert classify.best_on_probe(samples, 8) == [expected]
    assert classify.best_on_probe(samples[:, :60, :64], 8) == tried


def test_what_is_a_photograph_does_not_depend_on_how_it_lies_in_memory():
    # Neighbours differ exactly as much as pixels do from the mean, which rounding makes more or less.
    tie = [[[130, 108], [37, 130], [245, 195]], [[194, 251], [140, 63], [250, 211]], [[25, 67], [48, 88], [125, 133]]]
    samples = np.array(tie, np.uint8)
    interleaved = np.ascontiguousarray(samples.transpose(1, 2, 0)).transpose(2, 0, 1)
    assert classify.is_photograph(samples) == classify.is_photograph(interleaved)


@pytest.mark.parametrize("shape", [(3, 10, 20), (1, 1, 20), (3, 20, 1)])
def test_a_tile_is_partly_flat_from_three_tenths_of_equal_neighbours_on(shape):
    samples = (np.arange(np.prod(shape)).reshape(shape) % 251).astype(np.uint8)
    assert not classify.is_partly_flat(samples)
    axis = 2 if shape[2] > 1 else 1
    neighbours = shape[axis] - 1
    for equal, flat in ((int(0.3 * neighbours), False), (int(0.3 * neighbours) + 1, True)):
        some = samples.copy()
        first = np.take(some, [0], axis=axis)
        some[(slice(None),) * axis + (slice(0, equal + 1),)] = first
        assert classify.is_partly_flat(some) == flat
    assert not classify.is_partly_flat(samples[:, :1, :1])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_computed_gradient_is_no_photograph(kind):
    """Its samples use all levels, and differ little from their neighbours, like a photograph's."""
    row, column = np.indices((120, 160))
    gradient = np.stack([column * 2 + row, 90 + column + row, 200 - column // 3 + 2 * row]).astype(kind)
    if kind is np.uint16:
        gradient *= 97
    assert not classify.is_photograph(gradient)
    noise = np.random.default_rng(3).integers(0, 3, gradient.shape, kind)
    assert classify.is_photograph(gradient // 2 + noise * (1 if kind is np.uint8 else 50))
    assert len(nelloc.encode(gradient.transpose(1, 2, 0))) < 0.05 * gradient.nbytes
