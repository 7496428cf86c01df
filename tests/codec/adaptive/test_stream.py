"""Records of the adaptive coder: what goes in comes out, and damage is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nelloc.codec.adaptive import stream
from nelloc.codec.adaptive.coder import Form, Shape, table_bytes
from nelloc.codec.adaptive.stream import AdaptiveSetting, all_settings, decode, decode_many, encode, encode_many, orders
from nelloc.varint import MalformedError


@st.composite
def samples_and_bits(draw):
    """Small tiles of every number of planes and depth, from noise to few repeated colours."""
    bits = draw(st.sampled_from([1, 8, 10, 16]))
    shape = (draw(st.sampled_from([1, 3])), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    samples = random.integers(0, min(1 << bits, draw(st.sampled_from([2, 5, 1 << 16]))), shape)
    return samples.astype(np.uint16 if bits > 8 else np.uint8), bits


@settings(max_examples=15)
@given(samples_and_bits(), st.data())
def test_every_way_gives_the_samples_back(given_samples, data):
    samples, bits = given_samples
    setting = data.draw(st.sampled_from(list(all_settings(samples, bits))))
    back = decode(encode(samples, bits, setting), Shape(*samples.shape, bits))
    assert back.dtype == samples.dtype
    assert np.array_equal(back, samples)


@settings(max_examples=15)
@given(st.sampled_from(Form), st.integers(0, 2**32), st.integers(0, 200))
def test_a_changed_byte_is_refused(form, seed, place):
    random = np.random.default_rng(seed)
    samples = random.integers(0, 4, (3, 5, 5)).astype(np.uint8) * 60
    data = bytearray(encode(samples, 8, AdaptiveSetting(form)))
    data[place % len(data)] ^= 1 << seed % 8
    with pytest.raises(MalformedError):
        decode(bytes(data), Shape(3, 5, 5, 8))


@settings(max_examples=15)
@given(st.binary(max_size=60), st.sampled_from([1, 8, 12]), st.sampled_from([1, 3]))
def test_any_bytes_are_refused(data, bits, planes):
    with pytest.raises(MalformedError):
        decode(data, Shape(planes, 4, 5, bits))


def test_few_bytes_cannot_announce_many_pixels():
    with pytest.raises(MalformedError):
        decode(b"\x01", Shape(1, 1 << 14, 1 << 14, 8))


def test_green_comes_first():
    assert orders(3)[0] == (1, 0, 2)
    assert len(orders(3)) == 6


def test_a_nearly_constant_tile_costs_a_few_bytes():
    samples = np.full((1, 64, 64), 240, np.uint8)
    samples[0, 20, 30] = 3
    assert len(encode(samples, 8, AdaptiveSetting(Form.PALETTE))) < 30


def test_repeated_noise_costs_once():
    patch = np.random.default_rng(0).integers(0, 256, (3, 16, 16), np.uint8)
    once = len(encode(patch, 8, AdaptiveSetting(Form.CANDIDATES_PLAIN)))
    repeated = np.tile(patch, (1, 3, 3))
    assert len(encode(repeated, 8, AdaptiveSetting(Form.CANDIDATES_PLAIN))) < 1.5 * once


@settings(max_examples=10)
@given(st.lists(samples_and_bits(), min_size=2, max_size=4), st.data())
def test_tiles_side_by_side_are_coded_as_one_by_one(tiles, data):
    tiles = [*tiles, *((samples[:, ::-1, ::-1], bits) for samples, bits in tiles)]  # of the same shapes
    work = [(samples, bits, setting) for samples, bits in tiles for setting in all_settings(samples, bits)]
    expected = [encode(*one) for one in work]
    pixels = []
    assert encode_many(work, pixels.append) == expected
    assert sum(pixels) == sum(samples[0].size for samples, _, _ in work)
    broken = data.draw(st.integers(0, len(work) - 1))
    records = [(own, Shape(*samples.shape, bits)) for own, (samples, bits, _) in zip(expected, work, strict=True)]
    records[broken] = (expected[broken][:-1] + bytes([expected[broken][-1] ^ 1]), records[broken][1])
    for number, (back, (samples, _, _)) in enumerate(zip(decode_many(records), work, strict=True)):
        assert back is None if number == broken else np.array_equal(back, samples)


def test_data_that_ends_in_a_zero_byte_are_damaged():
    samples = np.array([[[1, 0, 1, 1], [0, 0, 1, 1]]], np.uint8)
    data, shape = encode(samples, 8, AdaptiveSetting(Form.PLAIN)), Shape(1, 2, 4, 8)
    assert np.array_equal(decode(data, shape), samples)
    for zeros in range(1, 9):
        assert decode_many([(data + bytes(zeros), shape)]) == [None]


def test_memory_for_tables_bounds_how_many_are_side_by_side(monkeypatch):
    monkeypatch.setenv("NELLOC_CPU", "numpy")  # the compiled core codes tiles one by one
    random = np.random.default_rng(0)
    work = [(random.integers(0, 3, (1, 4, 5), np.uint8), 8, AdaptiveSetting(Form.PLAIN)) for _ in range(5)]
    together, sizes = encode_many(work), []
    monkeypatch.setattr(stream, "_TABLE_BYTES", 2 * table_bytes(Form.PLAIN, Shape(1, 4, 5, 8)))
    assert encode_many(work, sizes.append) == together
    assert [size for size in sizes if size] == [40, 40, 20]
