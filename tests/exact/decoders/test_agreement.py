"""One stream, three decoders, any shape and content: the same pixels, and the bytes depend on nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from materials import OTHER_KINDS, small_model_bytes

import nelloc
from nelloc.exact import model_store
from nelloc.exact.decoders import DECODERS

pytestmark = pytest.mark.usefixtures("model_only")

CONTENTS = ("noise", "constant", "checkerboard", "gradient", "extremes", "smooth")


def picture(content: str, height: int, width: int, planes: int, seed: int = 0) -> np.ndarray:
    """A hostile or ordinary test image, (H, W) or (H, W, 3) uint8."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    shape = (height, width, planes)
    if content == "noise":
        image = random.integers(0, 256, shape)
    elif content == "constant":
        image = np.broadcast_to(random.integers(0, 256, planes), shape)
    elif content == "checkerboard":
        image = np.broadcast_to(((rows + columns) % 2 * 255)[..., None], shape)
    elif content == "gradient":
        image = (rows[..., None] * 3 + columns[..., None] * np.arange(1, planes + 1)) % 256
    elif content == "extremes":
        image = random.integers(0, 2, shape) * 255
    else:
        image = 128 + 60 * np.sin(rows / 7 + columns / 11)[..., None] + random.normal(size=shape) * 3
    image = np.clip(image, 0, 255).astype(np.uint8)
    return image[:, :, 0] if planes == 1 else image


@settings(max_examples=40)
@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from([1, 3]),
    st.sampled_from(CONTENTS),
    st.sampled_from([16, 23, 256]),
    st.integers(0, 99),
)
def test_any_size_and_content_comes_back(small_model_path, height, width, planes, content, tile, seed):
    image = picture(content, height, width, planes, seed)
    data = nelloc.encode(image, model=small_model_path, tile=tile, verify=False)
    for decoder in ("parallel", "sheared"):
        assert np.array_equal(nelloc.decode(data, model=small_model_path, decoder=decoder), image)


@settings(max_examples=12)
@given(st.integers(1, 14), st.integers(1, 14), st.sampled_from([1, 3]), st.sampled_from(CONTENTS))
def test_the_sequential_reference_agrees(small_model_path, height, width, planes, content):
    image = picture(content, height, width, planes)
    data = nelloc.encode(image, model=small_model_path, verify=False)
    assert np.array_equal(nelloc.decode(data, model=small_model_path, decoder="sequential"), image)


@pytest.mark.parametrize("horizon", [2, 3, 4, 5])
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_horizon(tmp_path, horizon, decoder):
    model = tmp_path / "model.nlm"
    model.write_bytes(small_model_bytes(horizon=horizon))
    image = picture("smooth", 13, 19, 3)
    data = nelloc.encode(image, model=model, tile=16)
    assert np.array_equal(nelloc.decode(data, model=model, decoder=decoder), image)


@pytest.mark.parametrize("shape", [(1, 1), (14, 17), (5, 1), (1, 9), (9, 2)])
@pytest.mark.parametrize("content", ["noise", "smooth", "extremes"])
def test_every_kind_of_model(other_model_path, shape, content):
    channels = model_store.find(other_model_path).channels
    for planes in {1, channels}:
        image = picture(content, *shape, planes)
        data = nelloc.encode(image, model=other_model_path, tile=16, verify=False)
        for decoder in DECODERS:
            assert np.array_equal(nelloc.decode(data, model=other_model_path, decoder=decoder), image)


@settings(max_examples=15)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(CONTENTS), st.sampled_from(list(OTHER_KINDS)))
def test_any_size_with_every_kind_of_model(tmp_path_factory, height, width, content, kind):
    model = tmp_path_factory.getbasetemp() / f"{kind}.nlm"
    model.write_bytes(small_model_bytes(**OTHER_KINDS[kind]))
    image = picture(content, height, width, OTHER_KINDS[kind].get("channels", 3))
    data = nelloc.encode(image, model=model, tile=23, verify=False)
    for decoder in ("parallel", "sheared"):
        assert np.array_equal(nelloc.decode(data, model=model, decoder=decoder), image)


@pytest.mark.parametrize("shape", [(16, 1), (30, 2), (64, 3), (70, 1), (1, 70)])
def test_narrow_tiles_whose_wavefront_has_empty_steps(small_model_path, shape):
    image = picture("noise", *shape, 3)
    assert np.array_equal(nelloc.decode(nelloc.encode(image, model=small_model_path), model=small_model_path), image)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_shipped_model_with_every_decoder(decoder):
    image = picture("smooth", 21, 18, 3)
    data = nelloc.encode(image, tile=16)
    assert np.array_equal(nelloc.decode(data, decoder=decoder), image)


def test_images_of_different_shapes_and_kinds_are_coded_together_as_alone(small_model_path, monkeypatch):
    monkeypatch.setattr("nelloc.codec.parallel.LEAST_FOR_THREADS", 0)
    shapes = [(1, 1), (40, 30), (41, 30), (5, 64), (30, 40), (64, 5), (33, 33)]
    images = [picture(CONTENTS[n % 6], h, w, 1 + 2 * (n % 2), n) for n, (h, w) in enumerate(shapes)]
    together = nelloc.encode_many(images, model=small_model_path, tile=32)
    alone = [nelloc.encode(image, model=small_model_path, tile=32) for image in images]
    assert together == alone
    for decoder in ("parallel", "sheared"):
        decoded = nelloc.decode_many(together, model=small_model_path, decoder=decoder, threads=2)
        assert all(np.array_equal(a, b) for a, b in zip(decoded, images, strict=True))


def test_a_damaged_stream_never_gives_pixels(small_model_path):
    """The stack's end is the checksum of the pixels: with the container's checksum mended, damage still shows."""
    from nelloc.codec import container

    image = picture("smooth", 20, 20, 3)
    file = container.parse(nelloc.encode(image, model=small_model_path))
    payload = file.records[0].data
    for position in range(0, len(payload), 37):
        changed = bytearray(payload)
        changed[position] ^= 0x55
        data = bytes(changed).rstrip(b"\0")
        record = container.TileRecord(file.records[0].method, data)
        damaged = container.Container(file.kind, 20, 20, 256, file.model_id, (record,))
        with pytest.raises(nelloc.NellocError, match="checksum"):
            nelloc.decode(container.pack(damaged), model=small_model_path)
