"""Methods without a model: what is coded comes back, and damaged data is refused in little memory."""

import contextlib
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nelloc.codec import lzma_rows, plain_tiles
from nelloc.codec.format import Method
from nelloc.codec.lzma_rows import Filter, Predictor, filters, likely_filters
from nelloc.exact.native import _native, missing
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


def drawn(kind: str, shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """Samples of ``shape``: noise, few colours that repeat, slopes, or rare numbers of which each is twice as rare."""
    random = np.random.default_rng(seed)
    planes, height, width = shape
    row, column = np.indices((height, width))
    if kind == "noise":
        return random.integers(0, random.integers(2, 257), shape).astype(np.uint8)
    if kind == "few":
        block = random.integers(0, 4, (planes, -(-height // 3), -(-width // 5))) * random.integers(1, 64)
        return np.repeat(np.repeat(block, 3, axis=1), 5, axis=2)[:, :height, :width].astype(np.uint8)
    if kind == "slopes":
        return np.stack([row * random.integers(9) + column * random.integers(9) for _ in range(planes)]).astype(
            np.uint8
        )
    return np.minimum(random.geometric(0.38, shape) * 9, 255).astype(np.uint8)


@pytest.mark.skipif(missing() is not None, reason="the core is not built")
@given(
    st.sampled_from(["noise", "few", "slopes", "rare"]),
    st.tuples(st.integers(1, 4), st.integers(1, 64), st.integers(1, 64)),
    st.integers(0, 99),
)
def test_the_core_knows_how_long_zlibs_streams_are(kind, shape, seed):
    samples = drawn(kind, shape, seed)[:, : max(1, lzma_rows._COUNTED_BYTES // (shape[0] * shape[2]))]
    sizes = lzma_rows._deflated_by_zlib(samples)
    assert _native.filtered_sizes(*samples.shape, samples.copy(), True) == sizes
    found = _native.filtered_sizes(*samples.shape, samples.copy(), False)
    smallest = sorted(range(len(sizes)), key=sizes.__getitem__)[:2]
    assert sorted(range(len(sizes)), key=found.__getitem__)[:2] == smallest
    assert all(found[n] == sizes[n] if n in smallest else found[n] <= sizes[n] for n in range(len(sizes)))


@pytest.mark.skipif(missing() is not None, reason="the core is not built")
def test_the_core_finds_no_sizes_of_other_samples():
    for planes, rows, width, data in (
        (0, 1, 1, b""),
        (5, 1, 1, b"12345"),
        (1, 2, 3, b"12345"),
        (1, 1, 16383, bytes(16383)),
    ):
        with pytest.raises(ValueError, match="range"):
            _native.filtered_sizes(planes, rows, width, data, True)


def test_another_zlib_ranks_filters_itself(monkeypatch):
    """A zlib whose streams have other lengths than the core expects is asked, as without the core."""
    samples = drawn("few", (3, 32, 32), 1)
    lzma_rows._core_counts_as_zlib.cache_clear()
    compress = zlib.compress
    monkeypatch.setattr(lzma_rows.zlib, "compress", lambda data, level: compress(data, level) + b"\0")
    assert missing() is not None or not lzma_rows._core_counts_as_zlib()
    assert list(lzma_rows._deflated(samples)) == lzma_rows._deflated_by_zlib(samples)
    monkeypatch.undo()
    lzma_rows._core_counts_as_zlib.cache_clear()
    assert sorted(lzma_rows._deflated(samples))[:2] == sorted(lzma_rows._deflated_by_zlib(samples))[:2]


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
