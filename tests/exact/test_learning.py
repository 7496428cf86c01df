"""Promises of learning while coding: gradients of the likelihood, exact sums, and one stream for every walk.

That the integers are those of docs/methods/learning.md, section 13, is what the golden files and the independent
decoder show.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from materials import GOLDEN, small_model_bytes
from random_pixels import COMPONENTS, picture, random_pixels

import nelloc
from nelloc import NellocError
from nelloc.codec import container, encode_pieces
from nelloc.codec.container import TileRecord
from nelloc.codec.format import Method
from nelloc.exact import backends, learning, model_store
from nelloc.exact.coder import DigitDecoder, pixel_checksum
from nelloc.exact.decoders import DECODERS
from nelloc.exact.decoders.interface import EncodedTile
from nelloc.exact.encode_tile import encode_learning, encode_tile
from nelloc.exact.engine import Engine
from nelloc.exact.learning import LastLayer, Lesson, can_learn
from nelloc.exact.model import load_model


def engine_of(model, learns: bool = True) -> Engine:
    return Engine.of(model, backends.prepare(model, "numpy"), learns=learns)


def decoded(engine: Engine, images, codes, decoder: str) -> list[np.ndarray]:
    pairs = zip(images, codes, strict=True)
    tiles = [EncodedTile(i.shape[1], i.shape[2], len(i), DigitDecoder(code.data)) for i, code in pairs]
    return DECODERS[decoder](engine, tiles, lambda pixels: None)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=4), st.sampled_from([1, 3]))
def test_every_decoder_walks_one_stream(small_model, shapes, planes):
    images = [picture(*shape, planes, seed) for seed, shape in enumerate(shapes)]
    seeds = [pixel_checksum(image) for image in images]
    codes = encode_learning(engine_of(small_model), images, seeds)
    alone = [encode_learning(engine_of(small_model), [i], [s])[0] for i, s in zip(images, seeds, strict=True)]
    assert [code.data for code in codes] == [code.data for code in alone]
    for decoder in DECODERS:
        for image, back in zip(images, decoded(engine_of(small_model), images, codes, decoder), strict=True):
            np.testing.assert_array_equal(image, back)


def test_what_is_learned_makes_photographs_smaller():
    from PIL import Image

    parrots = np.asarray(Image.open(GOLDEN.parents[1] / "docs" / "images" / "parrots.png"))[100:228, 100:228]
    image, model = np.ascontiguousarray(parrots.transpose(2, 0, 1)), model_store.find("fast")
    seed = pixel_checksum(image)
    plain = encode_tile(engine_of(model, learns=False), image, seed, measure=True)
    (learned,) = encode_learning(engine_of(model), [image], [seed], measure=True)
    assert len(learned.data) < 0.99 * len(plain.data)
    assert 8 * len(learned.data) == pytest.approx(learned.model_bits, abs=64)


@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_are_those_of_the_likelihood_in_floating_point(channels):
    pixels = random_pixels(channels, spread_of_scales=0.4)
    k, n = COMPONENTS, len(pixels.level)
    lesson = pixels.lesson(Lesson(np.zeros((1, n), np.float32), pixels.level), pixels.outputs)
    found = LastLayer(pixels.model, 1)._gradients(lesson)
    gradient = pixels.gradient.copy()
    # As section 13 has them: of a mean times the scale, of a scale's natural logarithm, of a coefficient in activities.
    log_scale = pixels.outputs[(1 + channels) * k : (1 + 2 * channels) * k] / 32
    relative = 2.0**log_scale
    gradient[:k] *= 128
    gradient[k : (1 + channels) * k] *= 64 * relative
    gradient[(1 + channels) * k : (1 + 2 * channels) * k] *= 64 / np.log(2)
    if channels == 3:
        of_plane = relative.reshape(3, k, n)[[1, 2, 2]].reshape(-1, n)
        gradient[7 * k :] *= 32 * of_plane
    assert pixels.inside.mean() > 0.8
    for block in pixels.blocks:
        ours, theirs = found[block][:, pixels.inside], np.clip(gradient[block][:, pixels.inside], -64, 192)
        # Integers from tables of 15 bits, so that what has hardly any probability is told coarsely.
        assert np.quantile(np.abs(ours - theirs), 0.9) < 1
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99
        assert np.polyfit(theirs.ravel(), ours.ravel(), 1)[0] == pytest.approx(1, abs=0.06)


def test_a_step_teaches_with_its_first_pixels_only(small_model):
    layer, n = LastLayer(small_model, 1), learning.TEACHERS + 50
    rows, width = layer._learned.shape[1:]
    random = np.random.default_rng(0)
    gradient = random.integers(-192, 193, (rows, n)).astype(np.float32)
    seen = random.integers(0, 256, (width, n)).astype(np.float32)
    layer._gradients = lambda lesson: gradient
    layer.learn(Lesson(seen, np.zeros(n, np.int16)), [(0, slice(0, n))])
    first = LastLayer(small_model, 1)
    first._update(slice(0, 1), gradient[None, :, : learning.TEACHERS], seen[None, :, : learning.TEACHERS])
    np.testing.assert_array_equal(layer._learned, first._learned)
    assert layer._learned.any()


def test_updates_are_exact_at_their_largest(small_model):
    layer = LastLayer(small_model, 2)
    rows, width = layer._learned.shape[1:]
    learned = np.zeros((2, rows, width), np.int64)
    squares, pixels = np.full((2, width), 3264), 64
    random = np.random.default_rng(1)
    for step in range(30):
        n = (1, 7, learning.TEACHERS)[step % 3]
        gradient = random.choice([-64, -1, 0, 1, 192], (2, rows, n)) if step % 2 else np.full((2, rows, n), 192)
        seen = random.integers(0, 256, (2, width, n)) if step < 20 else np.full((2, width, n), 255)
        layer._update(slice(0, 2), gradient.astype(np.float32), seen.astype(np.float32))
        squares += (seen**2).sum(axis=2)
        pixels += n
        for tile, row, unit in np.ndindex(2, rows, width):
            u = (max(2, int(squares[tile, unit] // pixels).bit_length()) - 10) // 2 + 4
            change = 4 * int(gradient[tile, row] @ seen[tile, unit]) + ((1 << u) >> 1) >> u
            learned[tile, row, unit] = np.clip(learned[tile, row, unit] + change, -127 * 4096, 127 * 4096)
    np.testing.assert_array_equal(layer._learned, learned)
    np.testing.assert_array_equal(layer._used, learned + 2048 >> 12)


def test_models_that_could_leave_their_range_do_not_learn(small_model):
    assert can_learn(small_model)
    assert not can_learn(load_model(small_model_bytes(joint=False)))
    last = small_model.layers[-1]
    wide = replace(last, shift=np.zeros_like(last.shift), bias=np.full_like(last.bias, 2**24 - 2**17))
    assert not can_learn(replace(small_model, layers=(*small_model.layers[:-1], wide)))


def test_a_model_that_cannot_learn_is_used_as_it_is(tmp_path):
    path = tmp_path / "apart.nlm"
    path.write_bytes(small_model_bytes(joint=False))
    image = picture(20, 20).transpose(1, 2, 0)
    file = container.parse(nelloc.encode(image, model=path, effort=1))
    assert {record.method for record in file.records} == {Method.MIXTURE}


def test_a_file_that_learns_with_a_model_that_cannot_is_refused(tmp_path):
    path = tmp_path / "apart.nlm"
    path.write_bytes(small_model_bytes(joint=False))
    file = container.parse(nelloc.encode(picture(20, 20).transpose(1, 2, 0), model=path, effort=1))
    forged = replace(file, records=tuple(TileRecord(Method.LEARNING, record.data) for record in file.records))
    with pytest.raises(NellocError, match="learns while it is decoded, but its model cannot"):
        nelloc.decode(container.pack(forged), model=path)


def test_deep_samples_do_not_teach(small_model_path):
    deep = picture(20, 20).transpose(1, 2, 0).astype(np.uint16) * 200
    file = container.parse(nelloc.encode(deep, model=small_model_path, effort=1))
    assert {record.method for record in file.records} == {Method.MIXTURE}
    forged = replace(file, records=tuple(TileRecord(Method.LEARNING, record.data) for record in file.records))
    with pytest.raises(NellocError, match="learns from samples of more than 8 bits"):
        nelloc.decode(container.pack(forged), model=small_model_path)


def test_at_higher_effort_the_model_is_also_tried_as_it_is(small_model_path, monkeypatch):
    tried = []
    real = encode_pieces.tile_coder
    monkeypatch.setattr(
        encode_pieces, "tile_coder", lambda *a, learns, **b: tried.append(learns) or real(*a, learns=learns, **b)
    )
    image = picture(20, 20).transpose(1, 2, 0)
    nelloc.encode(image, model=small_model_path, effort=5)
    assert tried == [1]
    nelloc.encode(image, model=small_model_path, effort=7)
    assert tried == [1, 1, 2, 0]


def test_tiles_that_learn_at_once_are_bounded(small_model, monkeypatch):
    images = [picture(9, 7, seed=seed) for seed in range(5)]
    seeds = [pixel_checksum(image) for image in images]
    codes = encode_learning(engine_of(small_model), images, seeds)
    made = []
    real = LastLayer.__init__
    monkeypatch.setattr(
        LastLayer, "__init__", lambda layer, model, tiles: made.append(tiles) or real(layer, model, tiles)
    )
    rows, width = small_model.layers[-1].weight.shape
    monkeypatch.setattr(learning, "MOST_BYTES", 2 * 8 * rows * (width + 1))
    for decoder in ("parallel", "sheared"):
        for image, back in zip(images, decoded(engine_of(small_model), images, codes, decoder), strict=True):
            np.testing.assert_array_equal(image, back)
    assert made == [2, 2, 1] * 2
