"""The compiled core does what NumPy does, for every model that loads, on every CPU level of this machine."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from legal_models import legal_models, tile_of
from materials import on_lattice, small_model_bytes

from nelloc.exact import backends, model_store
from nelloc.exact.coder import pixel_checksum
from nelloc.exact.context import INPUT_CLIP
from nelloc.exact.lattice import Rule
from nelloc.exact.model import load_model
from nelloc.exact.native import Core, _native, compiled, evaluate, lattice, levels
from nelloc.exact.sample import random_numbers
from nelloc.exact.tile_coder import tile_coder
from nelloc.exact.two_layers import layers_that_learn

pytestmark = pytest.mark.skipif(_native is None, reason="the core is not built")

# Sides of tiles: one pixel, fewer than a horizon, and odd ones.
SIDES = (1, 2, 3, 5, 8, 13)


def no_progress(pixels):
    """Nobody watches."""


@st.composite
def cases(draw, bits):
    """A model, how many layers learn, the lattice of its tiles if they are on one, and some tiles for it."""
    model = draw(legal_models(deep=bits > 8))
    learns = draw(st.integers(0, layers_that_learn(model))) if bits == 8 else 0
    planes = draw(st.sampled_from(sorted({1, model.channels})))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shapes = draw(st.lists(st.tuples(st.sampled_from(SIDES), st.sampled_from(SIDES)), min_size=1, max_size=4))
    rule = draw(st.sampled_from([None, *Rule])) if bits == 8 and planes == 3 else None
    tiles = [tile_of(random, (planes, *shape), bits) for shape in shapes]
    if rule is not None:  # some pixels stay where they are
        tiles = [
            np.where(random.random(t.shape[1:]) < 0.2, t, on_lattice(t.transpose(1, 2, 0), rule).transpose(2, 0, 1))
            for t in tiles
        ]
    return model, learns, rule, tiles


def assert_both_agree(model, bits, learns, tiles, rule=None):
    """All tiles in one call, and the first alone, on every level: NumPy's streams, which give the samples back."""
    coder = tile_coder(model, bits, learns=learns, rule=rule, backend="numpy")
    expected = coder.encode(tiles, no_progress, measure=True)
    seeds = [pixel_checksum(tile) for tile in tiles]
    for level in levels():
        core = Core(model, bits, level, learns=learns, rule=rule)
        found = core.encode(tiles, seeds, no_progress, measure=True)
        assert [data for data, _ in found] == [code.data for code in expected], level
        assert np.allclose([asked for _, asked in found], [code.model_bits for code in expected]), level
        assert core.encode(tiles[:1], seeds[:1], no_progress)[0][0] == expected[0].data, level
        back = core.decode(
            [(t.shape, data) for t, (data, _) in zip(tiles, found, strict=True)], pixel_checksum, no_progress
        )
        assert all(np.array_equal(a, b) for a, b in zip(back, tiles, strict=True)), level


@settings(max_examples=60)
@given(cases(8))
def test_the_core_writes_the_bytes_of_numpy_and_reads_them(case):
    model, learns, rule, tiles = case
    assert_both_agree(model, 8, learns, tiles, rule)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@settings(max_examples=12)
@given(data=st.data())
def test_the_core_writes_the_bytes_of_numpy_for_deep_samples(bits, data):
    model, learns, _, tiles = data.draw(cases(bits))
    assert_both_agree(model, bits, learns, tiles)


@settings(max_examples=25)
@given(legal_models(), st.sampled_from(SIDES), st.sampled_from(SIDES), st.integers(1, 3))
def test_the_core_draws_what_numpy_draws(model, height, width, count):
    def drawn(coder):
        numbers = [random_numbers(7, image) for image in range(count)]
        return coder.draw((model.channels, height, width), numbers, no_progress)

    expected = drawn(tile_coder(model, backend="numpy"))
    digits = model.channels * height * width * 4
    for level in levels():
        numbers = [random_numbers(7, image)(digits) for image in range(count)]
        found = Core(model, 8, level, learns=False).draw((model.channels, height, width), numbers, no_progress)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True)), level
    assert all(np.array_equal(a, b) for a, b in zip(drawn(tile_coder(model, backend="native")), expected, strict=True))


