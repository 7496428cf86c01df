"""The Python interface: what goes in comes out, what cannot be kept is refused, small files stay small."""

import doctest
import pickle
from functools import partial

import numpy as np
import pytest
from PIL import Image

import nelloc
from nelloc import image as images
from nelloc.codec import encode_pieces
from nelloc.codec.encode import encode_pixels
from nelloc.codec.format import Method
from nelloc.codec.options import EncodeOptions
from nelloc.codec.progress import Progress
from nelloc.exact.tile_coder import tile_coder


def photograph(height, width, planes=3):
    """A piece of a smooth, slightly noisy picture."""
    random = np.random.default_rng(height * 1000 + width)
    rows, columns = np.mgrid[:height, :width]
    base = 120 + 60 * np.sin(rows / 9 + columns / 13)
    picture = np.clip(base[..., None] + [0, 10, -20] + random.normal(size=(height, width, 3)) * 2, 0, 255)
    return picture.astype(np.uint8) if planes == 3 else picture[:, :, 0].astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 1), (16, 16), (32, 32), (100, 30), (256, 256)])
@pytest.mark.parametrize("planes", [1, 3])
def test_a_one_tile_image_costs_at_most_20_bytes_above_the_model(shape, planes):
    pixels = images.from_array(photograph(*shape, planes))
    (encoded,) = encode_pixels([pixels], EncodeOptions(), verify=False, measure=True)
    assert len(encoded.data) * 8 - encoded.model_bits <= 20 * 8


def test_tiles_cost_little(small_model_path):
    pixels = images.from_array(photograph(200, 200))
    (encoded,) = encode_pixels([pixels], EncodeOptions(model=small_model_path, tile=64), verify=False, measure=True)
    assert len(encoded.data) * 8 - encoded.model_bits <= (20 + 16 * 16) * 8


def test_pillow_images_and_arrays_give_the_same_bytes(small_model_path):
    array = photograph(20, 30)
    assert nelloc.encode(Image.fromarray(array), model=small_model_path) == nelloc.encode(array, model=small_model_path)
    gray = photograph(20, 30, 1)
    assert nelloc.encode(Image.fromarray(gray), model=small_model_path) == nelloc.encode(gray, model=small_model_path)


def test_gray_is_decoded_as_gray_and_is_smaller_than_as_rgb():
    gray = photograph(40, 40, 1)
    data = nelloc.encode(gray)
    assert nelloc.decode(data).shape == (40, 40)
    assert len(data) < len(nelloc.encode(np.stack([gray] * 3, axis=2)))


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 4), np.uint32), "uint32"),
        (np.zeros((4, 4), np.float32), "float32"),
        (np.zeros((0, 4), np.uint8), "empty"),
        (np.zeros((4, 4, 5), np.uint8), "shape"),
        (np.zeros((4, 4, 1), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.bool_), "shape"),
        (np.zeros(4, np.uint8), "shape"),
    ],
)
def test_arrays_that_cannot_be_kept_are_refused(array, reason):
    with pytest.raises(nelloc.NellocError, match=reason):
        nelloc.encode(array)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tile": 8}, "tile size 8"),
        ({"tile": 5000}, "tile size 5000"),
        ({"decoder": "upward"}, "decoder upward"),
        ({"backend": "abacus"}, "backend abacus"),
        ({"threads": 0}, "0 threads"),
        ({"model": "no-such-model"}, "no such model"),
        ({"max_pixels": 15}, "more than 15 pixels"),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(options, reason):
    with pytest.raises(nelloc.NellocError, match=reason):
        nelloc.encode(np.zeros((4, 4), np.uint8), **options)


def test_a_wrong_backend_is_refused_also_where_no_tile_needs_a_model(tmp_path):
    flat = nelloc.encode(np.zeros((4, 4), np.uint8))
    (tmp_path / "a.nlc").write_bytes(flat)
    for decode in (partial(nelloc.decode, flat), partial(nelloc.verify, tmp_path / "a.nlc")):
        with pytest.raises(nelloc.NellocError, match="backend abacus: unknown; choose one of native"):
            decode(backend="abacus")


