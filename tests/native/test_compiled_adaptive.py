"""The compiled adaptive coder does what the one in NumPy does: the same records, samples and refusals."""

import zlib
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from materials import GOLDEN

import nelloc
from nelloc.codec.adaptive import colours as colours_of
from nelloc.codec.adaptive import native, stream
from nelloc.codec.adaptive.coder import Form, Shape
from nelloc.codec.adaptive.stream import UNORDERED, AdaptiveSetting, orders
from nelloc.codec.container import parse
from nelloc.codec.format import Method
from nelloc.errors import NellocWarning
from nelloc.exact.native import _native

pytestmark = pytest.mark.skipif(_native is None, reason="the core is not built")

# Sides of tiles: one pixel, steps that have none, and steps of many.
SIDES = (1, 2, 3, 4, 7, 16, 33)


@contextmanager
def numpy_alone():
    """Leave the core out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NELLOC_CPU", "numpy")
        yield


def kinds_of_samples(random, shape):
    """Noise, few colours, slopes, and repetition, of all of the shape's bits."""
    size, top = (shape.planes, shape.height, shape.width), 1 << shape.bits
    kind = random.integers(4)
    if kind == 0:
        return random.integers(0, top, size)
    if kind == 1:
        palette = random.integers(0, top, (int(random.integers(1, 40)), shape.planes))
        return palette[random.integers(0, len(palette), size[1:])].transpose(2, 0, 1)
    if kind == 2:
        return random.integers(-1, 2, size).cumsum(axis=2) % top
    few = random.integers(0, top, (shape.planes, 4, 5))
    return np.pad(few, ((0, 0), (0, shape.height), (0, shape.width)), "wrap")[:, : shape.height, : shape.width]


@st.composite
def tiles(draw):
    """Samples, their bits, and a way to code them."""
    bits = draw(st.integers(1, 16))
    shape = Shape(draw(st.integers(1, 4 if bits <= 14 else 3)), *draw(st.tuples(*[st.sampled_from(SIDES)] * 2)), bits)
    samples = kinds_of_samples(np.random.default_rng(draw(st.integers(0, 2**32))), shape)
    samples = samples.astype(np.uint16 if bits > 8 else np.uint8)
    form = draw(st.sampled_from(Form))
    if form is Form.PALETTE and native.count_colours(samples, bits) > colours_of.MAX_COLOURS:
        form = Form.CANDIDATES_PREDICTED
    count = 1 if form in UNORDERED else len(orders(shape.planes))
    return samples, bits, AdaptiveSetting(form, draw(st.integers(0, count - 1)))


@settings(max_examples=60, deadline=None)
@given(tiles())
def test_both_write_the_same_record_and_read_it(tile):
    samples, bits, setting = tile
    with numpy_alone():
        expected = stream.encode(samples, bits, setting)
        colours = colours_of.count_colours(samples, bits)
    assert native.codes(samples, bits)
    assert stream.encode(samples, bits, setting) == expected
    assert native.count_colours(samples, bits) == min(colours, colours_of.MAX_COLOURS + 1)
    back = stream.decode(expected, Shape(*samples.shape, bits))
    assert back.dtype == samples.dtype
    assert np.array_equal(back, samples)


@pytest.mark.parametrize("form", Form)
def test_counts_are_halved_alike(form):
    """Contexts that a tile has so often that their counts reach the limit."""
    size = (1, 190, 180) if form is Form.STEADY else (1, 60, 50)  # its limit is 32768 pixels of one sample, not 512
    random = np.random.default_rng(0)
    samples = (random.integers(0, 5, size) * (random.random(size) < 0.05)).astype(np.uint8)
    with numpy_alone():
        expected = stream.encode(samples, 4, AdaptiveSetting(form))
    assert stream.encode(samples, 4, AdaptiveSetting(form)) == expected
    assert np.array_equal(stream.decode(expected, Shape(*samples.shape, 4)), samples)


@pytest.mark.slow
@pytest.mark.parametrize("form", [Form.PALETTE, Form.PREDICTED])
def test_steps_of_more_pixels_than_counts_of_16_bits_allow(form):
    samples = (np.random.default_rng(1).random((1, 1100, 3300)) < 0.01).astype(np.uint8)
    with numpy_alone():
        expected = stream.encode(samples, 8, AdaptiveSetting(form))
    assert stream.encode(samples, 8, AdaptiveSetting(form)) == expected
    assert np.array_equal(stream.decode(expected, Shape(*samples.shape, 8)), samples)


def test_samples_may_lie_in_memory_as_they_like():
    samples = np.random.default_rng(2).integers(0, 9, (8, 9, 3)).astype(np.uint16).transpose(2, 0, 1)
    swapped = samples.astype(samples.dtype.newbyteorder())
    expected = stream.encode(np.ascontiguousarray(samples), 12, AdaptiveSetting(Form.PREDICTED))
    for other in (samples, samples[:, ::-1][:, ::-1], np.asfortranarray(samples), swapped):
        assert stream.encode(other, 12, AdaptiveSetting(Form.PREDICTED)) == expected


def adaptive_golden_files():
    """Golden files with an adaptive record, which need no model."""
    for path in sorted(GOLDEN.glob("*.nlc")):
        file = parse(path.read_bytes())
        if not file.needs_model and any(one.method is Method.ADAPTIVE for one in file.records):
            yield path


