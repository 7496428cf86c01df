"""Stretched images are coded as the numbers of their levels: all of a file's uses, and what is refused."""

import lzma
import zlib
from dataclasses import replace
from io import BytesIO

import independent
import numpy as np
import pytest
from level_files import MALFORMED, MALFORMED_SAMPLES, NUMBERS, OF_257, OF_TWO, forged
from materials import on_lattice
from PIL import Image

import nelloc
from nelloc import NellocError
from nelloc.codec import container, level_lists, plan_image, search
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.adaptive.stream import AdaptiveSetting
from nelloc.codec.container import Section
from nelloc.codec.decode import decode_files
from nelloc.codec.description import describe, missing_levels, read_description
from nelloc.codec.encode import encode_pixels
from nelloc.codec.format import Method, SectionType
from nelloc.codec.lattice import OnLattice
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.tiling import Rectangle, tiles
from nelloc.exact.lattice import Rule
from nelloc.files.info import info_of_bytes
from nelloc.image import Pixels, from_array, levels
from nelloc.image.kinds import Kind
from nelloc.image.levels import Levels

SIDE = 70


def photograph(channels=3, seed=0):
    """Smooth and noisy samples of the levels 40 to 200, (SIDE, SIDE, channels)."""
    rows, columns, channel = np.ogrid[:SIDE, :SIDE, :channels]
    smooth = 120 + 70 * np.sin(rows / 19 + columns / 17 + channel / 9)
    noise = np.random.default_rng(seed).normal(size=smooth.shape) * 2
    return np.clip(smooth + noise, 40, 200).astype(np.uint8)