@pytest.mark.parametrize("kind", [nelloc.EncodeOptions, nelloc.DecodeOptions])
def test_the_same_options_are_equal_and_survive_pickling(kind):
    assert kind(threads=2) == kind(threads=2) == pickle.loads(pickle.dumps(kind(threads=2)))
    assert hash(kind(threads=2)) == hash(kind(threads=2))
    assert kind(threads=2) != kind(threads=3)


@pytest.mark.parametrize("backend", [None, "numpy"])
def test_verification_catches_an_encoder_that_goes_wrong(small_model_path, monkeypatch, backend):
    class Wrong:
        def __init__(self, coder):
            self.coder = coder

        def encode(self, images, progress, **options):
            changed = [image.copy() for image in images]
            changed[0][0, 0, 0] ^= 1
            return self.coder.encode(changed, progress, **options)

    monkeypatch.setattr(encode_pieces, "tile_coder", lambda *a, **b: Wrong(tile_coder(*a, **b)))
    with pytest.raises(nelloc.NellocError, match="does not decode to the same pixels"):
        nelloc.encode(photograph(9, 9), model=small_model_path, backend=backend)


def test_progress_is_told_of_every_pixel_twice_when_verifying(small_model_path):
    class Count(Progress):
        expected = done = 0

        def expect(self, pixels):
            self.expected += pixels

        def advance(self, pixels):
            self.done += pixels

    for verify, passes in ((True, 2), (False, 1)):
        count = Count()
        data = nelloc.encode(photograph(40, 33), model=small_model_path, tile=16, verify=verify, progress=count)
        assert count.expected == count.done == passes * 40 * 33
    count = Count()
    nelloc.decode(data, model=small_model_path, progress=count)
    assert count.expected == count.done == 40 * 33


def test_a_replaced_model_file_is_another_model(tmp_path, small_model_path):
    from materials import small_model_bytes

    path = tmp_path / "model.nlm"
    path.write_bytes(small_model_path.read_bytes())
    data = nelloc.encode(photograph(5, 5), model=path)
    path.write_bytes(small_model_bytes(seed=77))
    with pytest.raises(nelloc.NellocError, match="was made with model"):
        nelloc.decode(data, model=path)


def test_a_few_bytes_cannot_announce_hours_of_work(small_model_path):
    from nelloc.codec import container
    from nelloc.exact.model import load_model

    model = load_model(small_model_path.read_bytes())
    tiles = (container.TileRecord(Method.MIXTURE, b""),) * 16
    file = container.Container(container.Kind.RGB, 16384, 16384, 4096, model.id, tiles)
    data = container.pack(file)
    assert len(data) < 200
    with pytest.raises(nelloc.NellocError, match="too few bytes"):
        nelloc.decode(data, model=small_model_path)


def test_the_emptiest_tile_costs_more_than_the_bound_that_readers_use():
    from nelloc.exact import backends, model_store
    from nelloc.exact.encode_tile import encode_tile
    from nelloc.exact.engine import Engine
    from nelloc.exact.mixture import MIN_BITS_PER_SAMPLE

    model = model_store.find_for(1)
    engine = Engine.of(model, backends.prepare(model, "numpy"))
    code = encode_tile(engine, np.zeros((1, 256, 256), np.uint8), 0, measure=True)
    assert code.model_bits > MIN_BITS_PER_SAMPLE * 256 * 256


def test_the_documented_example_runs():
    assert doctest.testmod(nelloc).failed == 0
    assert doctest.testmod(nelloc).attempted > 0


def test_files_are_bytes_of_any_kind_and_may_be_none():
    image = np.zeros((4, 6, 3), np.uint8)
    data = nelloc.encode(image)
    for given in (bytearray(data), memoryview(data), memoryview(b"--" + data)[2:]):
        assert np.array_equal(nelloc.decode(given), image)
    with pytest.raises(TypeError):
        nelloc.decode(5)
    assert nelloc.decode_many([]) == nelloc.encode_many([]) == []


def test_what_is_imported_late_is_listed():
    assert set(nelloc.__all__) <= set(dir(nelloc))