def test_golden_files_decode_alike():
    paths = list(adaptive_golden_files())
    assert len(paths) >= 7
    for path in paths:
        data = path.read_bytes()
        with numpy_alone():
            expected = nelloc.decode(data)
        decoded = nelloc.decode(data)
        assert decoded.dtype == expected.dtype
        assert np.array_equal(decoded, expected)


def refused_alike(data, shape):
    """Decode with both; returns the samples, or None if both refuse."""
    with numpy_alone():
        (expected,) = stream.decode_many([(data, shape)])
    (found,) = stream.decode_many([(data, shape)])
    assert (found is None) == (expected is None)
    assert expected is None or np.array_equal(found, expected)
    return found


def small_record(form, bits):
    random = np.random.default_rng(bits)
    samples = random.integers(0, 1 << bits, (2, 3, 4)) * (random.random((2, 3, 4)) < 0.5)
    samples = samples.astype(np.uint16 if bits > 8 else np.uint8)
    return stream.encode(samples, bits, AdaptiveSetting(form)), samples.shape, samples


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("form", Form)
def test_no_flipped_bit_and_no_part_is_taken_for_the_whole(form, bits):
    data, size, samples = small_record(form, bits)
    assert np.array_equal(native.decode(data, size, bits), samples)
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        assert native.decode(bytes(flipped), size, bits) is None
    for length in range(len(data)):
        assert native.decode(data[:length], size, bits) is None


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 4), st.integers(1, 12), st.integers(1, 12), st.integers(1, 14))
def test_any_bytes_are_refused_alike(data, planes, height, width, bits):
    refused_alike(data, Shape(planes, height, width, bits))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(Form), st.integers(0, 31), st.binary(max_size=60), st.sampled_from([1, 8, 13]))
def test_any_digits_after_a_good_head_are_refused_alike(form, order, digits, bits):
    for own in (0, order):
        refused_alike(bytes([form | own << 3]) + digits, Shape(3, 5, 6, bits))


def test_few_bytes_cannot_announce_many_pixels():
    """As many as 50000 for each bit of the bytes and the coder's state, so that no record takes long for its size."""
    assert refused_alike(b"\x05", Shape(1, 879, 4096, 8)) is None  # one row less would have to be decoded


def test_a_shape_outside_of_its_limits_is_left_to_numpy():
    assert native.decodes((1, 4096, 4096), 16)
    for shape, bits in [((1, 4097, 1), 8), ((1, 1, 4097), 8), ((5, 1, 1), 8), ((4, 1, 1), 15), ((1, 1, 1), 17)]:
        assert not native.decodes(shape, bits)
    samples = np.arange(20, dtype=np.uint8).reshape(5, 2, 2)
    data = stream.encode(samples, 8, AdaptiveSetting(Form.PALETTE))
    assert np.array_equal(stream.decode(data, Shape(*samples.shape, 8)), samples)


def test_the_binding_refuses_what_would_be_read_beyond_its_end():
    tables, samples = _native.adaptive_tables(), np.zeros((1, 3, 4), np.uint8)
    for shape in [(1, 3, 5, 8), (1, 3, 4, 9), (0, 3, 4, 8), (1, -3, 4, 8)]:
        with pytest.raises(ValueError, match="shape"):
            _native.adaptive_encode(tables, shape, 5, 0, samples, None)
        with pytest.raises(ValueError, match="shape"):
            _native.adaptive_decode(tables, shape, b"", samples, None)
    for form, order in [(0, 0), (7, 0), (5, 1), (5, -1), (1, 1)]:
        with pytest.raises(ValueError, match="range"):
            _native.adaptive_encode(tables, (1, 3, 4, 8), form, order, samples, None)
    with pytest.raises(ValueError, match="range"):  # a sample of more bits
        _native.adaptive_encode(tables, (1, 3, 4, 2), 5, 0, samples + np.uint8(4), None)
    with pytest.raises(ValueError, match="range"):  # more colours than a palette has
        _native.adaptive_encode(tables, (1, 1, 257, 9), 1, 0, np.arange(257, dtype=np.uint16), None)
    samples.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        _native.adaptive_decode(tables, (1, 3, 4, 8), b"", samples, None)


def test_work_stops_where_the_caller_raises():
    samples = np.random.default_rng(0).integers(0, 4, (1, 200, 200)).astype(np.uint8)
    data = stream.encode(samples, 8, AdaptiveSetting(Form.PLAIN))

    def stop(pixels):
        raise KeyboardInterrupt

    for work in (
        lambda: stream.encode_many([(samples, 8, AdaptiveSetting(Form.PLAIN))], stop),
        lambda: stream.decode_many([(data, Shape(1, 200, 200, 8))], stop),
    ):
        with pytest.raises(KeyboardInterrupt):
            work()


def test_a_core_without_its_known_answers_is_left_out(monkeypatch):
    monkeypatch.setattr(native, "_KNOWN_ANSWER", 1)
    native._gives_the_known_answers.cache_clear()
    try:
        with pytest.warns(NellocWarning, match="is not used"):
            assert not native.decodes((1, 2, 3), 8)
    finally:
        native._gives_the_known_answers.cache_clear()


def test_known_answers_are_those_of_numpy():
    """The pinned checksum is that of records which NumPy writes."""
    checksum = 0
    with numpy_alone():
        for bits in native._KNOWN_BITS:
            for form in Form:
                checksum = zlib.crc32(stream.encode(native._known_tile(bits), bits, AdaptiveSetting(form)), checksum)
    assert checksum == native._KNOWN_ANSWER
