"""Image-shaped chunks of Zarr arrays, in both formats."""

import doctest

import numpy as np
import pytest

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")

import nelloc  # noqa: E402
import nelloc.plugins.numcodecs  # noqa: E402
import nelloc.plugins.zarr  # noqa: E402
from nelloc import NellocError  # noqa: E402
from nelloc.plugins.numcodecs import Nelloc  # noqa: E402
from nelloc.plugins.zarr import NellocCodec  # noqa: E402

SHAPES = [
    ((50, 40), (32, 32)),
    ((50, 40, 3), (32, 32, 3)),
    ((3, 20, 33), (1, 20, 33)),
    ((2, 17, 19, 3), (1, 17, 19, 3)),
]


def codec_keywords(zarr_format, **fields):
    if zarr_format == 2:
        return {"zarr_format": 2, "compressors": Nelloc(**fields)}
    return {"zarr_format": 3, "serializer": NellocCodec(**fields), "compressors": None}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("shape", "chunks"), SHAPES)
def test_an_array_on_disk_comes_back(tmp_path, small_model_path, zarr_format, shape, chunks):
    samples = np.random.default_rng(0).integers(90, 130, shape, np.uint8)
    keywords = codec_keywords(zarr_format, model=str(small_model_path))
    array = zarr.create_array(tmp_path / "a.zarr", shape=shape, chunks=chunks, dtype="uint8", **keywords)
    array[:] = samples
    # Opened again, the codec is found by its registered name.
    again = zarr.open_array(tmp_path / "a.zarr", mode="r")
    np.testing.assert_array_equal(again[:], samples)
    corner = tuple(slice(1, min(length, 7)) if length > 3 else slice(None) for length in shape)
    np.testing.assert_array_equal(again[corner], samples[corner])


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_stored_chunks_are_nlc_files(tmp_path, small_model_path, zarr_format):
    samples = np.random.default_rng(0).integers(90, 130, (32, 32), np.uint8)
    keywords = codec_keywords(zarr_format, model=str(small_model_path))
    array = zarr.create_array(tmp_path / "a.zarr", shape=(32, 32), chunks=(32, 32), dtype="uint8", **keywords)
    array[:] = samples
    stored = tmp_path / "a.zarr" / ("0.0" if zarr_format == 2 else "c/0/0")
    assert stored.read_bytes() == nelloc.encode(samples, model=small_model_path)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_that_are_no_image_are_refused(tmp_path, zarr_format):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(4, 5, 6), chunks=(4, 5, 6), dtype="uint8", **codec_keywords(zarr_format)
    )
    with pytest.raises(NellocError, match=r"shape \(4, 5, 6\): is not one image"):
        array[:] = np.ones((4, 5, 6), np.uint8)


@pytest.mark.parametrize("codec", [Nelloc, NellocCodec])
def test_parameters_that_no_chunk_can_be_encoded_with_are_refused_at_once(codec):
    for parameters in ({"model": 3}, {"tile": "256"}, {"verify": "no"}, {"verify": None}):
        with pytest.raises(TypeError, match=f"^{next(iter(parameters))} must be "):
            codec(**parameters)
    with pytest.raises(NellocError, match="tile size 3: out of range"):
        codec(tile=3)


def test_the_metadata_of_an_array_of_a_later_version_is_refused_with_a_sentence():
    message = "codec nelloc: has the parameter effort, which this nelloc does not know; use a newer nelloc"
    with pytest.raises(NellocError, match=message):
        numcodecs.get_codec({"id": "nelloc", "effort": 9})
    with pytest.raises(NellocError, match=message):
        NellocCodec.from_dict({"name": "nelloc", "configuration": {"effort": 9}})


def test_a_damaged_chunk_is_refused(tmp_path, small_model_path):
    samples = np.random.default_rng(0).integers(90, 130, (32, 32), np.uint8)
    keywords = codec_keywords(3, model=str(small_model_path))
    zarr.create_array(tmp_path / "a.zarr", data=samples, chunks=(32, 32), **keywords)
    stored = tmp_path / "a.zarr" / "c/0/0"
    stored.write_bytes(stored.read_bytes()[:-1] + b"\x55")
    with pytest.raises(NellocError, match="damaged"):
        zarr.open_array(tmp_path / "a.zarr", mode="r")[:]


@pytest.mark.parametrize("module", [nelloc.plugins.numcodecs, nelloc.plugins.zarr])
def test_the_documented_example(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