@settings(max_examples=80)
@given(legal_models(), st.integers(1, 130), st.integers(0, 2**32))
def test_every_level_evaluates_networks_in_integers(model, pixels, seed):
    random = np.random.default_rng(seed)
    shape = (model.layers[0].weight.shape[1], pixels)
    extreme = random.choice(np.array([-INPUT_CLIP, INPUT_CLIP]), shape)
    inputs = np.where(random.random(pixels) < 0.4, extreme, random.integers(-INPUT_CLIP, INPUT_CLIP + 1, shape))
    # The largest sums there are: all inputs have the signs of a row's weights.
    row = model.layers[0].weight[random.integers(len(model.layers[0].weight))]
    inputs[:, 0] = INPUT_CLIP * np.sign(row)
    expected = backends.integer_outputs(model, inputs)
    for level in levels():
        outputs, hidden = evaluate(model, level, inputs.T)
        assert np.array_equal(outputs.T, expected), level
        assert np.array_equal(backends.integer_product(model.layers[-1], hidden.T.astype(np.int64)), expected), level


@pytest.mark.parametrize("learns", [0, 1, 2])
@settings(max_examples=25)
@given(
    legal_models(joint=True),
    st.sampled_from([None, Rule.WEBP, Rule.SEEN]),
    st.lists(st.tuples(*[st.sampled_from(SIDES[:4])] * 2, st.binary(max_size=60)), min_size=1, max_size=3),
)
def test_any_bytes_are_refused_alike(learns, model, rule, streams):
    learns, rule = min(learns, layers_that_learn(model)), rule if model.channels == 3 else None
    work = [((model.channels, height, width), data.rstrip(b"\0")) for height, width, data in streams]
    expected = tile_coder(model, learns=learns, rule=rule, backend="numpy").decode(work, no_progress)
    for level in levels():
        found = Core(model, 8, level, learns=learns, rule=rule).decode(work, pixel_checksum, no_progress)
        for own, other in zip(found, expected, strict=True):
            assert (own is None) == (other is None), level
            assert own is None or np.array_equal(own, other), level


