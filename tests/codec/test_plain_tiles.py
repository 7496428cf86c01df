"""Methods without a model: what is coded comes back, and damaged data is refused in little memory."""

import contextlib
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nelloc.codec import plain_tiles
from nelloc.codec.format import Method
from nelloc.codec.lzma_rows import Filter, Predictor, filters, likely_filters
from nelloc.varint import MalformedError


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 8), st.integers(0, 9))
def test_deflated_samples_come_back(height, width, bits, seed):
    samples = np.random.default_rng(seed).integers(0, 1 << bits, (1, height, width)).astype(np.uint8)
    data = plain_tiles.encode(Method.DEFLATE, samples)
    assert np.array_equal(plain_tiles.decode(Method.DEFLATE, data, samples.shape, 8), samples)


@given(st.integers(1, 4), st.integers(1, 20), st.integers(1, 20), st.integers(0, 9), st.data())
def test_filtered_rows_come_back(planes, height, width, seed, data):
    samples = np.random.default_rng(seed).integers(0, 256, (planes, height, width)).astype(np.uint8)
    chosen = data.draw(st.sampled_from(list(filters(planes))))
    coded = plain_tiles.encode(Method.ROWS, samples, 8, chosen)
    assert np.array_equal(plain_tiles.decode(Method.ROWS, coded, samples.shape, 8), samples)


def test_filtered_rows_of_another_size_or_filter_are_refused():
    samples = np.arange(24, dtype=np.uint8).reshape(1, 4, 6)
    data = plain_tiles.encode(Method.ROWS, samples, 8, Filter(Predictor.WEST))
    bomb = plain_tiles.encode(Method.ROWS, np.zeros((1, 1000, 1000), np.uint8), 8, Filter(Predictor.WEST))
    for wrong in (data[:-1], data + b"\0", b"\5" + data[1:], b"\x0b" + data[1:], b"\x11" + data[1:], b"", bomb):
        with pytest.raises(MalformedError):
            plain_tiles.decode(Method.ROWS, wrong, samples.shape, 8)
    for bits in (4, 16):
        with pytest.raises(MalformedError):
            plain_tiles.decode(Method.ROWS, data, samples.shape, bits)


def test_the_likely_filters_keep_repeats_that_are_far_apart():
    noise = np.random.default_rng(0).integers(0, 256, (1, 200, 250)).astype(np.uint8)
    samples = np.tile(noise, (1, 2, 1))
    for filter_ in likely_filters(samples):
        assert len(plain_tiles.encode(Method.ROWS, samples, 8, filter_)) < 51_000


def test_the_likely_filters_fit_the_samples():
    rows = np.tile(np.random.default_rng(0).integers(0, 256, (3, 1, 300)).astype(np.uint8), (1, 300, 1))
    assert Predictor.NORTH in {filter_.predictor for filter_ in likely_filters(rows)}
    gray = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 300, 300)).astype(np.uint8), 3, axis=0)
    assert any(filter_.green for filter_ in likely_filters(gray))


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("value", [0, 1, 255, 256, 65535])
def test_a_constant_takes_no_more_than_its_samples(planes, value):
    bits = 16 if value > 255 else 8
    samples = np.full((planes, 9, 7), value, np.uint16 if bits == 16 else np.uint8)
    data = plain_tiles.encode(Method.CONSTANT, samples)
    assert len(data) <= planes * bits // 8
    assert np.array_equal(plain_tiles.decode(Method.CONSTANT, data, samples.shape, bits), samples)


@given(st.sampled_from([Method.CONSTANT, Method.DEFLATE, Method.ROWS]), st.binary(max_size=40), st.sampled_from([1, 8]))
def test_random_data_is_decoded_or_refused(method, data, bits):
    with contextlib.suppress(MalformedError):
        samples = plain_tiles.decode(method, data, (1, 4, 5), bits)
        assert samples.shape == (1, 4, 5)
        assert int(samples.max()) < 1 << bits


def test_samples_out_of_range_and_deflated_data_of_another_size_are_refused():
    samples = np.full((1, 4, 5), 3, np.uint8)
    data = plain_tiles.encode(Method.DEFLATE, samples)
    for wrong in (data[:-1], data + b"\0", b"\3" + data[1:], b"", b"\2" + zlib.compress(bytes(1 << 20), 9)):
        with pytest.raises(MalformedError):
            plain_tiles.decode(Method.DEFLATE, wrong, samples.shape, 8)
    for method in (Method.DEFLATE, Method.CONSTANT):
        with pytest.raises(MalformedError):
            plain_tiles.decode(method, plain_tiles.encode(method, samples), samples.shape, 1)
