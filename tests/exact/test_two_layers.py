"""Promises of learning in two layers: one stream for every walk, true gradients, and sums that stay in their range.

That the integers are those of docs/methods/learning.md, section 14, is what the golden files and the independent
decoder show.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from materials import GOLDEN, small_model_bytes
from PIL import Image
from random_pixels import picture, random_pixels

import nelloc
from nelloc import NellocError
from nelloc.codec import container
from nelloc.codec.container import TileRecord
from nelloc.codec.format import Method
from nelloc.exact import backends, model_store, two_layers
from nelloc.exact.coder import DigitDecoder, pixel_checksum
from nelloc.exact.decoders import DECODERS
from nelloc.exact.decoders.interface import EncodedTile
from nelloc.exact.encode_tile import encode_learning
from nelloc.exact.engine import Engine
from nelloc.exact.learning import Gradients, Lesson
from nelloc.exact.model import load_model
from nelloc.exact.native import Core, _native, levels
from nelloc.exact.tile_coder import tile_coder
from nelloc.exact.two_layers import LARGEST_LEARNED, TwoLayers, can_learn_two, layers_that_learn, true_gradients


def no_progress(pixels):
    """Nobody watches."""


def engine_of(model) -> Engine:
    return Engine.of(model, backends.prepare(Engine.evaluated(model, 2), "numpy"), learns=2)


def parrots() -> np.ndarray:
    return np.asarray(Image.open(GOLDEN.parents[1] / "docs" / "images" / "parrots.png"))[100:228, 100:228]


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=3), st.sampled_from([1, 3]))
def test_every_decoder_walks_one_stream(small_model, shapes, planes):
    images = [picture(*shape, planes, seed) for seed, shape in enumerate(shapes)]
    codes = encode_learning(engine_of(small_model), images, [pixel_checksum(image) for image in images])
    for decoder in DECODERS:
        pairs = zip(images, codes, strict=True)
        tiles = [EncodedTile(i.shape[1], i.shape[2], len(i), DigitDecoder(code.data)) for i, code in pairs]
        for image, back in zip(images, DECODERS[decoder](engine_of(small_model), tiles, no_progress), strict=True):
            np.testing.assert_array_equal(image, back)


def test_two_layers_make_photographs_smaller_than_one():
    image, model = np.ascontiguousarray(parrots().transpose(2, 0, 1)), model_store.find("fast")
    sizes = [len(tile_coder(model, learns=n).encode([image], no_progress)[0].data) for n in (1, 2)]
    assert sizes[1] < 0.985 * sizes[0]


def test_tiles_of_photographs_learn_in_two_layers_unless_they_are_small(small_model_path):
    def methods(image):
        file = container.parse(nelloc.encode(image, model=small_model_path, effort=1, lattice=False, past=False))
        return {record.method for record in file.records}

    assert methods(parrots()) == {Method.TWO_LAYERS}
    assert methods(parrots()[:90, :90]) == {Method.LEARNING}


@pytest.mark.parametrize("channels", [1, 3])
def test_true_gradients_are_those_of_the_likelihood_in_floating_point(channels):
    pixels = random_pixels(channels, spread_of_scales=0.9)
    nothing = np.zeros((1, len(pixels.level)), np.float32)
    # The pixels are coded with other outputs than those that learn.
    lesson = pixels.lesson(Lesson(nothing, pixels.level, outputs=pixels.outputs), pixels.outputs[:, ::-1].copy())
    found = true_gradients(pixels.model, Gradients(pixels.model)(lesson), pixels.outputs)
    for block in pixels.blocks:
        ours, theirs = found[block][:, pixels.inside], 128 * pixels.gradient[block][:, pixels.inside]
        theirs = theirs.clip(-511, 511)
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98
        assert np.polyfit(theirs.ravel(), ours.ravel(), 1)[0] == pytest.approx(1, abs=0.08)


class Extremes(TwoLayers):
    """Learner that records how near its sums come to their limits."""

    largest: dict[str, int]

    def learn(self, lesson, slices):
        super().learn(lesson, slices)
        for name, array in {
            "outputs": lesson.outputs,
            "last": self._of_last.changes,
            "hidden": self._of_hidden.changes,
            "averages": self._of_hidden.averages >> two_layers.MORE_BITS,
        }.items():
            self.largest[name] = max(self.largest.get(name, 0), int(np.abs(array).max()))


# Pixels that try to drive weights as far as they go: flat ones with rare outliers, stripes, and random ones.
def hostile(kind: int, random: np.random.Generator, channels: int) -> np.ndarray:
    shape = (channels, 24, 48)
    if kind == 0:
        return np.where(random.random(shape) < 0.02, random.integers(0, 256, shape), 128).astype(np.uint8)
    if kind == 1:
        return np.where(np.arange(48) % random.integers(2, 7) == 0, 255, random.integers(0, 3, shape)).astype(np.uint8)
    if kind == 2:
        half = random.integers(0, 256, shape)
        half[..., 24:] = half[:, :1, :1]
        return half.astype(np.uint8)
    return random.choice(np.array([0, 1, 127, 128, 254, 255], np.uint8), shape)


@settings(max_examples=12)
@given(st.integers(0, 3), st.integers(0, 2**32), st.booleans())
def test_hostile_pixels_stay_within_bounds_and_are_coded_alike(kind, seed, shipped):
    random = np.random.default_rng(seed)
    model = model_store.find("fast") if shipped else load_model(small_model_bytes(seed=seed % 5))
    image = hostile(kind, random, 3)
    engine = engine_of(model)
    largest: dict[str, int] = {}

    def learner(tiles):
        found = Extremes(model, tiles)
        found.largest = largest
        return found

    (code,) = encode_learning(replace(engine, learner=learner), [image], [pixel_checksum(image)])
    assert largest["outputs"] < 1 << 24
    assert max(largest["last"], largest["hidden"], largest["averages"]) <= LARGEST_LEARNED
    if _native is not None:
        for level in levels():
            ((data, _),) = Core(model, 8, level, learns=2).encode([image], [pixel_checksum(image)], no_progress)
            assert data == code.data, level


def test_models_that_could_leave_their_range_do_not_learn_in_two_layers(small_model):
    assert layers_that_learn(small_model) == 2
    *first, hidden, last = small_model.layers

    def with_layers(*layers):
        return replace(small_model, layers=layers)

    for other in (
        with_layers(*first, replace(hidden, shift=hidden.shift + 3), last),
        with_layers(*first, replace(hidden, skip=0), last),
        with_layers(*first, replace(hidden, shift=hidden.shift * 0, bias=hidden.bias + (1 << 22)), last),
        with_layers(
            *first, hidden, replace(last, weight=np.where(np.arange(len(last.weight))[:, None], last.weight, 1 << 15))
        ),
        with_layers(first[0], last),
    ):
        assert not can_learn_two(other)
    assert not can_learn_two(load_model(small_model_bytes(joint=False)))


def test_a_file_whose_model_cannot_is_refused(tmp_path):
    path = tmp_path / "apart.nlm"
    path.write_bytes(small_model_bytes(joint=False))
    file = container.parse(nelloc.encode(parrots()[:20, :20], model=path, effort=1))
    forged = replace(file, records=tuple(TileRecord(Method.TWO_LAYERS, record.data) for record in file.records))
    with pytest.raises(NellocError, match="learns while it is decoded, but its model cannot"):
        nelloc.decode(container.pack(forged), model=path)