@pytest.mark.parametrize(("bits", "learns"), [(8, 0), (8, 1), (8, 2), (12, 0), (16, 0)])
def test_no_flipped_bit_and_no_part_is_taken_for_the_whole(bits, learns):
    model = load_model(small_model_bytes(channels=1))
    tile = tile_of(np.random.default_rng(bits), (1, 4, 6), bits)
    for level in levels():
        core = Core(model, bits, level, learns=learns)
        ((data, _),) = core.encode([tile], [pixel_checksum(tile)], no_progress)
        damaged = [data[:length] for length in range(len(data))]
        for place in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[place // 8] ^= 1 << place % 8
            damaged.append(bytes(flipped))
        # Whole ones between them, as what stands beside a damaged tile stays whole.
        work = [(tile.shape, stream) for other in damaged for stream in (other, data)]
        found = core.decode(work, pixel_checksum, no_progress)
        assert all(samples is None for samples in found[::2]), level
        assert all(np.array_equal(samples, tile) for samples in found[1::2]), level


# Tiles far longer than they are wide, and one step with more pixels than teach (256).
LONG = {
    "2 x 300": ((2, 300), {"horizon": 2, "components": 1}),
    "300 x 2": ((300, 2), {"horizon": 2, "components": 1}),
    "1 x 700": ((1, 700), {"borders": True}),
    "700 x 1": ((700, 1), {"borders": True}),
    "more than 256 pixels a step": ((260, 530), {"horizon": 1, "inputs": "raw", "channels": 1, "components": 1}),
}


@settings(max_examples=300)
@given(legal_models())
def test_as_many_layers_may_learn_in_the_core_as_by_the_proof_of_the_package(model):
    tile = np.zeros((model.channels, 1, 1), np.uint8)
    most = layers_that_learn(model)
    for learns in (1, 2):
        core = Core(model, 8, "plain", learns=learns)
        if learns <= most:
            assert core.encode([tile], [7], no_progress)
        else:
            with pytest.raises(ValueError, match="outside of its range"):
                core.encode([tile], [7], no_progress)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("layer", [-2, -1])
def test_two_layers_with_weights_of_more_than_16_bits_do_not_learn(level, layer):
    whole = model_store.find("default")
    layers = list(whole.layers)
    weight = layers[layer].weight.copy()
    weight[0] = 0
    weight[0, 0] = 1 << 15
    layers[layer] = dataclasses.replace(layers[layer], weight=weight)
    model = dataclasses.replace(whole, layers=tuple(layers))
    assert (layers_that_learn(whole), layers_that_learn(model)) == (2, 1)
    tile = np.zeros((3, 2, 2), np.uint8)
    assert Core(whole, 8, level, learns=2).encode([tile], [7], no_progress)
    with pytest.raises(ValueError, match="outside of its range"):
        Core(model, 8, level, learns=2).encode([tile], [7], no_progress)


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("learns", [0, 1, 2])
def test_long_tiles(name, learns):
    shape, fields = LONG[name]
    model = load_model(small_model_bytes(width=4, **fields))
    tile = tile_of(np.random.default_rng(1), (1, *shape), 8)
    small = tile_of(np.random.default_rng(2), (1, 3, 4), 8)
    assert_both_agree(model, 8, learns, [small, tile, small] if learns else [tile])


def test_many_tiles_that_learn_more_than_fits_the_cache_come_out_alike():
    model = model_store.find("default")
    random = np.random.default_rng(0)
    tiles = [tile_of(random, (3, *random.integers(1, 9, 2)), 8) for _ in range(40)]
    assert_both_agree(model, 8, True, tiles)


def test_work_stops_where_the_caller_raises():
    model = load_model(small_model_bytes(width=1, components=1, channels=1, inputs="raw", horizon=1))
    tile = np.zeros((1, 400, 400), np.uint8)
    told = []

    def stop(pixels):
        told.append(pixels)
        raise KeyboardInterrupt

    for level in levels():
        core = Core(model, 8, level, learns=False)
        ((data, _),) = core.encode([tile], [5], no_progress)
        for work in (
            lambda core=core: core.encode([tile], [5], stop),
            lambda core=core, data=data: core.decode([(tile.shape, data)], pixel_checksum, stop),
        ):
            with pytest.raises(KeyboardInterrupt):
                work()
    assert all(1 << 15 <= pixels < 1 << 16 for pixels in told)


def test_the_binding_refuses_what_would_be_read_beyond_its_end():
    model = compiled(load_model(small_model_bytes()), 8, "plain")
    samples, decode, encode, draw = np.zeros((3, 4, 5), np.uint8), 0, 1, 2

    def walk(mode=encode, planes=3, learns=0, lattice=None, height=4, width=5, samples=samples, source=None):
        return _native.walk(model, mode, planes, learns, 0, lattice, [(height, width, samples, source, 0)])

    assert walk() is not None
    numbers = np.zeros(239, np.uint32)  # one too few
    for options in (
        {"height": 5},
        {"height": 0},
        {"height": -4, "width": -5},
        {"height": 1 << 30, "width": 1 << 30},
        {"height": 1 << 28, "width": 1, "planes": 1, "samples": np.zeros(1 << 28, np.uint8)},  # too many steps
        {"planes": 1},
        {"planes": 2},
        {"planes": 0},
        {"mode": 3},
        {"samples": samples.astype(np.uint16)},
        {"samples": samples[:, ::2], "height": 2},
        {"mode": draw, "source": numbers},
        {"lattice": model},
        {"lattice": lattice(Rule.JFIF), "planes": 1, "samples": samples[0].copy()},
        {"lattice": lattice(Rule.JFIF), "mode": draw, "source": np.zeros(240, np.uint32)},
    ):
        with pytest.raises((ValueError, BufferError)):
            walk(**options)
    with pytest.raises(TypeError):
        walk(mode=decode)
    fixed = samples.copy()
    fixed.setflags(write=False)
    for mode, source in ((decode, b"1"), (draw, np.zeros(240, np.uint32))):
        with pytest.raises((ValueError, BufferError)):
            walk(mode=mode, source=source, samples=fixed)
    done = walk()
    for tile in (-1, 0, 1):  # not coded yet, or not there
        with pytest.raises(ValueError, match="range"):
            _native.stream(done, tile)
    assert _native.run(done, 100) == 20
    assert _native.run(done, 100) == 0
    assert not _native.ends_with(done, 0, 0)  # what was encoded
    with pytest.raises(ValueError, match="range"):
        _native.stream(done, 1)
    for pixels in (0, -1):
        with pytest.raises(ValueError, match="range"):
            _native.run(done, pixels)
    inputs = np.zeros((2, 76), np.int16)
    outputs, hidden = np.zeros((2, 30), np.int32), np.zeros((2, 16), np.uint8)
    for pixels in (1, 3, -2, 1 << 61):
        with pytest.raises(ValueError, match="range"):
            _native.evaluate(model, inputs, outputs, hidden, pixels)


def test_a_model_outside_of_the_limits_is_not_compiled():
    """The core proves for itself what it relies on: whatever a caller gives, no index and no sum leaves its range."""
    model = load_model(small_model_bytes())
    layers, first, last = model.layers, model.layers[0], model.layers[-1]
    broken = {
        "a sum of 2**24": {"layers": (dataclasses.replace(first, bias=first.bias + np.int32(2**24 - 1)), *layers[1:])},
        "a shift of 24": {"layers": (dataclasses.replace(first, shift=first.shift + np.int32(14)), *layers[1:])},
        "a skip from below": {"layers": (dataclasses.replace(first, skip=0), *layers[1:])},
        "a skip of the last": {"layers": (*layers[:-1], dataclasses.replace(last, skip=0))},
        "one layer": {"layers": layers[:1]},
        "another width": {"layers": (first, *layers[2:-1], last, last)},
        "a horizon of 9": {"horizon": 9},
        "33 components": {"components": 33},
        "2 channels": {"channels": 2},
        "raw inputs of many levels": {"inputs": "raw"},
    }
    for table, value in {"thresholds": 0, "input_scale": 0, "mean_scale": 0, "scale_offset": 4097}.items():
        values = getattr(model.context, table).copy()
        values[1] = value
        broken[table] = {"context": dataclasses.replace(model.context, **{table: values})}
    for table, place, value in (
        ("logistic", 0, 0),
        ("logistic", -1, (1 << 20) + 1),
        ("exponential", 1, (1 << 16) + 1),
        ("exponential", -1, -1),
        ("inverse_scale", 0, 0),
        ("inverse_scale", 0, 1 << 24),
    ):
        values = getattr(model.mixture, table).copy()
        values[place] = value
        broken[f"{table} {value}"] = {"mixture": dataclasses.replace(model.mixture, **{table: values})}
    for changes in broken.values():
        with pytest.raises(ValueError, match="range"):
            compiled(dataclasses.replace(model, **changes), 8, "plain")
    raw = load_model(small_model_bytes(inputs="raw"))
    thresholds = model.context.thresholds.copy()
    thresholds[-1] = 2 * thresholds[-8] + 18 * 3
    unordered = dataclasses.replace(model, context=dataclasses.replace(model.context, thresholds=thresholds))
    assert compiled(unordered, 8, "plain")
    for own, bits in ((raw, 10), (unordered, 10), (model, 7), (model, 9), (model, 18)):
        with pytest.raises(ValueError, match="range"):
            compiled(own, bits, "plain")