def stretched(samples):
    """Samples of the levels 40 to 200, stretched to 0 to 255."""
    return ((samples.astype(int) - 40) * 255 // 160).astype(np.uint8)


@pytest.fixture
def always(monkeypatch):
    """Number the samples among levels wherever some are missing, even if that is larger."""

    monkeypatch.setattr(plan_image, "_is_smaller", lambda *_, **__: True)


IMAGES = {
    "gray": stretched(photograph(1))[:, :, 0],
    "rgb": stretched(photograph()),
    "one channel": np.dstack([photograph(2), stretched(photograph(1))]),
    "la": stretched(photograph(2)),
    "rgba": np.dstack([stretched(photograph()), photograph(1)]),
    "gray16": photograph(1)[:, :, 0] * np.uint16(301),
    "rgb16": photograph().astype(np.uint16) ** 2,
    "rgba16": np.dstack([photograph() * np.uint16(15), photograph(1) * np.uint16(257)]),
    "8 in 16 bits": stretched(photograph()) * np.uint16(257),
}


@pytest.mark.parametrize("name", IMAGES)
def test_stretched_images_come_back(name, always, small_model_path):
    image = IMAGES[name]
    data = nelloc.encode(image, model=small_model_path, tile=32, past=False)
    assert container.parse(data).section(SectionType.LEVELS) is not None
    assert np.array_equal(nelloc.decode(data, model=small_model_path), image)
    part = nelloc.decode(data, model=small_model_path, region=Rectangle(20, 30, 33, 25))
    assert np.array_equal(part, image[20:53, 30:55])


@pytest.mark.parametrize(("factor", "depth"), [(1, None), (3, 8), (257, 8)])
def test_deep_samples_have_the_depth_of_their_numbers(factor, depth, always, small_model_path):
    data = nelloc.encode(photograph(1)[:, :, 0] * np.uint16(factor), model=small_model_path)
    file = container.parse(data)
    assert (file.section(SectionType.LEVELS) is not None) == (factor == 3)
    assert file.section(SectionType.SAMPLES) == (bytes([8, 0]) if factor < 257 else bytes([8, 2]))
    assert depth in (None, read_description(file, "file").depths[0].bits)


def test_numbers_are_chosen_only_where_a_part_of_the_image_is_smaller_so():
    image = stretched(photograph())
    plain = {on: nelloc.encode(image, model="fast", past=False, levels=on) for on in (True, False)}
    assert len(plain[True]) < 0.97 * len(plain[False])
    full = photograph()
    assert nelloc.encode(full, model="fast", past=False) == nelloc.encode(full, model="fast", past=False, levels=False)
    drawn = np.kron(np.random.default_rng(0).integers(0, 2, (9, 9)), np.ones((9, 9), int)).astype(np.uint8) * 200
    assert nelloc.encode(drawn) == nelloc.encode(drawn, levels=False)


@pytest.mark.parametrize("effort", [5, 6])
def test_a_high_effort_codes_the_whole_image_both_ways(effort, small_model_path, monkeypatch):
    """Whatever its middle says."""
    sizes = []
    for smaller in (True, False):
        monkeypatch.setattr(plan_image, "_is_smaller", lambda *_, smaller=smaller, **__: smaller)
        data = nelloc.encode(IMAGES["rgb"], model=small_model_path, past=False, verify=False, effort=effort)
        sizes.append(len(data))
    assert (sizes[0] == sizes[1]) == (effort == 6)


def test_a_transparent_colour_is_one_of_samples(always, small_model_path):
    pixels = replace(from_array(stretched(photograph(1))[:, :, 0]), transparent=(255,))
    (encoded,) = encode_pixels([pixels], EncodeOptions(model=small_model_path), verify=True)
    file = container.parse(encoded.data)
    assert {one.type for one in file.sections} == {SectionType.LEVELS, SectionType.TRANSPARENT_COLOUR}
    (back,) = decode_files([file], ["file"], DecodeOptions(model=small_model_path))
    assert back.same_as(pixels)


def test_colour_and_alpha_of_one_group_have_levels_too(always, monkeypatch):
    cells = np.arange(64, dtype=np.uint8).reshape(8, 8).repeat(9, 0).repeat(9, 1)
    image = np.dstack([cells, cells * 2, cells * 3, cells * 4])
    monkeypatch.setattr(levels, "LEAST_LEVELS", 2)
    data = nelloc.encode(image)
    file = container.parse(data)
    assert file.joined
    assert [own and len(own.values) for own in read_description(file, "file").levels] == [None, 64, 64, 64]
    assert np.array_equal(nelloc.decode(data), image)


def test_a_stretched_lattice_is_one_of_numbers(always, monkeypatch):
    """The numbers of a decoded JPEG that was stretched are its colours."""
    inside = on_lattice(np.clip(photograph(), 60, 180), Rule.JFIF)
    low, high = int(inside.min()), int(inside.max())
    table = (np.arange(256) - low) * 255 // (high - low)
    image = table[inside].astype(np.uint8)
    monkeypatch.setattr(levels, "_counts", lambda _: 99 * np.bincount(table[low : high + 1], minlength=256))
    monkeypatch.setattr(Levels, "numbered", lambda own, _: Levels(own.values, low))
    monkeypatch.setattr(levels, "is_bright", lambda *_: True)
    trial = search.Trial(Method.LATTICE, OnLattice(Rule.JFIF, Method.LEARNING))
    monkeypatch.setattr(search, "_trials", lambda *_: iter([trial]))
    data = nelloc.encode(image, model="fast", past=False)
    assert np.array_equal(nelloc.decode(data), image)
    of_inside = container.parse(nelloc.encode(inside, model="fast", past=False, levels=False))
    assert container.parse(data).records == of_inside.records
    assert len(data) < len(nelloc.encode(image, model="fast", past=False, levels=False))


@pytest.mark.parametrize(("kind", "section"), MALFORMED)
def test_lists_that_make_no_sense_are_refused(kind, section):
    with pytest.raises(NellocError, match="its description of the image makes no sense"):
        nelloc.decode(forged(kind, section))


@pytest.mark.parametrize("samples", [(10, 0), (16, 0), *MALFORMED_SAMPLES])
def test_levels_are_in_place_of_a_form(samples):
    file = forged(Kind.GRAY16, OF_257, samples=bytes(samples))
    if samples in MALFORMED_SAMPLES:
        with pytest.raises(NellocError, match="its description of the image makes no sense"):
            nelloc.decode(file)
    else:
        assert (nelloc.decode(file) == 0).all()


@pytest.mark.parametrize(("number", "sample"), NUMBERS)
def test_a_number_of_no_level_is_damage(number, sample):
    file = forged(Kind.GRAY, OF_TWO, number)
    if sample is not None:
        assert (nelloc.decode(file) == sample).all()
        return
    with pytest.raises(NellocError, match="tile 0 has samples beyond the levels of its plane, so it is damaged"):
        nelloc.decode(file)
    options = DecodeOptions(allow_damaged=True)
    (found,) = decode_files([container.parse(file)], ["file"], options)
    assert found.damaged == ("tile 0 (0,0,5,4)",)
    assert (found.planes == 77).all()  # 127 is no number, and the nearest is 3


@pytest.mark.parametrize(("kind", "section"), MALFORMED)
def test_the_independent_decoder_refuses_them_too(kind, section):
    with pytest.raises((ValueError, zlib.error, lzma.LZMAError)):
        independent.decode(forged(kind, section), [])


def test_the_independent_decoder_agrees_on_forms_and_numbers():
    for samples in MALFORMED_SAMPLES:
        with pytest.raises(ValueError, match="levels that do not fit"):
            independent.decode(forged(Kind.GRAY16, OF_257, samples=bytes(samples)), [])
    for number, sample in NUMBERS:
        file = forged(Kind.GRAY, OF_TWO, number)
        if sample is None:
            with pytest.raises(ValueError, match="a number of no level"):
                independent.decode(file, [])
        else:
            assert independent.decode(file, []).planes == [[sample] * 20]


@pytest.mark.parametrize("method", ["model", "adaptive"])
def test_what_checks_its_samples_is_checked_for_levels_too(method, always, small_model_path, monkeypatch):
    if method == "adaptive":
        trial = search.Trial(Method.ADAPTIVE, AdaptiveSetting(Form.PREDICTED))
        monkeypatch.setattr(search, "_trials", lambda *_: iter([trial]))
    image = stretched(photograph(1))[:, :, 0]
    file = container.parse(nelloc.encode(image, model=small_model_path, tile=32, past=False))
    (own,) = read_description(file, "file").levels
    fewer = level_lists.pack([Levels(own.values[:-1], own.offset)])
    others = tuple(one for one in file.sections if one.type != SectionType.LEVELS)
    file = replace(file, sections=(Section(SectionType.LEVELS, b"\0" + fewer), *others))
    bright = [
        number
        for number, tile in enumerate(tiles(SIDE, SIDE, 32))
        if image[tile.rows, tile.columns].max() == image.max()
    ]
    assert bright
    with pytest.raises(NellocError, match=rf"tile {bright[0]} has samples beyond the levels"):
        decode_files([file], ["file"], DecodeOptions(model=small_model_path))
    options = DecodeOptions(model=small_model_path, allow_damaged=True)
    (found,) = decode_files([file], ["file"], options)
    assert [name.split(" (")[0] for name in found.damaged] == [f"tile {number}" for number in bright]
    for number, tile in enumerate(tiles(SIDE, SIDE, 32)):
        if number not in bright:
            assert np.array_equal(found.planes[0, tile.rows, tile.columns], image[tile.rows, tile.columns])


def test_info_counts_levels(always, small_model_path):
    image = IMAGES["one channel"]
    found = info_of_bytes(nelloc.encode(image, model=small_model_path, past=False), "file")
    assert found.levels == ((256, 256), (256, 256), (len(np.unique(image[:, :, 2])), 256))
    assert info_of_bytes(nelloc.encode(photograph(), model=small_model_path), "file").levels == ()


def test_pillow_opens_and_saves_stretched_images(always, small_model_path):
    nelloc.register()
    file = BytesIO()
    Image.fromarray(IMAGES["rgb"]).save(file, "NLC", model=small_model_path)
    assert container.parse(file.getvalue()).section(SectionType.LEVELS) is not None
    file.seek(0)
    with Image.open(file) as image:
        image.model = small_model_path
        assert image.size == (SIDE, SIDE)


def test_nothing_is_missing_where_all_levels_are_or_there_are_none():
    pixels = from_array(photograph())
    assert missing_levels(pixels.kind, describe(pixels)) == [[None] * 3]
    indices = Pixels(Kind.BILEVEL, (np.zeros((1, 80, 80), np.uint8),))
    assert missing_levels(indices.kind, describe(indices)) == []
