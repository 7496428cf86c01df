"""Samples come back equal whatever the layout in memory of what goes in and of what they are written to."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

zarr = pytest.importorskip("zarr")

import nelloc  # noqa: E402
from nelloc import NellocError  # noqa: E402
from nelloc.plugins.numcodecs import Nelloc  # noqa: E402
from nelloc.plugins.zarr import NellocCodec  # noqa: E402

nelloc.register()

LAYOUTS = ("C", "F", "negative", "strided", "axes swapped", "read-only")
SIDES = st.sampled_from([1, 2, 3, 4, 6, 17])


def laid_out(samples, layout):
    """An array equal to ``samples`` that lies in memory in another way."""
    if layout == "F":
        return np.asfortranarray(samples)
    if layout == "negative":
        back = tuple(slice(None, None, -1) for _ in samples.shape)
        return np.ascontiguousarray(samples[back])[back]
    if layout == "strided":
        wide = np.full(tuple(2 * length for length in samples.shape), 7, samples.dtype)
        every_second = tuple(slice(None, None, 2) for _ in samples.shape)
        wide[every_second] = samples
        return wide[every_second]
    if layout == "axes swapped":
        return np.ascontiguousarray(samples.swapaxes(0, 1)).swapaxes(0, 1)
    copy = np.array(samples, order="C")
    copy.flags.writeable = layout != "read-only"
    return copy


@st.composite
def images(draw, channels=(None, 2, 3, 4), dtypes=("u1", "<u2", ">u2")):
    """Random samples (H, W) or (H, W, C), of few values so that they are quickly coded."""
    shape = (draw(SIDES), draw(SIDES))
    count = draw(st.sampled_from(channels))
    shape = shape if count is None else (*shape, count)
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    random = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    return random.integers(0, 251 if dtype.itemsize == 1 else 65521, shape).astype(dtype)


FAST = {"model": "fast", "effort": 1}
many = settings(deadline=None, max_examples=60)


@many
@given(images(), st.sampled_from(LAYOUTS))
def test_an_array_of_any_layout_comes_back(samples, layout):
    array = laid_out(samples, layout)
    before = array.copy()
    back = nelloc.decode(nelloc.encode(array, **FAST))
    np.testing.assert_array_equal(back, samples)
    np.testing.assert_array_equal(array, before)
    assert back.dtype == samples.dtype.newbyteorder("=")
    assert back.flags.c_contiguous
    assert back.flags.writeable


@many
@given(images(channels=(None, 3, 4)), st.sampled_from(LAYOUTS), st.sampled_from([*LAYOUTS[:-1], None]), st.data())
def test_a_chunk_of_any_layout_is_decoded_into_any_other(samples, layout, target, data):
    leading = (1,) * data.draw(st.integers(0, 2))
    chunk = laid_out(samples, layout).reshape(leading + samples.shape)
    codec = Nelloc(model="fast")
    encoded = codec.encode(chunk)
    if target is None:
        np.testing.assert_array_equal(codec.decode(encoded).reshape(chunk.shape), chunk)
        return
    dtype = data.draw(st.sampled_from([samples.dtype, samples.dtype.newbyteorder()]))
    shape = data.draw(st.sampled_from([samples.shape, chunk.shape]))
    out = laid_out(np.zeros(samples.shape, dtype), target).reshape(shape)
    if not np.shares_memory(out, out.reshape(samples.shape)):  # a strided array with more axes is a copy
        return
    assert codec.decode(encoded, out=out) is out
    np.testing.assert_array_equal(out.reshape(chunk.shape), chunk)


@many
@given(images(channels=(None, 3, 4)), st.sampled_from(["C", "F"]))
def test_a_buffer_gets_a_chunks_bytes_as_numcodecs_has_them(samples, layout):
    """The bytes in memory, as every codec of numcodecs gives them: what Zarr 2 and other callers build upon."""
    import numcodecs

    chunk = laid_out(samples, layout)
    codec, measure = Nelloc(model="fast"), numcodecs.Zlib()
    ours, theirs = bytearray(chunk.nbytes), bytearray(chunk.nbytes)
    codec.decode(codec.encode(chunk), out=ours)
    measure.decode(measure.encode(chunk), out=theirs)
    assert ours == theirs
    assert codec.decode(codec.encode(chunk)).tobytes(order="A") == theirs


def test_an_output_that_does_not_fit_is_refused_and_left_alone():
    codec = Nelloc(model="fast")
    encoded = codec.encode(np.ones((4, 6, 3), np.uint8))
    for out in (np.zeros((4, 6), np.uint8), np.zeros((6, 12, 2), np.uint8)[:, ::2], np.zeros((4, 6, 3), np.uint16)):
        with pytest.raises(NellocError, match="cannot take"):
            codec.decode(encoded, out=out)
        assert not out.any()


def test_masked_samples_are_refused():
    samples = np.ma.masked_equal(np.arange(12, dtype=np.uint8).reshape(3, 4), 5)
    with pytest.raises(NellocError, match="masked"):
        nelloc.encode(samples)
    np.testing.assert_array_equal(nelloc.decode(nelloc.encode(np.ma.array(samples.data))), samples.data)


@many
@given(
    images(channels=(None, 3, 4)),
    st.sampled_from([(2, "C"), (2, "F"), (3, "C"), (3, "F"), (3, "transposed"), (3, "shards")]),
    st.sampled_from(LAYOUTS),
    st.data(),
)
def test_a_zarr_array_of_any_layout_comes_back(samples, form, layout, data):
    zarr_format, order = form
    chunks = (
        tuple(data.draw(st.integers((length + 2) // 3, length)) for length in samples.shape[:2]) + samples.shape[2:]
    )
    keywords = {"shape": samples.shape, "chunks": chunks, "dtype": samples.dtype, "zarr_format": zarr_format}
    if zarr_format == 2:
        keywords |= {"compressors": Nelloc(model="fast"), "order": order}
    else:
        keywords |= {"compressors": None, "serializer": NellocCodec(model="fast")}
    if order == "transposed":
        axes = (1, 0) if samples.ndim == 2 else (1, 0, 2)
        keywords |= {"filters": [zarr.codecs.TransposeCodec(order=axes)]}
    elif order == "shards":
        keywords |= {"shards": tuple(2 * length for length in chunks[:2]) + chunks[2:]}
    elif zarr_format == 3:
        keywords |= {"config": {"order": order}}
    store = zarr.storage.MemoryStore()
    zarr.create_array(store, **keywords)[:] = laid_out(samples, layout)
    again = zarr.open_array(store, mode="r")
    np.testing.assert_array_equal(again[:], samples)
    np.testing.assert_array_equal(again[-1:], samples[-1:])


def test_every_chunk_of_one_row_or_one_column_comes_back():
    samples = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    for zarr_format, order in ((2, "C"), (2, "F"), (3, "C")):
        for chunks in ((1, 6, 3), (4, 1, 3), (1, 1, 3), (4, 6, 3)):
            codec = (
                {"compressors": Nelloc(model="fast"), "order": order}
                if zarr_format == 2
                else {"serializer": NellocCodec(model="fast"), "compressors": None}
            )
            array = zarr.create_array(
                {}, shape=samples.shape, chunks=chunks, dtype="uint8", zarr_format=zarr_format, **codec
            )
            array[:] = samples
            np.testing.assert_array_equal(array[:], samples)


def test_a_chunk_of_another_shape_or_type_than_the_array_says_is_refused(tmp_path):
    keywords = {"dtype": "uint8", "chunks": (4, 6), "serializer": NellocCodec(model="fast"), "compressors": None}
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 6), **keywords)
    array[:] = np.arange(24, dtype=np.uint8).reshape(4, 6)
    for other in (np.ones((6, 4), np.uint8), np.ones((4, 6), np.uint16)):
        (tmp_path / "a.zarr" / "c" / "0" / "0").write_bytes(nelloc.encode(other))
        with pytest.raises(NellocError, match="check that the chunk belongs to this array"):
            zarr.open_array(tmp_path / "a.zarr", mode="r")[:]


@many
@given(images(channels=(None, 2, 3, 4), dtypes=("u1", "<u2")), st.sampled_from(LAYOUTS))
def test_a_pillow_image_made_of_any_layout_comes_back(samples, layout):
    if samples.dtype.itemsize > 1:
        samples = samples if samples.ndim == 2 else samples[:, :, 0]
    image = Image.fromarray(laid_out(samples, layout))
    file = io.BytesIO()
    image.save(file, "NLC", **FAST)
    np.testing.assert_array_equal(np.asarray(Image.open(file)), samples)


def test_a_pillow_image_that_shares_memory_comes_back():
    memory = bytes(range(60))
    image = Image.frombuffer("L", (15, 4), memory, "raw", "L", 0, 1)
    assert image.readonly
    back = nelloc.decode(nelloc.encode(image, **FAST))
    np.testing.assert_array_equal(back, np.frombuffer(memory, np.uint8).reshape(4, 15))
