"""Promises of colour lattices: the colours of each formula and no others, one stream for every walk, nothing lost."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import lattice as independent_lattice
from materials import on_lattice
from PIL import Image

import nelloc
from nelloc import NellocError
from nelloc.codec import container, search
from nelloc.codec.format import Method
from nelloc.codec.lattice import OnLattice, likely_rule
from nelloc.codec.search import Trial
from nelloc.codec.tiling import Rectangle
from nelloc.exact import backends, native
from nelloc.exact.coder import DigitDecoder, pixel_checksum
from nelloc.exact.decoders import DECODERS
from nelloc.exact.decoders.interface import EncodedTile
from nelloc.exact.encode_tile import encode_learning
from nelloc.exact.engine import Engine
from nelloc.exact.lattice import CONVERSIONS, Lattice, Rule, numbers
from nelloc.exact.seen_colours import SeenColours
from nelloc.files.info import info
from nelloc.image import from_array

BYTE = st.integers(0, 255)


def photograph(height: int = 60, width: int = 80) -> np.ndarray:
    """A picture with colours of all sorts, (H, W, 3): smooth, and a little noise."""
    rows, columns, channels = np.ogrid[:height, :width, :3]
    smooth = 125 + 55 * np.sin(rows / 11 + channels) + 50 * np.cos(columns / 13 - 2 * channels)
    noise = np.random.default_rng(height).normal(size=(height, width, 3))
    return np.clip(smooth + 4 * noise, 0, 255).astype(np.uint8)


def through(image: np.ndarray, format_: str, **options) -> np.ndarray:
    """An image saved with loss and read again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format_, **options)
    return np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB"))


# Tests of one rule follow each other, so that its table of colours is made once.
@pytest.fixture(scope="module", params=CONVERSIONS)
def rule(request):
    yield request.param
    Lattice.of.cache_clear()


def test_the_core_and_numpy_have_the_same_colours(rule):
    if native.missing() is not None:
        pytest.skip("the core is not built")
    colours = np.stack(np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 3, indexing="ij"), axis=-1)
    found = np.empty(1 << 24, np.uint8)
    native._native.on_lattice(native.lattice(rule), colours, found)
    assert np.array_equal(found, Lattice.of(rule).has)


def test_every_colour_of_the_formula_is_on_the_lattice(rule):
    d, lumas, reds, greens, blues = independent_lattice.CONVERSIONS[rule]
    lattice = Lattice.of(rule)

    @settings(max_examples=200)
    @given(BYTE, BYTE, BYTE)
    def holds(y, u, v):
        sums = lumas[y][0] + reds[v], lumas[y][1] + greens[u][0] + greens[v][1], lumas[y][2] + blues[u]
        assert lattice.has[numbers(np.array([min(max(x // d, 0), 255) for x in sums]))]

    holds()


def test_no_other_colour_is_on_the_lattice(rule):
    other, lattice = independent_lattice.Lattice(rule), Lattice.of(rule)
    for red in (0, 1, 77, 254, 255):
        own = lattice.has.reshape(256, 256, 256)[red]
        expected = [[row >> blue & 1 for blue in range(256)] for row in other.row(red)]
        assert np.array_equal(own, np.array(expected, bool))


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.integers(1, 14), st.integers(1, 18)), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([Rule.JFIF, Rule.PHOTO_CD, Rule.SEEN]),
)
def test_every_decoder_walks_one_stream(small_model, shapes, learns, rule):
    images = [on_lattice(photograph(*shape), rule).transpose(2, 0, 1).copy() for shape in shapes]
    images[0][:, ::3] += 1  # some pixels beside it
    seeds = [pixel_checksum(image) for image in images]
    engine = Engine.of(small_model, backends.prepare(small_model, "numpy"), learns=learns, rule=rule)
    codes = encode_learning(engine, images, seeds)
    alone = [encode_learning(engine, [i], [s])[0] for i, s in zip(images, seeds, strict=True)]
    assert [code.data for code in codes] == [code.data for code in alone]
    for decoder in DECODERS:
        tiles = [
            EncodedTile(i.shape[1], i.shape[2], 3, DigitDecoder(c.data)) for i, c in zip(images, codes, strict=True)
        ]
        for image, back in zip(images, DECODERS[decoder](engine, tiles, lambda _: None), strict=True):
            assert np.array_equal(image, back), decoder


def test_counts_that_are_halved_are_halved_alike(small_model):
    if native.missing() is not None:
        pytest.skip("the core is not built")
    # Of 6300 pixels on the lattice more than 1023 are in one context.
    image = on_lattice(photograph(90, 70), Rule.JFIF).transpose(2, 0, 1).copy()
    level = native.levels()[0]
    core = native.Core(small_model, 8, level, learns=False, rule=Rule.JFIF)
    ((data, _),) = core.encode([image], [pixel_checksum(image)], lambda _: None)
    engine = Engine.of(small_model, backends.prepare(small_model, "numpy"), rule=Rule.JFIF)
    assert encode_learning(engine, [image], [pixel_checksum(image)])[0].data == data


@pytest.mark.parametrize(
    ("format_", "options", "rule"),
    [
        ("JPEG", {"quality": 90, "subsampling": 0}, Rule.JFIF),
        ("JPEG", {"quality": 70, "subsampling": 2}, Rule.JFIF),
        ("WEBP", {"quality": 80}, Rule.WEBP),
        ("PNG", {}, None),
    ],
)
def test_what_was_luma_and_chroma_is_found_and_gets_smaller(format_, options, rule):
    image = through(photograph(), format_, **options)
    assert likely_rule(image.transpose(2, 0, 1)) is rule
    data, plain = nelloc.encode(image, past=False), nelloc.encode(image, lattice=False, past=False)
    assert np.array_equal(nelloc.decode(data), image)
    methods = {record.method for record in container.parse(data).records}
    if rule is None:
        assert data == plain
    else:
        assert methods == {Method.LATTICE}
        assert len(data) < 0.97 * len(plain)


@pytest.mark.parametrize("rule", CONVERSIONS)
def test_each_rule_is_found_in_a_picture_of_it(rule):
    assert likely_rule(on_lattice(photograph(), rule).transpose(2, 0, 1)) is rule


def of_few_hues(height: int, width: int) -> np.ndarray:
    """A picture (H, W, 3) whose colours are nearly gray, so that many of them are alike."""
    image = photograph(height, width).astype(float)
    return (image[..., :1] + 0.1 * (image - image[..., :1])).astype(np.uint8)


def changed(image: np.ndarray) -> np.ndarray:
    """A decoded JPEG (H, W, 3) with more saturation, and another balance of white."""
    matrix = np.array([[1.25, -0.1, -0.03], [-0.06, 1.1, -0.03], [-0.05, -0.1, 1.2]])
    return np.clip(np.rint(through(image, "JPEG", quality=85, subsampling=0) @ matrix.T), 0, 255).astype(np.uint8)


def test_colours_that_were_changed_after_a_conversion_are_found_and_get_smaller():
    image = changed(of_few_hues(128, 160))
    assert likely_rule(image.transpose(2, 0, 1)) is Rule.SEEN
    data, plain = nelloc.encode(image), nelloc.encode(image, lattice=False)
    assert {record.data[0] % 32 for record in container.parse(data).records} == {Rule.SEEN}
    assert np.array_equal(nelloc.decode(data), image)
    assert len(data) < 0.97 * len(plain)
    other = of_few_hues(128, 160)
    assert likely_rule(other.transpose(2, 0, 1)) is None
    assert nelloc.encode(other) == nelloc.encode(other, lattice=False)


def test_tiles_have_seen_their_own_colours_alone(small_model):
    """As many tiles as are coded side by side, or more, give the streams of each alone."""
    if native.missing() is not None:
        pytest.skip("the core is not built")
    core = native.Core(small_model, 8, native.levels()[0], learns=0, rule=Rule.SEEN)
    image = on_lattice(photograph(16, 20), Rule.SEEN).transpose(2, 0, 1).copy()
    images = [image, image.copy(), image[:, :9].copy(), *([image] * 6)]
    seeds = [pixel_checksum(one) for one in images]
    together = [data for data, _ in core.encode(images, seeds, lambda _: None)]
    alone = [core.encode([one], [seed], lambda _: None)[0][0] for one, seed in zip(images, seeds, strict=True)]
    assert together == alone


COLOUR = st.tuples(*[st.sampled_from([0, 1, 7, 254, 255])] * 3)


@given(st.lists(st.lists(st.tuples(st.integers(0, 2), COLOUR), min_size=1, max_size=9), min_size=1, max_size=12))
def test_seen_colours_are_those_of_the_steps_before(steps):
    colours, plain = SeenColours().of_tiles(3), [set(), set(), set()]
    for step in steps:
        tile, own = np.array([t for t, _ in step]), np.array([c for _, c in step], np.uint8).T
        expected = [c in plain[t] for t, c in step]
        assert colours.holds(tile, own).tolist() == expected
        rows = colours.row(tile, own[0], own[1])
        assert rows[own[2], np.arange(len(step))].tolist() == expected
        for n, (t, (red, green, blue)) in enumerate(step):
            blues = {b for r, g, b in plain[t] if (r, g) == (red, green)}
            assert set(np.flatnonzero(rows[:, n])) == blues
            count = colours.count(
                tile[n : n + 1], own[0, n : n + 1], own[1, n : n + 1], np.array([blue]), np.array([1])
            )
            assert count == (blue in blues)
        colours.learn(tile, own)
        for t, c in step:
            plain[t].add(c)
    step = [c for _, c in steps[0]]
    number = np.arange(len(step)) // 2
    coded = SeenColours().coded(np.array(step, np.uint8).T, number)
    assert coded.tolist() == [
        c in [o for o, m in zip(step, number, strict=True) if m < n] for c, n in zip(step, number, strict=True)
    ]


def test_gray_deep_small_and_flat_pictures_are_on_none():
    image = on_lattice(photograph(), Rule.JFIF)
    gray = np.repeat(image[..., :1], 3, axis=2)
    assert likely_rule(gray.transpose(2, 0, 1)) is None
    assert likely_rule(image[:2, :3].transpose(2, 0, 1)) is None
    for other in (image[..., 0], image.astype(np.uint16) * 257, image.astype(np.uint16) * 200):
        data = nelloc.encode(other, past=False)
        assert data == nelloc.encode(other, lattice=False, past=False) or other.ndim == 3
        assert np.array_equal(nelloc.decode(data), other)


def test_colours_beside_alpha_and_in_deep_samples_of_8_bits_are_on_a_lattice():
    image = on_lattice(photograph(40, 40), Rule.JFIF)
    alpha = np.random.default_rng(1).integers(0, 256, (40, 40, 1)).astype(np.uint8)
    for pixels in (np.concatenate([image, alpha], axis=2), image.astype(np.uint16) * 257):
        data = nelloc.encode(pixels)
        assert Method.LATTICE in {record.method for record in container.parse(data).records}
        assert np.array_equal(nelloc.decode(data), pixels)


def test_a_region_and_what_is_left_of_a_damaged_file():
    image = on_lattice(photograph(70, 90), Rule.WEBP)
    data = nelloc.encode(image, tile=32)
    file = container.parse(data)
    assert {record.method for record in file.records} == {Method.LATTICE}
    region = Rectangle(20, 10, 25, 30)
    assert np.array_equal(nelloc.decode(data, region=region), image[20:45, 10:40])
    record = file.records[0]
    forged = replace(file, records=(replace(record, view=record.data[:-1] + b"\1"), *file.records[1:]))
    with pytest.raises(NellocError, match="checksum"):
        nelloc.decode(container.pack(forged))
    with pytest.warns(UserWarning, match=r"tile 0 \("):
        left = nelloc.decode(container.pack(forged), allow_damaged=True)
    assert (left[:20, :25] == [255, 0, 255]).all()
    assert np.array_equal(left[40:, 40:], image[40:, 40:])


@pytest.mark.parametrize("byte", [0, len(Rule) + 1, 1 + (3 << 5), 255])
def test_a_rule_that_is_not_known_is_refused(byte):
    image = on_lattice(photograph(20, 30), Rule.JFIF)
    file = container.parse(nelloc.encode(image))
    (record,) = file.records
    forged = container.pack(replace(file, records=(replace(record, view=bytes([byte]) + record.data[1:]),)))
    with pytest.raises(NellocError, match="lattice"):
        nelloc.decode(forged)


def test_other_samples_than_colours_of_8_bits_are_refused(small_model_path):
    gray = photograph(20, 30)[..., 0]
    file = container.parse(nelloc.encode(gray, model=small_model_path))
    data = OnLattice(Rule.JFIF, Method.MIXTURE).byte + b"\1" * 300
    forged = container.pack(replace(file, records=(container.TileRecord(Method.LATTICE, data),)))
    with pytest.raises(NellocError, match="RGB"):
        nelloc.decode(forged, model=small_model_path)


def test_what_is_told_of_a_file_names_the_rule(tmp_path):
    path = tmp_path / "file.nlc"
    path.write_bytes(nelloc.encode(on_lattice(photograph(), Rule.JFIF)))
    assert info(path).methods == {"lattice (jfif, learning)": 1}


def test_at_a_high_effort_the_model_is_also_tried_without(monkeypatch):
    tried = []

    def trials(*given):
        tried.extend(own := list(original(*given)))
        return iter(own)

    original = search._trials
    monkeypatch.setattr(search, "_trials", trials)
    image = on_lattice(photograph(), Rule.JFIF)
    nelloc.encode(image, effort=7)
    assert Trial(Method.LATTICE, OnLattice(Rule.JFIF, Method.LEARNING)) in tried
    assert Trial(Method.LEARNING) in tried


def test_the_pixels_of_a_file_are_those_of_the_image():
    image = on_lattice(photograph(), Rule.HEIF)
    assert from_array(image, "image").same_as(from_array(nelloc.decode(nelloc.encode(image)), "image"))
